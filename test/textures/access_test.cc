// Types, reads, writes, sizes and coordinates outside: what a kernel can do with a texture but
// sample it, and what a launch refuses.
#include <bit>
#include <numeric>
#include <random>

#include "texture_run.h"

namespace anymetal::textures {
namespace {

constexpr Bounds kAllBounds[] = {Bounds::error, Bounds::robust, Bounds::off};

TEST(Access, CopiesFromOneToAnother) {
  std::vector<float> texels(7 * 5 * 4);
  std::iota(texels.begin(), texels.end(), 1.0f);
  auto in = make({.format = format("rgba32float"), .width = 7, .height = 5});
  auto out = make({.format = format("rgba32float"), .width = 7, .height = 5});
  fill(*in, texels);
  const auto result = run(R"(
kernel void copy(texture2d<float, access::read> in [[texture(0)]],
                 texture2d<float, access::write> out [[texture(1)]],
                 uint2 at [[thread_position_in_grid]]) {
  if (at.x >= in.get_width() || at.y >= in.get_height()) return;
  out.write(in.read(at) * 2, at);
})",
                          {.textures = {in, out}}, {8, 8, 1});
  ASSERT_TRUE(result.ok()) << result.error().text();
  const auto got = contents<float>(*out);
  for (size_t i = 0; i < texels.size(); ++i) ASSERT_EQ(got[i], texels[i] * 2) << i;
}

// Each type with its coordinates, uint and ushort, with levels and elements.
const char* const kEveryType = R"(
kernel void every(texture1d<float, access::read_write> a [[texture(0)]],
                  texture1d_array<float, access::read_write> b [[texture(1)]],
                  texture2d<float, access::read_write> c [[texture(2)]],
                  texture2d_array<float, access::read_write> d [[texture(3)]],
                  texture3d<float, access::read_write> e [[texture(4)]],
                  texturecube<float, access::read_write> f [[texture(5)]],
                  texturecube_array<float, access::read_write> g [[texture(6)]],
                  texture_buffer<float, access::read_write> h [[texture(7)]], device uint* sizes [[buffer(0)]]) {
  a.write(a.read(2u) + 1, ushort(3));
  b.write(b.read(2u, 1u) + 1, ushort(3), ushort(0));
  c.write(c.read(uint2(1, 2), 1) + 1, ushort2(2, 1), 1);
  d.write(d.read(uint2(1, 2), 1, 1) + 1, ushort2(3, 3), ushort(2));
  e.write(e.read(uint3(1, 2, 1)) + 1, ushort3(0, 1, 2));
  f.write(f.read(uint2(1, 2), 4u) + 1, ushort2(0, 3), ushort(5));
  g.write(g.read(uint2(1, 2), 4u, 1u) + 1, ushort2(0, 3), ushort(5), ushort(0));
  h.write(h.read(5) + 1, 6);
  c.fence();
  const uint found[] = {a.get_width(), b.get_width(), b.get_array_size(), c.get_width(1), c.get_height(1),
                        c.get_num_mip_levels(), d.get_array_size(), d.get_width(), e.get_width(), e.get_height(),
                        e.get_depth(), f.get_width(), g.get_array_size(), h.get_width(), c.get_width(9)};
  for (int i = 0; i < 15; ++i) sizes[i] = found[i];
})";

