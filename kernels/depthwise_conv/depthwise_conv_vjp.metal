// depthwise_conv_vjp: gw[c, j] = sum over b and t of gy[b, c, t] x[b, c, t + j - LEFT], and gbias[c] = sum of gy: a simdgroup a
// channel. `size` is {length, channels, batch}. (The cotangent of x is a convolution again, with the taps turned round.)
//
// inputs: x, gy, size
// outputs: gw, gbias
// types: size=uint32
// instances: T=float32,K=3,LEFT=1 | T=float16,K=3,LEFT=1 | T=bfloat16,K=3,LEFT=1
#include <metal_stdlib>
using namespace metal;
//// body
const uint channel = threadgroup_position_in_grid.y;
const int lane = int(thread_index_in_simdgroup);
const int length = int(size[0]);
float sums[K + 1];
for (int j = 0; j <= K; ++j) sums[j] = 0.0f;
for (uint image = 0; image < size[2]; ++image) {
  const ulong start = (ulong(image) * size[1] + channel) * ulong(length);
  for (int t = lane; t < length; t += 32) {
    const float g = static_cast<float>(gy[start + ulong(t)]);
    for (int j = 0; j < K; ++j) {
      const int place = t + j - LEFT;
      const float value = place >= 0 && place < length ? static_cast<float>(x[start + ulong(place)]) : 0.0f;
      sums[j] = fma(g, value, sums[j]);
    }
    sums[K] += g;
  }
}
for (int j = 0; j <= K; ++j) {
  const float total = simd_sum(sums[j]);
  if (lane == 0 && j < K) gw[channel * uint(K) + uint(j)] = static_cast<T>(total);
  if (lane == 0 && j == K) gbias[channel] = static_cast<T>(total);
}
