// Textures and samplers, as metal-cpp has them, over the C core of anymetal.
//
// Apple's calls that make or fill a texture have no errors: what can't be done does nothing, and
// the log (ANYMETAL_LOG) says why.
#pragma once

#include <Metal/MTLResource.hpp>

namespace MTL {

class Buffer;

// Names and numbers are those of Apple's published interface.
// clang-format off
enum PixelFormat : UInteger {
  PixelFormatInvalid = 0, PixelFormatA8Unorm = 1,
  PixelFormatR8Unorm = 10, PixelFormatR8Unorm_sRGB = 11, PixelFormatR8Snorm = 12, PixelFormatR8Uint = 13,
  PixelFormatR8Sint = 14,
  PixelFormatR16Unorm = 20, PixelFormatR16Snorm = 22, PixelFormatR16Uint = 23, PixelFormatR16Sint = 24,
  PixelFormatR16Float = 25,
  PixelFormatRG8Unorm = 30, PixelFormatRG8Unorm_sRGB = 31, PixelFormatRG8Snorm = 32, PixelFormatRG8Uint = 33,
  PixelFormatRG8Sint = 34,
  PixelFormatR32Uint = 53, PixelFormatR32Sint = 54, PixelFormatR32Float = 55,
  PixelFormatRG16Unorm = 60, PixelFormatRG16Snorm = 62, PixelFormatRG16Uint = 63, PixelFormatRG16Sint = 64,
  PixelFormatRG16Float = 65,
  PixelFormatRGBA8Unorm = 70, PixelFormatRGBA8Unorm_sRGB = 71, PixelFormatRGBA8Snorm = 72, PixelFormatRGBA8Uint = 73,
  PixelFormatRGBA8Sint = 74,
  PixelFormatBGRA8Unorm = 80, PixelFormatBGRA8Unorm_sRGB = 81,
  PixelFormatRGB10A2Unorm = 90, PixelFormatRGB10A2Uint = 91, PixelFormatRG11B10Float = 92,
  PixelFormatRGB9E5Float = 93, PixelFormatBGR10A2Unorm = 94,
  PixelFormatRG32Uint = 103, PixelFormatRG32Sint = 104, PixelFormatRG32Float = 105,
  PixelFormatRGBA16Unorm = 110, PixelFormatRGBA16Snorm = 112, PixelFormatRGBA16Uint = 113,
  PixelFormatRGBA16Sint = 114, PixelFormatRGBA16Float = 115,
  PixelFormatRGBA32Uint = 123, PixelFormatRGBA32Sint = 124, PixelFormatRGBA32Float = 125,
  PixelFormatDepth16Unorm = 250, PixelFormatDepth32Float = 252,
};
enum TextureType : UInteger {
  TextureType1D = 0, TextureType1DArray = 1, TextureType2D = 2, TextureType2DArray = 3,
  TextureType2DMultisample = 4, TextureTypeCube = 5, TextureTypeCubeArray = 6, TextureType3D = 7,
  TextureType2DMultisampleArray = 8, TextureTypeTextureBuffer = 9,
};
using TextureUsage = UInteger;
enum : TextureUsage {
  TextureUsageUnknown = 0, TextureUsageShaderRead = 1, TextureUsageShaderWrite = 2, TextureUsageRenderTarget = 4,
  TextureUsagePixelFormatView = 16, TextureUsageShaderAtomic = 32,
};
enum TextureSwizzle : std::uint8_t {
  TextureSwizzleZero = 0, TextureSwizzleOne = 1, TextureSwizzleRed = 2, TextureSwizzleGreen = 3,
  TextureSwizzleBlue = 4, TextureSwizzleAlpha = 5,
};
enum SamplerMinMagFilter : UInteger { SamplerMinMagFilterNearest = 0, SamplerMinMagFilterLinear = 1 };
enum SamplerMipFilter : UInteger {
  SamplerMipFilterNotMipmapped = 0, SamplerMipFilterNearest = 1, SamplerMipFilterLinear = 2,
};
enum SamplerAddressMode : UInteger {
  SamplerAddressModeClampToEdge = 0, SamplerAddressModeMirrorClampToEdge = 1, SamplerAddressModeRepeat = 2,
  SamplerAddressModeMirrorRepeat = 3, SamplerAddressModeClampToZero = 4, SamplerAddressModeClampToBorderColor = 5,
};
enum SamplerBorderColor : UInteger {
  SamplerBorderColorTransparentBlack = 0, SamplerBorderColorOpaqueBlack = 1, SamplerBorderColorOpaqueWhite = 2,
};
enum CompareFunction : UInteger {
  CompareFunctionNever = 0, CompareFunctionLess = 1, CompareFunctionEqual = 2, CompareFunctionLessEqual = 3,
  CompareFunctionGreater = 4, CompareFunctionNotEqual = 5, CompareFunctionGreaterEqual = 6, CompareFunctionAlways = 7,
};
// clang-format on

struct TextureSwizzleChannels {
  TextureSwizzle red = TextureSwizzleRed, green = TextureSwizzleGreen, blue = TextureSwizzleBlue,
                 alpha = TextureSwizzleAlpha;
};

class TextureDescriptor : public NS::Referencing<TextureDescriptor> {
 public:
  static TextureDescriptor* alloc() {
    return reinterpret_cast<TextureDescriptor*>(am_texture_descriptor_new());
  }
  TextureDescriptor* init() { return this; }
  static TextureDescriptor* texture2DDescriptor(PixelFormat format, UInteger width, UInteger height,
                                                bool mipmapped) {
    return of(TextureType2D, format, width, height, mipmapped);
  }
  static TextureDescriptor* textureCubeDescriptor(PixelFormat format, UInteger size,
                                                  bool mipmapped) {
    return of(TextureTypeCube, format, size, size, mipmapped);
  }
  static TextureDescriptor* textureBufferDescriptor(PixelFormat format, UInteger width,
                                                    ResourceOptions, TextureUsage usage) {
    TextureDescriptor* made = of(TextureTypeTextureBuffer, format, width, 1, false);
    made->setUsage(usage);
    return made;
  }

