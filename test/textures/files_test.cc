// Whole files that work on images, against plain loops over arrays.
#include <bit>
#include <cmath>
#include <fstream>
#include <random>
#include <sstream>

#include "texture_run.h"

namespace anymetal::textures {
namespace {

std::string read(const std::string& name) {
  std::ifstream file(ANYMETAL_SOURCE_DIR "/test/textures/" + name);
  EXPECT_TRUE(file) << name;
  std::stringstream text;
  text << file.rdbuf();
  return "#line 1\n" + text.str();
}

/// An image of doubles with four components.
struct Plain {
  int width, height;
  std::vector<std::array<double, 4>> texels;
  [[nodiscard]] const std::array<double, 4>& at(int x, int y) const {
    x = std::min(std::max(x, 0), width - 1);
    y = std::min(std::max(y, 0), height - 1);
    return texels[size_t(y) * size_t(width) + size_t(x)];
  }
};

std::vector<uint8_t> random_bytes(size_t count) {
  std::mt19937 random(3);
  std::vector<uint8_t> out(count);
  for (auto& byte : out) byte = uint8_t(random());
  return out;
}

Plain plain_of(const std::vector<uint8_t>& bytes, int width, int height) {
  Plain out{width, height, std::vector<std::array<double, 4>>(size_t(width * height))};
  for (size_t i = 0; i < bytes.size(); ++i) out.texels[i / 4][i % 4] = bytes[i] / 255.0;
  return out;
}

// The taps of the linear blur are those of a blur of nine whole texels.
Plain blurred(const Plain& in, int dx, int dy) {
  const double taps[] = {0.2270270270, 0.1945945946, 0.1216216216, 0.0540540541, 0.0162162162};
  Plain out = in;
  for (int y = 0; y < in.height; ++y)
    for (int x = 0; x < in.width; ++x)
      for (size_t c = 0; c < 4; ++c) {
        double sum = in.at(x, y)[c] * taps[0];
        for (int i = 1; i < 5; ++i)
          sum += (in.at(x + dx * i, y + dy * i)[c] + in.at(x - dx * i, y - dy * i)[c]) * taps[i];
        out.texels[size_t(y) * size_t(in.width) + size_t(x)][c] = sum;
      }
  return out;
}

TEST(Files, Blur) {
  constexpr int kWidth = 37, kHeight = 23;
  const auto bytes = random_bytes(kWidth * kHeight * 4);
  const TextureShape shape{.format = format("rgba8unorm"), .width = kWidth, .height = kHeight};
  auto in = make(shape, bytes), middle = make(shape), out = make(shape);
  std::vector<float> across = {1, 0}, down = {0, 1};
  for (auto [from, to, direction] :
       {std::tuple{in, middle, &across}, std::tuple{middle, out, &down}}) {
    const auto result =
        run(read("blur.metal"), {.buffers = {argument(*direction)}, .textures = {from, to}},
            {40, 24, 1});
    ASSERT_TRUE(result.ok()) << result.error().text();
  }
  const Plain expected = blurred(blurred(plain_of(bytes, kWidth, kHeight), 1, 0), 0, 1);
  const auto got = contents<uint8_t>(*out);
  // Rounded to 8 bits twice.
  for (size_t i = 0; i < got.size(); ++i)
    ASSERT_NEAR(got[i], expected.texels[i / 4][i % 4] * 255, 1.1) << i;
}

TEST(Files, Resize) {
  constexpr int kWidth = 9, kHeight = 7;
  const auto bytes = random_bytes(kWidth * kHeight * 4);
  auto in = make({.format = format("rgba8unorm"), .width = kWidth, .height = kHeight}, bytes);
  const Plain plain = plain_of(bytes, kWidth, kHeight);
  SamplerState linear;
  linear.magnify = linear.minify = Filter::linear;
  for (const auto& [w, h] :
       {std::pair{20, 15}, std::pair{4, 3}, std::pair{9, 7}, std::pair{1, 1}}) {
    for (const char* kernel : {"resize", "resize_by_hand"}) {
      auto out =
          make({.format = format("rgba16float"), .width = uint32_t(w), .height = uint32_t(h)});
      Bindings bindings{.textures = {in, out}};
      if (kernel == std::string("resize")) bindings.samplers = {linear};
      const auto result = run(read("resize.metal"), bindings, {24, 16, 1}, Bounds::error, kernel);
      ASSERT_TRUE(result.ok()) << result.error().text();
      const auto got = contents<uint16_t>(*out);
      for (int y = 0; y < h; ++y)
        for (int x = 0; x < w; ++x)
          for (size_t c = 0; c < 4; ++c) {
            const double u = (x + 0.5) / w * kWidth - 0.5, v = (y + 0.5) / h * kHeight - 0.5;
            const int i = int(std::floor(u)), j = int(std::floor(v));
            const double a = u - i, b = v - j;
            const double top = plain.at(i, j)[c] * (1 - a) + plain.at(i + 1, j)[c] * a;
            const double bottom = plain.at(i, j + 1)[c] * (1 - a) + plain.at(i + 1, j + 1)[c] * a;
            const double value =
                double(float(std::bit_cast<_Float16>(got[size_t(y * w + x) * 4 + c])));
            ASSERT_NEAR(value, top * (1 - b) + bottom * b, 3e-3) << kernel << " " << x << " " << y;
          }
    }
  }
}

TEST(Files, Volume) {
  constexpr int n = 6;
  std::mt19937 random(8);
  std::uniform_real_distribution<float> value(0, 1), place(-0.3f, 1.3f);
  std::vector<float> voxels(n * n * n);
  for (float& v : voxels) v = value(random);
  auto volume = make(
      {.type = TextureType::d3, .format = format("r32float"), .width = n, .height = n, .depth = n});
  fill(*volume, voxels);
  constexpr uint32_t kRays = 60;
  std::vector<float> rays(kRays * 6), out(kRays * 4);
  for (float& r : rays) r = place(random);
  std::vector<uint32_t> steps = {17};
  const auto result =
      run(read("volume.metal"),
          {.buffers = {argument(rays), argument(out), argument(steps)}, .textures = {volume}},
          {kRays, 1, 1});
  ASSERT_TRUE(result.ok()) << result.error().text();
  const auto voxel = [&](int x, int y, int z) {
    const bool inside = std::min({x, y, z}) >= 0 && std::max({x, y, z}) < n;
    if (!inside) return 0.0;
    const auto side = size_t(n);
    return double(voxels[(size_t(z) * side + size_t(y)) * side + size_t(x)]);
  };
  for (uint32_t ray = 0; ray < kRays; ++ray) {
    double sum = 0;
    for (int step = 0; step < 17; ++step) {
      int low[3];
      double f[3];
      for (int a = 0; a < 3; ++a) {
        const float t = (float(step) + 0.5f) / 17;
        const double at =
            double(rays[ray * 6 + uint32_t(a)] + rays[ray * 6 + 3 + uint32_t(a)] * t) * n - 0.5;
        low[a] = int(std::floor(at));
        f[a] = at - low[a];
      }
      for (int corner = 0; corner < 8; ++corner) {
        const int x = corner & 1, y = corner >> 1 & 1, z = corner >> 2;
        sum += voxel(low[0] + x, low[1] + y, low[2] + z) * (x ? f[0] : 1 - f[0]) *
               (y ? f[1] : 1 - f[1]) * (z ? f[2] : 1 - f[2]);
      }
    }
    EXPECT_NEAR(out[ray * 4], sum / 17, 1e-5) << ray;
  }
}

}  // namespace
}  // namespace anymetal::textures
