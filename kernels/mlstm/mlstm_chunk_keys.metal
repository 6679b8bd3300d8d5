// mlstm_chunk_keys: what the steps of a chunk add to the state that leaves it: kept_t scale k_t for each step, and the sum of these, which is
// what n gains. A thread a column. `size` is {width of k, steps of a chunk}. The grid is (width of k, chunks of all heads).
//
// inputs: k, kept, scale, size
// outputs: keys, sums
// types: size=uint32, kept=float32, scale=float32, keys=float32, sums=float32
// instances: T=float32 | T=float16 | T=bfloat16
#include <metal_stdlib>
using namespace metal;
//// body
const uint columns = size[0];
const uint steps = size[1];
const uint d = thread_position_in_grid.x;
const ulong chunk = thread_position_in_grid.y;
float sum = 0.0f;
for (uint t = 0; t < steps; ++t) {
  const ulong at = (chunk * steps + t) * columns + d;
  const float key = (kept[chunk * steps + t] * scale[0]) * static_cast<float>(k[at]);
  keys[at] = key;
  sum += key;
}
sums[chunk * columns + d] = sum;
