"""What every generated kernel begins with, and its parameters."""

INPUTS = 256  # elements of each input; a power of two
SLOTS = 6  # results of each kind that a thread leaves
COUNTERS = 16
TILE = 256  # elements of threadgroup arrays: at least as many as the largest threadgroup has threads

PROLOGUE = """#include <metal_stdlib>
using namespace metal;
#pragma METAL fp contract(off)

// On the host these words mark where lanes part and meet; to Metal they are its own.
#ifndef SIMD_IF
#define SIMD_IF(condition) if (condition)
#define SIMD_ELSE else
#define SIMD_END
#define SIMD_FOR(name, condition) for (int name = 0; condition; ++name)
#define SIMD_BREAK_IF(condition, up) if (condition) break;
#define SIMD_RETURN_IF(condition) if (condition) return;
#define TILE(type, name, count) threadgroup type name[count]
template <typename To, typename From> static To turn(From x) { return To(x); }
static float through_bfloat(float x) { return float(bfloat(x)); }
static float2 through_bfloat(float2 x) { return float2(bfloat2(x)); }
static float3 through_bfloat(float3 x) { return float3(bfloat3(x)); }
static float4 through_bfloat(float4 x) { return float4(bfloat4(x)); }
#endif

static int bits_of(float x) { return x != x ? 0x7fc00000 : as_type<int>(x); }
static int to_int(float x) { return x > -1000000.0f && x < 1000000.0f ? int(x) : 77; }
template <typename T> static T divide(T a, T b) { return b == T(0) || b == T(-1) ? a : T(a / b); }
template <typename T> static T modulo(T a, T b) { return b == T(0) || b == T(-1) ? a : T(a % b); }
enum class Kind : ushort { one, two = 5, three };
static Kind kind_of(int x) { return x < 0 ? Kind::one : (x & 1) != 0 ? Kind::two : Kind::three; }
struct Pair {
  int first;
  float second;
  uint4 rest;
  int sum() const { return first + int(rest.x ^ rest.w); }
  void turn(int by) { first = int(rotate(uint(first), uint(by & 31))); rest = rest.yzwx; }
};
template <typename T, int N> static T horner(thread const T* terms, T x) {
  T result = T(0);
  for (int i = 0; i < N; ++i) result = T(result * x + terms[i]);
  return result;
}
static void mix_into(thread int& a, thread uint& b, int by) {
  a = int(uint(a) * 1664525u + b);
  b ^= uint(a + by) >> 7;
}
namespace tiles {
template <typename T> T sum(threadgroup T* tile, uint lid, uint count) {
  for (uint step = 128u; step > 0u; step >>= 1) {
    if (lid < step && lid + step < count) tile[lid] = T(tile[lid] + tile[lid + step]);
    threadgroup_barrier(mem_flags::mem_threadgroup);
  }
  const T result = tile[0];
  threadgroup_barrier(mem_flags::mem_threadgroup);
  return result;
}
template <typename T> T scan(threadgroup T* tile, uint lid, uint count) {
  for (uint step = 1u; step < count; step *= 2u) {
    const T before = lid >= step ? tile[lid - step] : T(0);
    threadgroup_barrier(mem_flags::mem_threadgroup);
    tile[lid] = T(tile[lid] + before);
    threadgroup_barrier(mem_flags::mem_threadgroup);
  }
  return tile[lid];
}
}  // namespace tiles
"""

SIGNATURE = """kernel void fuzz(
    const device int* ints [[buffer(0)]],
    const device float* floats [[buffer(1)]],
    const device half* halves [[buffer(2)]],
    device int* out_ints [[buffer(3)]],
    device float* out_floats [[buffer(4)]],
    device atomic_uint* counters [[buffer(5)]],
    constant int& number [[buffer(6)]],
    uint3 in_grid [[thread_position_in_grid]],
    uint3 in_group [[thread_position_in_threadgroup]],
    uint3 group3 [[threadgroup_position_in_grid]],
    uint3 grid3 [[threads_per_grid]],
    uint3 size3 [[threads_per_threadgroup]],
    uint lid [[thread_index_in_threadgroup]],
    uint lane [[thread_index_in_simdgroup]],
    uint simdgroup [[simdgroup_index_in_threadgroup]],
    uint simdgroups [[simdgroups_per_threadgroup]])"""
