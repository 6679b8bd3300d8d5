// case: rows one longer
//! --input x:float32[64,64] --output y:float32[64,64] --threadgroup 32,8
uint u = thread_position_in_threadgroup.x, v = thread_position_in_threadgroup.y;
threadgroup float tile[32][33];
for (uint k = 0; k < 32; k += 8) tile[v + k][u] = x[(v + k) * 64 + u];
threadgroup_barrier(mem_flags::mem_threadgroup);
for (uint k = 0; k < 32; k += 8) y[(v + k) * 64 + u] = tile[u][v + k];
// case: neighbours
//! --input x:float32[4096] --output y:float32[4096] --threadgroup 256 --grid 4096
uint i = thread_position_in_threadgroup.x;
threadgroup float part[256];
part[i] = x[i];
threadgroup_barrier(mem_flags::mem_threadgroup);
y[i] = part[255 - i];
// case: one element for all
//! --input x:float32[64,64] --output y:float32[64,64] --threadgroup 16,16 --grid 64,64
uint u = thread_position_in_threadgroup.x, v = thread_position_in_threadgroup.y;
threadgroup float tile[16][16];
tile[v][u] = x[v * 64 + u];
threadgroup_barrier(mem_flags::mem_threadgroup);
float sum = 0;
for (uint k = 0; k < 16; ++k) sum += tile[v][k] * tile[k][u];
y[v * 64 + u] = sum;
