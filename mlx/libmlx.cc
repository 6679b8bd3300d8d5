#include "mlx/libmlx.h"

#include <dlfcn.h>
#include <link.h>

#include <cstdlib>
#include <cstring>
#include <new>
#include <stdexcept>
#include <string>
#include <utility>

#include "mlx/backend/cpu/encoder.h"
#include "mlx/scheduler.h"
#include "mlx/version.h"

namespace anymetal::mlx {
namespace {

struct Loaded {
  std::string path;
  void* handle = nullptr;
};

int find_libmlx(dl_phdr_info* info, size_t, void* data) {
  const std::string_view name = info->dlpi_name ? info->dlpi_name : "";
  if (name != "libmlx.so" && !name.ends_with("/libmlx.so")) return 0;
  *static_cast<std::string*>(data) = name;
  return 1;
}

const Loaded& loaded() {
  static const Loaded result = [] {
    Loaded found;
    dl_iterate_phdr(find_libmlx, &found.path);
    if (!found.path.empty()) found.handle = dlopen(found.path.c_str(), RTLD_LAZY | RTLD_NOLOAD);
    return found;
  }();
  return result;
}

template <class F>
F* original_as(const char* symbol) {
  return reinterpret_cast<F*>(original(symbol));
}

constexpr const char* kRelease = "_ZN3mlx4core5array7releaseESt10shared_ptrINS1_9ArrayDescEE";
constexpr const char* kDestructor = "_ZN3mlx4core5arrayD1Ev";
constexpr const char* kSetData = "_ZN3mlx4core5array8set_dataENS0_9allocator4DataE";
constexpr const char* kShareBuffer =
    "_ZN3mlx4core5array18copy_shared_bufferERKS1_RKNS0_11SmallVectorIlLm10ESaIlEEENS1_5FlagsEml";
constexpr const char* kSetBuffer =
    "_ZN3mlx4core5array8set_dataENS0_9allocator6BufferESt8functionIFvS3_EE";

}  // namespace

const std::string& path() {
  return loaded().path;
}

void* original(const char* symbol) {
  return loaded().handle ? dlsym(loaded().handle, symbol) : nullptr;
}

const void* address() {
  return original("_ZN3mlx4core9allocator9allocatorEv");
}

const std::string& version() {
  static const std::string text = [] {
    auto* function = original_as<const char*()>("_ZN3mlx4core7versionEv");
    return std::string(function ? function() : "");
  }();
  return text;
}

// 0.32.0 has two faults that can't be mended from outside: a primitive's exception leaves arrays
// that are waited for without end, and its helpers for kernels have constructors that differ by
// address space alone, which Clang doesn't take.
bool version_is_known() {
  return version().starts_with("0.32.") && version() != "0.32.0";
}

namespace {

// MLX's memory begins 8 bytes behind what malloc gives, so that each vector of 64 bytes would lie
// in two lines of the cache. Larger outputs get as much more as it takes to begin at a line.
constexpr size_t kLine = 64;
constexpr size_t kWorthAligning = 4096;

using ShareBuffer = void(mx::array*, const mx::array&, const mx::Strides&, mx::array::Flags, size_t,
                         int64_t);

ShareBuffer* share_buffer() {
  static auto* const found = original_as<ShareBuffer>(kShareBuffer);
  return found;
}

size_t bytes_of(const mx::array& output) {
  const size_t bytes = output.nbytes();
  return bytes >= kWorthAligning && share_buffer() ? bytes + kLine : bytes;
}

void align(mx::array& output) {
  if (bytes_of(output) == output.nbytes()) return;
  const auto place = reinterpret_cast<uintptr_t>(output.data<char>());
  const size_t off = (kLine - place % kLine) % kLine;
  if (off == 0 || off % output.itemsize() != 0) return;
  const auto strides = output.strides();
  share_buffer()(&output, output, strides, output.flags(), output.data_size(),
                 static_cast<int64_t>(off / output.itemsize()));
}

/// MLX's allocator for the CPU gives null where there is no memory, and doesn't say so.
void check(mx::allocator::Buffer buffer, size_t bytes) {
  if (bytes > 0 && !buffer.ptr())
    throw std::runtime_error("[malloc] Unable to allocate " + std::to_string(bytes) + " bytes.");
}

}  // namespace

void allocate(mx::array& output) {
  const size_t bytes = bytes_of(output);
  // From 0.32.4 on an array takes a Data that knows its allocator; before, a buffer and its
  // deleter.
  static auto* const set_data = original_as<void(mx::array*, mx::allocator::Data)>(kSetData);
  if (set_data) {
    mx::allocator::Data data = mx::allocator::malloc(bytes);
    check(data.buffer(), bytes);
    set_data(&output, std::move(data));
    align(output);
    return;
  }
  using Deleter = std::function<void(mx::allocator::Buffer)>;
  static auto* const set_buffer =
      original_as<void(mx::array*, mx::allocator::Buffer, Deleter)>(kSetBuffer);
  if (!set_buffer) throw std::runtime_error("[anymetal] MLX " + version() + " is not known.");
  const mx::allocator::Buffer buffer = mx::allocator::allocator().malloc(bytes);
  check(buffer, bytes);
  set_buffer(&output, buffer,
             [](mx::allocator::Buffer buffer) { mx::allocator::allocator().free(buffer); });
  align(output);
}

void enqueue(mx::Stream stream, std::function<void()> work) {
  // Asked for its own check alone: a stream belongs to the thread that made it.
  (void)mx::cpu::get_command_encoder(stream);
  mx::scheduler::scheduler().enqueue(stream, std::move(work));
}

}  // namespace anymetal::mlx

namespace mlx::core {

// Called by every destructor of an array in this library. Up to 0.32.2 libmlx.so has no such
// function: the same work (cut the cycle among siblings) is done by array's destructor there, so an
// array is made of the pointer and destroyed.
void array::release(std::shared_ptr<ArrayDesc> desc) {
  using Release = void(std::shared_ptr<ArrayDesc>);
  using Destroy = void(void*);
  static auto* const release =
      reinterpret_cast<Release*>(anymetal::mlx::original(anymetal::mlx::kRelease));
  if (release) return release(std::move(desc));
  static auto* const destroy =
      reinterpret_cast<Destroy*>(anymetal::mlx::original(anymetal::mlx::kDestructor));
  static_assert(sizeof(array) == sizeof(desc));
  alignas(array) std::byte storage[sizeof(array)];
  new (storage) std::shared_ptr<ArrayDesc>(std::move(desc));
  if (destroy) destroy(storage);
}

}  // namespace mlx::core
