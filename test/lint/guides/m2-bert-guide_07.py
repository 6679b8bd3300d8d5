# Skip custom complex multiply kernel
# Just use MLX's built-in (works on GPU for basic ops)
result = mx.multiply(a_complex, b_complex)
