#include <metal_stdlib>
using namespace metal;

kernel void exp(device const float* x, device float* y, uint i [[thread_position_in_grid]]) {
  y[i] = metal::exp(x[i]);
}
