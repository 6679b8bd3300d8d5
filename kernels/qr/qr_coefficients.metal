// qr_coefficients: Z = op(T) Y for a triangle T of at most 64 rows, a thread a column of Y. The first columns of Y are those of V^T, where
// the block reflector meets columns of the identity.
//
// shape: n (rows of T and Y), columns of Y in all, how many of them come from V; row length of V; how far T's and V's matrices are apart (of Y and Z: n * columns).
// N: 32 or 64, the most rows. TRANSPOSED: op(T) = T^T.
//
// inputs: T, V, Y, shape
// outputs: Z
// instances: TRANSPOSED=0,N=32 | TRANSPOSED=1,N=64
// types: T=float32, V=float32, Y=float32, Z=float32
#include <metal_stdlib>
using namespace metal;
//// body
threadgroup float factors[N][N];  // [j][i]: what y_j counts in z_i
const uint n = shape[0], columns = shape[1], from_v = shape[2], row_of_v = shape[3];
const uint matrix = threadgroup_position_in_grid.z;
auto t = T + ulong(matrix) * n * n;
auto v = V + ulong(matrix) * shape[4];
auto y = Y + ulong(matrix) * n * (columns - from_v);
device float* z = Z + ulong(matrix) * n * columns;
for (uint at = thread_position_in_threadgroup.x; at < N * N; at += threads_per_threadgroup.x) {
  const uint j = at / N, i = at % N;
  factors[j][i] = i < n && j < n ? t[TRANSPOSED ? j * n + i : i * n + j] : 0.0f;
}
threadgroup_barrier(mem_flags::mem_threadgroup);
const uint column = thread_position_in_grid.x;
if (column >= columns) return;
float sums[N];
for (uint i = 0; i < N; ++i) sums[i] = 0.0f;
for (uint j = 0; j < n; ++j) {
  float value = 0.0f;
  if (column < from_v) value = v[j * row_of_v + column];
  else value = y[j * (columns - from_v) + column - from_v];
  for (uint i = 0; i < N; ++i) sums[i] = fma(factors[j][i], value, sums[i]);
}
for (uint i = 0; i < n; ++i) z[i * columns + column] = sums[i];
