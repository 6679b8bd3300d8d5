// Packing and unpacking against the definitions, computed in double: every value of each component,
// values between, outside, and NaN.
#include <cmath>
#include <random>

#include "backend/narrow_floats.h"
#include "run_text.h"

namespace anymetal {
namespace {

/// A format of the packed integer: bits of each component, and where the first is.
struct Packing {
  const char* name;
  int components;
  int bits[4];
  int shift[4];
  bool is_signed = false;
  bool is_srgb = false;
};
const Packing kPackings[] = {
    {"unorm4x8", 4, {8, 8, 8, 8}, {0, 8, 16, 24}},
    {"snorm4x8", 4, {8, 8, 8, 8}, {0, 8, 16, 24}, true},
    {"unorm2x16", 2, {16, 16}, {0, 16}},
    {"snorm2x16", 2, {16, 16}, {0, 16}, true},
    {"unorm10a2", 4, {10, 10, 10, 2}, {0, 10, 20, 30}},
    {"unorm565", 3, {5, 6, 5}, {11, 5, 0}},
    {"srgb", 4, {8, 8, 8, 8}, {0, 8, 16, 24}, false, true},
};

double to_linear(double c) {
  return c <= 0.04045 ? c / 12.92 : std::pow((c + 0.055) / 1.055, 2.4);
}
double to_srgb(double c) {
  return c < 0.0031308 ? 12.92 * c : 1.055 * std::pow(c, 1 / 2.4) - 0.055;
}

double unpacked(const Packing& packing, uint32_t word, int component) {
  const int bits = packing.bits[component];
  const uint32_t raw = word >> packing.shift[component] & ((1u << bits) - 1);
  if (packing.is_signed) {
    const int value = int(raw << (32 - bits)) >> (32 - bits);
    return std::max(value / double((1 << (bits - 1)) - 1), -1.0);
  }
  const double value = raw / double((1u << bits) - 1);
  return packing.is_srgb && component < 3 ? to_linear(value) : value;
}

/// Before it is rounded to an integer.
double scaled(const Packing& packing, double x, int component) {
  if (std::isnan(x)) return 0;
  const int bits = packing.bits[component];
  if (packing.is_signed) return std::clamp(x, -1.0, 1.0) * ((1 << (bits - 1)) - 1);
  const double bounded = std::clamp(x, 0.0, 1.0);
  return (packing.is_srgb && component < 3 ? to_srgb(bounded) : bounded) * ((1u << bits) - 1);
}

std::string kernel_text(const Packing& packing) {
  const std::string name = packing.name, n = std::to_string(packing.components);
  const std::string unpack = packing.is_srgb ? "unorm4x8_srgb" : name,
                    pack = packing.is_srgb ? "srgb_unorm4x8" : name;
  return "kernel void k(device const uint* words, device float* out, device half* half_out,\n"
         "              device const float* in, device uint* packed, uint i "
         "[[thread_position_in_grid]]) {\n"
         "  float" +
         n + " f = unpack_" + unpack +
         "_to_float(words[i]);\n"
         "  half" +
         n + " h = unpack_" + unpack +
         "_to_half(words[i]);\n"
         "  float" +
         n +
         " x;\n"
         "  for (int c = 0; c < " +
         n +
         "; ++c) {\n"
         "    out[i * 4 + c] = f[c];\n    half_out[i * 4 + c] = h[c];\n    x[c] = in[i * 4 + c];\n "
         " }\n"
         "  packed[i * 3] = pack_float_to_" +
         pack +
         "(f);\n"
         "  packed[i * 3 + 1] = pack_float_to_" +
         pack +
         "(x);\n"
         "  packed[i * 3 + 2] = pack_half_to_" +
         pack + "(half" + n + "(x));\n}\n";
}

class Pack : public testing::TestWithParam<Packing> {};

TEST_P(Pack, AgreesWithTheDefinition) {
  const Packing& packing = GetParam();
  const uint32_t count = 1 << 16;
  std::mt19937 random(5);
  std::uniform_real_distribution<float> any(-1.5f, 1.5f);
  std::vector<uint32_t> words(count), packed(count * 3);
  std::vector<float> out(count * 4), in(count * 4);
  std::vector<uint16_t> half_out(count * 4);
  const float special[] = {NAN, INFINITY, -INFINITY, 0.0f, -0.0f, 1.0f, -1.0f, 1e-30f};
  for (uint32_t i = 0; i < count; ++i) words[i] = i * 0x10001u;
  for (size_t i = 0; i < in.size(); ++i) in[i] = i < 32 ? special[i % 8] : any(random);
  ASSERT_TRUE(run_text(
      kernel_text(packing),
      {argument(words), argument(out), argument(half_out), argument(in), argument(packed)}, count));
  for (uint32_t i = 0; i < count; ++i) {
    for (int c = 0; c < packing.components; ++c) {
      const double want = unpacked(packing, words[i], c);
      const double tolerance = packing.is_srgb ? 4e-7 : 6e-8;
      ASSERT_NEAR(out[i * 4 + c], want, tolerance) << i << " " << c;
      ASSERT_NEAR(backend::half_value(half_out[i * 4 + c]), want, 5e-4);
      const uint32_t mask = (1u << packing.bits[c]) - 1;
      const auto component = [&](uint32_t word) { return word >> packing.shift[c] & mask; };
      uint32_t same = component(words[i]);
      if (packing.is_signed && same == mask / 2 + 1) ++same;  // both are -1
      ASSERT_EQ(component(packed[i * 3]), same) << i << " " << c;
      for (const int form : {1, 2}) {
        float x = in[i * 4 + c];
        if (form == 2) x = backend::half_value(backend::half_bits(x));
        const double exact = scaled(packing, x, c);
        const uint32_t got = component(packed[i * 3 + form]);
        if (std::abs(exact - std::floor(exact) - 0.5) < 4e-3)
          continue;  // a tie, but for float's error
        ASSERT_EQ(got, uint32_t(int64_t(std::nearbyint(exact))) & mask) << x << " component " << c;
      }
    }
  }
}
INSTANTIATE_TEST_SUITE_P(Formats, Pack, testing::ValuesIn(kPackings),
                         [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace anymetal
