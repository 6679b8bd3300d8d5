// What MLX's own kernels compute, written by hand: attention, a quantized product, sorting, running
// sums.
#include <algorithm>
#include <cmath>
#include <vector>

#include "threads.h"
#include "vectors.h"

using namespace native;

namespace {

// Scores to weights, in place; returns what to multiply their sums with.
float weigh(float* scores, long count) {
  Floats top = load(scores);
  long j = 0;
  for (; j + width <= count; j += width) top = larger(top, load(scores + j));
  float most = largest(top);
  for (; j < count; ++j) most = std::max(most, scores[j]);
  Floats total = {};
  for (j = 0; j + width <= count; j += width) {
    const Floats e = native::exp(load(scores + j) - most);
    store(scores + j, e);
    total += e;
  }
  float rest = 0;
  for (; j < count; ++j) rest += scores[j] = std::exp(scores[j] - most);
  return 1 / (sum(total) + rest);
}

struct Attention {
  const float *q, *k, *v;
  float* out;
  long heads, kv_heads, queries, keys, dim;
  float scale;
};

// One query: each key is read once for all heads that share it.
void attend_one(const Attention& a, long kv_head) {
  const long group = a.heads / a.kv_heads;
  thread_local std::vector<float> kept;
  kept.resize(size_t(group * a.keys + width));
  const float* q = a.q + kv_head * group * a.dim;
  for (long key = 0; key < a.keys; ++key)
    for (long head = 0; head < group; ++head) {
      const float* row = a.k + (kv_head * a.keys + key) * a.dim;
      Floats dot = {};
      for (long d = 0; d < a.dim; d += width) dot += load(row + d) * load(q + head * a.dim + d);
      kept[size_t(head * a.keys + key)] = sum(dot) * a.scale;
    }
  for (long head = 0; head < group; ++head) {
    float* scores = kept.data() + head * a.keys;
    const float factor = weigh(scores, a.keys);
    float* out = a.out + (kv_head * group + head) * a.dim;
    for (long d = 0; d < a.dim; d += 4 * width) {
      Floats sums[4] = {};
      for (long key = 0; key < a.keys; ++key) {
        const float* row = a.v + (kv_head * a.keys + key) * a.dim + d;
        for (int c = 0; c < 4; ++c) sums[c] += scores[key] * load(row + c * width);
      }
      for (int c = 0; c < 4; ++c) store(out + d + c * width, sums[c] * factor);
    }
  }
}

constexpr int strip = 4, across = 4;

// Four rows and four vectors of columns of A times B.
inline void multiply(const float* a, long lda, const float* b, long ldb, long depth, float* c,
                     long ldc, const float* factors) {
  Floats sums[strip][across] = {};
  for (long p = 0; p < depth; ++p) {
    Floats right[across];
    for (int v = 0; v < across; ++v) right[v] = load(b + p * ldb + v * width);
#pragma clang loop unroll(full)
    for (int r = 0; r < strip; ++r)
#pragma clang loop unroll(full)
      for (int v = 0; v < across; ++v) sums[r][v] += a[r * lda + p] * right[v];
  }
  for (int r = 0; r < strip; ++r)
    for (int v = 0; v < across; ++v) store(c + r * ldc + v * width, sums[r][v] * factors[r]);
}

// Four queries: scores of all keys, weights, and their product with the values. `turned`: the keys,
// a column each.
void attend_some(const Attention& a, const float* turned, long head, long query) {
  thread_local std::vector<float> kept;
  kept.resize(size_t(strip * a.keys));
  const float* q = a.q + (head * a.queries + query) * a.dim;
  const float scales[strip] = {a.scale, a.scale, a.scale, a.scale};
  for (long key = 0; key < a.keys; key += across * width)
    multiply(q, a.dim, turned + key, a.keys, a.dim, kept.data() + key, a.keys, scales);
  float factors[strip];
  for (int r = 0; r < strip; ++r) factors[r] = weigh(kept.data() + r * a.keys, a.keys);
  const long kv_head = head / (a.heads / a.kv_heads);
  for (long d = 0; d < a.dim; d += across * width)
    multiply(kept.data(), a.keys, a.v + kv_head * a.keys * a.dim + d, a.dim, a.keys,
             a.out + (head * a.queries + query) * a.dim + d, a.dim, factors);
}

// Codes of four bits as floats: those of one vector, from the words that hold them.
inline Floats codes(const uint32_t* words) {
  Words spread, places;
  for (int i = 0; i < width; ++i) {
    spread[i] = words[i / 8];
    places[i] = uint32_t(4 * (i % 8));
  }
  return __builtin_convertvector((Ints)((spread >> places) & 15), Floats);
}

}  // namespace

