// cholesky_block: the upper factor of one diagonal block of at most 64 rows, U^T U = A, by one threadgroup of 64 threads: a thread a column. Row after row, each
// column takes off what the rows before give, and the pivot's thread says by what the row is divided.
//
// shape: n, row length of A, where the block begins, how far the matrices of a batch are apart, how many rows came before. Blocks of a batch lie along the
// grid's z. state: one number for each matrix, 0 or the first leading minor that isn't positive, passed on. From there on, U is NaN.
//
// LOWER: A's lower triangle is read, and the lower factor is written.
//
// inputs: A, state, shape
// outputs: U, state_out
// instances: LOWER=0 | LOWER=1
// types: A=float32, U=float32, state=int32, state_out=int32
#include <metal_stdlib>
using namespace metal;
//// body
constexpr uint N = 64;
threadgroup float rows[N][N];
threadgroup float pivots[N];
const uint n = shape[0], row_of_a = shape[1];
const uint matrix = threadgroup_position_in_grid.z;
auto a = A + shape[2] + ulong(matrix) * shape[3];
device float* u = U + ulong(matrix) * n * n;
const uint column = thread_position_in_threadgroup.x;
for (uint j = 0; j < n; ++j) {
  float sum = column < n && column >= j ? a[LOWER ? column * row_of_a + j : j * row_of_a + column] : 0.0f;
  for (uint p = 0; p < j; ++p) sum = fma(-rows[p][j], rows[p][column], sum);
  if (column == j) pivots[j] = sum;
  threadgroup_barrier(mem_flags::mem_threadgroup);
  const float pivot = pivots[j];
  const float root = pivot > 0.0f && pivot <= FLT_MAX ? sqrt(pivot) : NAN;
  rows[j][column] = column > j ? sum / root : column == j ? root : 0.0f;
  threadgroup_barrier(mem_flags::mem_threadgroup);
}
// (The last barrier has made all rows known.)
if (column < n)
  for (uint j = 0; j < n; ++j) u[j * n + column] = LOWER ? rows[column][j] : rows[j][column];
if (column == 0) {
  int found = state[matrix];
  for (uint j = 0; j < n; ++j)
    if (found == 0 && !(pivots[j] > 0.0f && pivots[j] <= FLT_MAX)) found = int(shape[4] + j + 1);
  state_out[matrix] = found;
}
