// case: the last element
//! --input x:float32[4096] --output y:float32[4096] --threadgroup 256 --grid 4096
uint i = thread_position_in_grid.x;
float part[4];
for (int k = 0; k < 4; ++k) part[k] = x[i + k];
y[i] = part[0] + part[3];
// case: a check for the last threads
//! --input x:float32[4096] --output y:float32[4096] --threadgroup 256 --grid 4096
uint i = thread_position_in_threadgroup.x;
threadgroup float part[32];
if (i < 32) part[i] = x[i];
threadgroup_barrier(mem_flags::mem_threadgroup);
y[i] = part[31 - i % 32];
// case: an index from data
//! --input x:float32[4096] --output y:float32[4096] --threadgroup 256 --grid 4096
uint i = thread_position_in_grid.x;
const float table[4] = {1, 2, 3, 4};
y[i] = table[uint(x[i]) & 3];
// case: a halving step
//! --input x:float32[4096] --output y:float32[4096] --threadgroup 256 --grid 4096
uint i = thread_position_in_threadgroup.x;
threadgroup float part[256];
part[i] = x[i];
for (uint s = 128; s > 0; s /= 2) {
  threadgroup_barrier(mem_flags::mem_threadgroup);
  if (i < s) part[i] += part[i + s];
}
threadgroup_barrier(mem_flags::mem_threadgroup);
if (i == 0) y[0] = part[0];
