kernel = mx.fast.metal_kernel(
    name="my_kernel",
    input_names=["A", "shape"],
    output_names=["out"],
    header="#include <metal_stdlib>\nusing namespace metal;\n",
    source=r"""
        uint tid = thread_position_in_grid.x;
        uint m = (uint)shape[0];
        if (tid >= m) return;
        out[tid] = A[tid] + 1.0f;
    """,
    ensure_row_contiguous=True,
)
# Call (bind inputs/outputs, explicit launch sizes)
(y,) = kernel(
    inputs=[x, mx.array([m], dtype=mx.uint32)],
    output_shapes=[(m,)],
    output_dtypes=[x.dtype],
    grid=(ceil_mul(m, 256), 1, 1),
    threadgroup=(256, 1, 1),
)
