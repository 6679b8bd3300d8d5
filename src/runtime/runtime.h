// Metal's nouns: Device, Buffer, Library, Function, Pipeline, CommandQueue, CommandBuffer,
// ComputeEncoder, Event, Fence. What comes in is Metal text and dispatches; what goes out are
// checked calls of a back end. Everything above (the C core, the metal-cpp headers, metal_kernel,
// the MLX adapter, the command line) is written to this header alone.
//
// Two ways to run a kernel:
//   * `Pipeline::run`: now, on the caller's thread, for callers with an order of their own
//   (metal_kernel, MLX's streams);
//   * a CommandBuffer: recorded, committed to a queue, run in the queue's order on the queue's
//   thread.
//
// Everything is validated here and nowhere below. All objects are shared (std::shared_ptr), and all
// may be used from any thread, but for a ComputeEncoder and an uncommitted CommandBuffer, which
// belong to one thread at a time, as in Metal.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "backend/backend.h"
#include "ir/kernel_interface.h"
#include "language/language.h"
#include "runtime/settings.h"
#include "runtime/texture.h"
#include "support/private_api.h"
#include "support/result.h"

namespace anymetal::runtime {

using backend::Argument;
using backend::Bounds;
using backend::Extent;

class CommandBuffer;
class CommandQueue;
class ComputeEncoder;
class Device;
class Function;
class Library;
class Pipeline;

/// What every dispatch is checked against. The numbers are Metal's own for all current Apple
/// machines.
struct Limits {
  uint32_t threads_per_threadgroup = 1024;
  uint32_t threadgroup_bytes = 32 * 1024;
  uint32_t buffers = 31;
  uint32_t textures = 128;
  uint32_t samplers = 16;
  uint32_t inline_bytes = 4096;  ///< of ComputeEncoder::set_bytes
  uint32_t simdgroup_width = 32;
  uint64_t max_buffer_bytes = 0;               ///< of this machine
  uint64_t recommended_working_set_bytes = 0;  ///< of this machine
};

/// A stable piece of host memory that host and kernels share.
class Buffer {
 public:
  using Deleter = std::function<void(void* data, uint64_t size)>;
  ANYMETAL_PRIVATE_API ~Buffer();
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;

  [[nodiscard]] void* data() const { return data_; }
  [[nodiscard]] uint64_t size() const { return size_; }

 private:
  friend class Device;
  Buffer(void* data, uint64_t size, Deleter deleter);
  void* data_;
  uint64_t size_;
  Deleter deleter_;
};

/// A text whose kernels are known. Clang has parsed it, or the disk cache remembers what Clang
/// said.
class Library : public std::enable_shared_from_this<Library> {
 public:
  virtual ~Library() = default;
  [[nodiscard]] virtual std::span<const KernelInterface> kernels() const = 0;
  [[nodiscard]] virtual std::span<const Diagnostic> warnings() const = 0;
  [[nodiscard]] virtual std::span<const FunctionConstant> constants() const = 0;
  [[nodiscard]] virtual const language::Source& source() const = 0;
  [[nodiscard]] virtual const language::Options& options() const = 0;
  /// The syntax tree, if it is in memory; whoever holds it keeps it from being parsed again.
  [[nodiscard]] virtual std::shared_ptr<const void> tree_in_memory() const = 0;
  /// Errors: user, if no kernel has this name (the message lists those that there are).
  [[nodiscard]] ANYMETAL_PRIVATE_API Result<std::shared_ptr<Function>> function(
      std::string_view kernel, std::vector<language::ConstantValue> constants = {});
};

/// A kernel by name, with its function constants set. Nothing is compiled yet.
class Function {
 public:
  ANYMETAL_PRIVATE_API Function(std::shared_ptr<Library> library, KernelInterface interface,
                                std::vector<language::ConstantValue> constants);
  [[nodiscard]] const std::shared_ptr<Library>& library() const { return library_; }
  [[nodiscard]] const KernelInterface& interface() const { return interface_; }
  [[nodiscard]] const std::string& name() const { return interface_.name; }
  [[nodiscard]] const std::vector<language::ConstantValue>& constants() const { return constants_; }

