#include <metal_stdlib>
using namespace metal;

// One axis of threads over all images; channel and place by division.
kernel void depthwise(device const uint* params, device const float* x, device const float* k, device float* y,
                      uint tid [[thread_position_in_grid]]) {
  uint channels = params[1];
  uint length = params[2];
  if (tid >= params[0] * channels * length) return;
  uint image = tid / (channels * length);
  uint rest = tid % (channels * length);
  uint channel = rest / length;
  uint t = rest % length;
  uint start = image * channels * length + channel * length;

  float v0 = (t >= 1) ? x[start + (t - 1)] : 0.0f;
  float v1 = x[start + t];
  float v2 = (t + 1 < length) ? x[start + (t + 1)] : 0.0f;
  float acc = v0 * k[channel * 3 + 0];
  acc = fma(v1, k[channel * 3 + 1], acc);
  acc = fma(v2, k[channel * 3 + 2], acc);
  y[tid] = acc;
}