  MTL::TextureType textureType() const { return static_cast<MTL::TextureType>(shape()->type); }
  void setTextureType(MTL::TextureType type) { shape()->type = number(type); }
  MTL::PixelFormat pixelFormat() const {
    return static_cast<MTL::PixelFormat>(shape()->pixel_format);
  }
  void setPixelFormat(MTL::PixelFormat format) { shape()->pixel_format = number(format); }
  UInteger width() const { return shape()->width; }
  void setWidth(UInteger width) { shape()->width = number(width); }
  UInteger height() const { return shape()->height; }
  void setHeight(UInteger height) { shape()->height = number(height); }
  UInteger depth() const { return shape()->depth; }
  void setDepth(UInteger depth) { shape()->depth = number(depth); }
  UInteger mipmapLevelCount() const { return shape()->levels; }
  void setMipmapLevelCount(UInteger count) { shape()->levels = number(count); }
  UInteger arrayLength() const { return shape()->array_length; }
  void setArrayLength(UInteger length) { shape()->array_length = number(length); }
  UInteger sampleCount() const { return 1; }
  TextureUsage usage() const { return shape()->usage; }
  void setUsage(TextureUsage usage) { shape()->usage = number(usage); }
  /// Host and kernels share all memory.
  MTL::StorageMode storageMode() const { return StorageModeShared; }
  void setStorageMode(MTL::StorageMode) {}
  void setResourceOptions(ResourceOptions) {}
  void setCpuCacheMode(CPUCacheMode) {}
  void setHazardTrackingMode(HazardTrackingMode) {}
  TextureSwizzleChannels swizzle() const {
    TextureSwizzleChannels out;
    const std::uint8_t* from = shape()->swizzle;
    if (from[0] | from[1] | from[2] | from[3])
      out = {TextureSwizzle(from[0]), TextureSwizzle(from[1]), TextureSwizzle(from[2]),
             TextureSwizzle(from[3])};
    return out;
  }
  void setSwizzle(TextureSwizzleChannels s) {
    const TextureSwizzle from[] = {s.red, s.green, s.blue, s.alpha};
    for (int i = 0; i < 4; ++i) shape()->swizzle[i] = from[i];
  }

  /// Of the C core.
  am_texture_shape* shape() const {
    return am_texture_descriptor_shape(handle<am_texture_descriptor>());
  }

 private:
  static std::uint32_t number(UInteger value) {
    return value > 0xffffffffu ? 0xffffffffu : static_cast<std::uint32_t>(value);
  }
  static TextureDescriptor* of(MTL::TextureType type, MTL::PixelFormat format, UInteger width,
                               UInteger height, bool mipmapped) {
    auto* made = autoreleased<TextureDescriptor>(am_texture_descriptor_new());
    made->setTextureType(type);
    made->setPixelFormat(format);
    made->setWidth(width);
    made->setHeight(height);
    UInteger levels = 1;
    for (UInteger size = width > height ? width : height; mipmapped && size > 1; size /= 2)
      ++levels;
    made->setMipmapLevelCount(levels);
    return made;
  }
};

class Texture : public NS::Referencing<Texture, Resource> {
 public:
  MTL::TextureType textureType() const { return static_cast<MTL::TextureType>(shape().type); }
  MTL::PixelFormat pixelFormat() const {
    return static_cast<MTL::PixelFormat>(shape().pixel_format);
  }
  UInteger width() const { return shape().width; }
  UInteger height() const { return shape().height; }
  UInteger depth() const { return shape().depth; }
  UInteger mipmapLevelCount() const { return shape().levels; }
  UInteger arrayLength() const { return shape().array_length; }
  UInteger sampleCount() const { return 1; }
  TextureUsage usage() const { return shape().usage; }
  bool isFramebufferOnly() const { return false; }
  bool isShareable() const { return false; }
  ResourceID gpuResourceID() const { return {am_texture_resource_id(handle<am_texture>())}; }

