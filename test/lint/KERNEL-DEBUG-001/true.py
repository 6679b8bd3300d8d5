# case: dbg
import mlx.core as mx

k = mx.fast.metal_kernel(name="k", input_names=["a"], source="out[0] = a[0]; dbg[0] = 1;",
                         output_names=["out", "dbg"])  # finds
# case: debug_buffer
import mlx.core as mx

k = mx.fast.metal_kernel(name="k", input_names=["a"], source="out[0] = a[0]; debug_buffer[0] = 1;",
                         output_names=["out", "debug_buffer"])  # finds
# case: with a number
import mlx.core as mx

k = mx.fast.metal_kernel(name="k", input_names=["a"], source="out[0] = a[0]; dbg2[0] = 1;",
                         output_names=["out", "dbg2"])  # finds
