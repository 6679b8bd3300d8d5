# CORRECT - body only
_KERNEL_SOURCE = r"""
    uint tid = thread_position_in_grid.x;
    if (tid >= n) return;
    out[tid] = inp[tid] * 2.0f;
"""

# WRONG - don't include function signature
_KERNEL_SOURCE = r"""
kernel void my_kernel(device float* out [[buffer(0)]]) {  // BAD
    ...
}
"""
