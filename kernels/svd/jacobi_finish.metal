// jacobi_finish: what `jacobi` left, in order, a threadgroup for each matrix. g and v have been turned by the same angles, whose sines
// and cosines were rounded, so both drifted by the same factors: their quotient didn't.
// Row j of `g_and_v` is as `jacobi` left it.
//   SYMMETRIC = 0: values = |g_j| / |v_j| * scale from the largest, left = g_j / |g_j|, right = v_j / |v_j|. Where g_j is zero, left is
//   completed by unit vectors, made orthogonal to all others.
//   SYMMETRIC = 1: values = g_j . v_j / v_j . v_j * scale from the smallest, right; left stays empty.
// `size` is {columns, height of g}, at most 1,024 columns.
//
// inputs: g_and_v, scale, size
// outputs: values, left, right
// types: size=uint32
// instances: SYMMETRIC=0,THREADS=256 | SYMMETRIC=1,THREADS=256
#include <metal_stdlib>
using namespace metal;

// Below it, squares of a column's elements have no digits left; columns are scaled to a largest element of 1.
constant constexpr float SHORTEST = 1e-18f;

// Row `row` of `left` becomes a unit vector orthogonal to those before it, by one simdgroup: from the coordinate that they reach
// least, which keeps at least 1 / height of its square, by Gram-Schmidt, twice.
inline void complete(device float* left, uint row, uint height, uint lane) {
  float least = INFINITY;
  uint place = 0;
  for (uint i = lane; i < height; i += 32) {
    float reached = 0.0f;
    for (uint k = 0; k < row; ++k) reached = fma(left[k * height + i], left[k * height + i], reached);
    place = reached < least ? i : place;
    least = min(reached, least);
  }
  const float least_of_all = simd_min(least);
  place = simd_min(least == least_of_all ? place : height);
  device float* own = left + row * height;
  for (uint i = lane; i < height; i += 32) own[i] = i == place ? 1.0f : 0.0f;
  for (uint pass = 0; pass < 2; ++pass) {
    for (uint k = 0; k < row; ++k) {
      device float* other = left + k * height;
      float along = 0.0f;
      for (uint i = lane; i < height; i += 32) along = fma(other[i], own[i], along);
      along = simd_sum(along);
      for (uint i = lane; i < height; i += 32) own[i] = fma(-along, other[i], own[i]);
    }
  }
  float square = 0.0f;
  for (uint i = lane; i < height; i += 32) square = fma(own[i], own[i], square);
  const float factor = rsqrt(simd_sum(square));
  for (uint i = lane; i < height; i += 32) own[i] *= factor;
}
//// body
const uint columns = size[0];
const uint height = size[1];
const uint matrix = threadgroup_position_in_grid.x;
const uint index = thread_position_in_threadgroup.x;
const uint lane = index % 32;
const uint simdgroup = index / 32;
const ulong g_start = ulong(matrix) * columns * height;
const ulong v_start = ulong(matrix) * columns * columns;
const uint to_v = (height + 31) / 32 * 32;
const uint width = to_v + (columns + 31) / 32 * 32;
const device float* both = g_and_v + ulong(matrix) * columns * width;
threadgroup float found[1024];
threadgroup float factors[1024];
for (uint j = simdgroup; j < columns; j += THREADS / 32) {
  float gg = 0.0f, vv = 0.0f, gv = 0.0f;
  for (uint i = lane; i < height; i += 32) {
    const float a = both[j * width + i];
    gg = fma(a, a, gg);
    if (SYMMETRIC) gv = fma(a, both[j * width + to_v + i], gv);
  }
  for (uint i = lane; i < columns; i += 32) vv = fma(both[j * width + to_v + i], both[j * width + to_v + i], vv);
  gg = simd_sum(gg);
  vv = simd_sum(vv);
  gv = simd_sum(gv);
  const float length = sqrt(gg);
  if (lane == 0) {
    found[j] = SYMMETRIC ? gv / vv : (length < SHORTEST ? 0.0f : length / sqrt(vv));
    factors[j] = length < SHORTEST ? 0.0f : 1.0f / length;
  }
}
threadgroup_barrier(mem_flags::mem_threadgroup);
for (uint j = simdgroup; j < columns; j += THREADS / 32) {
  const float own = found[j];
  uint before = 0;
  for (uint k = lane; k < columns; k += 32) {
    const bool is_first = SYMMETRIC ? found[k] < own : found[k] > own;
    const bool is_later = SYMMETRIC ? found[k] > own : found[k] < own;
    before += is_first || (!is_later && k < j) ? 1 : 0;
  }
  const uint place = simd_sum(before);
  if (lane == 0) values[ulong(matrix) * columns + place] = own * scale[matrix];
  if (!SYMMETRIC) {
    for (uint i = lane; i < height; i += 32) left[g_start + place * height + i] = both[j * width + i] * factors[j];
  }
  float vv = 0.0f;
  for (uint i = lane; i < columns; i += 32) vv = fma(both[j * width + to_v + i], both[j * width + to_v + i], vv);
  const float factor = isnan(own) ? own : 1.0f / sqrt(simd_sum(vv));  // a matrix with a NaN turned nothing
  for (uint i = lane; i < columns; i += 32) right[v_start + place * columns + i] = both[j * width + to_v + i] * factor;
}
if (!SYMMETRIC) {
  threadgroup_barrier(mem_flags::mem_device);
  uint zeros = 0;
  for (uint k = lane; k < columns; k += 32) zeros += found[k] == 0.0f ? 1 : 0;
  zeros = simd_sum(zeros);
  if (simdgroup == 0) {
    for (uint row = columns - zeros; row < columns; ++row) complete(left + g_start, row, height, lane);
  }
}
