// mlstm_chunk_gates: the gates of the chunked form. A simdgroup for each head goes through its chunks of CHUNK steps, lanes along the
// steps. With b_t = sum of log f up to t within the chunk and u_t = log i_t - b_t, the stabiliser of step t is
// m_t = b_t + c_t, c_t = max(m before the chunk, max of u up to t). Written:
//   u, b, and stabilizer (c) for each step;
//   carried[t] = exp(m before - c_t), the weight of the state that comes into the chunk;
//   kept[t] = exp(b_last + u_t - m after), the weight of a step in the state that leaves it; decay, the same for each chunk;
//   m_out, the last m. `size` is {steps}, a multiple of CHUNK. The grid is (32, heads of all sequences).
//
// inputs: log_i, log_f, m, size
// outputs: u, b, stabilizer, carried, kept, decay, m_out
// types: size=uint32
// instances: CHUNK=64 | CHUNK=32
#include <metal_stdlib>
using namespace metal;
//// body
const uint steps = size[0];  // a multiple of CHUNK
const ulong head = thread_position_in_grid.y;
const uint lane = thread_position_in_threadgroup.x;
float m_now = m[head];
for (uint start = 0; start < steps; start += CHUNK) {
  const ulong chunk = head * steps + start;
  float sum_before = 0.0f;
  float most_before = m_now;
  for (uint t = lane; t < CHUNK; t += 32) {
    const float sum = sum_before + simd_prefix_inclusive_sum(log_f[chunk + t]);
    const float own = log_i[chunk + t] - sum;
    float most = own;
    for (ushort distance = 1; distance < 32; distance <<= 1) {
      const float other = simd_shuffle_up(most, distance);
      most = lane >= distance ? max(most, other) : most;
    }
    most = max(most, most_before);
    u[chunk + t] = own;
    b[chunk + t] = sum;
    stabilizer[chunk + t] = most;
    carried[chunk + t] = most == -INFINITY ? 0.0f : exp(m_now - most);
    sum_before = simd_broadcast(sum, ushort(31));
    most_before = simd_broadcast(most, ushort(31));
  }
  const float m_after = sum_before + most_before;
  for (uint t = lane; t < CHUNK; t += 32) {
    kept[chunk + t] = m_after == -INFINITY ? 0.0f : exp(u[chunk + t] - most_before);
  }
  if (lane == 0) decay[chunk / CHUNK] = m_after == -INFINITY ? 0.0f : exp(m_now - most_before);
  m_now = m_after;
}
if (lane == 0) m_out[head] = m_now;
