// case: with both barriers
//! --input x:float32[64,64] --output y:float32[64,64] --threadgroup 16,16 --grid 64,64
threadgroup float tile[16][16];
uint u = thread_position_in_threadgroup.x, v = thread_position_in_threadgroup.y;
float sum = 0;
for (uint k = 0; k < 64; k += 16) {
  tile[v][u] = x[v * 64 + k + u];
  threadgroup_barrier(mem_flags::mem_threadgroup);
  for (uint j = 0; j < 16; ++j) sum += tile[j][u];
  threadgroup_barrier(mem_flags::mem_threadgroup);
}
y[thread_position_in_grid.y * 64 + thread_position_in_grid.x] = sum;
// case: two buffers in turn
//! --input x:float32[4096] --output y:float32[4096] --threadgroup 256 --grid 4096
uint i = thread_position_in_threadgroup.x;
threadgroup float part[2][256];
uint from = 0;
part[0][i] = x[i];
threadgroup_barrier(mem_flags::mem_threadgroup);
for (uint s = 1; s < 256; s *= 2) {
  float a = part[from][i] + (i >= s ? part[from][i - s] : 0.0f);
  from = 1 - from;
  part[from][i] = a;
  threadgroup_barrier(mem_flags::mem_threadgroup);
}
y[i] = part[from][i];
// case: its own element
//! --input x:float32[4096] --output y:float32[4096] --threadgroup 256 --grid 4096
uint i = thread_position_in_threadgroup.x;
threadgroup float part[256];
part[i] = x[i];
float mine = part[i];
part[i] = mine * 2;
threadgroup_barrier(mem_flags::mem_threadgroup);
y[i] = part[255 - i];
