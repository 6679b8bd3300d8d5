// Sampling against a model in double: addresses, filters, levels, offsets, gathers, comparisons,
// cubes. The model follows the usual formulas of texture hardware (those of the OpenCL and Vulkan
// specifications, which Metal's text assumes) and shares nothing with the executor.
#include <algorithm>
#include <cmath>
#include <random>

#include "texture_run.h"

namespace anymetal::textures {
namespace {

constexpr float kInfinity = INFINITY;

/// One level of one slice.
struct Image {
  int width = 1, height = 1, depth = 1;
  std::vector<std::array<float, 4>> texels;
  [[nodiscard]] const std::array<float, 4>& at(int x, int y, int z) const {
    return texels[(size_t(z) * size_t(height) + size_t(y)) * size_t(width) + size_t(x)];
  }
};

/// -1: the border.
int address_model(double at, int size, AddressMode mode) {
  const double n = size;
  switch (mode) {
    case AddressMode::repeat:
      return int(at - n * std::floor(at / n));
    case AddressMode::mirrored_repeat: {
      const double period = at - 2 * n * std::floor(at / (2 * n));  // 0 to 2n - 1
      return int(period < n ? period : 2 * n - 1 - period);
    }
    case AddressMode::mirror_clamp_to_edge:
      return int(std::min(at < 0 ? -at - 1 : at, n - 1));
    case AddressMode::clamp_to_edge:
      return int(std::max(0.0, std::min(at, n - 1)));
    default:
      return at >= 0 && at < n ? int(at) : -1;
  }
}

struct AxisModel {
  double first = 0, weight = 0;
};

AxisModel axis_model(float coordinate, int size, const SamplerState& sampler, bool linear,
                     int offset) {
  float u = sampler.pixel_coordinates ? coordinate : coordinate * float(size);
  if (linear) u -= 0.5f;
  if (std::isnan(u)) u = 0;
  const double limit = double(1 << 30);
  const double low = std::clamp(std::floor(double(u)), -limit, limit);
  const double weight = linear && std::fabs(u) < 1e9 ? double(u) - std::floor(double(u)) : 0;
  return {low + offset, weight};
}

std::array<double, 4> border_model(const SamplerState& sampler, bool zero) {
  // Of formats with four components.
  if (zero || sampler.border == BorderColor::transparent_black) return {0, 0, 0, 0};
  if (sampler.border == BorderColor::opaque_black) return {0, 0, 0, 1};
  return {1, 1, 1, 1};
}

std::array<double, 4> fetch_model(const Image& image, const SamplerState& sampler,
                                  const std::array<double, 3>& at) {
  const int size[3] = {image.width, image.height, image.depth};
  int texel[3];
  for (int axis = 0; axis < 3; ++axis) {
    texel[axis] = address_model(at[size_t(axis)], size[axis], sampler.address[axis]);
    if (texel[axis] < 0)
      return border_model(sampler, sampler.address[axis] == AddressMode::clamp_to_zero);
  }
  const auto& found = image.at(texel[0], texel[1], texel[2]);
  return {found[0], found[1], found[2], found[3]};
}

std::array<double, 4> sample_model(const Image& image, const SamplerState& sampler,
                                   const std::array<float, 3>& at, int dimensions, bool linear,
                                   const std::array<int, 3>& offset) {
  const int size[3] = {image.width, image.height, image.depth};
  AxisModel axes[3];
  for (int a = 0; a < dimensions; ++a)
    axes[a] = axis_model(at[size_t(a)], size[a], sampler, linear, offset[size_t(a)]);
  std::array<double, 4> sum = {};
  for (int dz = 0; dz <= (axes[2].weight > 0); ++dz) {
    for (int dy = 0; dy <= (axes[1].weight > 0); ++dy) {
      for (int dx = 0; dx <= (axes[0].weight > 0); ++dx) {
        const double weight = (dx ? axes[0].weight : 1 - axes[0].weight) *
                              (dy ? axes[1].weight : 1 - axes[1].weight) *
                              (dz ? axes[2].weight : 1 - axes[2].weight);
        const auto texel = fetch_model(
            image, sampler, {axes[0].first + dx, axes[1].first + dy, axes[2].first + dz});
        for (size_t c = 0; c < 4; ++c) sum[c] += weight * texel[c];
      }
    }
  }
  return sum;
}

Image random_image(int width, int height, int depth, uint32_t seed) {
  std::mt19937 random(seed);
  std::uniform_real_distribution<float> value(-1, 1);
  Image image{width, height, depth, {}};
  image.texels.resize(size_t(width) * size_t(height) * size_t(depth));
  for (auto& texel : image.texels)
    for (float& c : texel) c = value(random);
  return image;
}

/// Coordinates inside, outside, on edges and centres of texels, far away and no numbers at all.
std::vector<float> coordinates(size_t count, int size, bool pixels, std::mt19937& random) {
  const float one = pixels ? float(size) : 1.0f;
  std::vector<float> out = {0.0f, -0.0f,     one,        -one,    2 * one,
                            NAN,  kInfinity, -kInfinity, 1e30f,   -1e30f,
                            3e9f, -3e9f,     1e-40f,     -1e-40f, one * 0.99999994f};
  for (int i = -2; i < 2 * size + 2; ++i) {
    out.push_back(float(i) / float(size) * one);
    out.push_back((float(i) + 0.5f) / float(size) * one);
  }
  std::uniform_real_distribution<float> near(-2.5f * one, 3.5f * one);
  while (out.size() < count) out.push_back(near(random));
  std::shuffle(out.begin(), out.end(), random);
  out.resize(count);
  return out;
}

constexpr size_t kPoints = 400;

/// x, y, z and the level of detail of each point.
std::vector<float> points(const Image& image, bool pixels, uint32_t seed) {
  std::mt19937 random(seed);
  const auto x = coordinates(kPoints, image.width, pixels, random);
  const auto y = coordinates(kPoints, image.height, pixels, random);
  const auto z = coordinates(kPoints, image.depth, pixels, random);
  std::uniform_real_distribution<float> lod(-1, 6);
  std::vector<float> out;
  for (size_t i = 0; i < kPoints; ++i) {
    const float level = i % 16 == 0 ? float(i % 5) : i % 33 == 0 ? NAN : lod(random);
    out.insert(out.end(), {x[i], y[i], z[i], level});
  }
  return out;
}

void expect_near(const std::vector<float>& got, size_t i, const std::array<double, 4>& expected,
                 const std::string& what) {
  for (size_t c = 0; c < 4; ++c)
    ASSERT_NEAR(got[i * 4 + c], expected[c], 2e-6) << what << " component " << c;
}

std::string text_of(const SamplerState& s) {
  return "pixels " + std::to_string(s.pixel_coordinates) + " address " +
         std::to_string(int(s.address[0])) + std::to_string(int(s.address[1])) +
         std::to_string(int(s.address[2])) + " border " + std::to_string(int(s.border));
}

/// All address modes on each axis (not all at once), filters and kinds of coordinates.
std::vector<SamplerState> samplers() {
  std::vector<SamplerState> out;
  for (const bool pixels : {false, true}) {
    for (const Filter filter : {Filter::nearest, Filter::linear}) {
      for (int mode = 0; mode < 6; ++mode) {
        SamplerState s;
        s.pixel_coordinates = pixels;
        s.magnify = s.minify = filter;
        s.address[0] = AddressMode(mode);
        s.address[1] = AddressMode((mode + 1) % 6);
        s.address[2] = AddressMode((mode + 2) % 6);
        s.border = BorderColor(mode % 3);
        out.push_back(s);
      }
    }
  }
  return out;
}

struct Shape {
  const char* type;
  int width, height, depth, dimensions;
};

class Sampling : public testing::TestWithParam<Shape> {};

TEST_P(Sampling, AgreesWithTheModel) {
  const Shape& shape = GetParam();
  const Image image = random_image(shape.width, shape.height, shape.depth, 5);
  const auto type = shape.dimensions == 1   ? TextureType::d1
                    : shape.dimensions == 2 ? TextureType::d2
                                            : TextureType::d3;
  auto texture = make({.type = type,
                       .format = format("rgba32float"),
                       .width = uint32_t(shape.width),
                       .height = uint32_t(shape.height),
                       .depth = uint32_t(shape.depth)});
  fill(*texture, image.texels);
  const bool has_offset = shape.dimensions > 1;
  const char* coordinate[] = {"", "p.x", "p.xy", "p.xyz"};
  const char* offset[] = {"", "", ", int2(1, -2)", ", int3(1, -2, 3)"};
  const std::string text =
      std::string("kernel void k(") + shape.type +
      "<float> t [[texture(0)]], sampler s [[sampler(0)]],\n"
      "device const float4* points, device float4* out, device float4* moved,\n"
      "uint i [[thread_position_in_grid]]) { const float4 p = points[i];\n"
      "out[i] = t.sample(s, " +
      coordinate[shape.dimensions] +
      ");\n"
      "moved[i] = t.sample(s, " +
      coordinate[shape.dimensions] + offset[shape.dimensions] + "); }";
  uint32_t seed = 0;
  for (const SamplerState& sampler : samplers()) {
    auto in = points(image, sampler.pixel_coordinates, ++seed);
    std::vector<float> out(kPoints * 4), moved(kPoints * 4);
    const auto result = run(text,
                            {.buffers = {argument(in), argument(out), argument(moved)},
                             .textures = {texture},
                             .samplers = {sampler}},
                            {kPoints, 1, 1});
    ASSERT_TRUE(result.ok()) << result.error().text();
    const bool linear = sampler.magnify == Filter::linear;
    for (size_t i = 0; i < kPoints; ++i) {
      const std::array<float, 3> at = {in[i * 4], in[i * 4 + 1], in[i * 4 + 2]};
      const std::string what = text_of(sampler) + " linear " + std::to_string(linear) + " at " +
                               std::to_string(at[0]) + " " + std::to_string(at[1]) + " " +
                               std::to_string(at[2]);
      expect_near(out, i, sample_model(image, sampler, at, shape.dimensions, linear, {}), what);
      if (has_offset)
        expect_near(moved, i,
                    sample_model(image, sampler, at, shape.dimensions, linear, {1, -2, 3}),
                    what + " with offset");
      if (HasFatalFailure()) return;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(
    All, Sampling,
    testing::Values(Shape{"texture1d", 13, 1, 1, 1}, Shape{"texture2d", 7, 5, 1, 2},
                    Shape{"texture2d", 1, 1, 1, 2}, Shape{"texture3d", 5, 4, 3, 3}),
    [](const auto& info) {
      return std::string(info.param.type) + "_" + std::to_string(info.param.width);
    });

TEST(SamplingArrays, ClampTheElement) {
  std::vector<Image> images;
  auto texture = make({.type = TextureType::d2_array,
                       .format = format("rgba32float"),
                       .width = 6,
                       .height = 4,
                       .array_length = 3});
  for (uint32_t slice = 0; slice < 3; ++slice) {
    images.push_back(random_image(6, 4, 1, slice + 1));
    fill(*texture, images.back().texels, 0, slice);
  }
  SamplerState sampler;
  sampler.magnify = Filter::linear;
  auto in = points(images[0], false, 3);
  std::vector<float> out(kPoints * 4);
  const auto result =
      run(R"(
kernel void k(texture2d_array<float> t [[texture(0)]], sampler s [[sampler(0)]], device const float4* points,
              device float4* out, uint i [[thread_position_in_grid]]) {
  out[i] = t.sample(s, points[i].xy, i % 5 == 4 ? 0xffffffff : i % 5);
})",
          {.buffers = {argument(in), argument(out)}, .textures = {texture}, .samplers = {sampler}},
          {kPoints, 1, 1});
  ASSERT_TRUE(result.ok()) << result.error().text();
  for (size_t i = 0; i < kPoints && !HasFatalFailure(); ++i)
    expect_near(out, i,
                sample_model(images[std::min<size_t>(i % 5, 2)], sampler,
                             {in[i * 4], in[i * 4 + 1], 0}, 2, true, {}),
                std::to_string(i));
}

TEST(SamplingLevels, FollowTheMipFilter) {
  std::vector<Image> levels;
  auto texture = make({.format = format("rgba32float"), .width = 16, .height = 8, .levels = 5});
  for (uint32_t level = 0; level < 5; ++level) {
    levels.push_back(
        random_image(std::max(1, 16 >> level), std::max(1, 8 >> level), 1, level + 10));
    fill(*texture, levels.back().texels, level);
  }
  for (int kind = 0; kind < 12; ++kind) {
    SamplerState sampler;
    sampler.mip = MipFilter(kind % 3);
    sampler.magnify = kind / 3 % 2 ? Filter::linear : Filter::nearest;
    sampler.minify = kind / 3 % 2 ? Filter::nearest : Filter::linear;
    sampler.address[0] = sampler.address[1] = AddressMode::repeat;
    if (kind >= 6) sampler.lod_min = 0.5f, sampler.lod_max = 2.25f;
    auto in = points(levels[0], false, uint32_t(kind));
    std::vector<float> out(kPoints * 4);
    const auto result = run(
        R"(
kernel void k(texture2d<float> t [[texture(0)]], sampler s [[sampler(0)]], device const float4* points,
              device float4* out, uint i [[thread_position_in_grid]]) {
  out[i] = t.sample(s, points[i].xy, level(points[i].w));
})",
        {.buffers = {argument(in), argument(out)}, .textures = {texture}, .samplers = {sampler}},
        {kPoints, 1, 1});
    ASSERT_TRUE(result.ok()) << result.error().text();
    for (size_t i = 0; i < kPoints && !HasFatalFailure(); ++i) {
      const double asked = std::isnan(in[i * 4 + 3]) ? 0 : double(in[i * 4 + 3]);
      const double lod = std::clamp(asked, double(sampler.lod_min), double(sampler.lod_max));
      const bool linear = (lod > 0 ? sampler.minify : sampler.magnify) == Filter::linear;
      const double in_range = std::clamp(lod, 0.0, 4.0);
      const std::array<float, 3> at = {in[i * 4], in[i * 4 + 1], 0};
      const auto of_level = [&](double level) {
        return sample_model(levels[size_t(level)], sampler, at, 2, linear, {});
      };
      std::array<double, 4> expected = of_level(0);
      if (sampler.mip == MipFilter::nearest) expected = of_level(std::floor(in_range + 0.5));
      if (sampler.mip == MipFilter::linear) {
        const auto low = of_level(std::floor(in_range)), high = of_level(std::ceil(in_range));
        const double weight = in_range - std::floor(in_range);
        for (size_t c = 0; c < 4; ++c) expected[c] = low[c] * (1 - weight) + high[c] * weight;
      }
      expect_near(out, i, expected,
                  "kind " + std::to_string(kind) + " lod " + std::to_string(asked));
    }
  }
}

TEST(SamplingGather, GivesTheFourTexelsCounterClockwise) {
  const Image image = random_image(7, 5, 1, 21);
  auto texture = make({.format = format("rgba32float"), .width = 7, .height = 5});
  fill(*texture, image.texels);
  for (const SamplerState& sampler : samplers()) {
    auto in = points(image, sampler.pixel_coordinates, 77);
    std::vector<float> out(kPoints * 4);
    const auto result = run(
        R"(
kernel void k(texture2d<float> t [[texture(0)]], sampler s [[sampler(0)]], device const float4* points,
              device float4* out, uint i [[thread_position_in_grid]]) {
  out[i] = i % 2 ? t.gather(s, points[i].xy) : t.gather(s, points[i].xy, int2(-1, 2), component::z);
})",
        {.buffers = {argument(in), argument(out)}, .textures = {texture}, .samplers = {sampler}},
        {kPoints, 1, 1});
    ASSERT_TRUE(result.ok()) << result.error().text();
    for (size_t i = 0; i < kPoints && !HasFatalFailure(); ++i) {
      const bool plain = i % 2;
      const auto x = axis_model(in[i * 4], 7, sampler, true, plain ? 0 : -1);
      const auto y = axis_model(in[i * 4 + 1], 5, sampler, true, plain ? 0 : 2);
      std::array<double, 4> expected;
      const double order[4][2] = {{0, 1}, {1, 1}, {1, 0}, {0, 0}};
      for (size_t n = 0; n < 4; ++n)
        expected[n] = fetch_model(image, sampler,
                                  {x.first + order[n][0], y.first + order[n][1], 0})[plain ? 0 : 2];
      expect_near(out, i, expected, text_of(sampler));
    }
  }
}

TEST(SamplingDepth, ComparesBeforeItFilters) {
  Image image = random_image(6, 6, 1, 4);
  std::vector<float> depths;
  for (auto& texel : image.texels) depths.push_back(texel[0] = std::fabs(texel[0]));
  auto texture = make({.format = format("depth32float"), .width = 6, .height = 6});
  fill(*texture, depths);
  for (int function = 0; function < 8; ++function) {
    SamplerState sampler;
    sampler.magnify = Filter::linear;
    sampler.compare = CompareFunction(function);
    auto in = points(image, false, uint32_t(function));
    in[3] = depths[0];
    std::vector<float> out(kPoints * 4), four(kPoints * 4);
    const auto result = run(R"(
kernel void k(depth2d<float> t [[texture(0)]], sampler s [[sampler(0)]], device const float4* points,
              device float4* out, device float4* four, uint i [[thread_position_in_grid]]) {
  const float4 p = points[i];
  out[i] = float4(t.sample_compare(s, p.xy, p.w * 0.2f), t.sample(s, p.xy), t.read(uint2(i % 7, i / 7 % 7)), 0);
  four[i] = t.gather_compare(s, p.xy, p.w * 0.2f);
})",
                            {.buffers = {argument(in), argument(out), argument(four)},
                             .textures = {texture},
                             .samplers = {sampler}},
                            {kPoints, 1, 1});
    ASSERT_TRUE(result.ok()) << result.error().text();
    for (size_t i = 0; i < kPoints && !HasFatalFailure(); ++i) {
      const float value = in[i * 4 + 3] * 0.2f;
      const std::array<float, 3> at = {in[i * 4], in[i * 4 + 1], 0};
      Image passed = image;
      for (auto& texel : passed.texels) {
        const float d = texel[0];
        const bool results[] = {false,     value < d,  value == d, value <= d,
                                value > d, value != d, value >= d, true};
        texel[0] = results[function] ? 1 : 0;
      }
      const size_t x = i % 7, y = i / 7 % 7;
      const double read = x < 6 && y < 6 ? double(depths[y * 6 + x]) : 0;
      expect_near(out, i,
                  {sample_model(passed, sampler, at, 2, true, {})[0],
                   sample_model(image, sampler, at, 2, true, {})[0], read, 0},
                  "function " + std::to_string(function));
      const auto u = axis_model(at[0], 6, sampler, true, 0),
                 v = axis_model(at[1], 6, sampler, true, 0);
      expect_near(four, i,
                  {fetch_model(passed, sampler, {u.first, v.first + 1, 0})[0],
                   fetch_model(passed, sampler, {u.first + 1, v.first + 1, 0})[0],
                   fetch_model(passed, sampler, {u.first + 1, v.first, 0})[0],
                   fetch_model(passed, sampler, {u.first, v.first, 0})[0]},
                  "gather");
    }
  }
}

// A smooth function of the direction, put into the texels of all faces by the table of Metal's and
// everybody's cube maps: sampling must give the function back, across edges and in corners, too.
TEST(SamplingCubes, FollowTheDirection) {
  constexpr int n = 32;
  const auto direction = [](int face, double s, double t) -> std::array<double, 3> {
    const std::array<double, 3> of[] = {{1, -t, -s}, {-1, -t, s}, {s, 1, t},
                                        {s, -1, -t}, {s, -t, 1},  {-s, -t, -1}};
    return of[face];
  };
  const auto function = [](std::array<double, 3> d, int k) {
    const double length = std::sqrt(d[0] * d[0] + d[1] * d[1] + d[2] * d[2]);
    const double a = d[0] / length, b = d[1] / length, c = d[2] / length;
    const double values[] = {a, b, c, a * b + 0.5 * c};
    return values[k];
  };
  for (const bool array : {false, true}) {
    auto texture = make({.type = array ? TextureType::cube_array : TextureType::cube,
                         .format = format("rgba32float"),
                         .width = n,
                         .height = n,
                         .array_length = array ? 2u : 1u});
    const uint32_t base = array ? 6 : 0;
    for (int face = 0; face < 6; ++face) {
      std::vector<float> texels;
      for (int y = 0; y < n; ++y)
        for (int x = 0; x < n; ++x)
          for (int k = 0; k < 4; ++k)
            texels.push_back(
                float(function(direction(face, (2 * x + 1.0) / n - 1, (2 * y + 1.0) / n - 1), k)));
      fill(*texture, texels, 0, base + uint32_t(face));
    }
    std::mt19937 random(1);
    std::normal_distribution<float> value(0, 1);
    std::vector<float> in, out(kPoints * 4);
    for (size_t i = 0; i < kPoints; ++i) {
      std::array<float, 3> d = {value(random), value(random), value(random)};
      if (i % 4 == 0) d[1] = d[0] * 1.0001f;    // near an edge
      if (i % 16 == 0) d[2] = -d[0] * 0.9999f;  // near a corner
      in.insert(in.end(), {d[0], d[1], d[2], 0});
    }
    for (const Filter filter : {Filter::nearest, Filter::linear}) {
      SamplerState sampler;
      sampler.magnify = filter;
      const std::string text = std::string("kernel void k(texturecube") + (array ? "_array" : "") +
                               R"(<float> t [[texture(0)]],
  sampler s [[sampler(0)]], device const float4* points, device float4* out, uint i [[thread_position_in_grid]]) {
  out[i] = t.sample(s, points[i].xyz)" +
                               (array ? ", 1" : "") + "); }";
      const auto result = run(
          text,
          {.buffers = {argument(in), argument(out)}, .textures = {texture}, .samplers = {sampler}},
          {kPoints, 1, 1});
      ASSERT_TRUE(result.ok()) << result.error().text();
      // At an edge the component along it, the least of the three there, has a kink; in corners
      // three texels share a place. The other two show whether the neighbouring face is looked at.
      for (size_t i = 0; i < kPoints; ++i)
        for (int k = 0; k < 4; ++k) {
          const float d[3] = {std::fabs(in[i * 4]), std::fabs(in[i * 4 + 1]),
                              std::fabs(in[i * 4 + 2])};
          const bool smooth = k < 3 && d[k] > std::min({d[0], d[1], d[2]});
          const double tolerance = filter == Filter::nearest ? 0.07
                                   : i % 16 == 0             ? 0.02
                                   : smooth                  ? 0.004
                                                             : 0.012;
          ASSERT_NEAR(out[i * 4 + size_t(k)],
                      function({in[i * 4], in[i * 4 + 1], in[i * 4 + 2]}, k), tolerance)
              << i << " component " << k;
        }
    }
  }
}

// Weights of 0 don't let infinities through, and integers come from the nearest texel alone.
TEST(SamplingSpecial, CentresAreExactAndIntegersDoNotMix) {
  std::vector<float> row = {1, kInfinity, 2, NAN};
  auto floats = make({.format = format("r32float"), .width = 4});
  fill(*floats, row);
  auto integers = make({.format = format("r16sint"), .width = 4});
  fill(*integers, std::vector<int16_t>{-100, 200, -300, 400});
  SamplerState sampler;
  sampler.magnify = sampler.minify = Filter::linear;
  sampler.mip = MipFilter::linear;
  std::vector<float> out(4);
  std::vector<int> found(4);
  const auto result = run(R"(
kernel void k(texture2d<float> t [[texture(0)]], texture2d<int> u [[texture(1)]], sampler s [[sampler(0)]],
              device float* out, device int* found, uint i [[thread_position_in_grid]]) {
  out[i] = t.sample(s, float2((i + 0.5f) / 4, 0.5f)).x;
  found[i] = u.sample(s, float2((i + 0.9f) / 4, 0.1f)).x;
})",
                          {.buffers = {argument(out), argument(found)},
                           .textures = {floats, integers},
                           .samplers = {sampler}},
                          {4, 1, 1});
  ASSERT_TRUE(result.ok()) << result.error().text();
  EXPECT_EQ(out[0], 1);
  EXPECT_EQ(out[1], kInfinity);
  EXPECT_EQ(out[2], 2);
  EXPECT_TRUE(std::isnan(out[3]));
  EXPECT_EQ(found, (std::vector<int>{-100, 200, -300, 400}));
}

