"""`anymetal lint`: how MLX code and Metal kernels go wrong, told before they run."""
