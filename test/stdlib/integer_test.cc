// Integer functions of the standard library against 128-bit arithmetic on the host.
#include <bit>
#include <limits>
#include <random>

#include "run_text.h"

namespace anymetal {
namespace {

using Wide = __int128;

template <class T>
std::string metal_name() {
  const std::string bits = std::to_string(sizeof(T) * 8);
  return (std::is_signed_v<T> ? "int" : "uint") + bits + "_t";
}

template <class T>
T saturate(Wide x) {
  if (x > Wide(std::numeric_limits<T>::max())) return std::numeric_limits<T>::max();
  if (x < Wide(std::numeric_limits<T>::min())) return std::numeric_limits<T>::min();
  return T(x);
}

template <class T>
T reversed(T x) {
  using U = std::make_unsigned_t<T>;
  U out = 0;
  for (size_t i = 0; i < sizeof(T) * 8; ++i) out = U(out << 1) | (U(x) >> i & 1);
  return T(out);
}

/// Bit by bit, with the sign of the last one kept.
template <class T>
T extracted(T x, int offset, int count) {
  Wide out = 0;
  for (int i = 0; i < count; ++i) out |= Wide(std::make_unsigned_t<T>(x) >> (offset + i) & 1) << i;
  if (std::is_signed_v<T> && (out >> (count - 1) & 1)) out -= Wide(1) << count;
  return T(out);
}
template <class T>
T inserted(T base, T insert, int offset, int count) {
  using U = std::make_unsigned_t<T>;
  U out = U(base);
  for (int i = 0; i < count; ++i) {
    const U bit = U(U(1) << (offset + i));
    out = (U(insert) >> i & 1) ? U(out | bit) : U(out & U(~bit));
  }
  return T(out);
}

template <class T>
struct Case {
  const char* expression;
  T (*expected)(T a, T b, T c);
};

template <class T>
std::vector<Case<T>> cases() {
  using U = std::make_unsigned_t<T>;
  constexpr int kBits = sizeof(T) * 8;
  return {
      {"popcount(a)", [](T a, T, T) { return T(std::popcount(U(a))); }},
      {"clz(a)", [](T a, T, T) { return T(std::countl_zero(U(a))); }},
      {"ctz(a)", [](T a, T, T) { return T(std::countr_zero(U(a))); }},
      {"reverse_bits(a)", [](T a, T, T) { return reversed(a); }},
      {"rotate(a, b)", [](T a, T b, T) { return T(std::rotl(U(a), int(U(b) % kBits))); }},
      {"T(absdiff(a, b))",
       [](T a, T b, T) { return T(Wide(a) > Wide(b) ? Wide(a) - b : Wide(b) - a); }},
      {"hadd(a, b)", [](T a, T b, T) { return T((Wide(a) + b) >> 1); }},
      {"rhadd(a, b)", [](T a, T b, T) { return T((Wide(a) + b + 1) >> 1); }},
      {"addsat(a, b)", [](T a, T b, T) { return saturate<T>(Wide(a) + b); }},
      {"subsat(a, b)", [](T a, T b, T) { return saturate<T>(Wide(a) - b); }},
      {"mulhi(a, b)",
       [](T a, T b, T) {
         if (std::is_signed_v<T> || kBits < 64) return T((Wide(a) * b) >> kBits);
         return T((static_cast<unsigned __int128>(U(a)) * U(b)) >> 64);
       }},
      {"madhi(a, b, c)",
       [](T a, T b, T c) {
         if (std::is_signed_v<T> || kBits < 64) return T(((Wide(a) * b) >> kBits) + c);
         return T(((static_cast<unsigned __int128>(U(a)) * U(b)) >> 64) + U(c));
       }},
      {"madsat(a, b, c)",
       [](T a, T b, T c) {
         if (std::is_signed_v<T> || kBits < 64) return saturate<T>(Wide(a) * b + c);
         const unsigned __int128 exact = static_cast<unsigned __int128>(U(a)) * U(b) + U(c);
         return exact > std::numeric_limits<T>::max() ? std::numeric_limits<T>::max() : T(exact);
       }},
      {"mul24(a, b)", [](T a, T b, T) { return T(uint64_t(U(a)) * U(b)); }},
      {"mad24(a, b, c)", [](T a, T b, T c) { return T(uint64_t(U(a)) * U(b) + U(c)); }},
      {"extract_bits(a, 1, 3)", [](T a, T, T) { return extracted(a, 1, 3); }},
      {"extract_bits(a, 0, sizeof(T) * 8)", [](T a, T, T) { return a; }},
      {"extract_bits(a, 5, 0)", [](T, T, T) { return T(0); }},
      {"insert_bits(a, b, 2, 4)", [](T a, T b, T) { return inserted(a, b, 2, 4); }},
      {"insert_bits(a, b, 0, sizeof(T) * 8)", [](T, T b, T) { return b; }},
      {"min(a, b)", [](T a, T b, T) { return std::min(a, b); }},
      {"max(a, b)", [](T a, T b, T) { return std::max(a, b); }},
      {"min3(a, b, c)", [](T a, T b, T c) { return std::min({a, b, c}); }},
      {"max3(a, b, c)", [](T a, T b, T c) { return std::max({a, b, c}); }},
      {"median3(a, b, c)",
       [](T a, T b, T c) { return std::max(std::min(a, b), std::min(std::max(a, b), c)); }},
      {"clamp(a, min(b, c), max(b, c))",
       [](T a, T b, T c) { return std::clamp(a, std::min(b, c), std::max(b, c)); }},
      {"abs(a)", [](T a, T, T) { return T(a < 0 ? -Wide(a) : Wide(a)); }},
      {"select(a, b, c > a)", [](T a, T b, T c) { return c > a ? b : a; }},
      // The same through vectors, a component that differs from the others.
      {"rotate(vec<T, 4>(c, a, c, c), vec<T, 4>(b)).y",
       [](T a, T b, T) { return T(std::rotl(U(a), int(U(b) % kBits))); }},
      {"addsat(vec<T, 3>(c, c, a), vec<T, 3>(c, c, b)).z",
       [](T a, T b, T) { return saturate<T>(Wide(a) + b); }},
      {"T(max(vec<T, 2>(a, b), c).x)", [](T a, T, T c) { return std::max(a, c); }},
      {"T((vec<T, 2>(a, b) << T(3)).y)", [](T, T b, T) { return T(U(b) << 3); }},
      {"T((vec<T, 2>(a, b) >> T(3)).x)", [](T a, T, T) { return T(a >> 3); }},
      {"T((~vec<T, 4>(a) ^ b).w)", [](T a, T b, T) { return T(~a ^ b); }},
      {"T((vec<T, 4>(a) > b).w)", [](T a, T b, T) { return T(a > b); }},
  };
}

template <class T>
std::vector<T> operands(uint64_t seed) {
  const T least = std::numeric_limits<T>::min(), greatest = std::numeric_limits<T>::max();
  const std::vector<T> special = {0, 1,  T(-1), least, greatest, T(least + 1), T(greatest - 1),
                                  2, 31, 32};
  std::mt19937_64 random(seed);
  std::vector<T> out;
  for (int i = 0; i < 1024; ++i)
    out.push_back(random() % 4 == 0 ? special[random() % special.size()] : T(random()));
  return out;
}

template <class T>
class IntegerFunctions : public testing::Test {};
using Types =
    testing::Types<int8_t, uint8_t, int16_t, uint16_t, int32_t, uint32_t, int64_t, uint64_t>;
TYPED_TEST_SUITE(IntegerFunctions, Types);

TYPED_TEST(IntegerFunctions, AreThoseOfTheHost) {
  using T = TypeParam;
  const auto rows = cases<T>();
  std::string body;
  for (size_t i = 0; i < rows.size(); ++i) {
    body += "  out[i * " + std::to_string(rows.size()) + " + " + std::to_string(i) +
            "] = " + rows[i].expression + ";\n";
  }
  auto a = operands<T>(1), b = operands<T>(2), c = operands<T>(3);
  std::vector<T> out(a.size() * rows.size());
  ASSERT_TRUE(run_text(
      "typedef " + metal_name<T>() +
          " T;\nkernel void k(device const T* pa [[buffer(0)]], device const T* pb [[buffer(1)]],\n"
          "device const T* pc [[buffer(2)]], device T* out [[buffer(3)]], uint i "
          "[[thread_position_in_grid]]) {\n"
          "  const T a = pa[i], b = pb[i], c = pc[i];\n" +
          body + "}\n",
      {argument(a), argument(b), argument(c), argument(out)}, uint32_t(a.size())));
  for (size_t i = 0; i < a.size(); ++i) {
    for (size_t row = 0; row < rows.size(); ++row) {
      ASSERT_EQ(+out[i * rows.size() + row], +rows[row].expected(a[i], b[i], c[i]))
          << rows[row].expression << " with a = " << +a[i] << ", b = " << +b[i]
          << ", c = " << +c[i];
    }
  }
}

}  // namespace
}  // namespace anymetal