// What a format lacks is as if it were read: no alpha is 1, and zero is opaque then.
TEST(SamplingSpecial, BordersOfFormatsWithoutAlpha) {
  auto red = make({.format = format("r8unorm"), .width = 1});
  auto full = make({.format = format("rgba8unorm"), .width = 1});
  std::vector<float> out(6 * 4);
  const auto result = run(R"(
kernel void k(texture2d<float> red [[texture(0)]], texture2d<float> full [[texture(1)]], device float4* out) {
  constexpr sampler zero(address::clamp_to_zero);
  constexpr sampler white(address::clamp_to_border, border_color::opaque_white);
  constexpr sampler black(address::clamp_to_border, border_color::opaque_black);
  out[0] = red.sample(zero, float2(2));
  out[1] = full.sample(zero, float2(2));
  out[2] = red.sample(white, float2(2));
  out[3] = full.sample(white, float2(-1));
  out[4] = red.sample(black, float2(2));
  out[5] = full.sample(black, float2(0.5f, 7));
})",
                          {.buffers = {argument(out)}, .textures = {red, full}}, {1, 1, 1});
  ASSERT_TRUE(result.ok()) << result.error().text();
  EXPECT_EQ(out, (std::vector<float>{0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 1,
                                     1, 1, 1, 1, 0, 0, 0, 1, 0, 0, 0, 1}));
}

