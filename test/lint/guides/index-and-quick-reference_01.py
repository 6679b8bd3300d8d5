_HEADER = """#include <metal_stdlib>
using namespace metal;
// Helper functions here
"""

_BODY = r"""
    uint gid = thread_position_in_grid.x;
    // Body only - NO kernel signature
"""

kernel = mx.fast.metal_kernel(
    name="kernel_name",
    header=_HEADER,
    source=_BODY,
    input_names=["input", "length"],
    output_names=["output"],
    ensure_row_contiguous=True
)
