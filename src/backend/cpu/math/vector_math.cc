// Every math builtin under its name in the IR, one thread's operands at a time. Compiled to bitcode
// for no particular processor when anymetal is built; link_math (math_library.h) puts what a kernel
// calls into its module, where it becomes vector code.
#include "circular.h"
#include "exact.h"
#include "exponential.h"
#include "hyperbolic.h"
#include "inverse_circular.h"
#include "logarithm.h"
#include "power.h"
#include "rows.h"

namespace anymetal::cpu_math {
extern "C" {

#define ANYMETAL_UNARY(name)                                                    \
  float name##_f32(float x) __asm__("am." #name ".f32");                        \
  float name##_f32(float x) {                                                   \
    return name<Precision::precise>(x);                                         \
  }                                                                             \
  float fast_##name##_f32(float x) __asm__("am.fast_" #name ".f32");            \
  float fast_##name##_f32(float x) {                                            \
    return name<Precision::fast>(x);                                            \
  }                                                                             \
  _Float16 name##_f16(_Float16 x) __asm__("am." #name ".f16");                  \
  _Float16 name##_f16(_Float16 x) {                                             \
    return static_cast<_Float16>(name<Precision::half>(static_cast<float>(x))); \
  }                                                                             \
  __bf16 name##_bf16(__bf16 x) __asm__("am." #name ".bf16");                    \
  __bf16 name##_bf16(__bf16 x) {                                                \
    return to_bfloat(name<Precision::bfloat>(from_bfloat(x)));                  \
  }
ANYMETAL_UNARY_MATH(ANYMETAL_UNARY)
#undef ANYMETAL_UNARY

#define ANYMETAL_BINARY(name)                                                  \
  float name##_f32(float x, float y) __asm__("am." #name ".f32");              \
  float name##_f32(float x, float y) {                                         \
    return name<Precision::precise>(x, y);                                     \
  }                                                                            \
  _Float16 name##_f16(_Float16 x, _Float16 y) __asm__("am." #name ".f16");     \
  _Float16 name##_f16(_Float16 x, _Float16 y) {                                \
    return static_cast<_Float16>(                                              \
        name<Precision::half>(static_cast<float>(x), static_cast<float>(y)));  \
  }                                                                            \
  __bf16 name##_bf16(__bf16 x, __bf16 y) __asm__("am." #name ".bf16");         \
  __bf16 name##_bf16(__bf16 x, __bf16 y) {                                     \
    return to_bfloat(name<Precision::bfloat>(from_bfloat(x), from_bfloat(y))); \
  }
ANYMETAL_BINARY_MATH(ANYMETAL_BINARY)
ANYMETAL_BINARY(fmod)
#undef ANYMETAL_BINARY

#define ANYMETAL_FAST_BINARY(name)                                            \
  float fast_##name##_f32(float x, float y) __asm__("am.fast_" #name ".f32"); \
  float fast_##name##_f32(float x, float y) {                                 \
    return name<Precision::fast>(x, y);                                       \
  }
ANYMETAL_BINARY_MATH(ANYMETAL_FAST_BINARY)
#undef ANYMETAL_FAST_BINARY

float ldexp_f32(float x, int k) __asm__("am.ldexp.f32");
float ldexp_f32(float x, int k) {
  return scale(x, k);
}
_Float16 ldexp_f16(_Float16 x, int k) __asm__("am.ldexp.f16");
_Float16 ldexp_f16(_Float16 x, int k) {
  return static_cast<_Float16>(scale_half(static_cast<float>(x), k));
}
__bf16 ldexp_bf16(__bf16 x, int k) __asm__("am.ldexp.bf16");
__bf16 ldexp_bf16(__bf16 x, int k) {
  // A float rounds nothing here that isn't far below half the least bfloat.
  return to_bfloat(scale(from_bfloat(x), k));
}

float frexp_fraction_f32(float x) __asm__("am.frexp_fraction.f32");
float frexp_fraction_f32(float x) {
  return frexp_fraction(x);
}
_Float16 frexp_fraction_f16(_Float16 x) __asm__("am.frexp_fraction.f16");
_Float16 frexp_fraction_f16(_Float16 x) {
  return static_cast<_Float16>(frexp_fraction(static_cast<float>(x)));
}
__bf16 frexp_fraction_bf16(__bf16 x) __asm__("am.frexp_fraction.bf16");
__bf16 frexp_fraction_bf16(__bf16 x) {
  return to_bfloat(frexp_fraction(from_bfloat(x)));
}

#define ANYMETAL_EXPONENT(name)                           \
  int name##_f32(float x) __asm__("am." #name ".f32");    \
  int name##_f32(float x) {                               \
    return name<Precision::precise>(x);                   \
  }                                                       \
  int name##_f16(_Float16 x) __asm__("am." #name ".f16"); \
  int name##_f16(_Float16 x) {                            \
    return name<Precision::half>(static_cast<float>(x));  \
  }                                                       \
  int name##_bf16(__bf16 x) __asm__("am." #name ".bf16"); \
  int name##_bf16(__bf16 x) {                             \
    return name<Precision::bfloat>(from_bfloat(x));       \
  }
ANYMETAL_EXPONENT(frexp_exponent)
ANYMETAL_EXPONENT(ilogb)
#undef ANYMETAL_EXPONENT

float nextafter_f32(float x, float y) __asm__("am.nextafter.f32");
float nextafter_f32(float x, float y) {
  return float_of(next_pattern<Bits>(bits_of(x), bits_of(y), kInfinityBits));
}
_Float16 nextafter_f16(_Float16 x, _Float16 y) __asm__("am.nextafter.f16");
_Float16 nextafter_f16(_Float16 x, _Float16 y) {
  using Pattern = unsigned short;
  return __builtin_bit_cast(_Float16,
                            next_pattern<Pattern>(__builtin_bit_cast(Pattern, x),
                                                  __builtin_bit_cast(Pattern, y), 0x7c00));
}
__bf16 nextafter_bf16(__bf16 x, __bf16 y) __asm__("am.nextafter.bf16");
__bf16 nextafter_bf16(__bf16 x, __bf16 y) {
  using Pattern = unsigned short;
  return __builtin_bit_cast(__bf16, next_pattern<Pattern>(__builtin_bit_cast(Pattern, x),
                                                          __builtin_bit_cast(Pattern, y), 0x7f80));
}

long long mulhi_i64(long long x, long long y) __asm__("am.mulhi.i64");
long long mulhi_i64(long long x, long long y) {
  return high_product(x, y);
}
Wide mulhi_u64(Wide x, Wide y) __asm__("am.mulhi.u64");
Wide mulhi_u64(Wide x, Wide y) {
  return high_product(x, y);
}

}  // extern "C"
}  // namespace anymetal::cpu_math
