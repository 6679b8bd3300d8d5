// A back end turns the IR of one thread into something that runs whole grids. It validates nothing:
// the runtime has checked every dispatch before it comes here, and a failure below is our bug, but
// for what the kernel itself does.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ir/kernel_interface.h"
#include "support/result.h"
#include "support/stop_flag.h"

namespace anymetal {
struct ThreadIr;  // ir/thread_ir.h, for those who compile: it brings LLVM's headers
}

namespace anymetal::backend {

/// What happens at an access outside the buffers that a kernel was given.
enum class Bounds : uint8_t {
  error,   ///< stop at the first one, and say kernel, line, buffer, thread and index
  robust,  ///< such reads give 0, such writes are dropped
  off,     ///< unchecked: can corrupt memory
};

struct Extent {
  uint32_t x = 1, y = 1, z = 1;
  [[nodiscard]] uint64_t volume() const { return uint64_t{x} * y * z; }
  bool operator==(const Extent&) const = default;
};

/// Keeps what a kernel's code is found to need after it was compiled (variants for the grid's end),
/// for later processes. What comes back may be anything. Called from several threads.
class CodeStore {
 public:
  virtual ~CodeStore() = default;
  [[nodiscard]] virtual std::optional<std::string> load(std::string_view name) = 0;
  virtual void store(std::string_view name, std::string_view bytes) = 0;
};

/// Where the time of a compilation went, in seconds.
struct CompileTimes {
  double passes = 0;
  double code_generation = 0;
};

struct CompileOptions {
  Bounds bounds = Bounds::error;
  Extent threadgroup;                          ///< the size that the code may be specialised for
  std::shared_ptr<CodeStore> later = nullptr;  ///< of this kernel, size and bounds; may be null
  CompileTimes* times = nullptr;               ///< may be null
};

/// One argument per Parameter of kind buffer or threadgroup, in the order of the interface's
/// parameters.
struct Argument {
  void* data = nullptr;  ///< for kind threadgroup: null
  uint64_t size = 0;     ///< bytes
};

enum class MessageLevel : uint8_t { normal, info, debug, error, fault, printf };

/// What a thread of a kernel wrote, by os_log or printf.
struct Message {
  MessageLevel level = MessageLevel::normal;
  std::string_view subsystem, category;  ///< of the log; may be empty
  std::string_view text;
  uint32_t thread[3] = {};  ///< its position in the grid
};

/// Takes the messages of a dispatch when it has ended, on the thread that dispatched it:
/// threadgroup by threadgroup, and within one as its threads ran.
class MessageSink {
 public:
  virtual ~MessageSink() = default;
  virtual void receive(const Message& message) = 0;
  /// So many more came after the buffer was full.
  virtual void dropped(uint64_t count) = 0;
};

/// Of a dispatch whose code isn't there yet, as for the threadgroups that the grid's end cuts.
class CompilationWatch {
 public:
  virtual ~CompilationWatch() = default;
  /// Calls `compile`, whose time isn't the kernel's, and gives its error in its own words.
  [[nodiscard]] virtual Result<void> around(const std::function<Result<void>()>& compile) = 0;
};

struct Dispatch {
  Extent grid;         ///< in threads; need not be a multiple of the threadgroup
  Extent threadgroup;  ///< in threads; equal to the size it was compiled for
  std::span<const Argument> arguments;
  /// Other memory that the kernel may touch: what pointers in its buffers lead to.
  std::span<const Argument> resident{};
  const StopFlag* stop = nullptr;  ///< may be null; polled at the end of each loop iteration
  /// Of the order in which threads run, where Metal leaves it open; 0: the reference executor takes
  /// ANYMETAL_SCHEDULE_SEED, and without that the order that is most forgiving to races.
  uint64_t schedule_seed = 0;
  MessageSink* messages = nullptr;  ///< null: what threads write goes nowhere
  /// How much of them is kept: the first, in the order of threadgroups.
  uint64_t message_bytes = uint64_t{8} << 20;
  CompilationWatch* compilations = nullptr;  ///< null: nobody asks

  /// As `compilations` has it.
  [[nodiscard]] Result<void> compile(const std::function<Result<void>()>& body) const {
    return compilations ? compilations->around(body) : body();
  }
};

/// What people may want to know about the code of a line: where it can't be as fast as it looks,
/// and why. Line 0: of the whole kernel.
struct Remark {
  std::string file;
  uint32_t line = 0;
  std::string text;
};

class CompiledKernel {
 public:
  virtual ~CompiledKernel() = default;
  /// Runs the whole grid and returns when it is done. May be called from several threads at once.
  /// Errors: ErrorKind::execution (out of bounds, with place), ErrorKind::stopped.
  [[nodiscard]] virtual Result<void> run(const Dispatch& dispatch) = 0;
  [[nodiscard]] virtual const KernelInterface& interface() const = 0;
  /// Machine code and all that `load` needs, for the disk cache.
  [[nodiscard]] virtual std::string_view object() const = 0;
  [[nodiscard]] virtual std::vector<Remark> remarks() const { return {}; }
};

class Backend {
 public:
  virtual ~Backend() = default;
  [[nodiscard]] virtual std::string_view name() const = 0;
  /// Changes whenever the same IR could give other code: version, LLVM, CPU. Part of every cache
  /// key.
  [[nodiscard]] virtual std::string version() const = 0;
  /// Whether code depends on CompileOptions::threadgroup; if not, one compilation serves all sizes.
  [[nodiscard]] virtual bool specializes_threadgroup() const = 0;
  /// Errors: unsupported; stopped, if this thread is asked to (support/stop_flag.h): between two
  /// passes.
  [[nodiscard]] virtual Result<std::unique_ptr<CompiledKernel>> compile(
      ThreadIr ir, const CompileOptions& options) = 0;
  /// The same code as `compile` makes, as assembly for people to read.
  [[nodiscard]] virtual Result<std::string> assembly(ThreadIr ir, const CompileOptions& options);
  [[nodiscard]] virtual Result<std::unique_ptr<CompiledKernel>> load(
      std::string_view object, const KernelInterface& interface, const CompileOptions& options) = 0;
};

/// The executors of this process. They live until it ends.
[[nodiscard]] Backend& reference_backend();
[[nodiscard]] Backend& cpu_backend();

/// "reference" or "cpu"; null for any other name.
[[nodiscard]] Backend* find_backend(std::string_view name);

}  // namespace anymetal::backend
