# case: linear
import mlx.core as mx

k = mx.fast.metal_kernel(name="k", input_names=["a"], output_names=["out"], ensure_row_contiguous=False, source="""
    uint i = thread_position_in_grid.x;
    out[i] = a[i];  // finds
""")
# case: rows and columns
import mlx.core as mx

k = mx.fast.metal_kernel(name="k", input_names=["a", "n"], output_names=["out"], ensure_row_contiguous=False, source=(
    "uint2 p = thread_position_in_grid.xy;\n"
    "out[p.y * n + p.x] = 2 * a[p.y * n + p.x];"))  # finds
# case: by position
import mlx.core as mx

SOURCE = "uint i = thread_position_in_grid.x; out[i] = a[i] + b[i];"  # finds
k = mx.fast.metal_kernel("k", ["a", "b"], ["out"], SOURCE, "", False)
