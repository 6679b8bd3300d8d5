# case: a body
import mlx.core as mx

k = mx.fast.metal_kernel(name="k", input_names=["inp"], output_names=["out"],
                         source="uint i = thread_position_in_grid.x; out[i] = inp[i];")
# case: functions in the header
import mlx.core as mx

k = mx.fast.metal_kernel(name="k", input_names=["inp"], output_names=["out"],
                         header="template <typename T> T twice(T x) { return 2 * x; }",
                         source="uint i = thread_position_in_grid.x; out[i] = twice(inp[i]);")
# case: the word in a comment and in a name
import mlx.core as mx

k = mx.fast.metal_kernel(name="k", input_names=["kernel"], output_names=["out"], source="""
    // kernel void f(...) is what MLX writes around this
    out[0] = kernel[0];
""")
# case: a whole file where whole files belong
import anymetal

library = anymetal.Library("kernel void f(device float* x [[buffer(0)]]) { x[0] = 1; }")
