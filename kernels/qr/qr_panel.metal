// qr_panel: Householder's factorisation of a panel of at most 64 columns, by one threadgroup; a column belongs to a simdgroup, whose lanes go along it.
//
// The panel is kept transposed, so that columns are contiguous, in the output V. In step j, the simdgroup of column j makes of it the reflector I - tau v v^T;
// then every other simdgroup takes its column's product with v: columns to come are reflected, columns that are done keep the product, of
// which T is made: the product of all reflectors is I - V T V^T (compact WY: Schreiber and Van Loan, "A storage-efficient WY representation for products of
// Householder transformations", 1989). Norms are of scaled columns, so that nothing overflows.
//
// shape: m, n; row length of A, where the panel begins, how far the matrices of a batch are apart.
//
// inputs: A, shape
// outputs: V, T, R
// types: A=float32, V=float32, T=float32, R=float32
#include <metal_stdlib>
using namespace metal;
//// body
constexpr uint N = 64;
threadgroup float triangle[N][N];  // above the diagonal the products of v_i with v_j, i < j; then also T, transposed
threadgroup float taus[N];
const uint m = shape[0], n = shape[1], row_of_a = shape[2];
const uint matrix = threadgroup_position_in_grid.z;
auto a = A + shape[3] + ulong(matrix) * shape[4];
device float* v = V + ulong(matrix) * n * m;
device float* t = T + ulong(matrix) * n * n;
device float* r = R + ulong(matrix) * n * n;
const uint lane = thread_index_in_simdgroup, group = simdgroup_index_in_threadgroup;
const uint mine = thread_position_in_threadgroup.x, threads = threads_per_threadgroup.x;
for (uint at = mine; at < n * m; at += threads) {  // reads along rows
  const uint row = at / n, column = at % n;
  v[column * m + row] = a[row * row_of_a + column];
}
threadgroup_barrier(mem_flags::mem_device);
const uint groups = simdgroups_per_threadgroup;
for (uint j = 0; j < n; ++j) {
  if (group == j % groups) {
    device float* own = v + j * m;
    float largest = 0.0f;
    for (uint i = j + 1 + lane; i < m; i += 32) largest = max(largest, fabs(own[i]));
    const float below = simd_max(largest);
    const float alpha = own[j];
    const float scale = max(below, fabs(alpha));
    float squares = 0.0f;
    for (uint i = j + 1 + lane; i < m; i += 32) {
      const float x = own[i] / scale;
      squares = fma(x, x, squares);
    }
    const float first = alpha / scale;
    const float size = sqrt(fma(first, first, simd_sum(squares)));
    const float beta = first > 0.0f ? -size : size;
    const bool is_done = below == 0.0f;  // nothing to reflect
    const float divisor = first - beta;
    for (uint i = j + 1 + lane; i < m; i += 32) own[i] = is_done ? 0.0f : own[i] / scale / divisor;
    if (lane == 0) {
      taus[j] = is_done ? 0.0f : (beta - first) / beta;
      r[j * n + j] = is_done ? alpha : beta * scale;
    }
    // What is above the diagonal is R's.
    for (uint i = lane; i < n; i += 32)
      if (i < j) r[i * n + j] = own[i];
      else if (i > j) r[i * n + j] = 0.0f;
    simdgroup_barrier(mem_flags::mem_device);
    for (uint i = lane; i <= j; i += 32) own[i] = i == j ? 1.0f : 0.0f;
  }
  threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
  device const float* reflector = v + j * m;
  // From a whole row of lanes on: above the diagonal the reflector is zero.
  const uint from = j / 32 * 32 + lane;
  for (uint column = group; column < n; column += groups) {
    if (column == j) continue;
    device float* own = v + column * m;
    float sum = 0.0f;
    for (uint i = from; i < m; i += 32) sum = fma(reflector[i], own[i], sum);
    const float product = simd_sum(sum);
    if (column > j) {
      const float amount = -taus[j] * product;
      for (uint i = from; i < m; i += 32) own[i] = fma(amount, reflector[i], own[i]);
    } else if (lane == 0) {
      triangle[column][j] = product;
    }
  }
  threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
}
// T by columns: T[i][j] = -tau_j sum over p from i to j - 1 of T[i][p] (v_p v_j). It is kept transposed, on and below the diagonal, where no products are, so
// that neighbours read neighbours. Rows belong to threads, two at most.
for (uint j = 0; j < n; ++j) {
  float sums[2] = {0.0f, 0.0f};
  for (uint p = 0; p < j; ++p) {
    const float product = triangle[p][j];
    for (uint e = 0; e < 2; ++e) {
      const uint i = mine + e * threads;
      sums[e] = fma(i <= p ? triangle[p][i] : 0.0f, product, sums[e]);
    }
  }
  for (uint e = 0; e < 2; ++e) {
    const uint i = mine + e * threads;
    if (i <= j) triangle[j][i] = i == j ? taus[j] : -taus[j] * sums[e];
  }
  threadgroup_barrier(mem_flags::mem_threadgroup);
}
for (uint at = mine; at < n * n; at += threads) {
  const uint i = at / n, j = at % n;
  t[at] = i <= j ? triangle[j][i] : 0.0f;
}
