// case: a neighbour's element
//! --input x:float32[4096] --output y:float32[4096] --threadgroup 256 --grid 4096
uint i = thread_position_in_threadgroup.x;
threadgroup float part[256];
part[i] = x[i];
y[i] = part[255 - i];  // finds
// case: a tree of sums without its barrier
//! --input x:float32[4096] --output y:float32[4096] --threadgroup 256 --grid 4096
uint i = thread_position_in_threadgroup.x;
threadgroup float part[256];
part[i] = x[i];
threadgroup_barrier(mem_flags::mem_threadgroup);
for (uint s = 128; s > 0; s /= 2) {
  if (i < s) part[i] += part[i + s];  // finds
}
threadgroup_barrier(mem_flags::mem_threadgroup);
if (i == 0) y[0] = part[0];
// case: parts of simdgroups, summed at once
//! --input x:float32[4096] --output y:float32[4096] --threadgroup 256 --grid 4096
uint i = thread_position_in_threadgroup.x;
threadgroup float part[8];
float sum = simd_sum(x[i]);
if (thread_index_in_simdgroup == 0) part[simdgroup_index_in_threadgroup] = sum;
float all = 0;
for (uint k = 0; k < 8; ++k) all += part[k];  // finds
if (i == 0) y[threadgroup_position_in_grid.x] = all;
// case: a value for all, written by one thread
//! --input x:float32[4096] --output y:float32[4096] --threadgroup 256 --grid 4096
uint i = thread_position_in_threadgroup.x;
threadgroup float scale;
if (i == 0) scale = x[0];
y[i] = x[i] * scale;  // finds
