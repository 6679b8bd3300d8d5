# case: a whole function
import mlx.core as mx

k = mx.fast.metal_kernel(name="k", input_names=["inp"], output_names=["out"], source=r"""
kernel void my_kernel(device float* out [[buffer(0)]],  // finds
                      device const float* inp [[buffer(1)]],
                      uint tid [[thread_position_in_grid]]) {
    out[tid] = inp[tid];
}
""")
# case: attributes without the word kernel
import mlx.core as mx

BODY = """
    [[kernel]] void f(device float* out, uint tid) { out[tid] = 0; }  // finds
"""
k = mx.fast.metal_kernel(name="k", input_names=["inp"], output_names=["out"], source=BODY)
# case: a file
import mlx.core as mx

source = open("MyKernel.metal").read()
k = mx.fast.metal_kernel(name="k", input_names=["a"], output_names=["b"], source=source)  # finds
# case: by way of Path
from pathlib import Path
import mlx.core as mx

source = (Path(__file__).parent / "shaders.metal").read_text()
k = mx.fast.metal_kernel(name="k", input_names=["a"], output_names=["b"], source=source)  # finds
