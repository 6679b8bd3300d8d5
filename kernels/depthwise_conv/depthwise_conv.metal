// depthwise_conv: y[b, c, t] = bias[c] + sum over j of w[c, j] x[b, c, t + j - LEFT], with zeros beyond both ends.
// `size` is {length, channels}; the grid is (length, channels, batch), so that no division says where a thread is. Taps are added in
// their order: results repeat.
//
// inputs: x, w, bias, size
// outputs: y
// types: size=uint32
// instances: T=float32,K=3,LEFT=1,BIAS=0 | T=float16,K=3,LEFT=1,BIAS=0 | T=bfloat16,K=3,LEFT=1,BIAS=0 | T=float32,K=4,LEFT=3,BIAS=1
#include <metal_stdlib>
using namespace metal;
//// body
const int t = int(thread_position_in_grid.x);
const uint channel = thread_position_in_grid.y;
const int length = int(size[0]);
const ulong row = ulong(thread_position_in_grid.z) * size[1] + channel;
const auto in = x + row * ulong(length);
const auto taps = w + channel * uint(K);
float sum = BIAS ? static_cast<float>(bias[channel]) : 0.0f;
for (int j = 0; j < K; ++j) {
  const int place = t + j - LEFT;
  const float value = place >= 0 && place < length ? static_cast<float>(in[place]) : 0.0f;
  sum = fma(value, static_cast<float>(taps[j]), sum);
}
y[row * ulong(length) + ulong(t)] = static_cast<T>(sum);