 private:
  std::shared_ptr<Library> library_;
  KernelInterface interface_;
  std::vector<language::ConstantValue> constants_;
};

/// What trace and capture say about a launch beyond what the runtime can see. Read only while one
/// of them is on.
struct LaunchNotes {
  std::string label;  ///< instead of the kernel's name; empty: the name
  std::vector<std::string>
      shapes;  ///< by buffer index: "float32[2, 64, 128]"; short or empty: sizes in bytes
};

/// One dispatch, in threads.
struct Launch {
  Extent grid;
  Extent threadgroup;
  /// By buffer index n of [[buffer(n)]], not by order of declaration. `data` null: nothing is bound
  /// there, an error if the kernel has such a buffer. More entries than the kernel has are an error
  /// too, unless they are null.
  std::span<const Argument> buffers;
  [[nodiscard]] Argument buffer(uint32_t index) const {
    return index < buffers.size() ? buffers[index] : Argument{};
  }
  /// Bytes by index n of [[threadgroup(n)]]; multiples of 16.
  std::span<const uint32_t> threadgroup_lengths;
  [[nodiscard]] uint32_t threadgroup_length(uint32_t index) const {
    return index < threadgroup_lengths.size() ? threadgroup_lengths[index] : 0;
  }
  /// Other memory that the kernel may touch: what pointers in its buffers lead to.
  std::span<const Argument> resident{};
  /// Bit n: ANYMETAL_WARN=coverage looks at buffer n. Clear it for outputs that were filled before
  /// (init_value).
  uint32_t coverage = ~0u;
  const LaunchNotes* notes = nullptr;
  /// By index n of [[texture(n)]] and [[sampler(n)]]; null: nothing is bound there. They must live
  /// until the launch is done.
  std::span<const Texture* const> textures = {};
  std::span<const Sampler* const> samplers = {};
};

/// The code of a function.
class Pipeline {
 public:
  virtual ~Pipeline() = default;
  [[nodiscard]] virtual const std::shared_ptr<Function>& function() const = 0;
  [[nodiscard]] virtual Device& device() const = 0;
  /// As compiled: function constants may have changed it.
  [[nodiscard]] virtual const KernelInterface& interface() const = 0;

