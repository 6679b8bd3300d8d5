// The MTL:: part of a metal-cpp program that computes, over the C core of anymetal: same names and
// semantics. See Foundation/Foundation.hpp for what an object is.
//
// What is here: device, buffers, libraries from text, functions with constants, compute pipelines,
// queues, command buffers, compute encoders, events, fences, textures and samplers. What isn't:
// graphics, heaps, blits, argument buffers, binary archives.
//
// `new...` functions give a reference; others lend what they return until the autorelease pool
// goes. Errors come as an autoreleased NS::Error, or as the command buffer's error.
#pragma once

#include <Foundation/Foundation.hpp>
#include <Metal/MTLResource.hpp>
#include <Metal/MTLTexture.hpp>
#include <Metal/MTLTypes.hpp>
#include <cstdint>
#include <functional>
#include <memory>

namespace MTL {

class Buffer;
class CommandBuffer;
class CommandQueue;
class ComputeCommandEncoder;
class ComputePipelineState;
class Device;
class Event;
class Fence;
class Function;
class Library;
class SharedEvent;

// Names and numbers are those of Apple's published interface.
// clang-format off
enum DataType : UInteger {
  DataTypeNone = 0,
  DataTypeFloat = 3, DataTypeFloat2 = 4, DataTypeFloat3 = 5, DataTypeFloat4 = 6,
  DataTypeHalf = 16, DataTypeHalf2 = 17, DataTypeHalf3 = 18, DataTypeHalf4 = 19,
  DataTypeInt = 29, DataTypeInt2 = 30, DataTypeInt3 = 31, DataTypeInt4 = 32,
  DataTypeUInt = 33, DataTypeUInt2 = 34, DataTypeUInt3 = 35, DataTypeUInt4 = 36,
  DataTypeShort = 37, DataTypeShort2 = 38, DataTypeShort3 = 39, DataTypeShort4 = 40,
  DataTypeUShort = 41, DataTypeUShort2 = 42, DataTypeUShort3 = 43, DataTypeUShort4 = 44,
  DataTypeChar = 45, DataTypeChar2 = 46, DataTypeChar3 = 47, DataTypeChar4 = 48,
  DataTypeUChar = 49, DataTypeUChar2 = 50, DataTypeUChar3 = 51, DataTypeUChar4 = 52,
  DataTypeBool = 53, DataTypeBool2 = 54, DataTypeBool3 = 55, DataTypeBool4 = 56,
  DataTypeLong = 81, DataTypeLong2 = 82, DataTypeLong3 = 83, DataTypeLong4 = 84,
  DataTypeULong = 85, DataTypeULong2 = 86, DataTypeULong3 = 87, DataTypeULong4 = 88,
  DataTypeBFloat = 121, DataTypeBFloat2 = 122, DataTypeBFloat3 = 123, DataTypeBFloat4 = 124,
};
// clang-format on

using BarrierScope = UInteger;
enum : BarrierScope { BarrierScopeBuffers = 1, BarrierScopeTextures = 2 };
using PipelineOption = UInteger;
enum : PipelineOption { PipelineOptionNone = 0 };
enum DispatchType : UInteger { DispatchTypeSerial = 0, DispatchTypeConcurrent = 1 };
enum MathMode : Integer { MathModeSafe = 0, MathModeRelaxed = 1, MathModeFast = 2 };
enum FunctionType : UInteger { FunctionTypeKernel = 3 };
enum LanguageVersion : UInteger {
  LanguageVersion2_4 = 0x20004,
  LanguageVersion3_0 = 0x30000,
  LanguageVersion3_1 = 0x30001,
  LanguageVersion3_2 = 0x30002,
  LanguageVersion4_0 = 0x40000,
};
enum CommandBufferStatus : UInteger {
  CommandBufferStatusNotEnqueued = 0,
  CommandBufferStatusEnqueued = 1,
  CommandBufferStatusCommitted = 2,
  CommandBufferStatusScheduled = 3,
  CommandBufferStatusCompleted = 4,
  CommandBufferStatusError = 5,
};
// clang-format off
enum GPUFamily : Integer {
  GPUFamilyApple1 = 1001, GPUFamilyApple2, GPUFamilyApple3, GPUFamilyApple4, GPUFamilyApple5, GPUFamilyApple6,
  GPUFamilyApple7, GPUFamilyApple8, GPUFamilyApple9,
  GPUFamilyMac1 = 2001, GPUFamilyMac2,
  GPUFamilyCommon1 = 3001, GPUFamilyCommon2, GPUFamilyCommon3,
  GPUFamilyMetal3 = 5001, GPUFamilyMetal4,
};
// clang-format on

using HandlerFunction = std::function<void(CommandBuffer*)>;
using BufferDeallocator = std::function<void(void* contents, UInteger length)>;
using SharedEventNotificationFunction = std::function<void(SharedEvent*, std::uint64_t value)>;

// ---- Memory
// ---------------------------------------------------------------------------------------------------------

class Buffer : public NS::Referencing<Buffer, Resource> {
 public:
  UInteger length() const { return am_buffer_length(handle<am_buffer>()); }
  /// Valid, and the same, for as long as the buffer lives.
  void* contents() { return am_buffer_contents(handle<am_buffer>()); }
  /// Host and kernels share the memory, so nothing is to be done.
  void didModifyRange(NS::Range) {}
  std::uint64_t gpuAddress() const {
    return reinterpret_cast<std::uint64_t>(am_buffer_contents(handle<am_buffer>()));
  }
  /// A texture whose texels are the buffer's bytes from `offset` on. Null, with a line in the log,
  /// if they don't fit.
  Texture* newTexture(const TextureDescriptor* descriptor, UInteger offset, UInteger bytesPerRow) {
    return reinterpret_cast<Texture*>(am_texture_new_over_buffer(
        handle<am_buffer>(), descriptor->shape(), offset, bytesPerRow, nullptr));
  }
};

// ---- Code
// -----------------------------------------------------------------------------------------------------------

class CompileOptions : public NS::Referencing<CompileOptions> {
 public:
  static CompileOptions* alloc() {
    return reinterpret_cast<CompileOptions*>(am_compile_options_new());
  }
  CompileOptions* init() { return this; }
  MTL::MathMode mathMode() const {
    return static_cast<MTL::MathMode>(am_compile_options_math_mode(handle<am_compile_options>()));
  }
  void setMathMode(MTL::MathMode mode) {
    am_compile_options_set_math_mode(handle<am_compile_options>(), static_cast<am_math_mode>(mode));
  }
  bool fastMathEnabled() const { return mathMode() == MathModeFast; }
  void setFastMathEnabled(bool fast) { setMathMode(fast ? MathModeFast : MathModeSafe); }
  LanguageVersion languageVersion() const {
    return static_cast<LanguageVersion>(
        am_compile_options_language_version(handle<am_compile_options>()));
  }
  void setLanguageVersion(LanguageVersion version) {
    am_compile_options_set_language_version(handle<am_compile_options>(), version);
  }
};

class FunctionConstantValues : public NS::Referencing<FunctionConstantValues> {
 public:
  static FunctionConstantValues* alloc() {
    return reinterpret_cast<FunctionConstantValues*>(am_constant_values_new());
  }
  FunctionConstantValues* init() { return this; }
  void setConstantValue(const void* value, DataType type, UInteger index) {
    am_constant_values_set(handle<am_constant_values>(), nullptr, index, value, size_of(type));
  }
  void setConstantValue(const void* value, DataType type, const NS::String* name) {
    am_constant_values_set(handle<am_constant_values>(), name->utf8String(), 0, value,
                           size_of(type));
  }
  void setConstantValues(const void* values, DataType type, NS::Range range) {
    for (UInteger i = 0; i < range.length; ++i)
      setConstantValue(static_cast<const char*>(values) + i * size_of(type), type,
                       range.location + i);
  }
  void reset() { am_constant_values_reset(handle<am_constant_values>()); }

