import mlx.core as mx
HEADER = """#include <metal_stdlib>\nusing namespace metal;\n"""
BODY = r"""
  int size = int(shape[0]);
  uint id = thread_position_in_grid.x;
  if (id >= size) return;
  float val = input[id];
  out[id] = cap * tanh(val / cap);
"""
ker = mx.fast.metal_kernel(
  name="softcap", input_names=["input","shape"], output_names=["out"],
  header=HEADER, source=BODY, ensure_row_contiguous=True)
