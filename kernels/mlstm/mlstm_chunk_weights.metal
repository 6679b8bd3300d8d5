// mlstm_chunk_weights: within a chunk, p[t, s] = scale scores[t, s] exp(u_s - c_t) for s <= t, else 0, and the sums of its rows. A simdgroup
// a row. The grid is (32, CHUNK, chunks of all heads).
//
// inputs: scores, u, stabilizer, scale
// outputs: p, sums
// instances: CHUNK=64 | CHUNK=32
#include <metal_stdlib>
using namespace metal;
//// body
const uint t = thread_position_in_grid.y;
const ulong start = ulong(thread_position_in_grid.z) * CHUNK;
const ulong row = (start + t) * CHUNK;
const float most = stabilizer[start + t];
float sum = 0.0f;
for (uint s = thread_position_in_threadgroup.x; s < CHUNK; s += 32) {
  const float weight = s <= t && most != -INFINITY ? exp(u[start + s] - most) : 0.0f;
  const float value = weight == 0.0f ? 0.0f : weight * (scale[0] * scores[row + s]);
  p[row + s] = value;
  sum += value;
}
sum = simd_sum(sum);
if (thread_position_in_threadgroup.x == 0) sums[start + t] = sum;