TEST(Access, EveryTypeInEveryMode) {
  for (const Bounds bounds : kAllBounds) {
    using T = TextureType;
    const uint32_t f = format("r32float");
    std::vector<std::shared_ptr<Texture>> t = {
        make({.type = T::d1, .format = f, .width = 5}),
        make({.type = T::d1_array, .format = f, .width = 5, .array_length = 2}),
        make({.type = T::d2, .format = f, .width = 6, .height = 6, .levels = 2}),
        make({.type = T::d2_array,
              .format = f,
              .width = 6,
              .height = 6,
              .array_length = 3,
              .levels = 2}),
        make({.type = T::d3, .format = f, .width = 3, .height = 4, .depth = 5}),
        make({.type = T::cube, .format = f, .width = 4, .height = 4}),
        make({.type = T::cube_array, .format = f, .width = 4, .height = 4, .array_length = 2}),
        make({.type = T::buffer, .format = f, .width = 70000})};
    const auto put = [](Texture& texture, TextureRegion at, uint32_t level, uint32_t slice,
                        float value) {
      ASSERT_TRUE(texture.replace(at, level, slice, &value, 0, 0).ok());
    };
    const auto value_at = [](const Texture& texture, TextureRegion at, uint32_t level,
                             uint32_t slice) {
      float value = -1;
      EXPECT_TRUE(texture.get(at, level, slice, &value, 0, 0).ok());
      return value;
    };
    put(*t[0], {2}, 0, 0, 10);
    put(*t[1], {2}, 0, 1, 11);
    put(*t[2], {1, 2}, 1, 0, 12);
    put(*t[3], {1, 2}, 1, 1, 13);
    put(*t[4], {1, 2, 1}, 0, 0, 14);
    put(*t[5], {1, 2}, 0, 4, 15);
    put(*t[6], {1, 2}, 0, 10, 16);
    put(*t[7], {5}, 0, 0, 17);
    std::vector<uint32_t> sizes(15);
    const auto result =
        run(kEveryType, {.buffers = {argument(sizes)}, .textures = t}, {1, 1, 1}, bounds);
    ASSERT_TRUE(result.ok()) << result.error().text();
    EXPECT_EQ(value_at(*t[0], {3}, 0, 0), 11);
    EXPECT_EQ(value_at(*t[1], {3}, 0, 0), 12);
    EXPECT_EQ(value_at(*t[2], {2, 1}, 1, 0), 13);
    EXPECT_EQ(value_at(*t[3], {3, 3}, 0, 2), 14);
    EXPECT_EQ(value_at(*t[4], {0, 1, 2}, 0, 0), 15);
    EXPECT_EQ(value_at(*t[5], {0, 3}, 0, 5), 16);
    EXPECT_EQ(value_at(*t[6], {0, 3}, 0, 5), 17);
    EXPECT_EQ(value_at(*t[7], {6}, 0, 0), 18);
    EXPECT_EQ(sizes, (std::vector<uint32_t>{5, 5, 2, 3, 3, 2, 3, 6, 3, 4, 5, 4, 2, 70000, 0}));
  }
}

// Coordinates, levels and elements drawn from everything that 32 bits can hold: outside reads as
// zeros, writes outside are dropped, and nothing beside the texture changes.
TEST(Access, OutsideReadsZerosAndDropsWrites) {
  constexpr uint32_t kWidth = 5, kHeight = 3, kSlices = 2, kCount = 4000;
  std::mt19937 random(11);
  const auto any = [&](uint32_t limit) -> uint32_t {
    const uint32_t edges[] = {0,          limit - 1,  limit, limit + 1, 0x7fffffff,
                              0x80000000, 0xffffffff, 65535, 65536};
    return random() % 2 ? random() % limit : edges[random() % 9];
  };
  std::vector<uint32_t> at;
  for (uint32_t i = 0; i < kCount; ++i)
    at.insert(at.end(), {any(kWidth), any(kHeight), any(kSlices), any(2)});
  for (const Bounds bounds : kAllBounds) {
    auto in = make({.type = TextureType::d2_array,
                    .format = format("rgba16uint"),
                    .width = kWidth,
                    .height = kHeight,
                    .array_length = kSlices,
                    .levels = 2});
    // One texel in the middle of memory of ours, so that a stray write would be seen.
    std::vector<uint32_t> memory(64, 0xabababab);
    auto buffer = device(bounds).wrap(memory.data(), memory.size() * 4);
    auto out =
        Texture::over(buffer, 32 * 4, 0, {.format = format("r32uint"), .width = 2, .height = 2});
    ASSERT_TRUE(out.ok()) << out.error().text();
    for (uint32_t slice = 0; slice < kSlices; ++slice) {
      std::vector<uint16_t> texels(kWidth * kHeight * 4), small(2 * 1 * 4);
      for (size_t i = 0; i < texels.size(); ++i) texels[i] = uint16_t(1000 * slice + i + 1);
      for (size_t i = 0; i < small.size(); ++i) small[i] = uint16_t(20000 + 1000 * slice + i);
      fill(*in, texels, 0, slice);
      fill(*in, small, 1, slice);
    }
    std::vector<uint32_t> found(kCount * 4);
    const auto result = run(R"(
kernel void k(texture2d_array<uint, access::read> in [[texture(0)]], texture2d<uint, access::write> out [[texture(1)]],
              device const uint4* at, device uint4* found, uint i [[thread_position_in_grid]]) {
  const uint4 p = at[i];
  found[i] = in.read(p.xy, p.z, p.w);
  if (any(p.xy > 1u)) out.write(uint4(7), p.xy);
  out.write(uint4(8), uint2(0), max(p.w, p.w + 1));
})",
                            {.buffers = {argument(at), argument(found)}, .textures = {in, *out}},
                            {kCount, 1, 1}, bounds);
    ASSERT_TRUE(result.ok()) << result.error().text();
    for (uint32_t i = 0; i < kCount; ++i) {
      const uint32_t x = at[i * 4], y = at[i * 4 + 1], slice = at[i * 4 + 2], level = at[i * 4 + 3];
      const uint32_t width = level ? 2 : kWidth, height = level ? 1 : kHeight;
      const bool inside = x < width && y < height && slice < kSlices && level < 2;
      for (uint32_t c = 0; c < 4; ++c) {
        const uint32_t texel = (y * width + x) * 4 + c;
        const uint32_t expected = !inside ? 0
                                  : level ? 20000 + 1000 * slice + texel
                                          : 1000 * slice + texel + 1;
        ASSERT_EQ(found[i * 4 + c], expected) << x << " " << y << " " << slice << " " << level;
      }
    }
    for (size_t i = 0; i < memory.size(); ++i) EXPECT_EQ(memory[i], 0xabababab) << i;
  }
}

