#include <metal_stdlib>
using namespace metal;

kernel void cast(device const float* x, device half* y, uint i [[thread_position_in_grid]]) { y[i] = half(x[i]); }
