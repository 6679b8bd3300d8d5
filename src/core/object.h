// What stands behind the handles of anymetal/core.h: objects with a count, each with one shared
// object of the runtime in it. All derive from am_object alone, so a handle, a void* made from it
// and a pointer to its base are the same address.
#pragma once

#include <anymetal/core.h>

#include <atomic>
#include <mutex>
#include <string>
#include <vector>

#include "runtime/runtime.h"

struct am_object {
  am_object() = default;
  am_object(const am_object&) = delete;
  am_object& operator=(const am_object&) = delete;
  virtual ~am_object() = default;

  std::atomic<uint64_t> references{1};
  mutable std::mutex label_mutex;
  std::string label;
};

struct am_string : am_object {
  std::string text;
};
struct am_array : am_object {
  std::vector<am_object*> objects;
  ~am_array() override;
};
struct am_error : am_object {
  am_error_kind kind{};
  std::string text;
};
struct am_device : am_object {
  anymetal::runtime::Device* device = nullptr;
};
struct am_buffer : am_object {
  std::shared_ptr<anymetal::runtime::Buffer> buffer;
};
struct am_texture : am_object {
  std::shared_ptr<anymetal::runtime::Texture> texture;
};
struct am_texture_descriptor : am_object {
  am_texture_shape shape{.type = 2,
                         .pixel_format = 70,
                         .width = 1,
                         .height = 1,
                         .depth = 1,
                         .array_length = 1,
                         .levels = 1,
                         .usage = 1,
                         .swizzle = {}};
};
struct am_sampler_descriptor : am_object {
  am_sampler_state state{.max_anisotropy = 1, .lod_max = 16};
};
struct am_sampler : am_object {
  std::shared_ptr<anymetal::runtime::Sampler> sampler;
};
struct am_compile_options : am_object {
  anymetal::language::Options options{.math_mode = anymetal::MathMode::fast};
  uint64_t language_version = 0x40000;  // 4.0
};
struct am_library : am_object {
  std::shared_ptr<anymetal::runtime::Library> library;
};
struct am_constant_values : am_object {
  std::vector<anymetal::language::ConstantValue> values;
};
struct am_function : am_object {
  std::shared_ptr<anymetal::runtime::Function> function;
};
struct am_function_descriptor : am_object {
  std::string name, specialized_name;
  std::vector<anymetal::language::ConstantValue> constants;
};
struct am_pipeline : am_object {
  std::shared_ptr<anymetal::runtime::Pipeline> pipeline;
};
struct am_pipeline_descriptor : am_object {
  am_function* function = nullptr;
  ~am_pipeline_descriptor() override { am_release(function); }
};
struct am_queue : am_object {
  std::shared_ptr<anymetal::runtime::CommandQueue> queue;
};
struct am_command_buffer : am_object {
  std::shared_ptr<anymetal::runtime::CommandBuffer> commands;
  std::atomic<double> start{0}, end{0};
};
struct am_encoder : am_object {
  std::shared_ptr<anymetal::runtime::ComputeEncoder> encoder;
};
struct am_argument_encoder : am_object {
  anymetal::Parameter parameter;
  std::shared_ptr<anymetal::runtime::Buffer> target;
  uint64_t offset = 0;
};
struct am_event : am_object {
  std::shared_ptr<anymetal::runtime::Event> event = anymetal::runtime::make_event();
};
struct am_fence : am_object {
  std::shared_ptr<anymetal::runtime::Fence> fence = std::make_shared<anymetal::runtime::Fence>();
};

namespace anymetal::core {

/// Hands `error` to the caller, if it asked for it.
void give(am_error** to, const Error& error);

/// The shared object in a new handle, or null and the error.
template <class Handle, class T>
Handle* wrap(Result<std::shared_ptr<T>> result, std::shared_ptr<T> Handle::* member,
             am_error** error) {
  if (!result.ok()) return give(error, result.error()), nullptr;
  auto* handle = new Handle;
  handle->*member = std::move(result).value();
  return handle;
}

/// Text that may be null.
inline std::string text_of(const char* text) {
  return text ? text : "";
}

}  // namespace anymetal::core
