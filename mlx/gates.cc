#include "mlx/gates.h"

#include <climits>
#include <cstdlib>
#include <mutex>
#include <optional>
#include <set>
#include <stdexcept>
#include <unordered_map>

#include "api/launch.h"
#include "mlx/backend/gpu/device_info.h"
#include "mlx/backend/metal/metal.h"
#include "mlx/device.h"
#include "mlx/failures.h"
#include "mlx/primitives.h"
#include "runtime/runtime.h"

namespace anymetal::mlx {
namespace {

using mx::Device;
using mx::Stream;
using mx::StreamOrDevice;
using mx::ThreadLocalStream;
using DeviceInfo = std::unordered_map<std::string, std::variant<std::string, size_t>>;

template <class F>
F* own(const char* symbol) {
  return reinterpret_cast<F*>(original(symbol));
}

constexpr const char* kDefaultDevice = "_ZN3mlx4core14default_deviceEv";
constexpr const char* kSetDefaultDevice = "_ZN3mlx4core18set_default_deviceERKNS0_6DeviceE";
constexpr const char* kDefaultStream = "_ZN3mlx4core14default_streamENS0_6DeviceE";
constexpr const char* kPeekDefaultStream = "_ZN3mlx4core19peek_default_streamENS0_6DeviceE";
constexpr const char* kSetDefaultStream = "_ZN3mlx4core18set_default_streamENS0_6StreamE";
constexpr const char* kNewStream = "_ZN3mlx4core10new_streamENS0_6DeviceE";
constexpr const char* kNewThreadUnsafeStream =
    "_ZN3mlx4core24new_thread_unsafe_streamENS0_6DeviceE";
constexpr const char* kStreamFromThreadLocalStream =
    "_ZN3mlx4core31stream_from_thread_local_streamENS0_17ThreadLocalStreamE";
constexpr const char* kGetStreams = "_ZN3mlx4core11get_streamsEv";
constexpr const char* kSynchronize = "_ZN3mlx4core11synchronizeENS0_6StreamE";
constexpr const char* kMakeNode =
    "_ZN3mlx4core5arrayC1ENS0_11SmallVectorIiLm10ESaIiEEENS0_5DtypeESt10shared_ptrINS0_"
    "9PrimitiveEESt6vectorIS1_SaIS1_EE";
constexpr const char* kIsAvailable = "_ZN3mlx4core12is_availableERKNS0_6DeviceE";
constexpr const char* kDeviceCount = "_ZN3mlx4core12device_countENS0_6Device10DeviceTypeE";
constexpr const char* kDeviceInfo = "_ZN3mlx4core11device_infoB5cxx11ERKNS0_6DeviceE";
constexpr const char* kMetalDeviceInfo = "_ZN3mlx4core5metal11device_infoB5cxx11Ev";
constexpr const char* kMetalStartCapture =
    "_ZN3mlx4core5metal13start_captureENSt7__cxx1112basic_stringIcSt11char_traitsIcESaIcEEE";
constexpr const char* kMetalStopCapture = "_ZN3mlx4core5metal12stop_captureEv";
constexpr const char* kGpuIsAvailable = "_ZN3mlx4core3gpu12is_availableEv";
constexpr const char* kGpuDeviceCount = "_ZN3mlx4core3gpu12device_countEv";
constexpr const char* kGpuDeviceInfo = "_ZN3mlx4core3gpu11device_infoB5cxx11Ei";
// 0.32.0 has one alternative less in StreamOrDevice, at its end: another name, the same bytes.
constexpr const char* kToStream =
    "_ZN3mlx4core9to_streamESt7variantIJSt9monostateNS0_6StreamENS0_17ThreadLocalStreamENS0_"
    "6DeviceENS5_10DeviceTypeEEE";
constexpr const char* kToStreamElse =
    "_ZN3mlx4core9to_streamESt7variantIJSt9monostateNS0_6StreamENS0_17ThreadLocalStreamENS0_"
    "6DeviceENS5_10DeviceTypeEEES5_";
constexpr const char* kToStream0 =
    "_ZN3mlx4core9to_streamESt7variantIJSt9monostateNS0_6StreamENS0_17ThreadLocalStreamENS0_"
    "6DeviceEEE";
constexpr const char* kToStreamElse0 =
    "_ZN3mlx4core9to_streamESt7variantIJSt9monostateNS0_6StreamENS0_17ThreadLocalStreamENS0_"
    "6DeviceEEES5_";

/// The default device as programs see it; MLX's own is one for the process too, and a plain
/// variable.
Device& shown_default() {
  static Device device{Device::gpu};
  return device;
}

/// What libmlx.so is told in its place. It passes it on to default_stream, and asks whether
/// mx.compile can work on it, which on a GPU it always could; so the type says cpu, and the index
/// says which stream is meant.
constexpr int kMarkedIndex = INT_MIN;
const Device& inner_default_device() {
  static const Device cpu{Device::cpu};
  static const Device marked{Device::cpu, kMarkedIndex};
  return shown_default().type == Device::gpu ? marked : cpu;
}

bool is_gpu(const Device& device) {
  if (device.index == kMarkedIndex) return true;
  if (device.type != Device::gpu) return false;
  if (device.index != 0) throw std::out_of_range("There is one GPU, with the index 0.");
  return true;
}

struct GpuStreams {
  std::mutex mutex;
  std::set<int> indices;
};
GpuStreams& gpu_streams() {
  static auto* const streams = new GpuStreams;  // outlives the threads of streams
  return *streams;
}
Stream remember(Stream stream) {
  auto& streams = gpu_streams();
  std::lock_guard lock(streams.mutex);
  streams.indices.insert(stream.index);
  return stream;
}

bool is_known_gpu_stream(const Stream& stream) {
  auto& streams = gpu_streams();
  std::lock_guard lock(streams.mutex);
  return streams.indices.contains(stream.index);
}

Stream inside(Stream stream) {
  return Stream(stream.index, Device::cpu);
}
Stream outside(Stream stream) {
  return Stream(stream.index, Device::gpu);
}

std::optional<Stream>& gpu_default() {
  static thread_local std::optional<Stream> stream;
  return stream;
}

// Inner: what libmlx.so reaches. Streams that go out of these have the label cpu.
// --------------------------------------------

Stream inner_new_stream(Device device) {
  static auto* const make = own<Stream(Device)>(kNewStream);
  return is_gpu(device) ? remember(make(Device::cpu)) : make(device);
}

Stream inner_default_stream(Device device) {
  static auto* const get = own<Stream(Device)>(kDefaultStream);
  if (!is_gpu(device)) return get(device);
  auto& stream = gpu_default();
  if (!stream) stream = inner_new_stream(Device::gpu);
  return *stream;
}

std::optional<Stream> inner_peek_default_stream(Device device) {
  static auto* const peek = own<std::optional<Stream>(Device)>(kPeekDefaultStream);
  return is_gpu(device) ? gpu_default() : peek(device);
}

Stream inner_to_stream_else(StreamOrDevice where, Device otherwise) {
  static auto* const resolve = own<Stream(ThreadLocalStream)>(kStreamFromThreadLocalStream);
  if (auto* stream = std::get_if<Stream>(&where)) {
    return is_gpu(stream->device) ? inside(*stream) : *stream;
  }
  if (auto* stream = std::get_if<ThreadLocalStream>(&where)) return inside(resolve(*stream));
  if (auto* device = std::get_if<Device>(&where)) return inner_default_stream(*device);
  if (auto* type = std::get_if<Device::DeviceType>(&where)) return inner_default_stream(*type);
  return inner_default_stream(otherwise);
}

Stream inner_to_stream(StreamOrDevice where) {
  return inner_to_stream_else(where, inner_default_device());
}

// Metal has no double, and MLX says so when it makes a node; by the time that a stream's label
// would be asked it is off.
void inner_make_node(mx::array* node, mx::Shape shape, mx::Dtype dtype,
                     std::shared_ptr<mx::Primitive> primitive, std::vector<mx::array> inputs) {
  using Make = void(mx::array*, mx::Shape, mx::Dtype, std::shared_ptr<mx::Primitive>,
                    std::vector<mx::array>);
  static auto* const make = own<Make>(kMakeNode);
  bool has_double = dtype == mx::float64;
  for (const auto& input : inputs) has_double = has_double || input.dtype() == mx::float64;
  if (has_double && primitive && is_known_gpu_stream(primitive->stream())) {
    throw std::invalid_argument(std::string(api::kNoFloat64));
  }
  make(node, std::move(shape), dtype, std::move(primitive), std::move(inputs));
}

void inner_synchronize(Stream stream) {
  static auto* const wait = own<void(Stream)>(kSynchronize);
  wait(inside(stream));
}

bool outer_to_stream_is_gpu(const StreamOrDevice& where, Device otherwise) {
  if (auto* stream = std::get_if<Stream>(&where)) return is_gpu(stream->device);
  if (auto* stream = std::get_if<ThreadLocalStream>(&where)) return is_gpu(stream->device);
  if (auto* device = std::get_if<Device>(&where)) return is_gpu(*device);
  if (auto* type = std::get_if<Device::DeviceType>(&where)) return is_gpu(*type);
  return is_gpu(otherwise);
}

Stream shown_stream(const StreamOrDevice& where, Device otherwise) {
  const Stream stream = inner_to_stream_else(where, otherwise);
  return outer_to_stream_is_gpu(where, otherwise) ? outside(stream) : stream;
}

const DeviceInfo& gpu_info() {
  static const DeviceInfo info = [] {
    const auto& device = runtime::Device::system();
    const auto& limits = device.limits();
    const auto engine = runtime::Engine::system(device.settings());
    return DeviceInfo{
        {"device_name", device.name()},
        {"architecture", device.architecture()},
        // Not MLX's: who remembers times of kernels wants to know when their code may be other
        // code.
        {"compiler", engine.backend ? engine.backend->version() : std::string()},
        {"max_buffer_length", size_t{limits.max_buffer_bytes}},
        {"max_recommended_working_set_size", size_t{limits.recommended_working_set_bytes}},
        {"memory_size", size_t{limits.max_buffer_bytes}},
        {"resource_limit", size_t{499000}},
    };
  }();
  return info;
}

template <class F>
void* as_address(F* function) {
  return reinterpret_cast<void*>(function);
}

}  // namespace

bool gates_open() {
  static const bool open = [] {
    const char* text = std::getenv("ANYMETAL_GATES");
    return !text || std::string_view(text) != "off";
  }();
  return open;
}

mx::Stream kernel_stream(const mx::StreamOrDevice& where) {
  if (!gates_open()) {
    static auto* const resolve =
        own<Stream(StreamOrDevice)>(original(kToStream) ? kToStream : kToStream0);
    return resolve(where);
  }
  if (!outer_to_stream_is_gpu(where, Device::gpu)) {
    throw std::invalid_argument("[metal_kernel] Only supports the GPU.");
  }
  return inner_to_stream_else(where, Device::gpu);
}

std::span<const Redirection> inner_gates() {
  static const Redirection table[] = {
      {kDefaultDevice, as_address(&inner_default_device)},
      {kDefaultStream, as_address(&inner_default_stream)},
      {kPeekDefaultStream, as_address(&inner_peek_default_stream)},
      {kNewStream, as_address(&inner_new_stream)},
      {kToStream, as_address(&inner_to_stream)},
      {kToStream0, as_address(&inner_to_stream)},
      {kToStreamElse, as_address(&inner_to_stream_else)},
      {kToStreamElse0, as_address(&inner_to_stream_else)},
      {kSynchronize, as_address(&inner_synchronize)},
      {kMakeNode, as_address(&inner_make_node)},
      // These stay MLX's own, also where symbols were bound to ours (LD_PRELOAD).
      {kStreamFromThreadLocalStream, original(kStreamFromThreadLocalStream)},
      {kGetStreams, original(kGetStreams)},
      {kIsAvailable, original(kIsAvailable)},
      {kDeviceCount, original(kDeviceCount)},
      {kDeviceInfo, original(kDeviceInfo)},
      {kMetalIsAvailable, original(kMetalIsAvailable)},
      {kGpuIsAvailable, original(kGpuIsAvailable)},
      {kGpuDeviceCount, original(kGpuDeviceCount)},
      {kGpuDeviceInfo, original(kGpuDeviceInfo)},
  };
  return table;
}

}  // namespace anymetal::mlx

