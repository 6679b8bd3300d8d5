// case: the next tile over the last one
//! --input x:float32[64,64] --output y:float32[64,64] --threadgroup 16,16 --grid 64,64
threadgroup float tile[16][16];
uint u = thread_position_in_threadgroup.x, v = thread_position_in_threadgroup.y;
float sum = 0;
for (uint k = 0; k < 64; k += 16) {
  tile[v][u] = x[v * 64 + k + u];  // finds
  threadgroup_barrier(mem_flags::mem_threadgroup);
  for (uint j = 0; j < 16; ++j) sum += tile[j][u];
}
y[thread_position_in_grid.y * 64 + thread_position_in_grid.x] = sum;
// case: parts of the next reduction
//! --input x:float32[4096] --output y:float32[4096] --threadgroup 256 --grid 4096
uint i = thread_position_in_threadgroup.x, lane = thread_index_in_simdgroup;
threadgroup float part[8];
float m = simd_max(x[i]);
if (lane == 0) part[simdgroup_index_in_threadgroup] = m;
threadgroup_barrier(mem_flags::mem_threadgroup);
float most = 0;
for (uint k = 0; k < 8; ++k) most = max(most, part[k]);
float s = simd_sum(x[i] - most);
if (lane == 0) part[simdgroup_index_in_threadgroup] = s;  // finds
threadgroup_barrier(mem_flags::mem_threadgroup);
y[i] = part[i % 8];
// case: a shift in place
//! --input x:float32[4096] --output y:float32[4096] --threadgroup 256 --grid 4096
uint i = thread_position_in_threadgroup.x;
threadgroup float part[320];
part[i] = x[i];
part[i % 64 + 256] = 0;
threadgroup_barrier(mem_flags::mem_threadgroup);
float next = part[i + 64];
part[i] = next;  // finds
threadgroup_barrier(mem_flags::mem_threadgroup);
y[i] = part[255 - i];
