// transpose: out[j][i] = a[i][j] for each matrix of a batch, through a tile of 32x32 in threadgroup memory, so that both sides are read and written
// along rows.
//
// inputs: a, shape
// outputs: out
// instances: T=float32 | T=float16 | T=bfloat16
#include <metal_stdlib>
using namespace metal;
//// body
threadgroup T tile[32][33];
const uint m = shape[0], n = shape[1];
const uint tx = thread_position_in_threadgroup.x, ty = thread_position_in_threadgroup.y;
const uint row0 = threadgroup_position_in_grid.y * 32, column0 = threadgroup_position_in_grid.x * 32;
auto from = a + ulong(threadgroup_position_in_grid.z) * m * n;
device T* to = out + ulong(threadgroup_position_in_grid.z) * m * n;
for (uint i = ty; i < 32; i += 8)
  tile[i][tx] = row0 + i < m && column0 + tx < n ? from[(row0 + i) * n + column0 + tx] : T(0);
threadgroup_barrier(mem_flags::mem_threadgroup);
for (uint j = ty; j < 32; j += 8)
  if (column0 + j < n && row0 + tx < m) to[(column0 + j) * m + row0 + tx] = tile[tx][j];
