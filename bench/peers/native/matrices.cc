// Dots, tiles, pixels and bins.
#include <algorithm>
#include <cmath>

#include "threads.h"
#include "vectors.h"

using namespace native;

namespace {

// Rows x vectors of a product, sums in registers: C[r][c] += A[r][p] B[p][c].
template <int rows, int vectors>
inline void multiply(const float* a, long lda, const float* b, long ldb, long depth,
                     Floats (&sums)[rows][vectors]) {
  for (long p = 0; p < depth; ++p) {
    Floats right[vectors];
    for (int c = 0; c < vectors; ++c) right[c] = load(b + p * ldb + c * width);
#pragma clang loop unroll(full)
    for (int r = 0; r < rows; ++r)
#pragma clang loop unroll(full)
      for (int c = 0; c < vectors; ++c) sums[r][c] += a[r * lda + p] * right[c];
  }
}

constexpr int tile = 16;

// What an ideal compiler of the tiled kernel would make: tiles of 16x16 of A and B are copied, and
// the 256 sums stay in registers (with AVX2 there are too few: a quarter of the rows at a time).
void product_of_tiles(const float* a, const float* b, float* c, long n, long row, long column) {
#ifdef __AVX512F__
  constexpr int strip = 16;
#else
  constexpr int strip = 4;
#endif
  constexpr int vectors = tile / width;
  alignas(64) float from_a[tile][tile], from_b[tile][tile];
  Floats sums[tile / strip][strip][vectors] = {};
  for (long start = 0; start < n; start += tile) {
    for (int i = 0; i < tile; ++i) {
      std::memcpy(from_a[i], a + (row + i) * n + start, sizeof from_a[i]);
      std::memcpy(from_b[i], b + (start + i) * n + column, sizeof from_b[i]);
    }
    for (int s = 0; s < tile / strip; ++s)
#pragma clang loop unroll(full)
      for (int p = 0; p < tile; ++p)
#pragma clang loop unroll(full)
        for (int r = 0; r < strip; ++r)
#pragma clang loop unroll(full)
          for (int v = 0; v < vectors; ++v)
            sums[s][r][v] += from_a[s * strip + r][p] * load(&from_b[p][v * width]);
  }
  for (int i = 0; i < tile; ++i)
    for (int v = 0; v < vectors; ++v)
      store(c + (row + i) * n + column + v * width, sums[i / strip][i % strip][v]);
}

// Lanes of -1 where the sum of the squares is at most 4, and whether there is one.
#ifdef __AVX512F__
using Mask = __mmask16;
inline Mask inside(Floats rr, Floats ii) {
  return _mm512_cmp_ps_mask((__m512)(rr + ii), _mm512_set1_ps(4.0f), _CMP_LE_OQ);
}
inline Ints counted(Ints count, Mask mask) {
  return (Ints)_mm512_mask_add_epi32((__m512i)count, mask, (__m512i)count, _mm512_set1_epi32(1));
}
inline bool none(Mask a, Mask b) {
  return (a | b) == 0;
}
#else
using Mask = Ints;
inline Mask inside(Floats rr, Floats ii) {
  return rr + ii <= 4.0f;
}
inline Ints counted(Ints count, Mask mask) {
  return count - mask;
}
inline bool none(Mask a, Mask b) {
  return _mm256_movemask_ps((__m256)(a | b)) == 0;
}
#endif

// Two vectors of pixels at a time: one alone waits for its own results.
void mandelbrot_row(int* out, long w, long h, int limit, long y) {
  const Floats ci = all(-1.25f + 2.5f * float(y) / float(h));
  for (long x = 0; x < w; x += 2 * width) {
    Floats cr[2], zr[2] = {}, zi[2] = {};
    Ints count[2] = {};
    for (int k = 0; k < 2 * width; ++k)
      cr[k / width][k % width] = -2.0f + 2.5f * float(x + k) / float(w);
    for (int round = 0; round < limit; ++round) {
      Mask still[2];
#pragma clang loop unroll(full)
      for (int i = 0; i < 2; ++i) {
        const Floats rr = zr[i] * zr[i], ii = zi[i] * zi[i];
        still[i] = inside(rr, ii);
        count[i] = counted(count[i], still[i]);
        zi[i] = (zr[i] + zr[i]) * zi[i] + ci;
        zr[i] = rr - ii + cr[i];
      }
      if (none(still[0], still[1])) break;
    }
    std::memcpy(out + y * w + x, count, sizeof count);
  }
}

}  // namespace

extern "C" {

void cpp_qtv(const float* q, const float* v, float* out, long m, long k) {
  constexpr int vectors = 4;
  share(k / (vectors * width), 1, [=](long first, long last) {
    for (long part = first; part < last; ++part) {
      const float* from = q + part * vectors * width;
      Floats sums[vectors][4] = {};
      for (long i = 0; i < m; i += 4)
        for (int u = 0; u < 4; ++u)
          for (int c = 0; c < vectors; ++c)
            sums[c][u] += load(from + (i + u) * k + c * width) * v[i + u];
      for (int c = 0; c < vectors; ++c)
        store(out + (part * vectors + c) * width,
              (sums[c][0] + sums[c][1]) + (sums[c][2] + sums[c][3]));
    }
  });
}

void cpp_rank1(const float* q, const float* v, const float* c, float* r, long m, long k) {
  share(m, 64, [=](long first, long last) {
    for (long i = first; i < last; ++i) {
      const float factor = v[i];
      for (long j = 0; j < k; j += width)
        store(r + i * k + j, load(q + i * k + j) - factor * load(c + j));
    }
  });
}

void cpp_gemm(const float* a, const float* b, float* c, long n) {
  const long across = n / tile;
  share(across * across, across / 4 + 1, [=](long first, long last) {
    for (long at = first; at < last; ++at)
      product_of_tiles(a, b, c, n, at / across * tile, at % across * tile);
  });
}

void cpp_mandelbrot(int* out, long w, long h, int limit) {
  share(h, 8, [=](long first, long last) {
    for (long y = first; y < last; ++y) mandelbrot_row(out, w, h, limit, y);
  });
}

void cpp_histogram_device(const uint32_t* x, uint32_t* bins, long n) {
  std::memset(bins, 0, 1024);
  share(n, 1 << 16, [=](long first, long last) {
    for (long i = first; i < last; ++i)
      __atomic_fetch_add(bins + (x[i] & 255), 1, __ATOMIC_RELAXED);
  });
}

// Bins of a piece's own, four of each, since the same bin twice in a row waits for itself.
void cpp_histogram_threadgroup(const uint32_t* x, uint32_t* bins, long n) {
  std::memset(bins, 0, 1024);
  share(n, 1 << 14, [=](long first, long last) {
    uint32_t mine[4][256] = {};
    for (long i = first; i < last; i += 4)
      for (int k = 0; k < 4; ++k) mine[k][x[i + k] & 255]++;
    for (int b = 0; b < 256; ++b)
      __atomic_fetch_add(bins + b, mine[0][b] + mine[1][b] + mine[2][b] + mine[3][b],
                         __ATOMIC_RELAXED);
  });
}

}  // extern "C"