// Outer: what everybody else reaches, under MLX's own names.
// -----------------------------------------------------------------

namespace mlx::core {

using namespace anymetal::mlx;

const Device& default_device() {
  static auto* const get = own<const Device&()>(kDefaultDevice);
  return gates_open() ? shown_default() : get();
}

void set_default_device(const Device& device) {
  static auto* const set = own<void(const Device&)>(kSetDefaultDevice);
  if (!gates_open()) return set(device);
  (void)is_gpu(device);
  shown_default() = device;
}

bool is_available(const Device& device) {
  static auto* const ask = own<bool(const Device&)>(kIsAvailable);
  if (gates_open() && device.type == Device::gpu) return device.index == 0;
  return ask(device);
}

int device_count(Device::DeviceType type) {
  static auto* const count = own<int(Device::DeviceType)>(kDeviceCount);
  return gates_open() && type == Device::gpu ? 1 : count(type);
}

const DeviceInfo& device_info(const Device& device) {
  static auto* const get = own<const DeviceInfo&(const Device&)>(kDeviceInfo);
  return gates_open() && device.type == Device::gpu ? gpu_info() : get(device);
}

Stream default_stream(Device device) {
  static auto* const get = own<Stream(Device)>(kDefaultStream);
  if (!gates_open()) return get(device);
  return is_gpu(device) ? outside(inner_default_stream(device)) : get(device);
}

std::optional<Stream> peek_default_stream(Device device) {
  static auto* const peek = own<std::optional<Stream>(Device)>(kPeekDefaultStream);
  if (!gates_open() || !is_gpu(device)) return peek(device);
  const auto stream = gpu_default();
  return stream ? std::optional(outside(*stream)) : std::nullopt;
}

void set_default_stream(Stream stream) {
  static auto* const set = own<void(Stream)>(kSetDefaultStream);
  if (!gates_open() || !is_gpu(stream.device)) return set(stream);
  gpu_default() = inside(stream);
}

Stream new_stream(Device device) {
  static auto* const make = own<Stream(Device)>(kNewStream);
  if (!gates_open() || !is_gpu(device)) return make(device);
  return outside(inner_new_stream(device));
}

Stream new_thread_unsafe_stream(Device device) {
  static auto* const make = own<Stream(Device)>(kNewThreadUnsafeStream);
  if (!gates_open() || !is_gpu(device)) return make(device);
  return outside(remember(make(Device::cpu)));
}

Stream stream_from_thread_local_stream(ThreadLocalStream stream) {
  static auto* const resolve = own<Stream(ThreadLocalStream)>(kStreamFromThreadLocalStream);
  if (!gates_open() || !is_gpu(stream.device)) return resolve(stream);
  return outside(resolve(stream));
}

std::vector<Stream> get_streams() {
  static auto* const get = own<std::vector<Stream>()>(kGetStreams);
  auto streams = get();
  if (!gates_open()) return streams;
  auto& known = gpu_streams();
  std::lock_guard lock(known.mutex);
  for (auto& stream : streams) {
    if (known.indices.contains(stream.index)) stream = outside(stream);
  }
  return streams;
}

Stream to_stream(StreamOrDevice where) {
  static auto* const resolve =
      own<Stream(StreamOrDevice)>(original(kToStream) ? kToStream : kToStream0);
  return gates_open() ? shown_stream(where, shown_default()) : resolve(where);
}

Stream to_stream(StreamOrDevice where, Device otherwise) {
  static auto* const resolve =
      own<Stream(StreamOrDevice, Device)>(original(kToStreamElse) ? kToStreamElse : kToStreamElse0);
  return gates_open() ? shown_stream(where, otherwise) : resolve(where, otherwise);
}

void synchronize(Stream stream) {
  static auto* const wait = own<void(Stream)>(kSynchronize);
  wait(gates_open() && is_gpu(stream.device) ? inside(stream) : stream);
  tell_failure(stream);
}

namespace metal {

bool is_available() {
  return gates_open();
}

const DeviceInfo& device_info() {
  static auto* const get = own<const DeviceInfo&()>(kMetalDeviceInfo);
  return gates_open() ? gpu_info() : get();
}

// NOLINTNEXTLINE(performance-unnecessary-value-param): MLX's signature
void start_capture(std::string path) {
  const auto started = anymetal::runtime::start_capture(path);
  if (!started.ok()) throw std::runtime_error("[metal::start_capture] " + started.error().text());
}

void stop_capture() {
  synchronize(default_stream(gates_open() ? Device::gpu : Device::cpu));
  const auto stopped = anymetal::runtime::stop_capture();
  if (!stopped.ok()) throw std::runtime_error("[metal::stop_capture] " + stopped.error().text());
}

}  // namespace metal

namespace gpu {

bool is_available() {
  return gates_open();
}

int device_count() {
  return gates_open() ? 1 : 0;
}

const DeviceInfo& device_info(int index) {
  static auto* const get = own<const DeviceInfo&(int)>(kGpuDeviceInfo);
  return gates_open() && index == 0 ? gpu_info() : get(index);
}

}  // namespace gpu

}  // namespace mlx::core

