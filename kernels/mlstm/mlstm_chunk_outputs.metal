// mlstm_chunk_outputs: h_t = o_t * (within_t + carried_t across_t) / max(|sums_t + carried_t n . q_t|, exp(-m_t)), a simdgroup a step.
// `size` is {width of q, width of v, steps of a chunk}. The grid is (32, steps of all heads).
//
// inputs: q, o, n, within, across, carried, sums, b, stabilizer, size
// outputs: h
// types: size=uint32, n=float32, within=float32, across=float32, carried=float32, sums=float32, b=float32, stabilizer=float32
// instances: T=float32 | T=float16 | T=bfloat16
#include <metal_stdlib>
using namespace metal;
//// body
const uint columns = size[0];
const uint rows = size[1];
const ulong step = thread_position_in_grid.y;
const ulong chunk = step / size[2];
const uint lane = thread_position_in_threadgroup.x;
float along_n = 0.0f;
for (uint d = lane; d < columns; d += 32) {
  along_n = fma(n[chunk * columns + d], static_cast<float>(q[step * columns + d]), along_n);
}
along_n = simd_sum(along_n);
const float weight = carried[step];
const float divisor = max(fabs(fma(weight, along_n, sums[step])), exp(-(b[step] + stabilizer[step])));
for (uint e = lane; e < rows; e += 32) {
  const ulong at = step * rows + e;
  const float sum = fma(weight, across[at], within[at]);
  h[at] = static_cast<T>(static_cast<float>(o[at]) * (sum / divisor));
}
