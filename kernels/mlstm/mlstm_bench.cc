// The mLSTM's step by hand, for ./dev bench kernels: four rows of C at a time, so that k and q are
// read once for them.
#include <algorithm>
#include <cmath>
#include <vector>

#include "threads.h"

using namespace native;

namespace {

struct Head {
  const float *q, *k, *v, *o, *c;
  float *c_next, *h;
  float f, i, divisor, scale;
};

void run_rows(const Head& at, long first, long d) {
  const float* __restrict q = at.q;
  const float* __restrict k = at.k;
  const float* c = at.c + first * d;
  float* next = at.c_next + first * d;
  float value[4], sum[4] = {};
  for (int r = 0; r < 4; ++r) value[r] = at.i * at.scale * at.v[first + r];
#pragma clang loop vectorize(assume_safety)
  for (long j = 0; j < d; ++j) {
    for (int r = 0; r < 4; ++r) {
      const float each = at.f * c[r * d + j] + value[r] * k[j];
      next[r * d + j] = each;
      sum[r] += each * q[j];
    }
  }
  for (int r = 0; r < 4; ++r) at.h[first + r] = at.o[first + r] * sum[r] / at.divisor;
}

}  // namespace

/// d is a multiple of 4.
extern "C" void mlstm_step(const float* q, const float* k, const float* v, const float* o,
                           const float* log_i, const float* log_f, const float* c, const float* n,
                           const float* m, float* c_next, float* n_next, float* m_next, float* h,
                           long heads, long d) {
  const long parts = std::max(1L, std::min(d / 4, d * d / 65536));  // of a head
  share(heads * parts, 1, [=](long from, long to) {
    for (long piece = from; piece < to; ++piece) {
      const long head = piece / parts, part = piece % parts;
      const float scale = 1 / std::sqrt(static_cast<float>(d));
      const float kept = log_f[head] + m[head], most = std::max(kept, log_i[head]);
      const float f = std::exp(kept - most), i = std::exp(log_i[head] - most);
      const float *own_q = q + head * d, *own_k = k + head * d, *own_n = n + head * d;
      float along = 0;
      for (long j = 0; j < d; ++j) {
        const float each = f * own_n[j] + i * scale * own_k[j];
        if (part == 0) n_next[head * d + j] = each;
        along += each * own_q[j];
      }
      if (part == 0) m_next[head] = most;
      const Head at{own_q,
                    own_k,
                    v + head * d,
                    o + head * d,
                    c + head * d * d,
                    c_next + head * d * d,
                    h + head * d,
                    f,
                    i,
                    std::max(std::fabs(along), std::exp(-most)),
                    scale};
      const long rows = d / 4;
      for (long row = rows * part / parts; row < rows * (part + 1) / parts; ++row)
        run_rows(at, 4 * row, d);
    }
  });
}

/// All steps, one after another: heads go to threads. `c` begins with zeros, as n and m do.
extern "C" void mlstm_sequence(const float* q, const float* k, const float* v, const float* o,
                               const float* log_i, const float* log_f, float* c, float* h,
                               long heads, long steps, long d) {
  share(heads, 1, [=](long from, long to) {
    for (long head = from; head < to; ++head) {
      const float scale = 1 / std::sqrt(static_cast<float>(d));
      float* own_c = c + head * d * d;
      std::fill_n(own_c, d * d, 0.0F);
      std::vector<float> n(d);
      float m = 0;
      for (long t = 0; t < steps; ++t) {
        const long at = head * steps + t;
        const float kept = log_f[at] + m, most = std::max(kept, log_i[at]);
        const float f = std::exp(kept - most), i = std::exp(log_i[at] - most);
        const float *own_q = q + at * d, *own_k = k + at * d;
        float along = 0;
        for (long j = 0; j < d; ++j) {
          n[j] = f * n[j] + i * scale * own_k[j];
          along += n[j] * own_q[j];
        }
        m = most;
        const Head each{
            own_q, own_k,      v + at * d, o + at * d, own_c,
            own_c, h + at * d, f,          i,          std::max(std::fabs(along), std::exp(-most)),
            scale};
        for (long row = 0; row + 4 <= d; row += 4) run_rows(each, row, d);
      }
    }
  });
}
