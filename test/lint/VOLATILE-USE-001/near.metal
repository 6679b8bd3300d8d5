// case: atomics
#include <metal_stdlib>
using namespace metal;
kernel void f(device atomic_int* flags, device float* y, uint i [[thread_position_in_grid]]) {
  y[i] = atomic_load_explicit(&flags[i], memory_order_relaxed);
}
// case: in a comment
//! --input x:float32[4096] --output y:float32[4096] --threadgroup 256 --grid 4096
uint i = thread_position_in_grid.x;
y[i] = x[i];  // nothing volatile here
// case: a part of a name
//! --input x:float32[4096] --output y:float32[4096] --threadgroup 256 --grid 4096
uint i = thread_position_in_grid.x;
float volatile_share = x[i];
y[i] = volatile_share;
