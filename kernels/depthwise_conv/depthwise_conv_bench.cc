// The depthwise convolution by hand, for ./dev bench kernels.
#include <algorithm>

#include "threads.h"

using namespace native;

namespace {

template <int taps>
void convolve(const float* __restrict in, const float* w, float* __restrict out, long length) {
  constexpr long left = (taps - 1) / 2, right = taps - 1 - left;
  float own[taps];
  std::copy_n(w, taps, own);
  const auto at_an_end = [&](long t) {
    float sum = 0;
    for (int j = 0; j < taps; ++j) {
      const long place = t + j - left;
      if (place >= 0 && place < length) sum += own[j] * in[place];
    }
    out[t] = sum;
  };
  for (long t = 0; t < std::min(left, length); ++t) at_an_end(t);
  for (long t = left; t < length - right; ++t) {
    float sum = own[0] * in[t - left];
    for (int j = 1; j < taps; ++j) sum += own[j] * in[t + j - left];
    out[t] = sum;
  }
  for (long t = std::max(left, length - right); t < length; ++t) at_an_end(t);
}

}  // namespace

extern "C" void depthwise_conv(const float* x, const float* w, float* y, long rows, long channels,
                               long length, long taps) {
  share(rows, std::max(1L, 16384 / length), [=](long first, long last) {
    for (long row = first; row < last; ++row) {
      const auto run = taps == 3 ? convolve<3> : convolve<7>;
      run(x + row * length, w + row % channels * taps, y + row * length, length);
    }
  });
}
