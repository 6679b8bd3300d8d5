// Promises that the compiler can check: sizes, traits, constants, which overload a call takes.
#include <metal_stdlib>
#include <metal_math>
#include <simd/simd.h>
using namespace metal;

static_assert(sizeof(half) == 2 && sizeof(bfloat) == 2 && sizeof(long) == 8 && sizeof(size_t) == 8 && sizeof(bool) == 1);
#define SIZES(T, size)                                                                            \
  static_assert(sizeof(T##2) == 2 * size && alignof(T##2) == 2 * size);                           \
  static_assert(sizeof(T##3) == 4 * size && alignof(T##3) == 4 * size);                           \
  static_assert(sizeof(T##4) == 4 * size && alignof(T##4) == 4 * size);                           \
  static_assert(sizeof(packed_##T##3) == 3 * size && alignof(packed_##T##3) == size);             \
  static_assert(is_same_v<T##4, vec<T, 4>>);
SIZES(bool, 1) SIZES(char, 1) SIZES(uchar, 1) SIZES(short, 2) SIZES(ushort, 2) SIZES(int, 4) SIZES(uint, 4)
SIZES(long, 8) SIZES(ulong, 8) SIZES(half, 2) SIZES(bfloat, 2) SIZES(float, 4)

// A literal without suffix is a float.
static_assert(is_same_v<decltype(1.0), float>);
static_assert(sizeof(1.0h) == 2 && is_same_v<decltype(1.0h), half>);

// The type of a result is that of the operands.
static_assert(is_same_v<decltype(exp(1.0f)), float> && is_same_v<decltype(exp(half(1))), half>);
static_assert(is_same_v<decltype(exp(bfloat(1))), bfloat> && is_same_v<decltype(exp(1)), float>);
static_assert(is_same_v<decltype(metal::exp(float4(1))), float4> && is_same_v<decltype(exp(packed_float3(1))), float3>);
static_assert(is_same_v<decltype(pow(1.0f, 2)), float> && is_same_v<decltype(pow(half(1), 2)), half>);
static_assert(is_same_v<decltype(pow(float4(1), 2)), float4>);
static_assert(is_same_v<decltype(max(1.0f, 0)), float> && is_same_v<decltype(min(1u, 2)), uint>);
static_assert(is_same_v<decltype(max(half(1), 0.0f)), float> && is_same_v<decltype(max(half(1), half(0))), half>);
static_assert(is_same_v<decltype(max(uchar(1), uchar(2))), uchar> && is_same_v<decltype(min(short(1), short(2))), short>);
static_assert(is_same_v<decltype(max(bfloat(1), 0.0f)), float> && is_same_v<decltype(max(half4(1), half(0))), half4>);
static_assert(is_same_v<decltype(clamp(1.0f, 0, 1)), float> && is_same_v<decltype(clamp(uint3(1), 0u, 2u)), uint3>);
static_assert(is_same_v<decltype(abs(-1)), int> && is_same_v<decltype(fabs(float4(-1))), float4>);
static_assert(is_same_v<decltype(isnan(float3(1))), bool3> && is_same_v<decltype(float2(1) < 2), bool2>);
static_assert(is_same_v<decltype(simd_sum(half4(1))), half4> && is_same_v<decltype(simd_shuffle(char(1), 0)), char>);
static_assert(is_same_v<decltype(simd_ballot(true)), simd_vote> && sizeof(simd_vote::vote_t) == 8);
static_assert(is_same_v<decltype(float4(1).xy), float2>);
static_assert(is_same_v<decltype(half(1) + half(1)), half> && is_same_v<decltype(bfloat(1) * bfloat(1)), bfloat>);
static_assert(is_same_v<decltype(half(1) * 2.0f), float> && is_same_v<decltype(absdiff(int2(1), int2(2))), uint2>);

// Constant expressions.
static_assert(max(3, 5) == 5 && min(3, 5) == 3 && clamp(7, 0, 5) == 5 && abs(-3) == 3 && max3(1, 9, 4) == 9);
static_assert(max(1.0f, 2.0f) == 2.0f && min(half(1), half(2)) == half(1) && select(1, 2, true) == 2);
static_assert(popcount(255u) == 8 && clz(1u) == 31 && ctz(8) == 3 && rotate(1u, 33u) == 2u && mul24(3, 4) == 12);
constant constexpr float4 kVector(float2(1, 2), 3, 4);
static_assert(kVector.zyx.x == 3 && kVector[3] == 4 && kVector.r == 1 && (kVector + 1).w == 5 && kVector.wzyx[1] == 3);
static_assert(all(int2(1, 2) == int2(1, 2)) && !any(int2(1, 2) == int2(2, 1)) && dot(float2(3, 4), float2(3, 4)) == 25);
static_assert(as_type<uint>(1.0f) == 0x3f800000u && as_type<ushort>(half(1)) == 0x3c00 && as_type<ushort>(bfloat(1)) == 0x3f80);
static_assert(as_type<uint2>(0x100000002ul).x == 2 && as_type<uchar4>(0x04030201u).w == 4);

// Limits.
static_assert(numeric_limits<char>::max() == 127 && numeric_limits<int8_t>::min() == -128 && numeric_limits<uchar>::max() == 255);
static_assert(numeric_limits<short>::min() == -32768 && numeric_limits<ushort>::max() == 65535);
static_assert(numeric_limits<int>::min() == INT_MIN && numeric_limits<uint>::max() == UINT_MAX);
static_assert(numeric_limits<long>::max() == LONG_MAX && numeric_limits<long>::min() == LONG_MIN && numeric_limits<ulong>::max() == ULONG_MAX);
static_assert(numeric_limits<bool>::max() && !numeric_limits<bool>::min() && numeric_limits<int>::digits == 31);
static_assert(numeric_limits<float>::max() == FLT_MAX && numeric_limits<float>::lowest() == -FLT_MAX);
static_assert(numeric_limits<half>::max() == HALF_MAX && as_type<ushort>(numeric_limits<half>::max()) == 0x7bff);
static_assert(as_type<ushort>(numeric_limits<bfloat>::max()) == 0x7f7f && as_type<ushort>(numeric_limits<bfloat>::epsilon()) == 0x3c00);
static_assert(as_type<ushort>(numeric_limits<half>::infinity()) == 0x7c00 && as_type<ushort>(numeric_limits<half>::denorm_min()) == 1);
static_assert(as_type<ushort>(numeric_limits<bfloat>::denorm_min()) == 1 && as_type<uint>(numeric_limits<float>::denorm_min()) == 1);
static_assert(FLT_EPSILON == 1.1920929e-07f && M_PI_F == 3.14159265f && M_PI_H == half(3.14159265f));

// Traits.
static_assert(is_integral_v<uchar> && !is_integral_v<float> && is_floating_point_v<half> && is_floating_point_v<bfloat>);
static_assert(is_signed_v<int> && is_unsigned_v<uint> && !is_signed_v<uint> && is_arithmetic_v<bool>);
static_assert(is_same<int, int>::value && !is_same<int, uint>::value && is_convertible_v<int, float>);
static_assert(is_same_v<enable_if_t<true, int>, int> && is_same_v<conditional_t<false, int, float>, float>);
static_assert(is_same_v<remove_cv_t<const volatile int>, int> && is_same_v<make_unsigned_t<int>, uint>);
static_assert(_disjunction<is_same<int, float>, is_same<int, int>>::value && !conjunction_v<true_type, false_type>);
static_assert(is_same_v<remove_addrspace_t<device int>, int> && is_same_v<remove_addrspace_t<threadgroup float>, float>);

static_assert(__METAL_VERSION__ >= 310);
#ifndef __HAVE_BFLOAT__
#error bfloat is there
#endif

// What real kernels write, in one body.
constant float kTable[4] = {1, 2, 3, 4};
METAL_FUNC float helper(float x, thread float& y) { y = x; return precise::exp(x) + metal::fast::sin(y); }
template <typename T>
inline T relu(T x) { return max(x, T(0)); }
kernel void idioms(device float* out [[buffer(0)]], device const half* h [[buffer(1)]], constant uint& n [[buffer(2)]],
                   device bfloat* b [[buffer(3)]], uint3 id [[thread_position_in_grid]], uint lane [[thread_index_in_simdgroup]]) {
  threadgroup float4 tile[8];
  float acc = 0;
  float4 v = float4(out[0], 1, 2.0, 3);
  const float2 pair = {1.0f, 2.0f};
  float3 w = v.xyz * 0.5;
  w += pair.xyx;
  half x = h[id.x];
  x = max(x, half(0));
  x = fmax(x, 0.0h);
  acc += max(x, 0.0f) + exp(x) + pow(acc, 2) + clamp(acc, 0.0, 1.0) + min(n, 4u) + min(id.x, n);
  acc += float(b[0]) * kTable[lane & 3];
  b[1] = bfloat(acc);
  b[2] = static_cast<bfloat>(exp(b[0])) + b[1];
  out[id.x] = helper(acc, acc) + relu(acc) + dot(w, w) + length(v) + tile[lane & 7].x;
  v = select(v, float4(0), isnan(v));
  device float4* out4 = (device float4*)out;
  out4[1] = v;
  out4[2].xy = v.zw;
  out4[3][1] += 1;
  for (int i = 0; i < 4; i++) acc += v[i];
  int4 k = int4(v);
  uint2 q = uint2(k.xy) >> 1;
  out[2] = (float)q.x + (k.x > 3 ? 1.0 : 2.0) + INFINITY + as_type<float>(q.y);
  device atomic_float* sum = (device atomic_float*)out;
  atomic_fetch_add_explicit(&sum[1], acc, memory_order_relaxed);
  threadgroup_barrier(mem_flags::mem_threadgroup);
  threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
}

// Packed vectors of other element types, as a conversion that is asked for.
static_assert(float2(packed_half2(half2(1, 2))).y == 2 && packed_half3(float3(1, 2, 3)).z == half(3));
static_assert(packed_float2(packed_int2(1, 2)).y == 2 && int4(packed_float4(float4(1.5f))).w == 1 && float3(packed_float3(1)).z == 1);
static_assert(!is_convertible_v<packed_half2, float2> && is_convertible_v<packed_half2, half2>);
