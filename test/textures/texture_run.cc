#include "texture_run.h"

#include <memory>

namespace anymetal::textures {

Bounds default_bounds() {
  return runtime::Settings::from_environment().bounds;
}

runtime::Device& device(Bounds bounds) {
  static std::array<std::unique_ptr<runtime::Device>, 3> devices;
  auto& made = devices[static_cast<size_t>(bounds)];
  if (!made) {
    auto settings = runtime::Settings::from_environment();
    settings.bounds = bounds;
    auto engine = runtime::Engine::system(settings);
    made = runtime::Device::create(std::move(settings), std::move(engine));
  }
  return *made;
}

Result<void> run(const std::string& text, const Bindings& bindings, runtime::Extent grid,
                 Bounds bounds, const std::string& name) {
  runtime::Device& on = device(bounds);
  ANYMETAL_ASSIGN_OR_RETURN(
      auto library,
      on.library({.text = "#include <metal_stdlib>\nusing namespace metal;\n#line 1\n" + text,
                  .name = "test.metal",
                  .marks = {}}));
  ANYMETAL_ASSIGN_OR_RETURN(auto function,
                            library->function(name.empty() ? library->kernels()[0].name : name));
  ANYMETAL_ASSIGN_OR_RETURN(auto pipeline, on.pipeline(function));
  std::vector<const Texture*> textures;
  for (const auto& texture : bindings.textures) textures.push_back(texture.get());
  std::vector<Sampler> samplers(bindings.samplers.begin(), bindings.samplers.end());
  std::vector<const Sampler*> bound;
  for (const Sampler& sampler : samplers) bound.push_back(&sampler);
  const runtime::Extent group{std::min(grid.x, 8u), std::min(grid.y, 8u), 1};
  runtime::Launch launch{grid, group, bindings.buffers};
  launch.textures = textures;
  launch.samplers = bound;
  return pipeline->run(launch);
}

uint32_t format(const char* name) {
  const PixelFormat* found = find_pixel_format(std::string_view(name));
  EXPECT_TRUE(found) << name;
  return found ? found->number : 0;
}

std::shared_ptr<Texture> make(const TextureShape& shape, const std::vector<uint8_t>& bytes) {
  auto texture = Texture::create(device(), shape);
  if (!texture.ok()) {
    ADD_FAILURE() << texture.error().text();
    return nullptr;
  }
  if (!bytes.empty()) fill(**texture, bytes);
  return *texture;
}

}  // namespace anymetal::textures