 private:
  /// Vectors of three take the room of four, as in Metal.
  static std::size_t size_of(DataType type) {
    struct Family {
      UInteger first;
      std::size_t element;
    };
    constexpr Family families[] = {{DataTypeFloat, 4}, {DataTypeHalf, 2},  {DataTypeInt, 4},
                                   {DataTypeUInt, 4},  {DataTypeShort, 2}, {DataTypeUShort, 2},
                                   {DataTypeChar, 1},  {DataTypeUChar, 1}, {DataTypeBool, 1},
                                   {DataTypeLong, 8},  {DataTypeULong, 8}, {DataTypeBFloat, 2}};
    constexpr std::size_t room[] = {1, 2, 4, 4};
    for (const Family& family : families)
      if (type >= family.first && type < family.first + 4)
        return family.element * room[type - family.first];
    return 0;
  }
};

class FunctionDescriptor : public NS::Referencing<FunctionDescriptor> {
 public:
  static FunctionDescriptor* alloc() {
    return reinterpret_cast<FunctionDescriptor*>(am_function_descriptor_new());
  }
  FunctionDescriptor* init() { return this; }
  static FunctionDescriptor* functionDescriptor() {
    return autoreleased<FunctionDescriptor>(am_function_descriptor_new());
  }
  NS::String* name() const {
    return NS::String::string(am_function_descriptor_name(handle<am_function_descriptor>()),
                              NS::UTF8StringEncoding);
  }
  void setName(const NS::String* name) {
    am_function_descriptor_set_name(handle<am_function_descriptor>(), name->utf8String());
  }
  void setSpecializedName(const NS::String* name) {
    am_function_descriptor_set_specialized_name(handle<am_function_descriptor>(),
                                                name->utf8String());
  }
  void setConstantValues(const FunctionConstantValues* values) {
    am_function_descriptor_set_constants(handle<am_function_descriptor>(),
                                         reinterpret_cast<const am_constant_values*>(values));
  }
};

/// Fills a struct with pointers (an argument buffer) by the indices of its members.
class ArgumentEncoder : public NS::Referencing<ArgumentEncoder> {
 public:
  UInteger encodedLength() const {
    return am_argument_encoder_length(handle<am_argument_encoder>());
  }
  UInteger alignment() const {
    return am_argument_encoder_alignment(handle<am_argument_encoder>());
  }
  void setArgumentBuffer(const Buffer* buffer, UInteger offset) {
    am_argument_encoder_set_target(handle<am_argument_encoder>(),
                                   reinterpret_cast<am_buffer*>(const_cast<Buffer*>(buffer)),
                                   offset);
  }
  void setArgumentBuffer(const Buffer* buffer, UInteger start, UInteger element) {
    setArgumentBuffer(buffer, start + element * encodedLength());
  }
  void setBuffer(const Buffer* buffer, UInteger offset, UInteger index) {
    am_argument_encoder_set_buffer(handle<am_argument_encoder>(),
                                   reinterpret_cast<const am_buffer*>(buffer), offset, index);
  }
  void setBuffers(const Buffer* const buffers[], const UInteger offsets[], NS::Range range) {
    for (UInteger i = 0; i < range.length; ++i)
      setBuffer(buffers[i], offsets[i], range.location + i);
  }
  void setTexture(const Texture* texture, UInteger index) {
    am_argument_encoder_set_texture(handle<am_argument_encoder>(),
                                    reinterpret_cast<const am_texture*>(texture), index);
  }
  void setSamplerState(const SamplerState* sampler, UInteger index) {
    am_argument_encoder_set_sampler(handle<am_argument_encoder>(),
                                    reinterpret_cast<const am_sampler*>(sampler), index);
  }
  /// Where the member's value is; null if there is no such member or it is a pointer.
  void* constantData(UInteger index) {
    return am_argument_encoder_constant(handle<am_argument_encoder>(), index);
  }
};

class Function : public NS::Referencing<Function> {
 public:
  /// For the struct behind [[buffer(index)]]; null if there is none.
  ArgumentEncoder* newArgumentEncoder(UInteger index) {
    return reinterpret_cast<ArgumentEncoder*>(
        am_argument_encoder_new(handle<am_function>(), index, nullptr));
  }
  NS::String* name() const {
    const char* text = am_function_name(handle<am_function>());
    return text ? NS::String::string(text, NS::UTF8StringEncoding) : nullptr;
  }
  MTL::FunctionType functionType() const { return FunctionTypeKernel; }
};

class Library : public NS::Referencing<Library> {
 public:
  NS::Array* functionNames() const;
  /// Null if there is no such kernel.
  Function* newFunction(const NS::String* name) { return newFunction(name, nullptr, nullptr); }
  Function* newFunction(const NS::String* name, const FunctionConstantValues* constants,
                        NS::Error** error) {
    am_error* problem = nullptr;
    am_function* function =
        am_function_new(handle<am_library>(), name->utf8String(),
                        reinterpret_cast<const am_constant_values*>(constants), &problem);
    give(problem, error);
    return reinterpret_cast<Function*>(function);
  }
  Function* newFunction(const FunctionDescriptor* descriptor, NS::Error** error) {
    am_error* problem = nullptr;
    am_function* function = am_function_new_from_descriptor(
        handle<am_library>(), reinterpret_cast<const am_function_descriptor*>(descriptor),
        &problem);
    give(problem, error);
    return reinterpret_cast<Function*>(function);
  }
};

inline NS::Array* Library::functionNames() const {
  std::size_t count = am_library_function_count(handle<am_library>());
  std::unique_ptr<const NS::Object*[]> names(new const NS::Object*[count]);
  for (std::size_t i = 0; i < count; ++i)
    names[i] = NS::String::string(am_library_function_name(handle<am_library>(), i),
                                  NS::UTF8StringEncoding);
  return NS::Array::array(names.get(), count);
}

class ComputePipelineDescriptor : public NS::Referencing<ComputePipelineDescriptor> {
 public:
  static ComputePipelineDescriptor* alloc() {
    return reinterpret_cast<ComputePipelineDescriptor*>(am_pipeline_descriptor_new());
  }
  ComputePipelineDescriptor* init() { return this; }
  Function* computeFunction() const {
    return reinterpret_cast<Function*>(
        am_pipeline_descriptor_function(handle<am_pipeline_descriptor>()));
  }
  void setComputeFunction(const Function* function) {
    am_pipeline_descriptor_set_function(
        handle<am_pipeline_descriptor>(),
        reinterpret_cast<am_function*>(const_cast<Function*>(function)));
  }
  void setLabel(const NS::String* label) { am_set_label(this, label->utf8String()); }
};

class ComputePipelineReflection;

class ComputePipelineState : public NS::Referencing<ComputePipelineState> {
 public:
  UInteger maxTotalThreadsPerThreadgroup() const {
    return am_pipeline_max_threads_per_threadgroup(handle<am_pipeline>());
  }
  UInteger threadExecutionWidth() const {
    return am_pipeline_thread_execution_width(handle<am_pipeline>());
  }
  UInteger staticThreadgroupMemoryLength() const {
    return am_pipeline_static_threadgroup_memory(handle<am_pipeline>());
  }
  NS::String* label() const { return NS::String::string(am_label(this), NS::UTF8StringEncoding); }
};

// ---- Order
// ----------------------------------------------------------------------------------------------------------

class Fence : public NS::Referencing<Fence> {};
class Event : public NS::Referencing<Event> {};

class SharedEventListener : public NS::Referencing<SharedEventListener> {
 public:
  // Notifications run on the thread that signals; the listener is only a name.
  static SharedEventListener* alloc() {
    return reinterpret_cast<SharedEventListener*>(am_array_new(nullptr, 0));
  }
  SharedEventListener* init() { return this; }
};

/// A counter that only grows, for host and queues.
class SharedEvent : public NS::Referencing<SharedEvent, Event> {
 public:
  std::uint64_t signaledValue() const { return am_event_value(handle<am_event>()); }
  void setSignaledValue(std::uint64_t value) { am_event_signal(handle<am_event>(), value); }
  bool waitUntilSignaledValue(std::uint64_t value, std::uint64_t milliseconds) {
    return am_event_wait(handle<am_event>(), value, milliseconds);
  }
  void notifyListener(const SharedEventListener*, std::uint64_t value,
                      const SharedEventNotificationFunction& function) {
    am_event_notify(
        handle<am_event>(), value,
        [](void* context, am_event* event, std::uint64_t reached) {
          (*static_cast<SharedEventNotificationFunction*>(context))(
              reinterpret_cast<SharedEvent*>(event), reached);
        },
        new SharedEventNotificationFunction(function),
        [](void* context) { delete static_cast<SharedEventNotificationFunction*>(context); });
  }
};

// ---- Commands
// -------------------------------------------------------------------------------------------------------

class CommandEncoder : public NS::Referencing<CommandEncoder> {
 public:
  void endEncoding() { am_encoder_end(handle<am_encoder>()); }
  NS::String* label() const { return NS::String::string(am_label(this), NS::UTF8StringEncoding); }
  void setLabel(const NS::String* label) { am_set_label(this, label->utf8String()); }
  void pushDebugGroup(const NS::String*) {}
  void popDebugGroup() {}
};

class ComputeCommandEncoder : public NS::Referencing<ComputeCommandEncoder, CommandEncoder> {
 public:
  void setComputePipelineState(const ComputePipelineState* state) {
    am_encoder_set_pipeline(handle<am_encoder>(), reinterpret_cast<am_pipeline*>(
                                                      const_cast<ComputePipelineState*>(state)));
  }
  void setBuffer(const Buffer* buffer, UInteger offset, UInteger index) {
    am_encoder_set_buffer(handle<am_encoder>(),
                          reinterpret_cast<am_buffer*>(const_cast<Buffer*>(buffer)), offset, index);
  }
  void setBufferOffset(UInteger offset, UInteger index) {
    am_encoder_set_buffer_offset(handle<am_encoder>(), offset, index);
  }
  void setBuffers(const Buffer* const buffers[], const UInteger offsets[], NS::Range range) {
    for (UInteger i = 0; i < range.length; ++i)
      setBuffer(buffers[i], offsets[i], range.location + i);
  }
  /// Copies at most 4 KiB.
  void setBytes(const void* bytes, UInteger length, UInteger index) {
    am_encoder_set_bytes(handle<am_encoder>(), bytes, length, index);
  }
  void setTexture(const Texture* texture, UInteger index) {
    am_encoder_set_texture(handle<am_encoder>(),
                           reinterpret_cast<am_texture*>(const_cast<Texture*>(texture)), index);
  }
  void setTextures(const Texture* const textures[], NS::Range range) {
    for (UInteger i = 0; i < range.length; ++i) setTexture(textures[i], range.location + i);
  }
  void setSamplerState(const SamplerState* sampler, UInteger index) {
    am_encoder_set_sampler(handle<am_encoder>(),
                           reinterpret_cast<am_sampler*>(const_cast<SamplerState*>(sampler)),
                           index);
  }
  void setSamplerStates(const SamplerState* const samplers[], NS::Range range) {
    for (UInteger i = 0; i < range.length; ++i) setSamplerState(samplers[i], range.location + i);
  }
  void setThreadgroupMemoryLength(UInteger length, UInteger index) {
    am_encoder_set_threadgroup_memory(handle<am_encoder>(), length, index);
  }
  void dispatchThreads(Size threads, Size threadgroup) {
    am_encoder_dispatch_threads(handle<am_encoder>(), core(threads), core(threadgroup));
  }
  void dispatchThreadgroups(Size threadgroups, Size threadgroup) {
    am_encoder_dispatch_threadgroups(handle<am_encoder>(), core(threadgroups), core(threadgroup));
  }
  void memoryBarrier(BarrierScope) { am_encoder_memory_barrier(handle<am_encoder>()); }
  void memoryBarrier(const Resource* const[], UInteger) {
    am_encoder_memory_barrier(handle<am_encoder>());
  }
  void updateFence(const Fence* fence) {
    am_encoder_update_fence(handle<am_encoder>(),
                            reinterpret_cast<am_fence*>(const_cast<Fence*>(fence)));
  }
  void waitForFence(const Fence* fence) {
    am_encoder_wait_for_fence(handle<am_encoder>(),
                              reinterpret_cast<am_fence*>(const_cast<Fence*>(fence)));
  }
  /// The numbers of threadgroups are three std::uint32_t in `indirect`, read when the dispatch is
  /// about to run.
  void dispatchThreadgroups(const Buffer* indirect, UInteger offset, Size threadgroup) {
    am_encoder_dispatch_threadgroups_indirect(
        handle<am_encoder>(), reinterpret_cast<am_buffer*>(const_cast<Buffer*>(indirect)), offset,
        core(threadgroup));
  }
  /// Kernels of this encoder may touch it through pointers in other buffers; without it such an
  /// access is an error.
  void useResource(const Resource* resource, ResourceUsage) {
    am_encoder_use_resource(handle<am_encoder>(), const_cast<Resource*>(resource));
  }
  void useResources(const Resource* const resources[], UInteger count, ResourceUsage usage) {
    for (UInteger i = 0; i < count; ++i) useResource(resources[i], usage);
  }
  MTL::DispatchType dispatchType() const { return DispatchTypeSerial; }

