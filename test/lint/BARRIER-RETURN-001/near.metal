// case: whole threadgroups return
#include <metal_stdlib>
using namespace metal;
kernel void f(device const float* x, constant uint& n, device float* y, uint g [[threadgroup_position_in_grid]],
              uint t [[thread_position_in_threadgroup]]) {
  threadgroup float a[256];
  if (g >= n) return;
  a[t] = x[g * 256 + t];
  threadgroup_barrier(mem_flags::mem_threadgroup);
  y[g * 256 + t] = a[255 - t];
}
// case: the return stands behind the barrier
//! --input x:float32[4096] --output y:float32[4096] --threadgroup 256 --grid 4096
uint t = thread_position_in_threadgroup.x;
uint i = thread_position_in_grid.x;
threadgroup float part[256];
part[t] = i < uint(x_shape[0]) ? x[i] : 0;
threadgroup_barrier(mem_flags::mem_threadgroup);
if (i >= uint(x_shape[0])) return;
y[i] = part[255 - t];
// case: no barrier
//! --input x:float32[4096] --output y:float32[4096] --threadgroup 256 --grid 4096
uint i = thread_position_in_grid.x;
if (i >= uint(x_shape[0])) return;
y[i] = x[i];
