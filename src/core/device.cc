// Device, buffers, libraries, functions, pipelines behind their handles.
#include "core/object.h"

using anymetal::Result;
using anymetal::user_error;
using anymetal::core::give;
using anymetal::core::text_of;
using anymetal::core::wrap;
namespace runtime = anymetal::runtime;

extern "C" {

am_device* am_device_new_system(void) {
  static am_device* const system = [] {
    auto* made = new am_device;  // the first reference is ours, for ever
    made->device = &runtime::Device::system();
    return made;
  }();
  return static_cast<am_device*>(am_retain(system));
}

const char* am_device_name(const am_device* device) {
  return device ? device->device->name().c_str() : nullptr;
}
const char* am_device_architecture(const am_device* device) {
  return device ? device->device->architecture().c_str() : nullptr;
}
uint64_t am_device_max_threads_per_threadgroup(const am_device* device) {
  return device ? device->device->limits().threads_per_threadgroup : 0;
}
uint64_t am_device_max_threadgroup_memory(const am_device* device) {
  return device ? device->device->limits().threadgroup_bytes : 0;
}
uint64_t am_device_max_buffer_length(const am_device* device) {
  return device ? device->device->limits().max_buffer_bytes : 0;
}
uint64_t am_device_recommended_working_set(const am_device* device) {
  return device ? device->device->limits().recommended_working_set_bytes : 0;
}

am_buffer* am_buffer_new(am_device* device, uint64_t length, am_error** error) {
  return device ? wrap(device->device->buffer(length), &am_buffer::buffer, error) : nullptr;
}

am_buffer* am_buffer_new_wrapping(am_device* device, void* contents, uint64_t length,
                                  am_deallocator deallocate, void* context, am_error** error) {
  if (!device) return nullptr;
  if (!contents || length == 0)
    return give(error, user_error("no memory to wrap: it is null or empty")), nullptr;
  runtime::Buffer::Deleter deleter;
  if (deallocate)
    deleter = [deallocate, context](void* data, uint64_t size) { deallocate(context, data, size); };
  return wrap(Result(device->device->wrap(contents, length, std::move(deleter))),
              &am_buffer::buffer, error);
}

void* am_buffer_contents(const am_buffer* buffer) {
  return buffer ? buffer->buffer->data() : nullptr;
}
uint64_t am_buffer_length(const am_buffer* buffer) {
  return buffer ? buffer->buffer->size() : 0;
}

am_compile_options* am_compile_options_new(void) {
  return new am_compile_options;
}

void am_compile_options_set_math_mode(am_compile_options* options, am_math_mode mode) {
  if (options && mode <= AM_MATH_FAST)
    options->options.math_mode = static_cast<anymetal::MathMode>(mode);
}
am_math_mode am_compile_options_math_mode(const am_compile_options* options) {
  return options ? static_cast<am_math_mode>(options->options.math_mode) : AM_MATH_SAFE;
}
void am_compile_options_add_macro(am_compile_options* options, const char* name,
                                  const char* value) {
  if (options && name) options->options.macros.emplace_back(name, text_of(value));
}
void am_compile_options_add_include_directory(am_compile_options* options, const char* directory) {
  if (options && directory) options->options.include_dirs.emplace_back(directory);
}
void am_compile_options_set_language_version(am_compile_options* options, uint64_t version) {
  if (options) options->language_version = version;
}
uint64_t am_compile_options_language_version(const am_compile_options* options) {
  return options ? options->language_version : 0;
}

am_library* am_library_new(am_device* device, const char* text, const char* name,
                           const am_compile_options* options, am_error** error) {
  if (!device) return nullptr;
  if (!text) return give(error, user_error("a library needs text, and got null")), nullptr;
  anymetal::language::Source source{.text = text, .name = name ? name : "program_source"};
  return wrap(
      device->device->library(source, options ? options->options : am_compile_options().options),
      &am_library::library, error);
}

size_t am_library_function_count(const am_library* library) {
  return library ? library->library->kernels().size() : 0;
}
const char* am_library_function_name(const am_library* library, size_t index) {
  return index < am_library_function_count(library)
             ? library->library->kernels()[index].name.c_str()
             : nullptr;
}

am_constant_values* am_constant_values_new(void) {
  return new am_constant_values;
}

void am_constant_values_set(am_constant_values* values, const char* name, uint64_t index,
                            const void* bytes, size_t size) {
  if (!values || !bytes) return;
  anymetal::language::ConstantValue value{text_of(name), static_cast<uint32_t>(index),
                                          std::string(static_cast<const char*>(bytes), size)};
  // A constant set again has its last value, so that equal sets are equal keys.
  for (auto& old : values->values)
    if (old.name == value.name && (name || old.index == value.index))
      return void(old = std::move(value));
  values->values.push_back(std::move(value));
}

void am_constant_values_reset(am_constant_values* values) {
  if (values) values->values.clear();
}

am_function* am_function_new(am_library* library, const char* name,
                             const am_constant_values* constants, am_error** error) {
  if (!library) return nullptr;
  std::vector<anymetal::language::ConstantValue> values;
  if (constants) values = constants->values;
  return wrap(library->library->function(text_of(name), std::move(values)), &am_function::function,
              error);
}

const char* am_function_name(const am_function* function) {
  return function ? function->function->name().c_str() : nullptr;
}

am_function_descriptor* am_function_descriptor_new(void) {
  return new am_function_descriptor;
}
void am_function_descriptor_set_name(am_function_descriptor* descriptor, const char* name) {
  if (descriptor) descriptor->name = text_of(name);
}
const char* am_function_descriptor_name(const am_function_descriptor* descriptor) {
  return descriptor ? descriptor->name.c_str() : nullptr;
}
void am_function_descriptor_set_specialized_name(am_function_descriptor* descriptor,
                                                 const char* name) {
  if (descriptor) descriptor->specialized_name = text_of(name);
}
const char* am_function_descriptor_specialized_name(const am_function_descriptor* descriptor) {
  return descriptor ? descriptor->specialized_name.c_str() : nullptr;
}
void am_function_descriptor_set_constants(am_function_descriptor* descriptor,
                                          const am_constant_values* values) {
  if (!descriptor) return;
  descriptor->constants.clear();
  if (values) descriptor->constants = values->values;
}

am_function* am_function_new_from_descriptor(am_library* library,
                                             const am_function_descriptor* descriptor,
                                             am_error** error) {
  if (!library) return nullptr;
  if (!descriptor)
    return give(error, user_error("a function needs a descriptor, and got null")), nullptr;
  am_function* function = wrap(library->library->function(descriptor->name, descriptor->constants),
                               &am_function::function, error);
  am_set_label(function, descriptor->specialized_name.c_str());
  return function;
}

am_pipeline* am_pipeline_new(am_device* device, am_function* function, am_error** error) {
  if (!device) return nullptr;
  return wrap(device->device->pipeline(function ? function->function : nullptr),
              &am_pipeline::pipeline, error);
}

am_pipeline_descriptor* am_pipeline_descriptor_new(void) {
  return new am_pipeline_descriptor;
}
void am_pipeline_descriptor_set_function(am_pipeline_descriptor* descriptor,
                                         am_function* function) {
  if (!descriptor) return;
  am_retain(function);
  am_release(std::exchange(descriptor->function, function));
}
am_function* am_pipeline_descriptor_function(const am_pipeline_descriptor* descriptor) {
  return descriptor ? descriptor->function : nullptr;
}

uint64_t am_pipeline_max_threads_per_threadgroup(const am_pipeline* pipeline) {
  if (!pipeline) return 0;
  return std::min(pipeline->pipeline->device().limits().threads_per_threadgroup,
                  pipeline->pipeline->interface().max_total_threads_per_threadgroup);
}
uint64_t am_pipeline_thread_execution_width(const am_pipeline* pipeline) {
  return pipeline ? pipeline->pipeline->device().limits().simdgroup_width : 0;
}
uint64_t am_pipeline_static_threadgroup_memory(const am_pipeline* pipeline) {
  return pipeline ? pipeline->pipeline->interface().threadgroup_bytes : 0;
}

}  // extern "C"