 private:
  static am_size core(Size size) { return {size.width, size.height, size.depth}; }
};

class CommandBuffer : public NS::Referencing<CommandBuffer> {
 public:
  ComputeCommandEncoder* computeCommandEncoder() {
    return autoreleased<ComputeCommandEncoder>(am_encoder_new(handle<am_command_buffer>()));
  }
  /// Serial, which is one of the orders that a concurrent encoder allows.
  ComputeCommandEncoder* computeCommandEncoder(DispatchType) { return computeCommandEncoder(); }
  void encodeSignalEvent(const Event* event, std::uint64_t value) {
    am_command_buffer_signal(handle<am_command_buffer>(),
                             reinterpret_cast<am_event*>(const_cast<Event*>(event)), value);
  }
  void encodeWait(const Event* event, std::uint64_t value) {
    am_command_buffer_wait(handle<am_command_buffer>(),
                           reinterpret_cast<am_event*>(const_cast<Event*>(event)), value);
  }
  void addScheduledHandler(const HandlerFunction& handler) {
    am_command_buffer_add_scheduled_handler(handle<am_command_buffer>(), call,
                                            new HandlerFunction(handler), destroy);
  }
  void addCompletedHandler(const HandlerFunction& handler) {
    am_command_buffer_add_completed_handler(handle<am_command_buffer>(), call,
                                            new HandlerFunction(handler), destroy);
  }
  void enqueue() { am_command_buffer_enqueue(handle<am_command_buffer>()); }
  void commit() { am_command_buffer_commit(handle<am_command_buffer>()); }
  void waitUntilScheduled() { am_command_buffer_wait_scheduled(handle<am_command_buffer>()); }
  void waitUntilCompleted() { am_command_buffer_wait_completed(handle<am_command_buffer>()); }
  CommandBufferStatus status() const {
    return static_cast<CommandBufferStatus>(am_command_buffer_status(handle<am_command_buffer>()));
  }
  NS::Error* error() const {
    return autoreleased<NS::Error>(am_command_buffer_copy_error(handle<am_command_buffer>()));
  }
  double GPUStartTime() const { return am_command_buffer_start_time(handle<am_command_buffer>()); }
  double GPUEndTime() const { return am_command_buffer_end_time(handle<am_command_buffer>()); }
  NS::String* label() const { return NS::String::string(am_label(this), NS::UTF8StringEncoding); }
  void setLabel(const NS::String* label) { am_set_label(this, label->utf8String()); }

