# case: copied when it has gaps
import mlx.core as mx

k = mx.fast.metal_kernel(name="k", input_names=["a"], output_names=["out"], source="uint i = thread_position_in_grid.x; out[i] = a[i];")
# case: by its strides
import mlx.core as mx

k = mx.fast.metal_kernel(name="k", input_names=["a"], output_names=["out"], ensure_row_contiguous=False, source="""
    uint i = thread_position_in_grid.x;
    uint at = elem_to_loc(i, a_shape, a_strides, a_ndim);
    out[i] = a[at];
""")
# case: strides by hand
import mlx.core as mx

k = mx.fast.metal_kernel(name="k", input_names=["a"], output_names=["out"], ensure_row_contiguous=False,
                         source="uint2 p = thread_position_in_grid.xy; out[p.y * 8 + p.x] = a[p.y * a_strides[0] + p.x * a_strides[1]];")
# case: parameters at fixed places
import mlx.core as mx

k = mx.fast.metal_kernel(name="k", input_names=["params"], output_names=["out"], ensure_row_contiguous=False, source="out[0] = params[0] + params[1];")
# case: made contiguous before
import mlx.core as mx

k = mx.fast.metal_kernel(name="k", input_names=["a"], output_names=["out"], ensure_row_contiguous=False, source="uint i = thread_position_in_grid.x; out[i] = a[i];")

def f(a: mx.array):
    return k(inputs=[mx.contiguous(a)], grid=(a.size, 1, 1), threadgroup=(256, 1, 1), output_shapes=[a.shape], output_dtypes=[a.dtype])
