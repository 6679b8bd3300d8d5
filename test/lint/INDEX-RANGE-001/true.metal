// case: one turn too many
//! --input x:float32[4096] --output y:float32[4096] --threadgroup 256 --grid 4096
uint i = thread_position_in_grid.x;
float part[4];
for (int k = 0; k <= 4; ++k) part[k] = x[i + k];  // finds
y[i] = part[0] + part[3];
// case: more threads than elements
//! --input x:float32[4096] --output y:float32[4096] --threadgroup 256 --grid 4096
uint i = thread_position_in_threadgroup.x;
threadgroup float part[32];
part[i] = x[i];  // finds
threadgroup_barrier(mem_flags::mem_threadgroup);
y[i] = part[31 - i % 32];
// case: beyond a row, though within the array
//! --input x:float32[64,64] --output y:float32[64,64] --threadgroup 16,16 --grid 64,64
uint u = thread_position_in_threadgroup.x, v = thread_position_in_threadgroup.y;
threadgroup float tile[16][16];
tile[v][u] = x[v * 64 + u];
threadgroup_barrier(mem_flags::mem_threadgroup);
float sum = 0;
for (uint k = 0; k < 16; ++k) sum += tile[v][k + 1];  // finds
y[v * 64 + u] = sum;
// case: a parameter that isn't there
//! --input x:float32[4096] --input params:uint32[2] --output y:float32[4096] --threadgroup 256 --grid 4096
uint i = thread_position_in_grid.x;
if (i >= params[2]) return;  // finds
y[i] = x[i];