  /// Validates and runs the whole grid before it returns. Thread-safe. A kernel that never ends is
  /// stopped by request_stop() and by ANYMETAL_TIMEOUT. Errors: user (the launch breaks a limit:
  /// which, the value, what to do), execution, stopped.
  [[nodiscard]] virtual Result<void> run(const Launch& launch) = 0;
  /// The checks of run, without the run.
  [[nodiscard]] virtual Result<void> validate(const Launch& launch) const = 0;
};

/// A size as callers have it (signed, 64 bits) as an Extent. `what` names it in the error: "grid",
/// "threadgroup". Errors: user, if a dimension is zero, negative or over 2^32 - 1.
[[nodiscard]] ANYMETAL_PRIVATE_API Result<Extent> checked_extent(std::string_view what, int64_t x,
                                                                 int64_t y, int64_t z);

/// A 64-bit counter that only grows; host and queues signal it and wait for it.
class Event {
 public:
  virtual ~Event() = default;
  [[nodiscard]] virtual uint64_t value() const = 0;
  /// Values smaller than the present one change nothing.
  virtual void signal(uint64_t value) = 0;
  /// Whether `value` was reached in time. No timeout: waits for ever.
  virtual bool wait(uint64_t value,
                    std::optional<std::chrono::nanoseconds> timeout = std::nullopt) = 0;
  /// Runs `callback` once: on the thread that signals, or here and now if `value` has been reached.
  virtual void notify(uint64_t value, std::function<void(uint64_t)> callback) = 0;
};
[[nodiscard]] ANYMETAL_PRIVATE_API std::shared_ptr<Event> make_event();

/// Orders encoders within a queue, which run in order anyway: the object exists so that programs
/// can name it.
class Fence {};

/// Records dispatches into its command buffer. A wrong call is remembered, and becomes the command
/// buffer's error.
class ComputeEncoder {
 public:
  virtual ~ComputeEncoder() = default;
  virtual void set_pipeline(std::shared_ptr<Pipeline> pipeline) = 0;
  virtual void set_buffer(std::shared_ptr<Buffer> buffer, uint64_t offset, uint32_t index) = 0;
  virtual void set_buffer_offset(uint64_t offset, uint32_t index) = 0;
  virtual void set_bytes(std::span<const std::byte> bytes, uint32_t index) = 0;
  /// Null: nothing is bound at the index.
  virtual void set_texture(std::shared_ptr<const Texture> texture, uint32_t index) = 0;
  /// A texture that kernels reach through an argument buffer.
  virtual void use_texture(std::shared_ptr<const Texture> texture) = 0;
  virtual void set_sampler(std::shared_ptr<const Sampler> sampler, uint32_t index) = 0;
  virtual void set_threadgroup_length(uint64_t bytes, uint32_t index) = 0;
  /// Sizes as signed 64-bit numbers, so that wrong ones can be named.
  virtual void dispatch_threads(std::array<int64_t, 3> grid,
                                std::array<int64_t, 3> threadgroup) = 0;
  virtual void dispatch_threadgroups(std::array<int64_t, 3> groups,
                                     std::array<int64_t, 3> threadgroup) = 0;
  /// The numbers of threadgroups are three uint32 at `offset` in `groups`, read when the dispatch
  /// is about to run; if one of them is 0, it does nothing.
  virtual void dispatch_threadgroups_indirect(std::shared_ptr<Buffer> groups, uint64_t offset,
                                              std::array<int64_t, 3> threadgroup) = 0;
  /// Kernels of this encoder may touch it through pointers in other buffers.
  virtual void use_resource(std::shared_ptr<Buffer> buffer) = 0;
  /// Dispatches run one after another with all memory visible, so these three add nothing and are
  /// always kept.
  virtual void memory_barrier() = 0;
  virtual void update_fence(const std::shared_ptr<Fence>& fence) = 0;
  virtual void wait_for_fence(const std::shared_ptr<Fence>& fence) = 0;
  virtual void end() = 0;
};

/// The order is Metal's: not_enqueued → enqueued → committed → scheduled → completed or error.
enum class Status : uint8_t { not_enqueued, enqueued, committed, scheduled, completed, error };

class CommandBuffer : public std::enable_shared_from_this<CommandBuffer> {
 public:
  using Handler = std::function<void(CommandBuffer&)>;
  virtual ~CommandBuffer() = default;
  [[nodiscard]] virtual std::shared_ptr<ComputeEncoder> compute_encoder() = 0;
  virtual void encode_signal(std::shared_ptr<Event> event, uint64_t value) = 0;
  virtual void encode_wait(std::shared_ptr<Event> event, uint64_t value) = 0;
  /// Host work in the queue's order.
  virtual void encode_host(std::function<void()> work) = 0;
  virtual void add_scheduled_handler(Handler handler) = 0;
  virtual void add_completed_handler(Handler handler) = 0;
  virtual void enqueue() = 0;
  virtual void commit() = 0;
  virtual void wait_until_scheduled() = 0;
  /// Returns after the completed handlers have run.
  virtual void wait_until_completed() = 0;
  [[nodiscard]] virtual Status status() const = 0;
  /// The first error, if status() is error. The items after it were not run, but their signals are
  /// given.
  [[nodiscard]] virtual std::optional<Error> error() const = 0;
  virtual void set_label(std::string label) = 0;
  [[nodiscard]] virtual std::string label() const = 0;
};

/// Runs its command buffers in the order of commit (of enqueue, where that came first), on a thread
/// of its own.
class CommandQueue {
 public:
  virtual ~CommandQueue() = default;
  [[nodiscard]] virtual std::shared_ptr<CommandBuffer> command_buffer() = 0;
};

/// What a device is made of. Tests put in their own; `Engine::system` is the real one.
struct Engine {
  std::function<Result<std::shared_ptr<language::ParsedLibrary>>(const language::Source&,
                                                                 const language::Options&)>
      parse;
  std::string language_version;
  backend::Backend* backend =
      nullptr;  ///< null: `missing` says why, and every compilation gives it
  std::optional<Error> missing;
  [[nodiscard]] ANYMETAL_PRIVATE_API static Engine system(const Settings& settings);
};

class Device {
 public:
  virtual ~Device() = default;
  /// The device of this process, made at the first call with the environment's settings. It exists
  /// even if the environment is wrong (an unknown executor): then `library` and `pipeline` give the
  /// error.
  [[nodiscard]] ANYMETAL_PRIVATE_API static Device& system();
  [[nodiscard]] ANYMETAL_PRIVATE_API static std::unique_ptr<Device> create(Settings settings,
                                                                           Engine engine);

  [[nodiscard]] virtual const std::string& name()
      const = 0;  ///< "anymetal (reference on AMD EPYC ...)"
  [[nodiscard]] virtual const std::string& architecture()
      const = 0;  ///< "applegpu_g13s"; ANYMETAL_ARCHITECTURE
  [[nodiscard]] virtual const Limits& limits() const = 0;
  [[nodiscard]] virtual const Settings& settings() const = 0;

  /// Zeroed memory, aligned to a page. Errors: user (size 0 or over max_buffer_bytes), environment
  /// (no memory).
  [[nodiscard]] virtual Result<std::shared_ptr<Buffer>> buffer(uint64_t size) = 0;
  /// Foreign memory, as it is. `deleter` runs when the last user lets go.
  [[nodiscard]] ANYMETAL_PRIVATE_API std::shared_ptr<Buffer> wrap(void* data, uint64_t size,
                                                                  Buffer::Deleter deleter = {});

