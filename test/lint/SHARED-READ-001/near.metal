// case: its own element
//! --input x:float32[4096] --output y:float32[4096] --threadgroup 256 --grid 4096
uint i = thread_position_in_threadgroup.x;
threadgroup float part[256];
part[i] = x[i];
y[i] = part[i];
// case: with the barrier
//! --input x:float32[4096] --output y:float32[4096] --threadgroup 256 --grid 4096
uint i = thread_position_in_threadgroup.x;
threadgroup float part[256];
part[i] = x[i];
threadgroup_barrier(mem_flags::mem_threadgroup);
y[i] = part[255 - i];
// case: within a simdgroup
//! --input x:float32[4096] --output y:float32[4096] --threadgroup 256 --grid 4096
uint i = thread_position_in_threadgroup.x;
threadgroup float part[256];
part[i] = x[i];
simdgroup_barrier(mem_flags::mem_threadgroup);
y[i] = part[i ^ 1];
// case: two halves, one written and one read
//! --input x:float32[4096] --output y:float32[4096] --threadgroup 256 --grid 4096
uint i = thread_position_in_threadgroup.x;
threadgroup float part[512];
part[i] = x[i];
part[256 + i] = x[i] * 2;
threadgroup_barrier(mem_flags::mem_threadgroup);
part[i] = part[256 + (255 - i)];
threadgroup_barrier(mem_flags::mem_threadgroup);
y[i] = part[255 - i];
// case: a threadgroup of one simdgroup
//! --input x:float32[4096] --output y:float32[4096] --threadgroup 32 --grid 4096
uint i = thread_position_in_threadgroup.x;
threadgroup float part[32];
part[i] = x[i];
y[i] = part[31 - i];
// case: a whole file whose position is one number
#include <metal_stdlib>
using namespace metal;
kernel void row_sum(device const float* x [[buffer(0)]], device float* sums [[buffer(1)]], threadgroup float* part [[threadgroup(0)]],
                    uint t [[thread_position_in_threadgroup]], uint i [[thread_position_in_grid]],
                    uint size [[threads_per_threadgroup]], uint row [[threadgroup_position_in_grid]]) {
  part[t] = x[i];
  for (uint half_size = size / 2; half_size > 0; half_size /= 2) {
    threadgroup_barrier(mem_flags::mem_threadgroup);
    if (t < half_size) part[t] += part[t + half_size];
  }
  if (t == 0) sums[row] = part[0];
}
