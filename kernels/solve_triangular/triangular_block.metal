// triangular_block: X with T X = B for one triangle of at most 64 rows, a thread a column of B.
//
// The triangle lies in threadgroup memory, turned so that always row j asks for the rows before it: factor[p][j] is what x_p counts in row j. Four rows
// at a time, so that each x_p, once loaded, serves four sums. Rows that aren't there are those of the identity.
//
// shape: n (at most 64), columns; row lengths of T and B; where T and B begin; how far the triangles and the matrices of a batch are apart (0: one
// for all); row length of X, where its columns begin. UPPER: T is an upper triangle, so that x_n comes first. TRANSPOSED: T^T X = B. PANEL: X is a band of rows of an upper
// triangular matrix of `row length of X` columns: zeros, then T itself (it begins at column 0 of its array), then the solution.
//
// inputs: T, B, shape
// outputs: X
// instances: UPPER=0,TRANSPOSED=0,PANEL=0 | UPPER=1,TRANSPOSED=1,PANEL=1 | UPPER=1,TRANSPOSED=0,PANEL=0 | UPPER=0,TRANSPOSED=1,PANEL=0
// types: T=float32, B=float32, X=float32
#include <metal_stdlib>
using namespace metal;
//// body
constexpr uint N = 64;
constexpr bool BACKWARD = UPPER != TRANSPOSED;
threadgroup float factors[N][N];
threadgroup float inverses[N];
const uint n = shape[0], columns = shape[1], row_of_t = shape[2], row_of_b = shape[3];
const uint matrix = threadgroup_position_in_grid.z;
auto t = T + shape[4] + ulong(matrix) * shape[6];
auto b = B + shape[5] + ulong(matrix) * shape[7];
const uint row_of_x = shape[8], first = shape[9];
device float* x = X + ulong(matrix) * n * row_of_x;
const uint mine = thread_position_in_threadgroup.x, threads = threads_per_threadgroup.x;
for (uint at = mine; at < N * N; at += threads) {
  const uint p = at / N, j = at % N;
  // Backward, the last row comes first.
  const uint from = BACKWARD ? n - 1 - p : p, to = BACKWARD ? n - 1 - j : j;
  const bool is_there = p < n && j < n && p <= j;
  float value = p == j ? 1.0f : 0.0f;
  if (is_there) value = t[TRANSPOSED ? from * row_of_t + to : to * row_of_t + from];
  factors[p][j] = value;
  if (p == j) inverses[p] = 1.0f / value;
}
threadgroup_barrier(mem_flags::mem_threadgroup);
const uint column = thread_position_in_grid.x;
if (PANEL) {
  // What the band has before the solution; every thread writes some columns of it.
  for (uint i = 0; i < n; ++i)
    for (uint at = column; at < first; at += threads_per_grid.x) {
      const uint within = at + n - first;
      x[i * row_of_x + at] = at + n >= first && within >= i ? t[i * row_of_t + within] : 0.0f;
    }
}
if (column >= columns) return;
float known[N];
for (uint j0 = 0; j0 < N; j0 += 4) {
  float sums[4];
  for (uint e = 0; e < 4; ++e) {
    const uint row = BACKWARD ? n - 1 - (j0 + e) : j0 + e;
    sums[e] = j0 + e < n ? b[row * row_of_b + column] : 0.0f;
  }
  for (uint p = 0; p < j0; ++p)
    for (uint e = 0; e < 4; ++e) sums[e] = fma(-factors[p][j0 + e], known[p], sums[e]);
  for (uint e = 0; e < 4; ++e) {
    for (uint p = 0; p < e; ++p) sums[e] = fma(-factors[j0 + p][j0 + e], sums[p], sums[e]);
    // By the inverse, and once more for what that was off: as near as a division.
    const float quotient = sums[e] * inverses[j0 + e];
    const float off = fma(-quotient, factors[j0 + e][j0 + e], sums[e]);
    sums[e] = isfinite(off) ? fma(off, inverses[j0 + e], quotient) : sums[e] / factors[j0 + e][j0 + e];
    known[j0 + e] = sums[e];
  }
  for (uint e = 0; e < 4; ++e) {
    const uint row = BACKWARD ? n - 1 - (j0 + e) : j0 + e;
    if (j0 + e < n) x[row * row_of_x + first + column] = sums[e];
  }
}
