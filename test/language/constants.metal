// Tables and structs in constant memory, at program scope, in functions, in classes; constexpr.
#include <metal_array>
constant float kHalf = 0.5;
constant int kTable[2][3] = {{1, 2, 3}, {4, 5, 6}};
constant uchar kBytes[] = {250, 251, 252};
constexpr constant int kSize = sizeof(kBytes);
static constant constexpr uint kMask = 0xffu;
constant uint kA = 1, kB = 2;
constant const int kConst = 9;
struct Mode { int id; float scale; packed_float3 axis; };
constant Mode kModes[] = {{1, 0.5f, {1, 2, 3}}, {.id = 2, .scale = 2.0f, .axis = packed_float3(4, 5, 6)}};
constant float4 kColour = float4(1, 2, 3, 4);
constant float2x2 kTurn = float2x2(float2(0, 1), float2(-1, 0));
constant metal::array<int, 3> kArray = {7, 8, 9};
constant char kText[] = "metal";
constexpr int factorial(int n) { return n <= 1 ? 1 : n * factorial(n - 1); }
constexpr int loop(int n) { int t = 0; for (int i = 0; i < n; ++i) t += i; return t; }
constant int kFactorial = factorial(5);
namespace inner { constant int kDeep = 33; constant constexpr half kH = 2.5h; namespace { constant int kHidden = 3; } }
struct Limits { static constant constexpr int low = -5; static constexpr constant float high = 5; static constant int table[2]; };
constant int Limits::table[2] = {11, 12};
enum { kFirst = 3, kSecond };

int at(int i) { constant int local[3] = {10, 20, 30}; return local[i]; }
int with_static(int i) { static constant float local[2] = {1.5, 2.5}; return int(local[i] * 2); }
template <int N> int pick() { constexpr int table[3] = {5, 6, 7}; return table[N]; }

kernel void check(device int* out, const device int* in) {
  Results r{out};
  const int two = in[0] / 6;  // not known to the compiler
  r(kHalf * 4, 2);
  r(kTable[1][two], 6);
  r(kBytes[two], 252);
  r(kSize, 3);
  r(kMask & 0x1ff, 255);
  r(kA + kB + kConst, 12);
  r(kModes[two - 1].id * 10 + int(kModes[0].axis[two]), 23);
  r(kModes[two - 1].axis.y, 5);
  r(kColour.w + kColour[two], 7);
  r((kTurn * float2(1, 2)).x, -2);
  r(kArray[two] + int(kArray.size()), 12);
  r(kText[two], 't');
  r(kFactorial + factorial(4), 144);
  static_assert(loop(5) == 10, "constexpr loop");
  r(loop(two + 3), 10);
  r(inner::kDeep + int(inner::kH * 2) + inner::kHidden, 41);
  r(Limits::low + int(Limits::high) + Limits::table[two - 1], 12);
  r(kFirst * kSecond, 12);
  r(at(two), 30);
  r(with_static(1), 5);
  r(pick<2>(), 7);
  constexpr float4 v = float4(1, 2, 3, 4);
  static_assert(v.y == 2, "constexpr vector");
  constexpr auto n = factorial(3);
  int sized[n] = {1};
  r(sizeof(sized), 24);
}
