// mlstm_step: one step of the mLSTM, a simdgroup for ROWS rows of a head's C, lanes along its columns.
// `size` is {columns, rows}, the widths of q and k, and of v. The grid is (32, rows / ROWS, heads of all sequences).
//
// inputs: q, k, v, o, log_i, log_f, c, n, m, size, scale
// outputs: c_next, n_next, m_out, h
// types: size=uint32, scale=float32, log_i=float32, log_f=float32, c=float32, n=float32, m=float32, c_next=float32, n_next=float32, m_out=float32
// instances: T=float32,ROWS=8 | T=float16,ROWS=8 | T=bfloat16,ROWS=8
#include <metal_stdlib>
using namespace metal;
//// body
const uint columns = size[0];
const uint rows = size[1];
const ulong head = thread_position_in_grid.z;
const uint lane = thread_position_in_threadgroup.x;
const uint first_row = thread_position_in_grid.y * ROWS;
const float k_scale = scale[0];

// The stabiliser is the larger exponent, so that neither gate overflows; with both empty there is nothing to scale.
const float kept = log_f[head] + m[head];
const float m_next = max(kept, log_i[head]);
const float f = m_next == -INFINITY ? 0.0f : exp(kept - m_next);
const float i = m_next == -INFINITY ? 0.0f : exp(log_i[head] - m_next);

const auto query = q + head * columns;
const auto key = k + head * columns;
const auto before = n + head * columns;
float along_n = 0.0f;
for (uint d = lane; d < columns; d += 32) {
  const float next = fma(f, before[d], i * (k_scale * static_cast<float>(key[d])));
  along_n = fma(next, static_cast<float>(query[d]), along_n);
  if (first_row == 0) n_next[head * columns + d] = next;
}
along_n = simd_sum(along_n);
const float divisor = max(fabs(along_n), exp(-m_next));

if (first_row + ROWS <= rows) {
  const ulong start = (head * rows + first_row) * columns;
  float values[ROWS];
  float sums[ROWS];
  for (int r = 0; r < ROWS; ++r) {
    values[r] = i * k_scale * static_cast<float>(v[head * rows + first_row + uint(r)]);
    sums[r] = 0.0f;
  }
  for (uint d = lane; d < columns; d += 32) {
    const float key_d = static_cast<float>(key[d]);
    const float query_d = static_cast<float>(query[d]);
    for (int r = 0; r < ROWS; ++r) {
      const ulong at = start + ulong(uint(r) * columns + d);
      const float next = fma(values[r], key_d, f * c[at]);
      c_next[at] = next;
      sums[r] = fma(next, query_d, sums[r]);
    }
  }
  for (int r = 0; r < ROWS; ++r) {
    const float sum = simd_sum(sums[r]);
    const ulong at = head * rows + first_row + uint(r);
    if (lane == 0) h[at] = static_cast<T>(static_cast<float>(o[at]) * (sum / divisor));
  }
} else {
  for (uint row = first_row; row < rows; ++row) {
    const ulong start = (head * rows + row) * columns;
    const float value = i * k_scale * static_cast<float>(v[head * rows + row]);
    float sum = 0.0f;
    for (uint d = lane; d < columns; d += 32) {
      const float next = fma(value, static_cast<float>(key[d]), f * c[start + d]);
      c_next[start + d] = next;
      sum = fma(next, static_cast<float>(query[d]), sum);
    }
    sum = simd_sum(sum);
    if (lane == 0) h[head * rows + row] = static_cast<T>(static_cast<float>(o[head * rows + row]) * (sum / divisor));
  }
}
if (lane == 0 && first_row == 0) m_out[head] = m_next;
