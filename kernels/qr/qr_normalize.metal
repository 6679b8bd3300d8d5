// qr_normalize: q = v / |v| and |v|, by one threadgroup of 256 threads; zeros where |v| is below what rounding leaves of the column `before` that v was
// made from (a column that depends on those before it). Scaled, so that no square overflows.
//
// inputs: v, before, shape
// outputs: q, size
// types: v=float32, before=float32, q=float32, size=float32
#include <metal_stdlib>
using namespace metal;
//// body
threadgroup float parts[8];
const uint m = shape[0], mine = thread_position_in_threadgroup.x;
const uint lane = thread_index_in_simdgroup, group = simdgroup_index_in_threadgroup;
float sizes[2];
for (uint which = 0; which < 2; ++which) {
  float largest = 0.0f;
  for (uint i = mine; i < m; i += 256) largest = max(largest, fabs(which == 0 ? before[i] : v[i]));
  largest = simd_max(largest);
  if (lane == 0) parts[group] = largest;
  threadgroup_barrier(mem_flags::mem_threadgroup);
  float scale = 0.0f;
  for (uint i = 0; i < 8; ++i) scale = max(scale, parts[i]);
  threadgroup_barrier(mem_flags::mem_threadgroup);
  float squares = 0.0f;
  for (uint i = mine; i < m; i += 256) {
    const float x = scale == 0.0f ? 0.0f : (which == 0 ? before[i] : v[i]) / scale;
    squares = fma(x, x, squares);
  }
  squares = simd_sum(squares);
  if (lane == 0) parts[group] = squares;
  threadgroup_barrier(mem_flags::mem_threadgroup);
  float sum = 0.0f;
  for (uint i = 0; i < 8; ++i) sum += parts[i];
  threadgroup_barrier(mem_flags::mem_threadgroup);
  sizes[which] = scale * sqrt(sum);
}
const float least = 4.0f * sqrt(float(m)) * FLT_EPSILON * sizes[0];
const bool depends = sizes[1] <= least;
for (uint i = mine; i < m; i += 256) q[i] = depends ? 0.0f : v[i] / sizes[1];
if (mine == 0) size[0] = depends ? 0.0f : sizes[1];
