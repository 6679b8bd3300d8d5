// case: between simdgroups
//! --input x:float32[4096] --output y:float32[4096] --threadgroup 256 --grid 4096
uint i = thread_position_in_threadgroup.x;
threadgroup float part[256];
part[i] = x[i];
simdgroup_barrier(mem_flags::mem_threadgroup);  // finds
y[i] = part[255 - i];
// case: parts of simdgroups
//! --input x:float32[4096] --output y:float32[4096] --threadgroup 256 --grid 4096
uint i = thread_position_in_threadgroup.x;
threadgroup float part[8];
float sum = simd_sum(x[i]);
if (thread_index_in_simdgroup == 0) part[simdgroup_index_in_threadgroup] = sum;
simdgroup_barrier(mem_flags::mem_threadgroup);  // finds
float all = 0;
for (uint k = 0; k < 8; ++k) all += part[k];
if (i == 0) y[threadgroup_position_in_grid.x] = all;
// case: a transposed tile
//! --input x:float32[64,64] --output y:float32[64,64] --threadgroup 16,16 --grid 64,64
threadgroup float tile[16][17];
uint u = thread_position_in_threadgroup.x, v = thread_position_in_threadgroup.y;
tile[v][u] = x[v * 64 + u];
simdgroup_barrier(mem_flags::mem_threadgroup);  // finds
y[v * 64 + u] = tile[u][v];