  /// Parses, or remembers by content (in this process; on disk only the answers, not the tree).
  [[nodiscard]] virtual Result<std::shared_ptr<Library>> library(
      const language::Source& source, const language::Options& options = {}) = 0;
  /// Compiles, or takes from the cache in memory or on disk; one compilation for each content,
  /// others wait for it. Costs a look-up, so keep the Pipeline for as long as its kernel is
  /// launched.
  [[nodiscard]] virtual Result<std::shared_ptr<Pipeline>> pipeline(
      const std::shared_ptr<Function>& function) = 0;

  [[nodiscard]] virtual std::shared_ptr<CommandQueue> queue() = 0;
};

// Stopping.
// -----------------------------------------------------------------------------------------------------------

/// Stops every dispatch and every compilation that runs now in this process; each returns
/// ErrorKind::stopped.
/// Async-signal-safe.
ANYMETAL_PRIVATE_API void request_stop() noexcept;
/// How often that was called: work that waits in a queue tells by it that it isn't wanted any more.
[[nodiscard]] ANYMETAL_PRIVATE_API uint64_t interrupts() noexcept;
/// How many dispatches run now. Async-signal-safe.
[[nodiscard]] ANYMETAL_PRIVATE_API uint32_t running_dispatches() noexcept;
/// Puts a SIGINT handler in place that calls request_stop() and then the handler that was there
/// before (Python's). Twice is once.
ANYMETAL_PRIVATE_API void install_interrupt_handler();

// Capture.
// ------------------------------------------------------------------------------------------------------------

/// From now to stop_capture, each launch of the process adds one line of JSON to the file
/// `path`/launches.jsonl, and each text that was launched is kept once as `path`/HASH.metal.
/// docs/design/runtime.md lists the fields. Errors: user, if a capture is running or the folder
/// exists and isn't empty; environment, if it can't be written.
[[nodiscard]] ANYMETAL_PRIVATE_API Result<void> start_capture(const std::string& path);
[[nodiscard]] ANYMETAL_PRIVATE_API Result<void> stop_capture();
[[nodiscard]] ANYMETAL_PRIVATE_API bool capture_is_running();
/// Whether a launch's notes are worth making: trace, capture, coverage or a watcher will read them.
[[nodiscard]] ANYMETAL_PRIVATE_API bool notes_are_read(const Device& device);

// Watching.
// -----------------------------------------------------------------------------------------------------------

/// Sees every launch of this process, on the thread that launches (src/measure).
class LaunchWatcher {
 public:
  virtual ~LaunchWatcher() = default;
  /// The launch is valid; nothing has run yet.
  virtual void before(Pipeline& pipeline, const Launch& launch) = 0;
  /// `error` is null if it went well. `duration` has the compilation in it, if this launch was the
  /// first to need it.
  virtual void after(Pipeline& pipeline, const Launch& launch, std::chrono::nanoseconds duration,
                     const Error* error) = 0;
};
/// Null: nobody watches. The watcher must live until another is set and no launch is under way.
ANYMETAL_PRIVATE_API void watch_launches(LaunchWatcher* watcher);
[[nodiscard]] ANYMETAL_PRIVATE_API LaunchWatcher* launch_watcher() noexcept;

// Reports.
// ------------------------------------------------------------------------------------------------------------

/// Takes the lines of ANYMETAL_TRACE and ANYMETAL_WARN from now on (Python's stderr, a test).
/// Empty: stderr again.
ANYMETAL_PRIVATE_API void set_report_sink(std::function<void(std::string_view)> sink);

// The disk cache, for `anymetal cache`.
// -------------------------------------------------------------------------------

struct CacheEntry {
  std::string key;   ///< file name in the cache folder
  std::string kind;  ///< "library" or "kernel"
  std::string name;  ///< of the kernel, or of the source
  uint64_t bytes = 0;
  std::chrono::system_clock::time_point last_used;
};
struct CacheListing {
  std::string directory;
  uint64_t limit_bytes = 0;
  std::vector<CacheEntry> entries;  ///< last used first
};
[[nodiscard]] ANYMETAL_PRIVATE_API Result<CacheListing> list_cache(const Settings& settings);
/// How many entries were removed.
[[nodiscard]] ANYMETAL_PRIVATE_API Result<uint64_t> clear_cache(const Settings& settings);

}  // namespace anymetal::runtime