// A sampler in the text is the sampler that the host makes of the same words.
TEST(Samplers, InTheTextAreThoseOfTheHost) {
  SamplerState state;
  state.pixel_coordinates = true;
  state.address[0] = AddressMode::mirrored_repeat;
  state.address[1] = AddressMode::clamp_to_border;
  state.address[2] = AddressMode::repeat;
  state.magnify = Filter::linear;
  state.mip = MipFilter::linear;
  state.border = BorderColor::opaque_white;
  state.compare = CompareFunction::greater_equal;
  state.max_anisotropy = 8;
  state.lod_min = 1.5f;
  state.lod_max = 3.25f;
  std::vector<uint64_t> out(3);
  const auto result = run(R"(
constexpr sampler in_program(coord::pixel, s_address::mirrored_repeat, t_address::clamp_to_border, r_address::repeat,
                             mag_filter::linear, min_filter::nearest, mip_filter::linear, border_color::opaque_white,
                             compare_func::greater_equal, max_anisotropy(8), lod_clamp(1.5f, 3.25f));
kernel void k(device ulong* out, sampler given [[sampler(0)]]) {
  constexpr sampler plain;
  out[0] = in_program.__state;
  out[1] = given.__state;
  out[2] = plain.__state;
})",
                          {.buffers = {argument(out)}, .samplers = {state}}, {1, 1, 1});
  ASSERT_TRUE(result.ok()) << result.error().text();
  EXPECT_EQ(out[0], state.bits());
  EXPECT_EQ(out[1], state.bits());
  EXPECT_EQ(out[2], SamplerState().bits());
}

}  // namespace
}  // namespace anymetal::textures
