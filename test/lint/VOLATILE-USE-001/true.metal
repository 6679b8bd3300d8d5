// case: threadgroup memory
#include <metal_stdlib>
using namespace metal;
kernel void f(device const float* x, device float* y, uint i [[thread_position_in_threadgroup]]) {
  threadgroup volatile float part[64];  // finds
  part[i] = x[i];
  threadgroup_barrier(mem_flags::mem_threadgroup);
  y[i] = part[63 - i];
}
// case: a buffer
#include <metal_stdlib>
using namespace metal;
kernel void f(volatile device int* flags,  // finds
              device float* y, uint i [[thread_position_in_grid]]) {
  y[i] = flags[i];
}
// case: a local
//! --input x:float32[4096] --output y:float32[4096] --threadgroup 256 --grid 4096
uint i = thread_position_in_grid.x;
volatile float v = x[i];  // finds
y[i] = v;
