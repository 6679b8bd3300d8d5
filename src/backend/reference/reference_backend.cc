// The reference executor: the IR of one thread comes in, and whole grids run, each thread as
// written, one after the other or as fibres that meet at barriers. It is the oracle that every
// other executor is compared with: simple, never optimised for its own sake, and strict about what
// a kernel may touch. Threadgroups run in parallel on a thread pool.
//
// pipeline.cc makes the code, worker.cc runs threadgroups, meetings.cc computes what meeting
// threads compute, and runtime_functions.cc is all that the code can call.
#include <pthread.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <mutex>

#include "backend/backend.h"
#include "backend/code_generation.h"
#include "backend/float_environment.h"
#include "backend/kernel_image.h"
#include "backend/object_linker.h"
#include "backend/reference/pipeline.h"
#include "backend/reference/runtime_functions.h"
#include "backend/reference/violation_text.h"
#include "backend/reference/worker.h"
#include "backend/thread_function.h"
#include "backend/thread_pool.h"
#include "ir/thread_ir.h"

namespace anymetal::backend {
namespace reference {
namespace {

constexpr std::string_view kVersion = "reference 27";

/// Workers at rest. There are never more than threads that ran something at once.
class WorkerPool {
 public:
  std::unique_ptr<Worker> take() {
    const std::lock_guard lock(mutex_);
    if (workers_.empty()) return std::make_unique<Worker>();
    auto worker = std::move(workers_.back());
    workers_.pop_back();
    return worker;
  }
  void put_back(std::unique_ptr<Worker> worker) {
    const std::lock_guard lock(mutex_);
    workers_.push_back(std::move(worker));
  }
  static WorkerPool& shared() {
    // Never destroyed: the thread pool's threads may outlive main. A fork waits until no other
    // thread holds the lock, which the child could never get.
    static auto* pool = [] {
      pthread_atfork([] { shared().mutex_.lock(); }, [] { shared().mutex_.unlock(); },
                     [] { shared().mutex_.unlock(); });
      return new WorkerPool;
    }();
    return *pool;
  }

 private:
  std::mutex mutex_;
  std::vector<std::unique_ptr<Worker>> workers_;
};

/// What one thread, the dispatching one or a helper, contributes to a run.
class Crew final : public ThreadPool::Job {
 public:
  explicit Crew(Run& run) : run_(run) {}

  void help() noexcept override {
    work([] {});
  }

  /// Calls `between` after each chunk.
  template <class Between>
  void work(Between between) noexcept {
    const DefaultFloatEnvironment environment;
    auto worker = WorkerPool::shared().take();
    if (!worker->prepare(run_)) {
      run_.out_of_memory = true;
      run_.failed = 1;
    } else {
      while (worker->run_chunk()) between();
      worker->give_messages();
    }
    WorkerPool::shared().put_back(std::move(worker));
  }

 private:
  Run& run_;
};

uint64_t environment_seed() {
  static const uint64_t seed = [] {
    const char* text = std::getenv("ANYMETAL_SCHEDULE_SEED");
    return text ? std::strtoull(text, nullptr, 10) : 0;
  }();
  return seed;
}

uint32_t ceil_divide(uint32_t a, uint32_t b) {
  return a / b + (a % b != 0);
}

void describe_grid(Run& run, const Dispatch& dispatch) {
  const uint32_t grid[3] = {dispatch.grid.x, dispatch.grid.y, dispatch.grid.z};
  const uint32_t group[3] = {dispatch.threadgroup.x, dispatch.threadgroup.y,
                             dispatch.threadgroup.z};
  run.threadgroups = 1;
  for (int axis = 0; axis < 3; ++axis) {
    run.common.threads_per_grid[axis] = grid[axis];
    run.common.dispatch_threads_per_threadgroup[axis] = group[axis];
    run.common.threadgroups_per_grid[axis] = ceil_divide(grid[axis], group[axis]);
    run.threadgroups *= run.common.threadgroups_per_grid[axis];
  }
  const auto threads = uint32_t(dispatch.threadgroup.volume());
  run.common.dispatch_simdgroups_per_threadgroup = ceil_divide(threads, kSimdgroupSize);
  run.common.dispatch_quadgroups_per_threadgroup = ceil_divide(threads, kQuadgroupSize);
}

uint64_t arena_bytes(const KernelImage& image, const Dispatch& dispatch) {
  uint64_t bytes = (uint64_t(image.threadgroup_bytes) + 15) / 16 * 16;
  for (size_t index = 0; index < dispatch.arguments.size() && index < image.objects.size();
       ++index) {
    if (image.objects[index].kind == ObjectKind::threadgroup) {
      bytes += (dispatch.arguments[index].size + 15) / 16 * 16;
    }
  }
  return bytes;
}

/// Waking others takes as long as some thousand simple threads; a thread that loops or meets others
/// may take any time.
bool is_large(const Run& run) {
  const bool heavy = run.image->has_loops || !run.image->meetings.empty();
  return run.dispatch->grid.volume() >= (heavy ? 256u : 16384u);
}

/// Others are enlisted at once if the run is large, else when it has taken longer than it takes to
/// wake them.
void execute(Run& run) {
  ThreadPool& pool = ThreadPool::shared();
  const uint64_t threads = pool.size();
  run.chunk = std::clamp<uint64_t>(run.threadgroups / (threads * 16), 1, 4096);
  Crew crew(run);
  bool enlisted = threads == 1;
  const auto enlist = [&] {
    enlisted = true;
    const uint64_t done = std::min(run.threadgroups, run.next.load(std::memory_order_relaxed));
    const uint64_t chunks = (run.threadgroups - done) / run.chunk;
    pool.enlist(crew, std::min(threads - 1, chunks));
  };
  if (!enlisted && run.threadgroups > run.chunk && is_large(run)) enlist();
  const auto start = std::chrono::steady_clock::now();
  crew.work([&] {
    if (!enlisted && std::chrono::steady_clock::now() - start >= std::chrono::microseconds(30))
      enlist();
  });
  pool.dismiss(crew);
}

class ReferenceKernel final : public CompiledKernel {
 public:
  ReferenceKernel(KernelImage image, std::string object, KernelInterface interface,
                  std::unique_ptr<LinkedObject> code)
      : image_(std::move(image)),
        object_(std::move(object)),
        interface_(std::move(interface)),
        code_(std::move(code)) {}

