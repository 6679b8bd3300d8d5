// The porting guide's first kernel.
#include <metal_stdlib>
using namespace metal;

/// Caps smoothly: cap * tanh(x / cap).
kernel void soft_cap_kernel(device float* input [[buffer(0)]],
                            device float* output [[buffer(1)]],
                            constant float& cap_value [[buffer(2)]],
                            constant uint& size [[buffer(3)]],
                            uint id [[thread_position_in_grid]]) {
    if (id >= size) return;  // the last threads

    float val = input[id];
    output[id] = cap_value * tanh(val / cap_value);
}
