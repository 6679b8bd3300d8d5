// SLEEF and libmvec, one vector at a time: what a compiler's loop calls.
#include <immintrin.h>
#include <sleef.h>

#include "functions.h"

namespace anymetal::vector_math {

#ifdef __AVX2__
#ifdef __AVX512F__
using Vector = __m512;
#define ANYMETAL_LANES 16
#define ANYMETAL_MVEC_CLASS e
#define ANYMETAL_LOAD _mm512_loadu_ps
#define ANYMETAL_STORE _mm512_storeu_ps
#else
using Vector = __m256;
#define ANYMETAL_LANES 8
#define ANYMETAL_MVEC_CLASS d
#define ANYMETAL_LOAD _mm256_loadu_ps
#define ANYMETAL_STORE _mm256_storeu_ps
#endif
// Sleef_expf16_u10, _ZGVeN16v_expf
#define ANYMETAL_JOIN_(a, b, c, d) a##b##c##d
#define ANYMETAL_JOIN(a, b, c, d) ANYMETAL_JOIN_(a, b, c, d)
#define ANYMETAL_SLEEF(name, form) ANYMETAL_JOIN(Sleef_##name##f, ANYMETAL_LANES, form, )
#define ANYMETAL_MVEC_OF(operands, name) \
  ANYMETAL_JOIN(ANYMETAL_JOIN(_ZGV, ANYMETAL_MVEC_CLASS, N, ), ANYMETAL_LANES, operands##_##name, f)

namespace {

constexpr size_t kLanes = ANYMETAL_LANES;

#define ANYMETAL_OVER_ARRAY(function)                          \
  [](const float* x, const float*, float* out, size_t count) { \
    for (size_t i = 0; i < count; i += kLanes)                 \
      ANYMETAL_STORE(out + i, function(ANYMETAL_LOAD(x + i))); \
  }
#define ANYMETAL_OVER_PAIRS(function)                                                \
  [](const float* x, const float* y, float* out, size_t count) {                     \
    for (size_t i = 0; i < count; i += kLanes)                                       \
      ANYMETAL_STORE(out + i, function(ANYMETAL_LOAD(x + i), ANYMETAL_LOAD(y + i))); \
  }

}  // namespace

#define ANYMETAL_MVEC(name) extern "C" Vector ANYMETAL_MVEC_OF(v, name)(Vector);
#define ANYMETAL_MVEC_PAIRS(name) extern "C" Vector ANYMETAL_MVEC_OF(vv, name)(Vector, Vector);
#define ANYMETAL_ALL_MVEC(row)                                                                     \
  row(exp) row(exp2) row(exp10) row(log) row(log2) row(log10) row(sin) row(cos) row(tan) row(asin) \
      row(acos) row(atan) row(sinh) row(cosh) row(tanh) row(asinh) row(acosh) row(atanh)
ANYMETAL_ALL_MVEC(ANYMETAL_MVEC)
ANYMETAL_MVEC_PAIRS(atan2)
ANYMETAL_MVEC_PAIRS(pow)

std::vector<Competitor> peers() {
  std::vector<Competitor> out;
#define ANYMETAL_ROW(name) \
  out.push_back({#name, "libmvec", ANYMETAL_OVER_ARRAY(ANYMETAL_MVEC_OF(v, name))});
  ANYMETAL_ALL_MVEC(ANYMETAL_ROW)
  out.push_back({"atan2", "libmvec", ANYMETAL_OVER_PAIRS(ANYMETAL_MVEC_OF(vv, atan2))});
  out.push_back({"pow", "libmvec", ANYMETAL_OVER_PAIRS(ANYMETAL_MVEC_OF(vv, pow))});
#define ANYMETAL_U10(name) \
  out.push_back({#name, "SLEEF u10", ANYMETAL_OVER_ARRAY(ANYMETAL_SLEEF(name, _u10))});
#define ANYMETAL_U35(name) \
  out.push_back({#name, "SLEEF u35", ANYMETAL_OVER_ARRAY(ANYMETAL_SLEEF(name, _u35))});
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
  out.push_back({"sinpi", "SLEEF u10", ANYMETAL_OVER_ARRAY(ANYMETAL_SLEEF(sinpi, _u05))});
  out.push_back({"cospi", "SLEEF u10", ANYMETAL_OVER_ARRAY(ANYMETAL_SLEEF(cospi, _u05))});
  out.push_back({"atan2", "SLEEF u10", ANYMETAL_OVER_PAIRS(ANYMETAL_SLEEF(atan2, _u10))});
  out.push_back({"atan2", "SLEEF u35", ANYMETAL_OVER_PAIRS(ANYMETAL_SLEEF(atan2, _u35))});
  out.push_back({"pow", "SLEEF u10", ANYMETAL_OVER_PAIRS(ANYMETAL_SLEEF(pow, _u10))});
  out.push_back({"fmod", "SLEEF u10", ANYMETAL_OVER_PAIRS(ANYMETAL_SLEEF(fmod, ))});
  return out;
}
#else
/// Only AVX-512 and AVX2 have a comparison.
std::vector<Competitor> peers() {
  return {};
}
#endif

}  // namespace anymetal::vector_math