// A kernel can have any bits where a handle should be.
TEST(Access, InventedHandlesReadZeros) {
  for (const Bounds bounds : kAllBounds) {
    auto real = make({.format = format("r32float"), .width = 2});
    fill(*real, std::vector<float>{5, 6});
    uint64_t stale = 0;
    {
      auto gone = make({.format = format("r32float"), .width = 2});
      stale = gone->handle();
    }
    std::vector<uint64_t> handles = {real->handle(),
                                     stale,
                                     0,
                                     1,
                                     ~uint64_t{0},
                                     real->handle() ^ (uint64_t{1} << 40),
                                     0x7f0000000000,
                                     0xffffffff,
                                     real->handle() + 1000};
    std::vector<float> out(handles.size());
    std::vector<float> sampled(handles.size());
    const auto count = uint32_t(handles.size());
    const auto result = run(R"(
kernel void k(device const ulong* handles, device float* out, device float* sampled, uint i [[thread_position_in_grid]]) {
  const auto t = as_type<texture2d<float>>(handles[i]);
  constexpr sampler s;
  out[i] = t.read(uint2(1, 0)).x + t.get_width();
  sampled[i] = t.sample(as_type<sampler>(handles[(i * 7 + 3) % 9] * 0x9e3779b97f4a7c15), float2(0.75f, 0.5f)).x;
  as_type<texture2d<float, access::write>>(handles[i] + 1).write(1, uint2(0));
})",
                            {.buffers = {argument(handles), argument(out), argument(sampled)}},
                            {count, 1, 1}, bounds);
    ASSERT_TRUE(result.ok()) << result.error().text();
    EXPECT_EQ(out[0], 8);
    for (size_t i = 1; i < out.size(); ++i) {
      EXPECT_EQ(out[i], 0) << i;
      EXPECT_EQ(sampled[i], 0) << i;
    }
  }
}

TEST(Access, ArraysOfTexturesAndSamplersAndHelperFunctions) {
  std::vector<std::shared_ptr<Texture>> textures;
  for (int i = 0; i < 3; ++i) {
    textures.push_back(make({.format = format("r32float"), .width = 2}));
    fill(*textures.back(), std::vector<float>{float(10 * i + 1), float(10 * i + 2)});
  }
  textures.insert(textures.begin() + 1, nullptr);  // element 1 stays empty
  auto last = make({.format = format("r32float"), .width = 1});
  textures.push_back(last);
  SamplerState repeat;
  repeat.address[0] = AddressMode::repeat;
  std::vector<float> out(8);
  const auto result =
      run(R"(
template <typename T, access A>
T first(texture2d<T, A> t) { return t.read(uint2(0)).x; }
float at(const array<texture2d<float>, 4> all, thread const sampler& s, int i, float x) {
  return all[i].sample(s, float2(x, 0.5f)).x;
}
kernel void k(device float* out [[buffer(0)]], const array<texture2d<float>, 4> all [[texture(0)]],
              texture2d<float, access::write> last, array<sampler, 2> samplers, uint i [[thread_position_in_grid]]) {
  out[i] = at(all, samplers[i / 4], i % 4, 1.3f);
  if (i == 0) last.write(first(all[3]) + is_null_texture(all[1]) * 100 + is_null_texture(all[0]) * 1000, uint2(0));
})",
          {.buffers = {argument(out)}, .textures = textures, .samplers = {SamplerState(), repeat}},
          {8, 1, 1});
  ASSERT_TRUE(result.ok()) << result.error().text();
  EXPECT_EQ(out, (std::vector<float>{2, 0, 12, 22, 1, 0, 11, 21}));
  EXPECT_EQ(contents<float>(*last)[0], 121);
}

