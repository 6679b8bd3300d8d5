// Our functions in loops that Clang makes vectors of, as the CPU executor's vectoriser would. Where
// there is a rare path, each vector is asked for it first, and has it compiled out otherwise.
#include "backend/cpu/math/circular.h"
#include "backend/cpu/math/exact.h"
#include "backend/cpu/math/exponential.h"
#include "backend/cpu/math/hyperbolic.h"
#include "backend/cpu/math/inverse_circular.h"
#include "backend/cpu/math/logarithm.h"
#include "backend/cpu/math/power.h"
#include "backend/cpu/math/rows.h"
#include "functions.h"
#ifdef __AVX512F__
#include <immintrin.h>
#endif

namespace anymetal::vector_math {
namespace {

using cpu_math::Precision;
constexpr size_t kLanes = 16;

template <auto function>
void over_array(const float* __restrict x, const float*, float* __restrict out, size_t count) {
  for (size_t i = 0; i < count; ++i) out[i] = function(x[i]);
}
template <auto function>
void over_pairs(const float* __restrict x, const float* __restrict y, float* __restrict out,
                size_t count) {
  for (size_t i = 0; i < count; ++i) out[i] = function(x[i], y[i]);
}

/// Whether any of a vector's lanes takes the rare path. Clang's reduction of booleans is slower
/// than what the vectoriser makes of it.
template <auto is_rare, class... Operand>
bool is_any(Operand... operands) {
  unsigned any = 0;
#ifdef __AVX512F__
  using Flags = int __attribute__((vector_size(kLanes * sizeof(int))));
  Flags flags;
  for (size_t i = 0; i < kLanes; ++i) flags[i] = is_rare(operands[i]...) ? -1 : 0;
  any = _mm512_movepi32_mask(reinterpret_cast<__m512i>(flags));
#else
  for (size_t i = 0; i < kLanes; ++i) any |= is_rare(operands[i]...) ? 1u : 0u;
#endif
  return any != 0;
}

template <auto function, auto is_rare>
void over_array_in_parts(const float* __restrict x, const float*, float* __restrict out,
                         size_t count) {
  for (; count != 0; count -= kLanes, x += kLanes, out += kLanes) {
    if (__builtin_expect(is_any<is_rare>(x), 0)) {
      for (size_t i = 0; i < kLanes; ++i) out[i] = function(x[i]);
      continue;
    }
    for (size_t i = 0; i < kLanes; ++i) {
      const bool is_taken = is_rare(x[i]);
      __builtin_assume(!is_taken);
      out[i] = function(x[i]);
    }
  }
}

bool is_far(float x, float y) {
  return cpu_math::is_far(cpu_math::magnitude(x), cpu_math::magnitude(y));
}

template <auto function>
void over_pairs_in_parts(const float* __restrict x, const float* __restrict y,
                         float* __restrict out, size_t count) {
  for (; count != 0; count -= kLanes, x += kLanes, y += kLanes, out += kLanes) {
    if (__builtin_expect(is_any<is_far>(x, y), 0)) {
      for (size_t i = 0; i < kLanes; ++i) out[i] = function(x[i], y[i]);
      continue;
    }
    for (size_t i = 0; i < kLanes; ++i) {
      const bool is_taken = is_far(x[i], y[i]);
      __builtin_assume(!is_taken);
      out[i] = function(x[i], y[i]);
    }
  }
}

/// Of a half or bfloat function, on floats that are rounded to it: arithmetic and conversions,
/// without what halving the memory saves.
template <auto function>
void over_halves(const float* __restrict x, const float*, float* __restrict out, size_t count) {
  const auto* from = reinterpret_cast<const _Float16*>(x);
  auto* to = reinterpret_cast<_Float16*>(out);
#pragma clang loop vectorize_width(16)
  for (size_t i = 0; i < count; ++i)
    to[i] = static_cast<_Float16>(function(static_cast<float>(from[i])));
}

}  // namespace

std::vector<Competitor> ours() {
  std::vector<Competitor> out;
#define ANYMETAL_PLAIN(name)                                                         \
  out.push_back({#name, "ours", over_array<cpu_math::name<Precision::precise>>});    \
  out.push_back({#name, "ours, fast", over_array<cpu_math::name<Precision::fast>>}); \
  out.push_back({#name, "ours, half", over_halves<cpu_math::name<Precision::half>>});
#define ANYMETAL_WITH_RARE_PATH(name)                                           \
  out.push_back({#name, "ours",                                                 \
                 over_array_in_parts<cpu_math::name<Precision::precise>,        \
                                     cpu_math::is_large<Precision::precise>>}); \
  out.push_back({#name, "ours, fast",                                           \
                 over_array_in_parts<cpu_math::name<Precision::fast>,           \
                                     cpu_math::is_large<Precision::fast>>});    \
  out.push_back({#name, "ours, half", over_halves<cpu_math::name<Precision::half>>});
  ANYMETAL_PLAIN(exp)
  ANYMETAL_PLAIN(exp2)
  ANYMETAL_PLAIN(exp10)
  ANYMETAL_PLAIN(log)
  ANYMETAL_PLAIN(log2)
  ANYMETAL_PLAIN(log10)
  ANYMETAL_WITH_RARE_PATH(sin)
  ANYMETAL_WITH_RARE_PATH(cos)
  ANYMETAL_WITH_RARE_PATH(tan)
  ANYMETAL_PLAIN(asin)
  ANYMETAL_PLAIN(acos)
  ANYMETAL_PLAIN(atan)
  ANYMETAL_PLAIN(sinh)
  ANYMETAL_PLAIN(cosh)
  ANYMETAL_PLAIN(tanh)
  ANYMETAL_PLAIN(asinh)
  ANYMETAL_PLAIN(acosh)
  ANYMETAL_PLAIN(atanh)
  ANYMETAL_PLAIN(sinpi)
  ANYMETAL_PLAIN(cospi)
  ANYMETAL_PLAIN(tanpi)
  ANYMETAL_PLAIN(rsqrt)
#define ANYMETAL_PAIRS(name)                                                      \
  out.push_back({#name, "ours", over_pairs<cpu_math::name<Precision::precise>>}); \
  out.push_back({#name, "ours, fast", over_pairs<cpu_math::name<Precision::fast>>});
  ANYMETAL_BINARY_MATH(ANYMETAL_PAIRS)
  out.push_back({"fmod", "ours", over_pairs_in_parts<cpu_math::fmod<Precision::precise>>});
  return out;
}

}  // namespace anymetal::vector_math
