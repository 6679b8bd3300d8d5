// Elementwise rows, rows of a matrix, and what the machine itself can do.
#include <cmath>

#include "threads.h"
#include "vectors.h"

using namespace native;

namespace {

constexpr long piece = 1 << 16;

template <class T>
void softmax(const T* x, T* y, long rows, long columns) {
  share(rows, 16, [=](long first, long last) {
    for (long row = first; row < last; ++row) {
      const T* in = x + row * columns;
      T* out = y + row * columns;
      Floats top[4] = {load(in), load(in), load(in), load(in)};
      for (long j = 0; j < columns; j += 4 * width)
        for (int k = 0; k < 4; ++k) top[k] = larger(top[k], load(in + j + k * width));
      const float most = largest(larger(larger(top[0], top[1]), larger(top[2], top[3])));
      Floats total[4] = {};
      alignas(64) thread_local static float kept[1 << 14];
      for (long j = 0; j < columns; j += 4 * width)
        for (int k = 0; k < 4; ++k) {
          const Floats e = exp(load(in + j + k * width) - most);
          store(kept + j + k * width, e);
          total[k] += e;
        }
      const float scale = 1 / sum((total[0] + total[1]) + (total[2] + total[3]));
      for (long j = 0; j < columns; j += width) store(out + j, load(kept + j) * scale);
    }
  });
}

template <class T>
void rms_norm(const T* x, const T* w, T* y, long rows, long columns, float epsilon) {
  share(rows, 16, [=](long first, long last) {
    for (long row = first; row < last; ++row) {
      const T* in = x + row * columns;
      Floats squares[4] = {};
      for (long j = 0; j < columns; j += 4 * width)
        for (int k = 0; k < 4; ++k) {
          const Floats each = load(in + j + k * width);
          squares[k] += each * each;
        }
      const float all = sum((squares[0] + squares[1]) + (squares[2] + squares[3]));
      const float scale = 1 / std::sqrt(all / float(columns) + epsilon);
      for (long j = 0; j < columns; j += width)
        store(y + row * columns + j, load(w + j) * (load(in + j) * scale));
    }
  });
}

void stream(float* to, Floats x) {
  __builtin_nontemporal_store(x, reinterpret_cast<Floats*>(to));
}

}  // namespace

extern "C" {

void cpp_exp(const float* x, float* y, long n) {
  share(n, piece, [=](long first, long last) {
    for (long i = first; i < last; i += width) store(y + i, native::exp(load(x + i)));
  });
}

void cpp_saxpy(const float* x, const float* y, float* z, float a, long n) {
  share(n, piece, [=](long first, long last) {
    for (long i = first; i < last; ++i) z[i] = a * x[i] + y[i];
  });
}

void cpp_copy(const float* x, float* y, long n) {
  share(n, piece, [=](long first, long last) {
    for (long i = first; i < last; i += width) store(y + i, load(x + i));
  });
}

void cpp_cast(const float* x, half* y, long n) {
  share(n, piece, [=](long first, long last) {
    for (long i = first; i < last; ++i) y[i] = half(x[i]);
  });
}

void cpp_strided_copy(const float* x, float* y, long n) {
  share(n, piece, [=](long first, long last) {
    for (long i = first; i < last; ++i) y[i] = x[2 * i];
  });
}

void cpp_softmax_float(const float* x, float* y, long r, long c) {
  softmax(x, y, r, c);
}
void cpp_softmax_half(const half* x, half* y, long r, long c) {
  softmax(x, y, r, c);
}
void cpp_softmax_bfloat(const bfloat* x, bfloat* y, long r, long c) {
  softmax(x, y, r, c);
}

void cpp_rms_norm_float(const float* x, const float* w, float* y, long r, long c, float e) {
  rms_norm(x, w, y, r, c, e);
}
void cpp_rms_norm_half(const half* x, const half* w, half* y, long r, long c, float e) {
  rms_norm(x, w, y, r, c, e);
}
void cpp_rms_norm_bfloat(const bfloat* x, const bfloat* w, bfloat* y, long r, long c, float e) {
  rms_norm(x, w, y, r, c, e);
}

void cpp_depthwise(const float* x, const float* w, float* y, long images, long channels,
                   long length) {
  share(images * channels, 4, [=](long first, long last) {
    for (long row = first; row < last; ++row) {
      const float* __restrict in = x + row * length;
      float* __restrict out = y + row * length;
      const float* taps = w + row % channels * 3;
      const float a = taps[0], b = taps[1], c = taps[2];
      out[0] = b * in[0] + c * in[1];
      for (long t = 1; t < length - 1; ++t) out[t] = a * in[t - 1] + b * in[t] + c * in[t + 1];
      out[length - 1] = a * in[length - 2] + b * in[length - 1];
    }
  });
}

// What the machine can do: stores past the caches, sums of reads, and multiply-adds.
void limit_copy(const float* x, float* y, long n) {
  share(n, piece, [=](long first, long last) {
    for (long i = first; i < last; i += width) stream(y + i, load(x + i));
  });
}

void limit_triad(const float* x, const float* y, float* z, float a, long n) {
  share(n, piece, [=](long first, long last) {
    for (long i = first; i < last; i += width) stream(z + i, a * load(x + i) + load(y + i));
  });
}

float limit_read(const float* x, long n) {
  float total = 0;
  share(n, piece, [=, &total](long first, long last) {
    Floats sums[4] = {};
    for (long i = first; i < last; i += 4 * width)
      for (int k = 0; k < 4; ++k) sums[k] += load(x + i + k * width);
    const float mine = sum(sums[0] + sums[1] + sums[2] + sums[3]);
    if (mine == 1.5f) total = mine;  // never mind what it is, but it must be computed
  });
  return total;
}

// 12 chains of multiply-adds a thread: 24 * width operations in a round.
float limit_multiply_add(long rounds) {
  float total = 0;
  share(threads(), 1, [=, &total](long, long) {
    Floats chains[12];
    for (int k = 0; k < 12; ++k) chains[k] = all(1.0f + float(k));
    const Floats x = all(1.0000001f), y = all(1e-9f);
    for (long round = 0; round < rounds; ++round)
#pragma clang loop unroll(full)
      for (int k = 0; k < 12; ++k) {
        chains[k] = chains[k] * x + y;
        asm volatile("" : "+v"(chains[k]));
      }
    Floats all_of_them = {};
    for (int k = 0; k < 12; ++k) all_of_them += chains[k];
    if (sum(all_of_them) == 1.5f) total = 1;
  });
  return total;
}

long limit_operations(long rounds) {
  return rounds * threads() * 12 * 2 * width;
}

void cpp_nothing(long times) {
  for (long i = 0; i < times; ++i) share(1, 1, [](long, long) { asm volatile("" ::: "memory"); });
}

}  // extern "C"
