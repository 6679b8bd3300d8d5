_KERNEL = None

_HEADER = """#include <metal_stdlib>
using namespace metal;
"""

_SOURCE = r"""
    // kernel body here
"""

def my_operation(x):
    global _KERNEL

    # Compile once on first use
    if _KERNEL is None:
        _KERNEL = mx.fast.metal_kernel(
            name="my_kernel",
            input_names=["params", "x"],
            output_names=["y"],
            header=_HEADER,
            source=_SOURCE
        )

    # Dispatch
    (result,) = _KERNEL(
        inputs=[params, x],
        output_shapes=[(shape,)],
        output_dtypes=[mx.float32],
        grid=(num_groups, mx.array(1, dtype=mx.uint32), mx.array(1, dtype=mx.uint32)),
        threadgroup=(threads_per_group, mx.array(1, dtype=mx.uint32), mx.array(1, dtype=mx.uint32))
    )
    return result
