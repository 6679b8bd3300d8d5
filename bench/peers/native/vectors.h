// Vectors of the machine's width, by the compiler's own vector types: 16 floats with AVX-512, 8
// with AVX2. Loads and stores convert from and to half and bfloat.
#pragma once

#include <immintrin.h>

#include <cstdint>
#include <cstring>

namespace native {

#ifdef __AVX512F__
constexpr int width = 16;
#else
constexpr int width = 8;
#endif

using Floats = float __attribute__((vector_size(width * 4)));
using Ints = int32_t __attribute__((vector_size(width * 4)));
using Words = uint32_t __attribute__((vector_size(width * 4)));
using Shorts = uint16_t __attribute__((vector_size(width * 2)));
using Halves = _Float16 __attribute__((vector_size(width * 2)));
using half = _Float16;
struct bfloat {
  uint16_t bits;
};

inline Floats all(float x) {
  return Floats{} + x;
}

template <class V, class T>
inline V bytes(const T* from) {
  V made;
  std::memcpy(&made, from, sizeof made);
  return made;
}

inline Floats load(const float* from) {
  return bytes<Floats>(from);
}
inline Floats load(const half* from) {
  return __builtin_convertvector(bytes<Halves>(from), Floats);
}
inline Floats load(const bfloat* from) {
  return (Floats)(__builtin_convertvector(bytes<Shorts>(from), Words) << 16);
}

inline void store(float* to, Floats x) {
  std::memcpy(to, &x, sizeof x);
}
inline void store(half* to, Floats x) {
  const Halves made = __builtin_convertvector(x, Halves);
  std::memcpy(to, &made, sizeof made);
}
inline void store(bfloat* to, Floats x) {
#ifdef __AVX512BF16__
  const __m256bh made = _mm512_cvtneps_pbh((__m512)x);
#else
  const Words bits = (Words)x;
  const Shorts made = __builtin_convertvector((bits + 0x7fff + ((bits >> 16) & 1)) >> 16, Shorts);
#endif
  std::memcpy(to, &made, sizeof made);
}

inline Floats larger(Floats a, Floats b) {
  return a > b ? a : b;
}

inline float sum(Floats x) {
  float total = 0;
  for (int i = 0; i < width; ++i) total += x[i];
  return total;
}
inline float largest(Floats x) {
  float top = x[0];
  for (int i = 1; i < width; ++i) top = x[i] > top ? x[i] : top;
  return top;
}

// Two ulp within what floats can hold: 2^n e^r, with r from log(2) in two parts, and a polynomial
// of degree 6 that was fitted for r in [-0.3466, 0.3466].
inline Floats exp(Floats x) {
  x = x < -87.3f ? all(-87.3f) : x;
  x = x > 88.7f ? all(88.7f) : x;
  const Floats n = __builtin_elementwise_roundeven(x * 1.44269504f);
  const Floats r = (x - n * 0.693359375f) + n * 2.12194440e-4f;
  Floats p = all(1.3981999507e-3f);
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000000000e-1f;
  p = p * (r * r) + r + 1.0f;
  return (Floats)((Ints)p + (__builtin_convertvector(n, Ints) << 23));
}

}  // namespace native
