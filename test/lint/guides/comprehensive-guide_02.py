def exp_elementwise(a: mx.array) -> mx.array:
    header = """#include <metal_stdlib>\nusing namespace metal;\n"""
    source = r"""
        uint tid = thread_position_in_grid.x;
        uint n = (uint)shape[0];
        if (tid >= n) return;
        out[tid] = exp(a[tid]);
    """
    ker = mx.fast.metal_kernel(
        name="exp1d", input_names=["a", "shape"], output_names=["out"],
        header=header, source=source, ensure_row_contiguous=True)
    n = int(a.size)
    shape = mx.array([n], dtype=mx.uint32)
    (y,) = ker(inputs=[a, shape], output_shapes=[a.shape], output_dtypes=[a.dtype],
               grid=( (n+255)//256*256, 1, 1), threadgroup=(256,1,1))
    return y