extern "C" {

void cpp_sdpa(const float* q, const float* k, const float* v, float* out, long heads, long kv_heads,
              long queries, long keys, long dim, float scale) {
  const Attention a = {q, k, v, out, heads, kv_heads, queries, keys, dim, scale};
  if (queries == 1) {
    share(kv_heads, 1, [&](long first, long last) {
      for (long head = first; head < last; ++head) attend_one(a, head);
    });
    return;
  }
  static std::vector<float> turned;
  turned.resize(size_t(kv_heads * keys * dim));
  share(kv_heads, 1, [&](long first, long last) {
    for (long head = first; head < last; ++head)
      for (long key = 0; key < keys; ++key)
        for (long d = 0; d < dim; ++d)
          turned[size_t((head * dim + d) * keys + key)] = k[(head * keys + key) * dim + d];
  });
  const long strips = queries / strip;
  share(heads * strips, 8, [&](long first, long last) {
    for (long at = first; at < last; ++at) {
      const long head = at / strips, kv_head = head / (heads / kv_heads);
      attend_some(a, turned.data() + kv_head * dim * keys, head, at % strips * strip);
    }
  });
}

void cpp_quantized_gemv(const uint32_t* w, const float* scales, const float* biases, const float* x,
                        float* y, long n, long k) {
  static std::vector<float> sums;
  sums.assign(size_t(k / 64), 0);
  for (long i = 0; i < k; ++i) sums[size_t(i / 64)] += x[i];
  share(n, 64, [=](long first, long last) {
    for (long row = first; row < last; ++row) {
      float total = 0;
      Floats parts = {};
      for (long group = 0; group < k / 64; ++group) {
        const uint32_t* words = w + row * (k / 8) + group * 8;
        Floats dot = {};
        for (int i = 0; i < 64; i += width) dot += codes(words + i / 8) * load(x + group * 64 + i);
        parts += dot * scales[row * (k / 64) + group];
        total += biases[row * (k / 64) + group] * sums[size_t(group)];
      }
      y[row] = total + sum(parts);
    }
  });
}

void cpp_sort(const float* x, float* y, long rows, long columns) {
  share(rows, 8, [=](long first, long last) {
    std::memcpy(y + first * columns, x + first * columns, size_t((last - first) * columns) * 4);
    for (long row = first; row < last; ++row) std::sort(y + row * columns, y + (row + 1) * columns);
  });
}

void cpp_scan(const float* x, float* y, long rows, long columns) {
  share(rows, 16, [=](long first, long last) {
    for (long row = first; row < last; ++row) {
      float carry = 0;
      for (long j = 0; j < columns; j += width) {
        Floats each = load(x + row * columns + j);
#ifdef __AVX512F__
        const __m512i lanes =
            _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
        for (int step = 1; step < width; step *= 2) {
          const __m512i from = _mm512_sub_epi32(lanes, _mm512_set1_epi32(step));
          each +=
              (Floats)_mm512_maskz_permutexvar_ps(__mmask16(0xffffu << step), from, (__m512)each);
        }
#else
        const __m256i lanes = _mm256_set_epi32(7, 6, 5, 4, 3, 2, 1, 0);
        for (int step = 1; step < width; step *= 2) {
          const __m256i from = _mm256_sub_epi32(lanes, _mm256_set1_epi32(step));
          const __m256 moved = _mm256_permutevar8x32_ps((__m256)each, from);
          each += (Floats)_mm256_andnot_ps((__m256)_mm256_srai_epi32(from, 31), moved);
        }
#endif
        each += carry;
        store(y + row * columns + j, each);
        carry = each[width - 1];
      }
    }
  });
}

}  // extern "C"
