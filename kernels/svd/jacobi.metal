// jacobi: Jacobi's method over the pairs of columns, which lie as rows in memory: g (`size` = {columns, height of g, sweeps at most})
// and v (columns by columns), for one matrix a threadgroup. In each round of a tournament every column meets another one, a
// simdgroup turns a pair, and all meet at a barrier; a sweep is as many rounds as it takes for every two columns to meet.
//   SYMMETRIC = 0: g = A v, and pairs of g become orthogonal (Hestenes 1958): g's lengths become singular values.
//   SYMMETRIC = 1: g = A v with A symmetric, and v_p . A v_q becomes 0 (Jacobi 1846): eigenvectors.
// It ends with a sweep that turns nothing. `sweeps` is how many there were.
//
// inputs: g_before, v_before, threshold, size
// outputs: g_next, v_next, sweeps
// types: sweeps=uint32, size=uint32
// instances: SYMMETRIC=0,THREADS=256 | SYMMETRIC=1,THREADS=256
#include <metal_stdlib>
using namespace metal;
// Turns columns p and q of g and of v by the angle that makes them orthogonal, all lanes of a simdgroup together. 1 if they
// weren't already. The smaller of the two angles, from t = tan: t^2 + 2 zeta t - 1 = 0 (Rutishauser 1966).
template <int SYMMETRIC>
inline uint turn_pair(device float* g_p, device float* g_q, device float* v_p, device float* v_q, uint height, uint columns,
                      float threshold, uint lane) {
  float pp = 0.0f, qq = 0.0f, pq = 0.0f;
  for (uint i = lane; i < height; i += 32) {
    const float a = g_p[i];
    const float b = g_q[i];
    const float left_p = SYMMETRIC ? v_p[i] : a;
    const float left_q = SYMMETRIC ? v_q[i] : b;
    pp = fma(left_p, a, pp);
    qq = fma(left_q, b, qq);
    pq = fma(left_p, b, pq);
  }
  pp = simd_sum(pp);
  qq = simd_sum(qq);
  pq = simd_sum(pq);
  // Of the cosine between two columns its square, in an order that doesn't underflow where both are short.
  const bool is_open = SYMMETRIC ? fabs(pq) > threshold : (pq / pp) * (pq / qq) > threshold * threshold;
  if (!is_open) return 0;
  const float zeta = (qq - pp) / (2.0f * pq);
  const float tangent = copysign(1.0f, zeta) / (fabs(zeta) + sqrt(fma(zeta, zeta, 1.0f)));
  const float cosine = 1.0f / sqrt(fma(tangent, tangent, 1.0f));
  const float sine = cosine * tangent;
  for (uint i = lane; i < height; i += 32) {
    const float a = g_p[i];
    const float b = g_q[i];
    g_p[i] = fma(cosine, a, -sine * b);
    g_q[i] = fma(sine, a, cosine * b);
  }
  for (uint i = lane; i < columns; i += 32) {
    const float a = v_p[i];
    const float b = v_q[i];
    v_p[i] = fma(cosine, a, -sine * b);
    v_q[i] = fma(sine, a, cosine * b);
  }
  return 1;
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
device float* g = g_next + g_start;
device float* v = v_next + v_start;
for (uint i = index; i < columns * height; i += THREADS) g[i] = g_before[g_start + i];
for (uint i = index; i < columns * columns; i += THREADS) v[i] = v_before[v_start + i];
threadgroup uint turned[THREADS / 32];
const uint players = columns + (columns & 1);
uint sweep = 0;
uint turns = 1;
while (sweep < size[2] && turns != 0) {
  uint own_turns = 0;
  for (uint round = 0; round + 1 < players; ++round) {
    threadgroup_barrier(mem_flags::mem_device);
    for (uint pair = simdgroup; pair < players / 2; pair += THREADS / 32) {
      const uint one = pair == 0 ? players - 1 : round + pair - (round + pair < players - 1 ? 0 : players - 1);
      const uint other = round >= pair ? round - pair : round + players - 1 - pair;
      const uint p = min(one, other);
      const uint q = max(one, other);
      if (q < columns) {
        own_turns += turn_pair<SYMMETRIC>(g + p * height, g + q * height, v + p * columns, v + q * columns, height, columns,
                                          threshold[matrix], lane);
      }
    }
  }
  if (lane == 0) turned[simdgroup] = own_turns;
  threadgroup_barrier(mem_flags::mem_threadgroup);
  turns = 0;
  for (uint s = 0; s < THREADS / 32; ++s) turns += turned[s];
  threadgroup_barrier(mem_flags::mem_threadgroup);
  ++sweep;
}
if (index == 0) sweeps[matrix] = sweep;
