// Runs kernels on textures through the runtime, for the tests of textures.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "runtime/runtime.h"

namespace anymetal::textures {

using runtime::Bounds;
using runtime::Sampler;
using runtime::Texture;
using runtime::TextureRegion;
using runtime::TextureShape;

/// The environment's: each executor has its own.
[[nodiscard]] Bounds default_bounds();

/// One device for each way of checking buffers, so that every test can ask for any.
[[nodiscard]] runtime::Device& device(Bounds bounds = default_bounds());

struct Bindings {
  std::vector<backend::Argument> buffers;
  std::vector<std::shared_ptr<Texture>> textures;
  std::vector<SamplerState> samplers;
};

/// Compiles `text` (metal_stdlib is included before it) and runs its kernel `name`, or the first.
[[nodiscard]] Result<void> run(const std::string& text, const Bindings& bindings,
                               runtime::Extent grid, Bounds bounds = default_bounds(),
                               const std::string& name = "");

template <class T>
backend::Argument argument(std::vector<T>& values) {
  return {values.data(), values.size() * sizeof(T)};
}

/// A texture that must be possible. `bytes`: all texels of level 0 of slice 0, tight, or empty.
[[nodiscard]] std::shared_ptr<Texture> make(const TextureShape& shape,
                                            const std::vector<uint8_t>& bytes = {});
[[nodiscard]] uint32_t format(const char* name);

template <class T>
void fill(Texture& texture, const std::vector<T>& texels, uint32_t level = 0, uint32_t slice = 0) {
  const TextureShape& s = texture.shape();
  const auto at = [&](uint32_t size) { return std::max(1u, size >> level); };
  const TextureRegion all{0, 0, 0, at(s.width), at(s.height), at(s.depth)};
  ASSERT_EQ(texels.size() * sizeof(T),
            uint64_t{all.width} * all.height * all.depth * texture.format().bytes);
  const auto result = texture.replace(all, level, slice, texels.data(), 0, 0);
  ASSERT_TRUE(result.ok()) << result.error().text();
}

template <class T>
std::vector<T> contents(const Texture& texture, uint32_t level = 0, uint32_t slice = 0) {
  const TextureShape& s = texture.shape();
  const auto at = [&](uint32_t size) { return std::max(1u, size >> level); };
  const TextureRegion all{0, 0, 0, at(s.width), at(s.height), at(s.depth)};
  std::vector<T> out(uint64_t{all.width} * all.height * all.depth * texture.format().bytes /
                     sizeof(T));
  const auto result = texture.get(all, level, slice, out.data(), 0, 0);
  EXPECT_TRUE(result.ok());
  return out;
}

}  // namespace anymetal::textures
