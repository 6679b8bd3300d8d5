// case: a simdgroup for each row
//! --input x:float32[4096] --output y:float32[4096] --threadgroup 32 --grid 4096
uint i = thread_position_in_threadgroup.x, row = threadgroup_position_in_grid.x;
float sum = simd_sum(x[row * 32 + i]);
if (i == 0) y[row] = sum;
// case: parts combined in threadgroup memory
//! --input x:float32[4096] --output y:float32[4096] --threadgroup 256 --grid 4096
uint i = thread_position_in_threadgroup.x;
threadgroup float part[8];
float sum = simd_sum(x[thread_position_in_grid.x]);
if (thread_index_in_simdgroup == 0) part[simdgroup_index_in_threadgroup] = sum;
threadgroup_barrier(mem_flags::mem_threadgroup);
if (i < 32) {
  float all = simd_sum(i < 8 ? part[i] : 0.0f);
  if (i == 0) y[threadgroup_position_in_grid.x] = all;
}
// case: one sum for each simdgroup
//! --input x:float32[4096] --output y:float32[4096] --threadgroup 256 --grid 4096
uint group = thread_position_in_grid.x / 32;
float sum = simd_sum(x[thread_position_in_grid.x]);
if (thread_index_in_simdgroup == 0) y[group] = sum;
// case: added up with atomics
//! --input x:float32[4096] --output y:float32[4096] --threadgroup 256 --grid 4096
float sum = simd_sum(x[thread_position_in_grid.x]);
if (thread_index_in_simdgroup == 0) atomic_fetch_add_explicit((device atomic_float*)y, sum, memory_order_relaxed);
// case: rows along the grid's y, a simdgroup for each
//! --input x:float32[64,1000] --output y:float32[64] --threadgroup 32,8 --grid 32,64
uint row = thread_position_in_grid.y, lane = thread_index_in_simdgroup, columns = x_shape[1];
float sum = 0;
for (uint c = lane; c < columns; c += 32) sum += x[row * columns + c];
sum = simd_sum(sum);
if (lane == 0) y[row] = sum;
