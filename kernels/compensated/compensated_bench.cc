// Compensated sums by hand, for ./dev bench kernels: vectors of running sums, joined at the end.
#pragma float_control(precise, on)
#pragma clang fp contract(off)

#include <mutex>

#include "threads.h"

using namespace native;

namespace {

constexpr long width = 16;
typedef float Vector __attribute__((vector_size(width * 4), aligned(4)));

template <class F>
struct Sum {
  F high{}, low{};
};

template <class F>
inline void add_exactly(Sum<F>& sum, F term, F more, bool in_order) {
  const F next = sum.high + term;
  const F part = next - sum.high;
  const F low = sum.low + (((sum.high - (next - part)) + (term - part)) + more);
  sum.high = in_order ? next + low : next;
  sum.low = in_order ? low - (sum.high - next) : low;
}

template <int method, class F>
inline void add(Sum<F>& sum, F term, F more) {
  if constexpr (method == 0) {
    const F full = term + (sum.low + more);
    const F next = sum.high + full;
    sum.low = full - (next - sum.high);
    sum.high = next;
  } else {
    add_exactly(sum, term, more, method == 2);
  }
}

template <int method, bool is_dot, class F>
inline void add_term(Sum<F>& sum, F x, F y) {
  if constexpr (is_dot) {
    const F product = x * y;
    add<method>(sum, product, __builtin_elementwise_fma(x, y, -product));
  } else {
    add<method>(sum, x, F{});
  }
}

/// Of n terms, as limbs.
template <int method, bool is_dot>
Sum<float> sum_of(const float* x, const float* y, long n) {
  Sum<Vector> sums[4];
  long i = 0;
  for (; i + 4 * width <= n; i += 4 * width) {
    for (int k = 0; k < 4; ++k) {
      const long at = i + k * width;
      add_term<method, is_dot>(sums[k], *reinterpret_cast<const Vector*>(x + at),
                               *reinterpret_cast<const Vector*>(y + at));
    }
  }
  Sum<float> all;
  for (auto& sum : sums) {
    for (int lane = 0; lane < width; ++lane) add<2>(all, sum.high[lane], sum.low[lane]);
  }
  for (; i < n; ++i) add_term<2, is_dot>(all, x[i], y[i]);
  return all;
}

template <int method, bool is_dot>
void sum_rows(const float* x, const float* y, float* out, long rows, long n) {
  if (rows > 1) {
    share(rows, 16, [=](long first, long last) {
      for (long row = first; row < last; ++row) {
        const auto sum = sum_of<method, is_dot>(x + row * n, y, n);
        out[row] = sum.high + sum.low;
      }
    });
    return;
  }
  Sum<float> all;
  std::mutex mutex;
  share(n, 1 << 16, [&](long first, long last) {
    const auto sum = sum_of<method, is_dot>(x + first, y + first, last - first);
    std::lock_guard lock(mutex);
    add<2>(all, sum.high, sum.low);
  });
  out[0] = all.high + all.low;
}

}  // namespace

#define ANYMETAL_COMPENSATED(name, method, is_dot)                                      \
  extern "C" void name(const float* x, const float* y, float* out, long rows, long n) { \
    sum_rows<method, is_dot>(x, y, out, rows, n);                                       \
  }
ANYMETAL_COMPENSATED(compensated_sum_kahan, 0, false)
ANYMETAL_COMPENSATED(compensated_sum_neumaier, 1, false)
ANYMETAL_COMPENSATED(compensated_sum_limbs, 2, false)
ANYMETAL_COMPENSATED(compensated_dot_neumaier, 1, true)
ANYMETAL_COMPENSATED(compensated_gemv_neumaier, 1, true)
