// Textures and samplers as a metal-cpp program uses them.
#include <gtest/gtest.h>

#include <Metal/Metal.hpp>
#include <numeric>
#include <string>
#include <vector>

namespace {

constexpr const char* kText = R"(
#include <metal_stdlib>
using namespace metal;
kernel void shift(texture2d<float, access::sample> in [[texture(0)]],
                  texture2d<float, access::write> out [[texture(1)]],
                  sampler s [[sampler(0)]], uint2 at [[thread_position_in_grid]]) {
  const float2 size = float2(in.get_width(), in.get_height());
  out.write(in.sample(s, (float2(at) + 0.5f) / size + float2(0.25f, 0)), at);
}
)";

class MetalTexture : public testing::Test {
 protected:
  MetalTexture()
      : pool_(NS::AutoreleasePool::alloc()->init()),
        device_(NS::TransferPtr(MTL::CreateSystemDefaultDevice())) {
    NS::Error* error = nullptr;
    auto library = NS::TransferPtr(
        device_->newLibrary(NS::String::string(kText, NS::UTF8StringEncoding), nullptr, &error));
    if (!library) {
      // NOLINTNEXTLINE(clang-analyzer-core.CallAndMessage): without a library there is an error
      ADD_FAILURE() << error->localizedDescription()->utf8String();
      return;
    }
    auto function =
        NS::TransferPtr(library->newFunction(NS::String::string("shift", NS::UTF8StringEncoding)));
    pipeline_ = NS::TransferPtr(device_->newComputePipelineState(function.get(), &error));
    queue_ = NS::TransferPtr(device_->newCommandQueue());
  }
  ~MetalTexture() override { pool_->release(); }

  NS::SharedPtr<MTL::Texture> texture(MTL::PixelFormat format, NS::UInteger width,
                                      MTL::TextureUsage usage) {
    auto* descriptor = MTL::TextureDescriptor::texture2DDescriptor(format, width, 2, false);
    descriptor->setUsage(usage);
    return NS::TransferPtr(device_->newTexture(descriptor));
  }

  /// The error of the command buffer, or "".
  std::string shift(MTL::Texture* in, MTL::Texture* out, MTL::SamplerState* sampler) {
    auto* commands = queue_->commandBuffer();
    auto* encoder = commands->computeCommandEncoder();
    encoder->setComputePipelineState(pipeline_.get());
    encoder->setTexture(in, 0);
    encoder->setTexture(out, 1);
    encoder->setSamplerState(sampler, 0);
    encoder->dispatchThreads(MTL::Size(4, 2, 1), MTL::Size(4, 2, 1));
    encoder->endEncoding();
    commands->commit();
    commands->waitUntilCompleted();
    return commands->error() ? commands->error()->localizedDescription()->utf8String() : "";
  }

  NS::AutoreleasePool* pool_;
  NS::SharedPtr<MTL::Device> device_;
  NS::SharedPtr<MTL::ComputePipelineState> pipeline_;
  NS::SharedPtr<MTL::CommandQueue> queue_;
};

TEST_F(MetalTexture, SamplesAndWrites) {
  auto in = texture(MTL::PixelFormatRGBA8Unorm, 4, MTL::TextureUsageShaderRead);
  auto out = texture(MTL::PixelFormatRGBA8Unorm, 4, MTL::TextureUsageShaderWrite);
  ASSERT_TRUE(in && out);
  std::vector<std::uint8_t> bytes(4 * 2 * 4), got(4 * 2 * 4);
  std::iota(bytes.begin(), bytes.end(), std::uint8_t{1});
  in->replaceRegion(MTL::Region::Make2D(0, 0, 4, 2), 0, bytes.data(), 16);
  auto descriptor = NS::TransferPtr(MTL::SamplerDescriptor::alloc()->init());
  descriptor->setSAddressMode(MTL::SamplerAddressModeRepeat);
  auto sampler = NS::TransferPtr(device_->newSamplerState(descriptor.get()));
  EXPECT_EQ(shift(in.get(), out.get(), sampler.get()), "");
  out->getBytes(got.data(), 16, MTL::Region::Make2D(0, 0, 4, 2), 0);
  for (size_t y = 0; y < 2; ++y)
    for (size_t x = 0; x < 4; ++x)
      for (size_t c = 0; c < 4; ++c)
        EXPECT_EQ(got[(y * 4 + x) * 4 + c], bytes[(y * 4 + (x + 1) % 4) * 4 + c]);
  EXPECT_EQ(in->pixelFormat(), MTL::PixelFormatRGBA8Unorm);
  EXPECT_EQ(in->width(), 4u);
  EXPECT_NE(in->gpuResourceID()._impl, 0u);
}

TEST_F(MetalTexture, OfBuffersAndViews) {
  auto buffer = NS::TransferPtr(device_->newBuffer(64, MTL::ResourceStorageModeShared));
  auto* descriptor =
      MTL::TextureDescriptor::texture2DDescriptor(MTL::PixelFormatRGBA8Unorm, 4, 2, false);
  descriptor->setUsage(MTL::TextureUsageShaderWrite);
  auto out = NS::TransferPtr(buffer->newTexture(descriptor, 0, 32));
  ASSERT_TRUE(out);
  auto in = texture(MTL::PixelFormatR32Uint, 4, MTL::TextureUsageUnknown);
  std::vector<std::uint32_t> words = {1, 2, 3, 4, 5, 6, 7, 0x10203040};
  in->replaceRegion(MTL::Region::Make2D(0, 0, 4, 2), 0, words.data(), 16);
  auto view = NS::TransferPtr(in->newTextureView(MTL::PixelFormatRGBA8Unorm));
  ASSERT_TRUE(view);
  auto plain = NS::TransferPtr(MTL::SamplerDescriptor::alloc()->init());
  auto sampler = NS::TransferPtr(device_->newSamplerState(plain.get()));
  EXPECT_EQ(shift(view.get(), out.get(), sampler.get()), "");
  const auto* bytes = static_cast<const std::uint8_t*>(buffer->contents());
  EXPECT_EQ(bytes[0], 2);              // texel 0 is its right neighbour
  EXPECT_EQ(bytes[32 + 3 * 4], 0x40);  // the last one is clamped
  EXPECT_EQ(bytes[32 + 3 * 4 + 3], 0x10);
}

TEST_F(MetalTexture, ErrorsSayWhat) {
  auto plain = NS::TransferPtr(MTL::SamplerDescriptor::alloc()->init());
  auto sampler = NS::TransferPtr(device_->newSamplerState(plain.get()));
  auto in = texture(MTL::PixelFormatRGBA8Unorm, 4, MTL::TextureUsageShaderRead);
  EXPECT_NE(shift(in.get(), nullptr, sampler.get()).find("texture 1"), std::string::npos);
  EXPECT_NE(shift(in.get(), in.get(), sampler.get()).find("ShaderWrite"), std::string::npos);
  auto out = texture(MTL::PixelFormatRGBA8Unorm, 4, MTL::TextureUsageShaderWrite);
  EXPECT_NE(shift(in.get(), out.get(), nullptr).find("sampler 0"), std::string::npos);
  EXPECT_FALSE(texture(MTL::PixelFormatRGBA8Unorm, 0, 0));
  EXPECT_FALSE(texture(MTL::PixelFormatRGB9E5Float, 4, 0));
}

}  // namespace
