# case: by the environment
import os
import mlx.core as mx

if os.environ.get("MY_DEBUG"):
    k = mx.fast.metal_kernel(name="k", input_names=["a"], source="out[0] = a[0]; dbg[0] = 1;", output_names=["out", "dbg"])
else:
    k = mx.fast.metal_kernel(name="k", input_names=["a"], source="out[0] = a[0];", output_names=["out"])
# case: a word with the letters in it
import mlx.core as mx

k = mx.fast.metal_kernel(name="k", input_names=["a"], source="edbgx[0] = a[0];", output_names=["edbgx"])
# case: an input
import mlx.core as mx

k = mx.fast.metal_kernel(name="k", input_names=["debug_level"], source="out[0] = debug_level;", output_names=["out"])
