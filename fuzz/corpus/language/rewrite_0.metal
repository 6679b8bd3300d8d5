#include <metal_stdlib>
using namespace metal;
kernel void k(device float* a, uint i [[thread_index_in_threadgroup]]) {
  threadgroup float x[8], y[4];
  threadgroup float* p = x;
  x[i] = a[i]; y[i & 3] = 2;
  threadgroup_barrier(mem_flags::mem_threadgroup);
  a[i] = p[3] + y[1];
}