  void replaceRegion(Region region, UInteger level, UInteger slice, const void* bytes,
                     UInteger bytesPerRow, UInteger bytesPerImage) {
    const am_texture_region box = core(region);
    am_texture_replace(handle<am_texture>(), &box, number(level), number(slice), bytes, bytesPerRow,
                       bytesPerImage, nullptr);
  }
  void replaceRegion(Region region, UInteger level, const void* bytes, UInteger bytesPerRow) {
    replaceRegion(region, level, 0, bytes, bytesPerRow, 0);
  }
  void getBytes(void* bytes, UInteger bytesPerRow, UInteger bytesPerImage, Region region,
                UInteger level, UInteger slice) {
    const am_texture_region box = core(region);
    am_texture_get(handle<am_texture>(), &box, number(level), number(slice), bytes, bytesPerRow,
                   bytesPerImage, nullptr);
  }
  void getBytes(void* bytes, UInteger bytesPerRow, Region region, UInteger level) {
    getBytes(bytes, bytesPerRow, 0, region, level, 0);
  }

  Texture* newTextureView(MTL::PixelFormat format) {
    const am_texture_shape s = shape();
    const bool cube = s.type == TextureTypeCube || s.type == TextureTypeCubeArray;
    return newTextureView(format, textureType(), NS::Range::Make(0, s.levels),
                          NS::Range::Make(0, s.array_length * (cube ? 6 : 1)));
  }
  Texture* newTextureView(MTL::PixelFormat format, MTL::TextureType type, NS::Range levels,
                          NS::Range slices, TextureSwizzleChannels swizzle = {}) {
    am_texture_shape s = {};
    s.type = number(type);
    s.pixel_format = number(format);
    s.levels = number(levels.length);
    s.array_length = number(slices.length);
    const TextureSwizzle from[] = {swizzle.red, swizzle.green, swizzle.blue, swizzle.alpha};
    for (int i = 0; i < 4; ++i) s.swizzle[i] = from[i];
    return reinterpret_cast<Texture*>(am_texture_new_view(
        handle<am_texture>(), &s, number(levels.location), number(slices.location), nullptr));
  }

 private:
  am_texture_shape shape() const {
    am_texture_shape out = {};
    am_texture_get_shape(handle<am_texture>(), &out);
    return out;
  }
  static std::uint32_t number(UInteger value) {
    return value > 0xffffffffu ? 0xffffffffu : static_cast<std::uint32_t>(value);
  }
  static am_texture_region core(Region r) {
    return {number(r.origin.x),   number(r.origin.y),    number(r.origin.z),
            number(r.size.width), number(r.size.height), number(r.size.depth)};
  }
};

class SamplerDescriptor : public NS::Referencing<SamplerDescriptor> {
 public:
  static SamplerDescriptor* alloc() {
    return reinterpret_cast<SamplerDescriptor*>(am_sampler_descriptor_new());
  }
  SamplerDescriptor* init() { return this; }
  void setMinFilter(SamplerMinMagFilter filter) { state()->min_filter = number(filter); }
  void setMagFilter(SamplerMinMagFilter filter) { state()->mag_filter = number(filter); }
  void setMipFilter(SamplerMipFilter filter) { state()->mip_filter = number(filter); }
  void setSAddressMode(SamplerAddressMode mode) { state()->address[0] = number(mode); }
  void setTAddressMode(SamplerAddressMode mode) { state()->address[1] = number(mode); }
  void setRAddressMode(SamplerAddressMode mode) { state()->address[2] = number(mode); }
  void setBorderColor(SamplerBorderColor color) { state()->border_color = number(color); }
  void setNormalizedCoordinates(bool normalized) { state()->pixel_coordinates = !normalized; }
  void setMaxAnisotropy(UInteger count) { state()->max_anisotropy = number(count); }
  void setLodMinClamp(float lod) { state()->lod_min = lod; }
  void setLodMaxClamp(float lod) { state()->lod_max = lod; }
  void setLodAverage(bool) {}
  void setCompareFunction(CompareFunction function) {
    state()->compare_function = number(function);
  }
  void setSupportArgumentBuffers(bool) {}
  NS::String* label() const { return NS::String::string(am_label(this), NS::UTF8StringEncoding); }
  void setLabel(const NS::String* label) { am_set_label(this, label->utf8String()); }

  /// Of the C core.
  am_sampler_state* state() const {
    return am_sampler_descriptor_state(handle<am_sampler_descriptor>());
  }

 private:
  static std::uint32_t number(UInteger value) {
    return value > 0xffffffffu ? 0xffffffffu : static_cast<std::uint32_t>(value);
  }
};

class SamplerState : public NS::Referencing<SamplerState> {
 public:
  NS::String* label() const { return NS::String::string(am_label(this), NS::UTF8StringEncoding); }
  ResourceID gpuResourceID() const { return {am_sampler_resource_id(handle<am_sampler>())}; }
};

}  // namespace MTL
