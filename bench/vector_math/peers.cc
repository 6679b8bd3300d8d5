// SLEEF and libmvec, one vector at a time: what a compiler's loop calls.
#include <immintrin.h>
#include <sleef.h>

#include "functions.h"

namespace anymetal::vector_math {

#ifdef __AVX512F__
namespace {

constexpr size_t kLanes = 16;

#define ANYMETAL_OVER_ARRAY(function)                              \
  [](const float* x, const float*, float* out, size_t count) {     \
    for (size_t i = 0; i < count; i += kLanes)                     \
      _mm512_storeu_ps(out + i, function(_mm512_loadu_ps(x + i))); \
  }
#define ANYMETAL_OVER_PAIRS(function)                                                      \
  [](const float* x, const float* y, float* out, size_t count) {                           \
    for (size_t i = 0; i < count; i += kLanes)                                             \
      _mm512_storeu_ps(out + i, function(_mm512_loadu_ps(x + i), _mm512_loadu_ps(y + i))); \
  }

}  // namespace

#define ANYMETAL_MVEC(name) extern "C" __m512 _ZGVeN16v_##name##f(__m512);
#define ANYMETAL_MVEC_PAIRS(name) extern "C" __m512 _ZGVeN16vv_##name##f(__m512, __m512);
#define ANYMETAL_ALL_MVEC(row)                                                                     \
  row(exp) row(exp2) row(exp10) row(log) row(log2) row(log10) row(sin) row(cos) row(tan) row(asin) \
      row(acos) row(atan) row(sinh) row(cosh) row(tanh) row(asinh) row(acosh) row(atanh)
ANYMETAL_ALL_MVEC(ANYMETAL_MVEC)
ANYMETAL_MVEC_PAIRS(atan2)
ANYMETAL_MVEC_PAIRS(pow)

std::vector<Competitor> peers() {
  std::vector<Competitor> out;
#define ANYMETAL_ROW(name) \
  out.push_back({#name, "libmvec", ANYMETAL_OVER_ARRAY(_ZGVeN16v_##name##f)});
  ANYMETAL_ALL_MVEC(ANYMETAL_ROW)
  out.push_back({"atan2", "libmvec", ANYMETAL_OVER_PAIRS(_ZGVeN16vv_atan2f)});
  out.push_back({"pow", "libmvec", ANYMETAL_OVER_PAIRS(_ZGVeN16vv_powf)});
#define ANYMETAL_U10(name) \
  out.push_back({#name, "SLEEF u10", ANYMETAL_OVER_ARRAY(Sleef_##name##f16_u10)});
#define ANYMETAL_U35(name) \
  out.push_back({#name, "SLEEF u35", ANYMETAL_OVER_ARRAY(Sleef_##name##f16_u35)});
  ANYMETAL_U10(exp)
  ANYMETAL_U10(exp2)
  ANYMETAL_U10(exp10)
  ANYMETAL_U10(log)
  ANYMETAL_U10(log2)
  ANYMETAL_U10(log10)
  ANYMETAL_U10(sin)
  ANYMETAL_U10(cos)
  ANYMETAL_U10(tan)
  ANYMETAL_U10(asin)
  ANYMETAL_U10(acos)
  ANYMETAL_U10(atan)
  ANYMETAL_U10(sinh)
  ANYMETAL_U10(cosh)
  ANYMETAL_U10(tanh)
  ANYMETAL_U10(asinh)
  ANYMETAL_U10(acosh)
  ANYMETAL_U10(atanh)
  ANYMETAL_U35(exp2)
  ANYMETAL_U35(exp10)
  ANYMETAL_U35(log)
  ANYMETAL_U35(log2)
  ANYMETAL_U35(sin)
  ANYMETAL_U35(cos)
  ANYMETAL_U35(tan)
  ANYMETAL_U35(asin)
  ANYMETAL_U35(acos)
  ANYMETAL_U35(atan)
  ANYMETAL_U35(sinh)
  ANYMETAL_U35(cosh)
  ANYMETAL_U35(tanh)
  out.push_back({"sinpi", "SLEEF u10", ANYMETAL_OVER_ARRAY(Sleef_sinpif16_u05)});
  out.push_back({"cospi", "SLEEF u10", ANYMETAL_OVER_ARRAY(Sleef_cospif16_u05)});
  out.push_back({"atan2", "SLEEF u10", ANYMETAL_OVER_PAIRS(Sleef_atan2f16_u10)});
  out.push_back({"atan2", "SLEEF u35", ANYMETAL_OVER_PAIRS(Sleef_atan2f16_u35)});
  out.push_back({"pow", "SLEEF u10", ANYMETAL_OVER_PAIRS(Sleef_powf16_u10)});
  out.push_back({"fmod", "SLEEF u10", ANYMETAL_OVER_PAIRS(Sleef_fmodf16)});
  return out;
}
#else
/// Only AVX-512 has a comparison.
std::vector<Competitor> peers() {
  return {};
}
#endif

}  // namespace anymetal::vector_math