 private:
  static void call(void* context, am_command_buffer* commands) {
    (*static_cast<HandlerFunction*>(context))(reinterpret_cast<CommandBuffer*>(commands));
  }
  static void destroy(void* context) { delete static_cast<HandlerFunction*>(context); }
};

/// Runs its command buffers in order; two queues progress independently.
class CommandQueue : public NS::Referencing<CommandQueue> {
 public:
  CommandBuffer* commandBuffer() {
    return autoreleased<CommandBuffer>(am_command_buffer_new(handle<am_queue>()));
  }
  /// Retains all the same: it costs nothing that matters here.
  CommandBuffer* commandBufferWithUnretainedReferences() { return commandBuffer(); }
  NS::String* label() const { return NS::String::string(am_label(this), NS::UTF8StringEncoding); }
  void setLabel(const NS::String* label) { am_set_label(this, label->utf8String()); }
};

// ---- Device
// ---------------------------------------------------------------------------------------------------------

class Architecture : public NS::Copying<Architecture> {
 public:
  NS::String* name() const {
    return NS::String::string(am_string_text(handle<am_string>()), NS::UTF8StringEncoding);
  }
};

class Device : public NS::Referencing<Device> {
 public:
  NS::String* name() const { return text(am_device_name(handle<am_device>())); }
  MTL::Architecture* architecture() const {
    return autoreleased<MTL::Architecture>(
        am_string_new(am_device_architecture(handle<am_device>())));
  }
  std::uint64_t registryID() const { return 1; }
  Size maxThreadsPerThreadgroup() const {
    UInteger threads = am_device_max_threads_per_threadgroup(handle<am_device>());
    return {threads, threads, threads};
  }
  UInteger maxThreadgroupMemoryLength() const {
    return am_device_max_threadgroup_memory(handle<am_device>());
  }
  UInteger maxBufferLength() const { return am_device_max_buffer_length(handle<am_device>()); }
  std::uint64_t recommendedMaxWorkingSetSize() const {
    return am_device_recommended_working_set(handle<am_device>());
  }
  bool hasUnifiedMemory() const { return true; }
  /// What an M1 answers.
  bool supportsFamily(GPUFamily family) const {
    return (family >= GPUFamilyApple1 && family <= GPUFamilyApple7) || family == GPUFamilyMac1 ||
           family == GPUFamilyMac2 || (family >= GPUFamilyCommon1 && family <= GPUFamilyCommon3) ||
           family == GPUFamilyMetal3;
  }

