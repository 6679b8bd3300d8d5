# case: rounded up and divided
import mlx.core as mx

k = mx.fast.metal_kernel(name="k", input_names=["a", "n"], output_names=["out"],
                         source="uint i = thread_position_in_grid.x; if (i >= n) return; out[i] = a[i];")

def f(a: mx.array):
    n = a.size
    return k(inputs=[a, n], threadgroup=(256, 1, 1), output_shapes=[a.shape], output_dtypes=[a.dtype],
             grid=((n + 255) // 256, 1, 1))  # finds
# case: with MLX's scalars, as a guide has it
import mlx.core as mx

k = mx.fast.metal_kernel(name="k", input_names=["a"], output_names=["out"], source="uint i = thread_position_in_grid.x; out[i] = a[i];")

def f(a: mx.array, total):
    total_mx = mx.array(total, dtype=mx.uint32)
    tpg = mx.array(256, dtype=mx.uint32)
    one = mx.array(1, dtype=mx.uint32)
    groups = mx.floor_divide(mx.add(total_mx, mx.subtract(tpg, one)), tpg)
    grid = (groups, one, one)  # finds
    return k(inputs=[a], grid=grid, threadgroup=(tpg, one, one), output_shapes=[a.shape], output_dtypes=[a.dtype])
# case: by names, in two dimensions
import mlx.core as mx

TILE = 16
k = mx.fast.metal_kernel(name="k", input_names=["a"], output_names=["out"], source="out[0] = a[thread_position_in_grid.y];")

def f(a: mx.array, rows, columns):
    blocks = -(-columns // TILE)
    return k(inputs=[a], threadgroup=(TILE, TILE, 1), output_shapes=[a.shape], output_dtypes=[a.dtype],
             grid=(blocks, -(-rows // TILE), 1))  # finds
# case: math.ceil
import math
import mlx.core as mx

k = mx.fast.metal_kernel(name="k", input_names=["a"], output_names=["out"], source="uint i = thread_position_in_grid.x; out[i] = a[i];")

def f(a: mx.array, n, group):
    return k(inputs=[a], threadgroup=(group, 1, 1), output_shapes=[a.shape], output_dtypes=[a.dtype],
             grid=(math.ceil(n / group), 1, 1))  # finds
# case: unpacked from a dictionary
import mlx.core as mx

k = mx.fast.metal_kernel(name="k", input_names=["a"], output_names=["out"], source="uint i = thread_position_in_grid.x; out[i] = a[i];")

def f(a: mx.array, n):
    call = dict(output_shapes=[a.shape], output_dtypes=[a.dtype], threadgroup=(256, 1, 1),
                grid=((n + 255) // 256, 1, 1))  # finds
    return k(inputs=[a], **call)
