// The porting guide's second kernel.
#include <metal_stdlib>
using namespace metal;

kernel void memcpy_kernel(device float* input [[buffer(0)]], device float* output [[buffer(1)]],
                          constant uint& size [[buffer(2)]], uint id [[thread_position_in_grid]]) {
    if (id < size) output[id] = input[id];
}