  /// Zeroed. Null if `length` is 0 or over maxBufferLength, or if there is no memory.
  Buffer* newBuffer(UInteger length, ResourceOptions) {
    return reinterpret_cast<Buffer*>(am_buffer_new(handle<am_device>(), length, nullptr));
  }
  /// With a copy of `contents`.
  Buffer* newBuffer(const void* contents, UInteger length, ResourceOptions options) {
    Buffer* buffer = newBuffer(length, options);
    if (buffer && contents) std::memcpy(buffer->contents(), contents, length);
    return buffer;
  }
  /// The memory itself, not a copy. It must stay valid until `deallocator` is called, or for good
  /// if that is empty.
  Buffer* newBuffer(const void* contents, UInteger length, ResourceOptions,
                    const BufferDeallocator& deallocator) {
    auto* context = deallocator ? new BufferDeallocator(deallocator) : nullptr;
    auto deallocate = [](void* function, void* data, std::uint64_t size) {
      std::unique_ptr<BufferDeallocator> owned(static_cast<BufferDeallocator*>(function));
      (*owned)(data, size);
    };
    am_buffer* buffer = am_buffer_new_wrapping(
        handle<am_device>(), const_cast<void*>(contents), length,
        context ? static_cast<am_deallocator>(deallocate) : nullptr, context, nullptr);
    if (!buffer) delete context;
    return reinterpret_cast<Buffer*>(buffer);
  }