namespace anymetal::mlx {

std::span<const Redirection> outer_gates() {
  using StreamOf = Stream (*)(StreamOrDevice);
  using StreamOfElse = Stream (*)(StreamOrDevice, Device);
  using IsAvailable = bool (*)(const Device&);
  using InfoOf = const DeviceInfo& (*)(const Device&);
  using Wait = void (*)(Stream);
  const auto to_stream = as_address(static_cast<StreamOf>(&mx::to_stream));
  const auto to_stream_else = as_address(static_cast<StreamOfElse>(&mx::to_stream));
  static const Redirection table[] = {
      {kMetalIsAvailable, as_address(&mx::metal::is_available)},
      {kDefaultDevice, as_address(&mx::default_device)},
      {kSetDefaultDevice, as_address(&mx::set_default_device)},
      {kIsAvailable, as_address(static_cast<IsAvailable>(&mx::is_available))},
      {kDeviceCount, as_address(&mx::device_count)},
      {kDeviceInfo, as_address(static_cast<InfoOf>(&mx::device_info))},
      {kDefaultStream, as_address(&mx::default_stream)},
      {kPeekDefaultStream, as_address(&mx::peek_default_stream)},
      {kSetDefaultStream, as_address(&mx::set_default_stream)},
      {kNewStream, as_address(&mx::new_stream)},
      {kNewThreadUnsafeStream, as_address(&mx::new_thread_unsafe_stream)},
      {kStreamFromThreadLocalStream, as_address(&mx::stream_from_thread_local_stream)},
      {kGetStreams, as_address(&mx::get_streams)},
      {kToStream, to_stream},
      {kToStream0, to_stream},
      {kToStreamElse, to_stream_else},
      {kToStreamElse0, to_stream_else},
      {kSynchronize, as_address(static_cast<Wait>(&mx::synchronize))},
      {kMetalDeviceInfo, as_address(&mx::metal::device_info)},
      {kMetalStartCapture, as_address(&mx::metal::start_capture)},
      {kMetalStopCapture, as_address(&mx::metal::stop_capture)},
      {kGpuIsAvailable, as_address(&mx::gpu::is_available)},
      {kGpuDeviceCount, as_address(&mx::gpu::device_count)},
      {kGpuDeviceInfo, as_address(&mx::gpu::device_info)},
  };
  return table;
}

}  // namespace anymetal::mlx
