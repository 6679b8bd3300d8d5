// case: a column of a tile
//! --input x:float32[64,64] --output y:float32[64,64] --threadgroup 32,8
uint u = thread_position_in_threadgroup.x, v = thread_position_in_threadgroup.y;
threadgroup float tile[32][32];
for (uint k = 0; k < 32; k += 8) tile[v + k][u] = x[(v + k) * 64 + u];
threadgroup_barrier(mem_flags::mem_threadgroup);
for (uint k = 0; k < 32; k += 8) y[(v + k) * 64 + u] = tile[u][v + k];  // finds
// case: a row of 16 for each lane
//! --input x:float32[4096] --output y:float32[4096] --threadgroup 256 --grid 4096
uint i = thread_position_in_threadgroup.x;
threadgroup float part[256 * 16];
for (uint k = 0; k < 16; ++k) part[i * 16 + k] = x[k];  // finds
threadgroup_barrier(mem_flags::mem_threadgroup);
y[i] = part[255 - i];
// case: every 32nd element
//! --input x:float32[4096] --output y:float32[4096] --threadgroup 256 --grid 4096
uint i = thread_position_in_threadgroup.x;
threadgroup float part[1024];
for (uint k = 0; k < 1024; k += 256) part[k + i] = x[k + i];
threadgroup_barrier(mem_flags::mem_threadgroup);
if (i < 32) y[i] = part[i * 32];  // finds