TEST(Access, TexturesOverBuffersAndViewsShareMemory) {
  std::vector<uint8_t> memory(16 * 8, 9);
  auto buffer = device().wrap(memory.data(), memory.size());
  auto linear =
      Texture::over(buffer, 16, 16, {.format = format("rgba8unorm"), .width = 3, .height = 4});
  ASSERT_TRUE(linear.ok()) << linear.error().text();
  using enum runtime::Swizzle;
  auto view = (*linear)->view({.format = format("rgba8uint"), .swizzle = {alpha, zero, one, red}});
  ASSERT_TRUE(view.ok()) << view.error().text();
  std::vector<uint32_t> out(4);
  const auto write = run(R"(
kernel void k(texture2d<float, access::write> t [[texture(0)]]) { t.write(float4(1, 0.2f, 0, 0.6f), uint2(2, 3)); })",
                         {.textures = {*linear}}, {1, 1, 1});
  ASSERT_TRUE(write.ok()) << write.error().text();
  EXPECT_EQ(memory[16 + 3 * 16 + 8], 255);
  EXPECT_EQ(memory[16 + 3 * 16 + 9], 51);
  EXPECT_EQ(memory[16 + 3 * 16 + 12], 9);
  const auto read = run(R"(
kernel void k(texture2d<uint, access::read> t [[texture(0)]], device uint4* out) { out[0] = t.read(uint2(2, 3)); })",
                        {.buffers = {argument(out)}, .textures = {*view}}, {1, 1, 1});
  ASSERT_TRUE(read.ok()) << read.error().text();
  EXPECT_EQ(out, (std::vector<uint32_t>{153, 0, 1, 255}));
}

std::string launch_error(const std::string& text, const Bindings& bindings) {
  const auto result = run(text, bindings, {1, 1, 1});
  if (result.ok()) return "ok";
  EXPECT_EQ(result.error().kind, ErrorKind::user) << result.error().text();
  return result.error().message;
}

TEST(Launches, NameWhatIsWrongWithATexture) {
  const std::string text =
      "kernel void k(texture2d<float, access::write> t [[texture(2)]], sampler s [[sampler(1)]]) { "
      "t.write(1, uint2(0)); }";
  auto good = make({.format = format("rgba8unorm")});
  const auto with = [&](std::shared_ptr<Texture> texture) -> Bindings {
    return {.textures = {nullptr, nullptr, std::move(texture)}, .samplers = {}};
  };
  EXPECT_NE(launch_error(text, {}).find(
                "texture 2 (`texture2d<float, access::write> t [[texture(2)]]`) is missing"),
            std::string::npos)
      << launch_error(text, {});
  EXPECT_NE(launch_error(text, with(good)).find("sampler 1"), std::string::npos);
  const std::string plain =
      "kernel void k(texture2d<float, access::write> t [[texture(2)]]) { t.write(1, uint2(0)); }";
  EXPECT_EQ(launch_error(plain, with(good)), "ok");
  EXPECT_NE(
      launch_error(plain, with(make({.type = TextureType::d3, .format = format("rgba8unorm")})))
          .find("is a 3D texture, and the kernel takes a 2D texture"),
      std::string::npos);
  EXPECT_NE(
      launch_error(plain, with(make({.format = format("rgba8uint")})))
          .find("has the format rgba8uint, which a kernel reads and writes as uint or ushort"),
      std::string::npos);
  EXPECT_NE(launch_error(
                plain, with(make({.format = format("rgba8unorm"), .usage = runtime::kTextureRead})))
                .find("add ShaderWrite"),
            std::string::npos);
  EXPECT_NE(launch_error(plain, with(make({.format = format("depth32float")})))
                .find("can't be written to"),
            std::string::npos);
  auto extra = with(good);
  extra.textures.push_back(good);
  EXPECT_NE(launch_error(plain, extra).find("no [[texture(3)]]"), std::string::npos);
}