  /// Zeroed. Null, with a line in the log, if there can't be such a texture.
  Texture* newTexture(const TextureDescriptor* descriptor) {
    return reinterpret_cast<Texture*>(
        am_texture_new(handle<am_device>(), descriptor->shape(), nullptr));
  }
  SamplerState* newSamplerState(const SamplerDescriptor* descriptor) {
    am_sampler* sampler = am_sampler_new(handle<am_device>(), descriptor->state(), nullptr);
    am_set_label(sampler, am_label(descriptor));
    return reinterpret_cast<SamplerState*>(sampler);
  }
  UInteger minimumLinearTextureAlignmentForPixelFormat(PixelFormat) { return 16; }
  UInteger minimumTextureBufferAlignmentForPixelFormat(PixelFormat) { return 16; }

  /// `options` may be null. Metal's own default applies then: fast math.
  Library* newLibrary(const NS::String* source, const CompileOptions* options, NS::Error** error) {
    am_error* problem = nullptr;
    am_library* library =
        am_library_new(handle<am_device>(), source->utf8String(), nullptr,
                       reinterpret_cast<const am_compile_options*>(options), &problem);
    give(problem, error);
    return reinterpret_cast<Library*>(library);
  }
  ComputePipelineState* newComputePipelineState(const Function* function, NS::Error** error) {
    am_error* problem = nullptr;
    am_pipeline* pipeline =
        am_pipeline_new(handle<am_device>(),
                        reinterpret_cast<am_function*>(const_cast<Function*>(function)), &problem);
    give(problem, error);
    return reinterpret_cast<ComputePipelineState*>(pipeline);
  }
  ComputePipelineState* newComputePipelineState(const ComputePipelineDescriptor* descriptor,
                                                PipelineOption, ComputePipelineReflection**,
                                                NS::Error** error) {
    ComputePipelineState* state = newComputePipelineState(descriptor->computeFunction(), error);
    am_set_label(state, am_label(descriptor));
    return state;
  }

  CommandQueue* newCommandQueue() {
    return reinterpret_cast<CommandQueue*>(am_queue_new(handle<am_device>()));
  }
  CommandQueue* newCommandQueue(UInteger) { return newCommandQueue(); }
  Fence* newFence() { return reinterpret_cast<Fence*>(am_fence_new(handle<am_device>())); }
  Event* newEvent() { return reinterpret_cast<Event*>(am_event_new(handle<am_device>())); }
  SharedEvent* newSharedEvent() {
    return reinterpret_cast<SharedEvent*>(am_event_new(handle<am_device>()));
  }

 private:
  static NS::String* text(const char* text) {
    return text ? NS::String::string(text, NS::UTF8StringEncoding) : nullptr;
  }
};

inline Device* CreateSystemDefaultDevice() {
  return reinterpret_cast<Device*>(am_device_new_system());
}
inline NS::Array* CopyAllDevices() {
  am_device* device = am_device_new_system();
  const void* devices[] = {device};
  am_array* array = am_array_new(devices, 1);
  am_release(device);
  return reinterpret_cast<NS::Array*>(array);
}

}  // namespace MTL
