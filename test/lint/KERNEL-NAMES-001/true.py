# case: cap comes from nowhere
import mlx.core as mx

k = mx.fast.metal_kernel(name="softcap", input_names=["input", "shape"], output_names=["out"], source=r"""
  int size = int(shape[0]);
  uint id = thread_position_in_grid.x;
  if (id >= size) return;
  float val = input[id];
  out[id] = cap * tanh(val / cap);  // finds
""")
# case: an input that isn't used
import mlx.core as mx

k = mx.fast.metal_kernel(name="k",
                         input_names=["a", "scale"],  # finds
                         output_names=["out"], source="uint i = thread_position_in_grid.x; out[i] = a[i];")
# case: a guard by a name that nobody gives
import mlx.core as mx

KERNEL_SOURCE = r"""
    uint tid = thread_position_in_grid.x;
    if (tid >= n) return;  // finds
    out[tid] = inp[tid] * 2.0f;
"""
k = mx.fast.metal_kernel(name="twice", input_names=["inp"], output_names=["out"], source=KERNEL_SOURCE)
