// case: thread 0 writes its simdgroup's sum
//! --input x:float32[4096] --output y:float32[4096] --threadgroup 256 --grid 4096
uint i = thread_position_in_threadgroup.x;
float sum = simd_sum(x[thread_position_in_grid.x]);  // finds
if (i == 0) y[threadgroup_position_in_grid.x] = sum;
// case: of a row that 256 threads share
//! --input x:float32[4096] --output y:float32[4096] --threadgroup 256 --grid 4096
uint i = thread_position_in_threadgroup.x, row = threadgroup_position_in_grid.x;
float mine = 0;
for (uint k = i; k < 1024; k += 256) mine += x[row * 1024 + k];
float sum = simd_sum(mine);  // finds
if (thread_index_in_simdgroup == 0) y[row] = sum / 1024;
// case: a maximum
//! --input x:float32[4096] --output y:float32[4096] --threadgroup 256 --grid 4096
uint i = thread_position_in_threadgroup.x;
float most = simd_max(x[thread_position_in_grid.x]);  // finds
if (i == 0) y[threadgroup_position_in_grid.x] = most;
