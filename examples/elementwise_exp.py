"""exp of each element: one thread for each, in three types."""

import time

import mlx.core as mx
import numpy as np

exp = mx.fast.metal_kernel(
    name="elementwise_exp",
    input_names=["x"],
    output_names=["y"],
    source="""
        uint i = thread_position_in_grid.x;
        y[i] = T(metal::exp(float(x[i])));
    """,
)

for dtype, tolerance in [(mx.float32, 1e-6), (mx.float16, 1e-3), (mx.bfloat16, 8e-3)]:
    x = mx.random.normal((256, 1024)).astype(dtype)
    mx.eval(x)
    start = time.perf_counter()
    (y,) = exp(
        inputs=[x],
        template=[("T", dtype)],
        grid=(x.size, 1, 1),
        threadgroup=(256, 1, 1),
        output_shapes=[x.shape],
        output_dtypes=[dtype],
    )
    mx.eval(y)
    milliseconds = (time.perf_counter() - start) * 1e3

    want = np.exp(np.array(x.astype(mx.float32)))
    error = np.max(np.abs(np.array(y.astype(mx.float32)) - want) / want)
    name = str(dtype).removeprefix("mlx.core.")
    print(f"exp of {x.size:,} {name} | error {error:.1e} | {milliseconds:.1f} ms")
    assert error < tolerance