  Result<void> run(const Dispatch& dispatch) override {
    static const uint32_t never = 0;
    if (dispatch.arguments.size() != image_.argument_count) {
      return internal_error("kernel '" + image_.kernel + "' was dispatched with " +
                            std::to_string(dispatch.arguments.size()) + " arguments instead of " +
                            std::to_string(image_.argument_count));
    }
    if (dispatch.grid.volume() == 0 || dispatch.threadgroup.volume() == 0) return {};
    DispatchMessages messages(dispatch, image_.messages);
    Run run;
    run.image = &image_;
    run.messages = &messages;
    run.entry = code_->entry<Entry>();
    run.dispatch = &dispatch;
    run.stop = dispatch.stop ? reinterpret_cast<const uint32_t*>(dispatch.stop->address()) : &never;
    run.seed = dispatch.schedule_seed != 0 ? dispatch.schedule_seed : environment_seed();
    run.arena_bytes = arena_bytes(image_, dispatch);
    describe_grid(run, dispatch);
    execute(run);
    messages.deliver();
    return outcome(run);
  }

  const KernelInterface& interface() const override { return interface_; }
  std::string_view object() const override { return object_; }

 private:
  Result<void> outcome(const Run& run) const {
    if (run.has_violation)
      return Error{ErrorKind::execution, violation_text(image_, run.violation), {}};
    if (run.out_of_memory) {
      return Error{ErrorKind::environment,
                   "kernel '" + image_.kernel + "': no memory for its threads' variables (" +
                       std::to_string(image_.stack_bytes) +
                       " bytes each); use fewer threads a threadgroup",
                   {}};
    }
    if (run.stopped)
      return Error{ErrorKind::stopped, "kernel '" + image_.kernel + "' was stopped", {}};
    return {};
  }

  KernelImage image_;
  std::string object_;
  KernelInterface interface_;
  std::unique_ptr<LinkedObject> code_;
};

Result<std::unique_ptr<CompiledKernel>> make_kernel(KernelImage image, std::string object,
                                                    KernelInterface interface) {
  static ObjectLinker* const linker = make_object_linker("reference", runtime_symbols()).release();
  ANYMETAL_ASSIGN_OR_RETURN(auto code, linker->link(image.object, kThreadFunctionName));
  image.object = {};  // `object` holds it, too
  return std::unique_ptr<CompiledKernel>(std::make_unique<ReferenceKernel>(
      std::move(image), std::move(object), std::move(interface), std::move(code)));
}

class ReferenceBackend final : public Backend {
 public:
  std::string_view name() const override { return "reference"; }
  std::string version() const override {
    static const std::string version = std::string(kVersion) + " " + host_description();
    return version;
  }
  bool specializes_threadgroup() const override { return false; }

  Result<std::unique_ptr<CompiledKernel>> compile(ThreadIr ir,
                                                  const CompileOptions& options) override {
    // LLVM evaluates some calls with constant operands by the host's own functions.
    const DefaultFloatEnvironment environment;
    KernelInterface interface = ir.interface;
    ANYMETAL_ASSIGN_OR_RETURN(KernelImage image, compile_image(std::move(ir), options));
    std::string object = serialize(image);
    return make_kernel(std::move(image), std::move(object), std::move(interface));
  }

  Result<std::string> assembly(ThreadIr ir, const CompileOptions& options) override {
    return compile_assembly(std::move(ir), options);
  }

  Result<std::unique_ptr<CompiledKernel>> load(std::string_view object,
                                               const KernelInterface& interface,
                                               const CompileOptions& options) override {
    ANYMETAL_ASSIGN_OR_RETURN(KernelImage image, parse_image(object));
    if (image.bounds != options.bounds)
      return internal_error("a compiled kernel has other bounds checks than asked for");
    return make_kernel(std::move(image), std::string(object), interface);
  }
};

}  // namespace
}  // namespace reference

Backend& reference_backend() {
  static auto* backend =
      new reference::ReferenceBackend;  // never destroyed: kernels may outlive static variables
  return *backend;
}

}  // namespace anymetal::backend
