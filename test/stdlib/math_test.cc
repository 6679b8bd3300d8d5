// The floating functions of the standard library, through the whole compiler, against the host's
// libm in double. The builtins' own accuracy is measured elsewhere (math_functions_test.cc); here
// it is that each name does what it says, in each of the three namespaces, for scalars, vectors,
// half and bfloat.
#include <bit>
#include <cmath>
#include <cstring>
#include <functional>
#include <random>

#include "../executor_under_test.h"
#include "backend/narrow_floats.h"
#include "run_text.h"

namespace anymetal {
namespace {

double fract(double x) {
  return std::isinf(x) ? 0 : std::min(x - std::floor(x), std::nextafter(1.0, 0.0));
}
double sinpi(double x) {
  return std::abs(x) == 1 ? std::copysign(0.0, x) : std::sin(x * 3.14159265358979323846);
}

struct Case {
  const char* expression;  ///< of x, y, z of type T
  double (*expected)(double x, double y, double z);
};

const Case kCases[] = {
    {"exp(x)", [](double x, double, double) { return std::exp(x); }},
    {"exp2(x)", [](double x, double, double) { return std::exp2(x); }},
    {"exp10(x)", [](double x, double, double) { return std::pow(10.0, x); }},
    {"log(y)", [](double, double y, double) { return std::log(y); }},
    {"log2(y)", [](double, double y, double) { return std::log2(y); }},
    {"log10(y)", [](double, double y, double) { return std::log10(y); }},
    {"sin(x)", [](double x, double, double) { return std::sin(x); }},
    {"cos(x)", [](double x, double, double) { return std::cos(x); }},
    {"tan(x)", [](double x, double, double) { return std::tan(x); }},
    {"asin(z)", [](double, double, double z) { return std::asin(z); }},
    {"acos(z)", [](double, double, double z) { return std::acos(z); }},
    {"atan(x)", [](double x, double, double) { return std::atan(x); }},
    {"sinh(x)", [](double x, double, double) { return std::sinh(x); }},
    {"cosh(x)", [](double x, double, double) { return std::cosh(x); }},
    {"tanh(x)", [](double x, double, double) { return std::tanh(x); }},
    {"asinh(x)", [](double x, double, double) { return std::asinh(x); }},
    {"acosh(y + T(1))", nullptr},
    {"atanh(z)", [](double, double, double z) { return std::atanh(z); }},
    {"sinpi(z)", [](double, double, double z) { return sinpi(z); }},
    {"cospi(z)", [](double, double, double z) { return sinpi(0.5 - std::abs(z)); }},
    {"rsqrt(y)", [](double, double y, double) { return 1 / std::sqrt(y); }},
    {"sqrt(y)", [](double, double y, double) { return std::sqrt(y); }},
    {"atan2(x, z)", [](double x, double, double z) { return std::atan2(x, z); }},
    {"pow(y, x)", [](double x, double y, double) { return std::pow(y, x); }},
    {"pow(x, 2)", [](double x, double, double) { return x * x; }},
    {"powr(y, x)", [](double x, double y, double) { return std::pow(y, x); }},
    {"fabs(x)", [](double x, double, double) { return std::abs(x); }},
    {"abs(x)", [](double x, double, double) { return std::abs(x); }},
    {"ceil(x)", [](double x, double, double) { return std::ceil(x); }},
    {"floor(x)", [](double x, double, double) { return std::floor(x); }},
    {"trunc(x)", [](double x, double, double) { return std::trunc(x); }},
    {"rint(x)", [](double x, double, double) { return std::nearbyint(x); }},
    {"round(x)", [](double x, double, double) { return std::round(x); }},
    {"fract(y)", [](double, double y, double) { return fract(y); }},
    {"copysign(y, x)", [](double x, double y, double) { return std::copysign(y, x); }},
    {"fmod(x, y)", [](double x, double y, double) { return std::fmod(x, y); }},
    {"fdim(x, y)", [](double x, double y, double) { return std::fdim(x, y); }},
    {"fmin(x, y)", [](double x, double y, double) { return std::fmin(x, y); }},
    {"fmax(x, y)", [](double x, double y, double) { return std::fmax(x, y); }},
    {"min(x, y)", [](double x, double y, double) { return std::fmin(x, y); }},
    {"max(x, T(0))", [](double x, double, double) { return std::fmax(x, 0.0); }},
    {"divide(x, y)", [](double x, double y, double) { return x / y; }},
    {"fma(x, y, z)", [](double x, double y, double z) { return std::fma(x, y, z); }},
    {"fmin3(x, y, z)", [](double x, double y, double z) { return std::fmin(x, std::fmin(y, z)); }},
    {"fmax3(x, y, z)", [](double x, double y, double z) { return std::fmax(x, std::fmax(y, z)); }},
    {"fmedian3(x, y, z)",
     [](double x, double y, double z) {
       return std::fmax(std::fmin(x, y), std::fmin(std::fmax(x, y), z));
     }},
    {"ldexp(x, 3)", [](double x, double, double) { return x * 8; }},
    {"clamp(x, T(-1), T(1))",
     [](double x, double, double) { return std::fmin(std::fmax(x, -1.0), 1.0); }},
    {"saturate(x)", [](double x, double, double) { return std::fmin(std::fmax(x, 0.0), 1.0); }},
    {"sign(x)",
     [](double x, double, double) { return std::isnan(x) || x == 0 ? 0.0
                                           : x > 0                 ? 1.0
                                                                   : -1.0; }},
    {"step(y, x)", [](double x, double y, double) { return x < y ? 0.0 : 1.0; }},
    {"select(x, y, z > T(0))", [](double x, double y, double z) { return z > 0 ? y : x; }},
    {"T(isnan(x))", [](double x, double, double) { return double(std::isnan(x)); }},
    {"T(isinf(x))", [](double x, double, double) { return double(std::isinf(x)); }},
    {"T(isfinite(x))", [](double x, double, double) { return double(std::isfinite(x)); }},
    {"T(signbit(z))", [](double, double, double z) { return double(std::signbit(z)); }},
    {"T(isunordered(x, y))",
     [](double x, double y, double) { return double(std::isunordered(x, y)); }},
};

/// One of the three floating types as the test sees it.
struct Format {
  const char* name;
  uint32_t (*encode)(double);
  double (*decode)(uint32_t);
  int precision, least_exponent;
  uint32_t bytes;
};
const Format kFormats[] = {
    {"float", [](double x) { return std::bit_cast<uint32_t>(float(x)); },
     [](uint32_t b) { return double(std::bit_cast<float>(b)); }, 24, -149, 4},
    {"half", [](double x) { return uint32_t(backend::half_bits(x)); },
     [](uint32_t b) { return double(backend::half_value(uint16_t(b))); }, 11, -24, 2},
    {"bfloat", [](double x) { return uint32_t(backend::bfloat_bits(x)); },
     [](uint32_t b) { return double(backend::bfloat_value(uint16_t(b))); }, 8, -133, 2},
};

/// A vector of values in a format's own bytes.
struct Values {
  const Format* format;
  std::vector<uint8_t> bytes;
  explicit Values(const Format& f, size_t count) : format(&f), bytes(count * f.bytes) {}
  [[nodiscard]] size_t size() const { return bytes.size() / format->bytes; }
  void set(size_t i, double x) {
    const uint32_t bits = format->encode(x);
    std::memcpy(&bytes[i * format->bytes], &bits, format->bytes);
  }
  [[nodiscard]] double get(size_t i) const {
    uint32_t bits = 0;
    std::memcpy(&bits, &bytes[i * format->bytes], format->bytes);
    return format->decode(bits);
  }
};

/// Whether `got` is the expected value rounded, one unit in the last place allowed; four for the
/// CPU executor's functions, whose errors docs/accuracy.md has.
bool close(const Format& format, double got, double expected) {
  if (std::isnan(expected)) return std::isnan(got);
  const double rounded = format.decode(format.encode(expected));
  if (got == rounded || std::isinf(rounded)) return got == rounded;
  const int exponent =
      expected == 0 ? format.least_exponent
                    : std::max(std::ilogb(expected) + 1 - format.precision, format.least_exponent);
  return std::abs(got - expected) <= std::ldexp(is_cpu_under_test() ? 4.0 : 1.0, exponent);
}

void fill(Values& x, Values& y, Values& z) {
  std::mt19937_64 random(4);
  std::uniform_real_distribution<double> wide(-9, 9), positive(0.01, 20), unit(-1, 1);
  const double special[] = {0.0, -0.0, 1.0, -1.0, 0.5, 2.5, -2.5, INFINITY, -INFINITY, NAN};
  for (size_t i = 0; i < x.size(); ++i) {
    x.set(i, random() % 8 == 0 ? special[random() % 10] : wide(random));
    y.set(i, positive(random));
    z.set(i, unit(random));
  }
}

/// Runs every case in one kernel; `wrap` turns the expression into what is stored.
void check(const Format& format, const std::string& prelude,
           const std::function<std::string(const std::string&)>& wrap,
           MathMode mode = MathMode::safe) {
  constexpr size_t kCount = 512, kRows = std::size(kCases);
  std::string body;
  for (size_t row = 0; row < kRows; ++row) {
    if (!kCases[row].expected) continue;
    body += "  out[i * " + std::to_string(kRows) + " + " + std::to_string(row) +
            "] = " + wrap(kCases[row].expression) + ";\n";
  }
  Values x(format, kCount), y(format, kCount), z(format, kCount), out(format, kCount * kRows);
  fill(x, y, z);
  ASSERT_TRUE(run_text(
      "typedef " + std::string(format.name) +
          " S;\nkernel void k(device const S* px [[buffer(0)]], device const S* py [[buffer(1)]],\n"
          "device const S* pz [[buffer(2)]], device S* out [[buffer(3)]], uint i "
          "[[thread_position_in_grid]]) {\n" +
          prelude + body + "}\n",
      {argument(x.bytes), argument(y.bytes), argument(z.bytes), argument(out.bytes)}, kCount, 32,
      mode));
  for (size_t i = 0; i < kCount; ++i) {
    for (size_t row = 0; row < kRows; ++row) {
      if (!kCases[row].expected) continue;
      const double expected = kCases[row].expected(x.get(i), y.get(i), z.get(i)),
                   got = out.get(i * kRows + row);
      ASSERT_TRUE(close(format, got, expected))
          << format.name << ": " << kCases[row].expression << " is " << got << ", not " << expected
          << " for x = " << x.get(i) << ", y = " << y.get(i) << ", z = " << z.get(i);
    }
  }
}

TEST(MathFunctionsOfTheLibrary, Scalars) {
  for (const Format& format : kFormats) {
    check(format, "  typedef S T; const T x = px[i], y = py[i], z = pz[i];\n",
          [](const std::string& text) { return text; });
  }
}

// The third component of a vector whose others differ.
TEST(MathFunctionsOfTheLibrary, Vectors) {
  for (const Format& format : kFormats) {
    check(format,
          "  typedef vec<S, 3> T; const T x(S(0.5f), S(2), px[i]), y(S(1), S(3), py[i]), "
          "z(S(0.25f), S(0), pz[i]);\n",
          [](const std::string& text) { return "(" + text + ").z"; });
  }
}

// In fast mode a kernel may be told nothing about NaN, so only the text that runs is checked:
// finite operands.
TEST(MathFunctionsOfTheLibrary, FastAndPreciseNamespaces) {
  const Format& format = kFormats[0];
  Values x(format, 64), out(format, 64 * 4);
  for (size_t i = 0; i < 64; ++i) x.set(i, 0.1 * double(i) + 0.05);
  ASSERT_TRUE(run_text(
      "kernel void k(device const float* x [[buffer(0)]], device float* out [[buffer(1)]],\n"
      "uint i [[thread_position_in_grid]]) {\n"
      "  out[4 * i] = precise::exp(x[i]); out[4 * i + 1] = fast::exp(x[i]);\n"
      "  out[4 * i + 2] = fast::clamp(x[i], 1.0f, 2.0f); float c; out[4 * i + 3] = "
      "precise::sincos(x[i], c) + 2 * c;\n}\n",
      {argument(x.bytes), argument(out.bytes)}, 64, 32, MathMode::fast));
  for (size_t i = 0; i < 64; ++i) {
    const double v = x.get(i);
    EXPECT_TRUE(close(format, out.get(4 * i), std::exp(v)));
    EXPECT_NEAR(out.get(4 * i + 1), std::exp(v), std::exp(v) * 1e-5);
    EXPECT_EQ(out.get(4 * i + 2), std::min(std::max(v, 1.0), 2.0));
    EXPECT_NEAR(out.get(4 * i + 3), std::sin(v) + 2 * std::cos(v), 1e-6);
  }
}

TEST(MathFunctionsOfTheLibrary, SecondResults) {
  std::vector<float> x = {0.0f, 1.0f, -2.75f, 1e30f, INFINITY, 0x1p-140f, -0.0f, 7.5f};
  std::vector<float> out(x.size() * 4);
  std::vector<int> exponents(x.size() * 2);
  ASSERT_TRUE(run_text(
      "kernel void k(device const float* x [[buffer(0)]], device float* out [[buffer(1)]],\n"
      "device int* e [[buffer(2)]], uint i [[thread_position_in_grid]]) {\n"
      "  float whole; out[4 * i] = modf(x[i], whole); out[4 * i + 1] = whole;\n"
      "  int exponent; out[4 * i + 2] = frexp(x[i], exponent); e[2 * i] = exponent; e[2 * i + 1] = "
      "ilogb(x[i]);\n"
      "  float2 whole2; out[4 * i + 3] = modf(float2(0.25f, x[i]), whole2).y + 0 * whole2.x;\n}\n",
      {argument(x), argument(out), argument(exponents)}, uint32_t(x.size()), 8));
  for (size_t i = 0; i < x.size(); ++i) {
    float whole = 0;
    int exponent = 0;
    const float fraction = std::modf(x[i], &whole);
    EXPECT_EQ(out[4 * i], fraction) << x[i];
    EXPECT_EQ(std::signbit(out[4 * i]), std::signbit(fraction)) << x[i];
    EXPECT_EQ(out[4 * i + 1], whole) << x[i];
    EXPECT_EQ(out[4 * i + 2], std::frexp(x[i], &exponent)) << x[i];
    EXPECT_EQ(out[4 * i + 3], fraction) << x[i];
    if (std::isfinite(x[i])) EXPECT_EQ(exponents[2 * i], exponent) << x[i];
    if (std::isfinite(x[i]) && x[i] != 0) EXPECT_EQ(exponents[2 * i + 1], std::ilogb(x[i])) << x[i];
  }
}

TEST(MathFunctionsOfTheLibrary, Geometry) {
  std::vector<float> a = {1, 2, 3}, b = {-2, 0.5f, 4}, out(16);
  ASSERT_TRUE(
      run_text("kernel void k(device const packed_float3* a [[buffer(0)]], device const "
               "packed_float3* b [[buffer(1)]],\n"
               "device float* out [[buffer(2)]]) {\n"
               "  float3 u = a[0], v = b[0];\n"
               "  out[0] = dot(u, v); out[1] = length(u); out[2] = distance(u, v); out[3] = "
               "length_squared(v);\n"
               "  *(device packed_float3*)(out + 4) = cross(u, v); *(device packed_float3*)(out + "
               "7) = normalize(v);\n"
               "  *(device packed_float3*)(out + 10) = reflect(u, v); *(device packed_float3*)(out "
               "+ 13) = faceforward(u, v, u);\n}\n",
               {argument(a), argument(b), argument(out)}, 1, 1));
  const double dot = 1 * -2 + 2 * 0.5 + 3 * 4;
  const std::vector<double> expected = {dot,
                                        std::sqrt(14.0),
                                        std::sqrt(9 + 2.25 + 1),
                                        20.25,
                                        2 * 4 - 3 * 0.5,
                                        3 * -2 - 1 * 4,
                                        1 * 0.5 - 2 * -2,
                                        -2 / 4.5,
                                        0.5 / 4.5,
                                        4 / 4.5,
                                        1 + 2 * 2 * dot,
                                        2 - 0.5 * 2 * dot,
                                        3 - 4 * 2 * dot,
                                        -1,
                                        -2,
                                        -3};
  for (size_t i = 0; i < expected.size(); ++i) EXPECT_NEAR(out[i], expected[i], 1e-5) << i;
}

}  // namespace
}  // namespace anymetal
