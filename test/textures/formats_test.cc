// Every pixel format, read and written, against the model of the conversion rules.
#include <bit>
#include <cmath>
#include <random>

#include "format_model.h"
#include "texture_run.h"

namespace anymetal::textures {
namespace {

constexpr uint32_t kWidth = 512, kHeight = 128;  // all 2^16 patterns of 16 bits

std::string type_of(const PixelFormat& format) {
  return format.kind == ComponentKind::uint   ? "uint"
         : format.kind == ComponentKind::sint ? "int"
                                              : "float";
}

/// All patterns where there are at most 2^16, else random ones with the edges first.
std::vector<uint8_t> patterns(const FormatModel& model) {
  const auto bytes = size_t(model.bytes());
  std::vector<uint8_t> out(kWidth * kHeight * bytes);
  std::mt19937_64 random(bytes);
  for (size_t i = 0; i < out.size(); ++i) out[i] = uint8_t(random());
  for (size_t texel = 0; texel < size_t{kWidth} * kHeight && bytes <= 2; ++texel)
    for (size_t b = 0; b < bytes; ++b) out[texel * bytes + b] = uint8_t(texel >> (8 * b));
  for (size_t b = 0; b < bytes; ++b) out[b] = 0, out[bytes + b] = 255, out[2 * bytes + b] = 128;
  return out;
}

class Formats : public testing::TestWithParam<PixelFormat> {
 protected:
  const PixelFormat& format() const { return GetParam(); }
  FormatModel model() const { return model_of(std::string(format().name)); }
};

TEST_P(Formats, TheTableAgreesWithTheName) {
  EXPECT_EQ(model().bytes(), format().bytes);
  EXPECT_EQ(model().bits.size(), format().components);
  EXPECT_EQ(model().is_integer(), format().is_integer());
}

TEST_P(Formats, Reads) {
  const auto texels = patterns(model());
  auto texture = make({.format = format().number, .width = kWidth, .height = kHeight}, texels);
  const std::string type = type_of(format());
  std::vector<uint32_t> out(size_t{kWidth} * kHeight * 4);
  const auto result =
      run("kernel void k(texture2d<" + type + ", access::read> t [[texture(0)]], device " + type +
              "4* out, uint2 at [[thread_position_in_grid]]) { out[at.y * " +
              std::to_string(kWidth) + " + at.x] = t.read(at); }",
          {.buffers = {argument(out)}, .textures = {texture}}, {kWidth, kHeight, 1});
  ASSERT_TRUE(result.ok()) << result.error().text();
  for (size_t i = 0; i < size_t{kWidth} * kHeight; ++i) {
    const auto expected = decode(model(), texels.data() + i * format().bytes);
    for (size_t c = 0; c < 4; ++c) {
      const uint32_t bits = out[i * 4 + c];
      if (type != "float") {
        const double got = type == "int" ? double(int32_t(bits)) : double(bits);
        ASSERT_EQ(got, expected[c]) << "texel " << i << " component " << c;
        continue;
      }
      const float got = std::bit_cast<float>(bits);
      if (std::isnan(expected[c])) {
        ASSERT_TRUE(std::isnan(got)) << "texel " << i << " component " << c;
      } else if (std::isinf(expected[c]) || model().kind == 'f') {
        ASSERT_EQ(got, expected[c]) << "texel " << i << " component " << c;
      } else {
        // The specification's bound is 1.5 ulp, and that 0, 1 and -1 are exact.
        const double ulp =
            std::ldexp(1.0, std::ilogb(std::max(1e-30, std::fabs(expected[c]))) - 23);
        ASSERT_LE(std::fabs(got - expected[c]), 1.5 * ulp) << "texel " << i << " component " << c;
        if (std::fabs(expected[c]) == 1 || expected[c] == 0) ASSERT_EQ(got, expected[c]);
      }
    }
  }
}

/// Colours around every threshold: ties between two values, the ends, far outside, NaN, infinities.
std::vector<float> colors(const FormatModel& model) {
  std::vector<float> out = {0.0f,      -0.0f, 1,       -1,       2,       -2,       INFINITY,
                            -INFINITY, NAN,   1e-30f,  -1e-30f,  65504,   65519.9f, 65520,
                            65536,     1e30f, 6.1e-5f, 5.96e-8f, 2.98e-8f};
  for (int bits : {2, 8, 10, 16})
    for (int n : {0, 1, 2, 3, 100, 126, 127, 254, 511, 1022, 32766, 65534})
      for (double part : {0.25, 0.499, 0.5, 0.501, 0.75})
        out.push_back(float((n + part) / (std::ldexp(1.0, bits) - 1)));
  std::mt19937 random(7);
  while (out.size() < size_t{kWidth} * 8) {
    const float inside = std::uniform_real_distribution<float>(-1.2f, 1.2f)(random);
    const float any = std::bit_cast<float>(uint32_t(random()));
    out.push_back(out.size() % 3 ? inside : any);
  }
  return out;
}

void check_float(double stored, float color, int bits) {
  if (std::isnan(color)) {
    EXPECT_TRUE(std::isnan(stored));
    return;
  }
  const bool has_sign = bits == 16 || bits == 32;
  double wanted = color;
  if (!has_sign && !(wanted > 0)) wanted = 0;
  const double largest = bits == 16 ? 65504 : bits == 11 ? 65024 : bits == 10 ? 64512 : 3.5e38;
  const int fraction = bits == 16 ? 10 : bits == 32 ? 23 : bits - 5;
  if (std::isinf(wanted)) {
    EXPECT_EQ(stored, wanted);
  } else if (std::fabs(wanted) > largest) {
    // Halves round to infinity from the middle on; the small floats end at the largest.
    const double middle = 65520;
    const double end = bits == 16 && std::fabs(wanted) >= middle ? INFINITY : largest;
    EXPECT_EQ(std::fabs(stored), end) << color;
  } else {
    const int exponent =
        std::max(std::ilogb(wanted == 0 ? 1e-300 : wanted), bits == 32 ? -149 + 23 : -14);
    EXPECT_LE(std::fabs(stored - wanted), std::ldexp(0.5, exponent - fraction)) << color;
  }
}

TEST_P(Formats, WritesFloats) {
  if (format().is_integer() || format().layout == TexelLayout::depth) return;
  const auto values = colors(model());
  const auto rows = uint32_t(values.size() / kWidth);
  auto texture = make({.format = format().number, .width = kWidth, .height = rows});
  std::vector<float> in = values;
  const auto result =
      run("kernel void k(texture2d<float, access::write> t [[texture(0)]], device const float* in,"
          " uint2 at [[thread_position_in_grid]]) { const float v = in[at.y * 512 + at.x];"
          " t.write(float4(v, v, v, v), at); }",
          {.buffers = {argument(in)}, .textures = {texture}}, {kWidth, rows, 1});
  ASSERT_TRUE(result.ok()) << result.error().text();
  const auto texels = contents<uint8_t>(*texture);
  for (size_t i = 0; i < values.size() && !HasFailure(); ++i) {
    const uint8_t* texel = texels.data() + i * format().bytes;
    const auto raw = raw_components(model(), texel);
    for (size_t n = 0; n < raw.size(); ++n) {
      const int bits = model().bits[n];
      if (model().kind == 'f') {
        check_float(decode(model(), texel)[size_t(model().channel[n])], values[i], bits);
        continue;
      }
      const double wanted = ideal(model(), n, values[i]);
      const double stored = model().kind == 's' && raw[n] >> (bits - 1)
                                ? double(raw[n]) - std::ldexp(1.0, bits)
                                : double(raw[n]);
      // To the nearest; the product of the formula is a float, so a tie may be missed by its ulp.
      EXPECT_LE(std::fabs(stored - wanted), 0.5 + std::ldexp(1.0, bits - 23)) << values[i];
    }
  }
}

TEST_P(Formats, WritesIntegersSaturating) {
  if (!format().is_integer()) return;
  const std::string type = type_of(format());
  std::vector<uint32_t> in = {
      0,          1,          2,          3,          4,          127,        128,        129,
      255,        256,        1023,       1024,       32767,      32768,      65535,      65536,
      0x7fffffff, 0x80000000, 0xffffffff, 0xffffff80, 0xffffff7f, 0xffff8000, 0xffff7fff, 77};
  const auto count = uint32_t(in.size());
  auto texture = make({.format = format().number, .width = count});
  const auto result =
      run("kernel void k(texture2d<" + type + ", access::write> t [[texture(0)]], device const " +
              type + "* in, uint2 at [[thread_position_in_grid]]) { t.write(vec<" + type +
              ", 4>(in[at.x]), at); }",
          {.buffers = {argument(in)}, .textures = {texture}}, {count, 1, 1});
  ASSERT_TRUE(result.ok()) << result.error().text();
  const auto texels = contents<uint8_t>(*texture);
  for (size_t i = 0; i < in.size(); ++i) {
    const double value = type == "int" ? double(int32_t(in[i])) : double(in[i]);
    const auto color = decode(model(), texels.data() + i * format().bytes);
    for (size_t n = 0; n < model().bits.size(); ++n)
      EXPECT_EQ(color[size_t(model().channel[n])], ideal(model(), n, value)) << value;
  }
}

INSTANTIATE_TEST_SUITE_P(All, Formats,
                         testing::ValuesIn(pixel_formats().begin(), pixel_formats().end()),
                         [](const auto& info) { return std::string(info.param.name); });

// What halves and 16-bit types see is what floats and 32-bit types see.
TEST(NarrowTypes, ReadAndWriteAsTheWideOnes) {
  auto source = make({.format = format("rgba8unorm"), .width = 4},
                     {0, 51, 102, 255, 1, 2, 3, 4, 128, 64, 32, 16, 255, 254, 253, 252});
  auto halves = make({.format = format("rgba16float"), .width = 4});
  auto shorts = make({.format = format("rgba16sint"), .width = 4});
  auto bytes = make({.format = format("rgba8uint"), .width = 4});
  const auto result = run(R"(
kernel void k(texture2d<half, access::read> in [[texture(0)]], texture2d<half, access::write> a [[texture(1)]],
              texture2d<short, access::write> b [[texture(2)]], texture2d<ushort, access::write> c [[texture(3)]],
              ushort2 at [[thread_position_in_grid]]) {
  const half4 v = in.read(at);
  a.write(v, at);
  b.write(short4(v * 1000.0h) - 500, at);
  c.write(ushort4(v * 512.0h), at);
})",
                          {.textures = {source, halves, shorts, bytes}}, {4, 1, 1});
  ASSERT_TRUE(result.ok()) << result.error().text();
  const auto in = contents<uint8_t>(*source);
  const auto a = contents<uint16_t>(*halves);
  const auto b = contents<int16_t>(*shorts);
  const auto c = contents<uint8_t>(*bytes);
  for (size_t i = 0; i < in.size(); ++i) {
    const auto value = _Float16(float(in[i] / 255.0));
    EXPECT_EQ(a[i], std::bit_cast<uint16_t>(value)) << i;
    EXPECT_EQ(b[i], int16_t(_Float16(value * _Float16(1000))) - 500) << i;
    EXPECT_EQ(c[i], std::min(255, int(_Float16(value * _Float16(512))))) << i;
  }
}

}  // namespace
}  // namespace anymetal::textures
