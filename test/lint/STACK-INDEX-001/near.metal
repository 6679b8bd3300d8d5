// case: loops of constant length
//! --input x:float32[4096] --output y:float32[4096] --threadgroup 256 --grid 4096
uint i = thread_position_in_grid.x;
float part[4];
for (int k = 0; k < 4; ++k) part[k] = x[i + k];
float sum = 0;
for (int k = 0; k < 4; ++k) sum += part[k];
y[i] = sum;
// case: a table in constant memory
#include <metal_stdlib>
using namespace metal;
constant float table[4] = {1, 2, 3, 4};
kernel void f(device const uint* x, device float* y, uint i [[thread_position_in_grid]]) { y[i] = table[x[i] & 3]; }
// case: threadgroup memory
//! --input x:float32[4096] --output y:float32[4096] --threadgroup 256 --grid 4096
uint i = thread_position_in_threadgroup.x;
threadgroup float part[256];
part[i] = x[i];
threadgroup_barrier(mem_flags::mem_threadgroup);
y[i] = part[uint(x[i]) & 255];
