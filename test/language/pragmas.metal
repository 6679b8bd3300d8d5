// Pragmas and attributes that people write, in all the forms they are written in.
#pragma METAL internals : enable
#pragma METAL fp math_mode(safe)
#pragma METAL fp contract(fast)
#pragma mark - Helpers
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wunused-variable"
#pragma clang diagnostic pop
#define PRAGMA(x) _Pragma(#x)
#define UNROLL _Pragma("clang loop unroll(full)")
#define STEEL_PRAGMA_NO_UNROLL _Pragma("clang loop unroll(disable)")
#define FOR_N(n) PRAGMA(unroll n) for (int i = 0; i < n; ++i)
#pragma pack(push, 1)
struct Tight { char c; int i; };
#pragma pack(pop)
struct __attribute__((packed)) Tight2 { char c; int i; };
__attribute__((always_inline)) int quick(int x) { return x + 1; }
__attribute__((noinline)) int slow(int x) { return x + 2; }
[[clang::always_inline]] inline int quick2(int x) { return x + 3; }
METAL_FUNC int quick3(int x) { return x + 4; }
static inline __attribute__((__always_inline__)) int quick4(int x) { return x + 5; }
[[nodiscard]] int needed() { return 1; }
[[gnu::pure]] int pure(int x) { return x; }
[[deprecated("use pure")]] int old() { return 2; }

float separate(float a, float b, float c) {
  #pragma METAL fp contract(off)
  return a * b + c;
}
float together(float a, float b, float c) {
#pragma METAL fp contract(on)
  return a * b + c;
}
float exact(float a, float b) {
#pragma METAL fp math_mode(safe)
  {
#pragma METAL fp math_mode(relaxed)
    return a - b;
  }
}
float clang_form(float a, float b, float c) {
#pragma clang fp contract(off) reassociate(off)
  return a * b + c;
}

kernel void check(device int* out, const device int* in [[maybe_unused]], uint id [[thread_position_in_grid]]) {
  Results r{out};
  int total = 0;
  #pragma unroll
  for (int i = 0; i < 4; ++i) total += i;
#pragma unroll(2)
  for (int i = 0; i < 4; ++i) total += i;
#pragma unroll 4
  for (int i = 0; i < 4; ++i) total += i;
#pragma clang loop unroll(full)
  for (int i = 0; i < 4; ++i) total += i;
#pragma clang loop unroll_count(2) vectorize(enable)
  for (int i = 0; i < 4; ++i) total += i;
#pragma nounroll
  for (int i = 0; i < 4; ++i) total += i;
  UNROLL for (int i = 0; i < 4; ++i) total += i;
  STEEL_PRAGMA_NO_UNROLL for (int i = 0; i < 4; ++i) total += i;
  _Pragma("unroll") for (int i = 0; i < 4; ++i) total += i;
  _Pragma("unroll(4)") for (int i = 0; i < 4; ++i) { total += i; }
  FOR_N(4) total += i;

  [[unroll]] for (int i = 0; i < 4; ++i) total += i;
#pragma clang loop interleave(disable)
  while (total > 1000) --total;
#pragma unroll
  do { total += 1; } while (total % 2);
  r(total, 74);
  r(sizeof(Tight) + sizeof(Tight2), 10);
  r(quick(1) + slow(1) + quick2(1) + quick3(1) + quick4(1), 20);
  r(needed() + pure(1), 2);
  const float e = 1.0f + 0x1p-23f * in[0];
  const float product = e * e;
  r(separate(e, e, -product) == 0, 1);
  r(together(e, e, -product) != 0, 1);
  r(clang_form(e, e, -product) == 0, 1);
  r(exact(3, 1), 2);
  if (id == 0) [[likely]] { r(1, 1); } else [[unlikely]] { r(0, 1); }
  switch (in[0]) {
    case 12: total = 1; [[fallthrough]];
    case 13: total += 1; break;
    default: total = 9;
  }
  r(total, 2);
  __builtin_assume(in[0] > 0);
  [[maybe_unused]] int ignored = 3;
  int unused [[maybe_unused]] = 4;
  alignas(16) float aligned[4] = {1, 2, 3, 4};
  r(aligned[3], 4);
  r(__builtin_expect(in[0] == 12, 1), 1);
}