TEST(Textures, RefuseWhatCannotBe) {
  const auto error = [](const TextureShape& shape) {
    const auto result = Texture::create(device(), shape);
    return result.ok() ? std::string("ok") : result.error().message;
  };
  const uint32_t f = format("rgba8unorm");
  EXPECT_NE(error({.format = f, .width = 0}).find("width 0"), std::string::npos);
  EXPECT_NE(error({.format = f, .width = 16385}).find("from 1 to 16,384"), std::string::npos);
  EXPECT_NE(error({.format = f, .width = 8, .height = 8, .levels = 5}).find("mipmap levels 5"),
            std::string::npos);
  EXPECT_NE(error({.format = 555}).find("pixel format 555"), std::string::npos);
  EXPECT_NE(error({.type = TextureType::cube, .format = f, .width = 2, .height = 3}).find("square"),
            std::string::npos);
  EXPECT_NE(error({.type = TextureType::d2_multisample, .format = f}).find("not supported yet"),
            std::string::npos);
  EXPECT_NE(error({.format = f, .array_length = 2}).find("array length"), std::string::npos);
  auto small = make({.format = f, .width = 4, .height = 4});
  std::vector<uint8_t> bytes(64);
  EXPECT_FALSE(small->replace({1, 0, 0, 4, 1, 1}, 0, 0, bytes.data(), 0, 0).ok());
  EXPECT_FALSE(small->replace({0, 0, 0, 4, 4, 1}, 1, 0, bytes.data(), 0, 0).ok());
  EXPECT_FALSE(small->replace({0, 0, 0, 4, 4, 1}, 0, 0, bytes.data(), 15, 0).ok());
  auto buffer = device().wrap(bytes.data(), bytes.size());
  EXPECT_FALSE(Texture::over(buffer, 1, 0, {.format = f, .width = 4, .height = 4}).ok());
  EXPECT_FALSE(
      Texture::over(buffer, ~uint64_t{0}, ~uint64_t{0} - 3, {.format = f, .width = 4, .height = 4})
          .ok());
}

TEST(Texts, NameWhatIsWrong) {
  const auto error = [](const std::string& text) {
    const auto result = run(text, {}, {1, 1, 1});
    return result.ok() ? std::string("ok") : result.error().text();
  };
  const auto expect = [&](const std::string& text, const char* words) {
    const std::string said = error(text);
    EXPECT_NE(said.find(words), std::string::npos) << text << "\n" << said;
    EXPECT_NE(said.find("test.metal:"), std::string::npos) << said;
  };
  expect("kernel void k(texture2d<float, access::read> t [[texture(0)]]) { t.write(1, uint2(0)); }",
         "access::write");
  expect("kernel void k(texture2d<float, access::write> t [[texture(0)]]) { t.read(uint2(0)); }",
         "can't be read");
  expect(
      "kernel void k(texture2d<float, access::read> t [[texture(0)]]) { constexpr sampler s; "
      "t.sample(s, float2(0)); }",
      "access::sample");
  expect(
      "kernel void k(texture2d<float> t [[texture(0)]]) { constexpr sampler s; t.sample(s, "
      "float2(0), bias(1)); }",
      "derivatives");
  expect("kernel void k(texture2d<long> t [[texture(0)]]) { }", "components are");
  expect("kernel void k(texture2d<float> t [[texture(128)]]) { }", "from 0 to 127");
  expect("kernel void k(texture2d<float> t [[buffer(0)]]) { }", "[[texture(n)]]");
  expect(
      "kernel void k(array<texture2d<float>, 4> t [[texture(0)]], texture2d<float> u "
      "[[texture(3)]]) { }",
      "is taken by 't'");
  expect("kernel void k(sampler s [[sampler(16)]]) { }", "from 0 to 15");
  expect("kernel void k(texture2d_ms<float> t [[texture(0)]]) { }", "not supported yet");
  expect("kernel void k(depth2d<float, access::write> t [[texture(0)]]) { }", "can't be written");
}

}  // namespace
}  // namespace anymetal::textures
