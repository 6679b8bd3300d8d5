// What comes in: a function. What goes out: checked launches of its code. The code comes from the
// disk cache, or from the language and the back end; if the back end specialises for the
// threadgroup, once for each size, at its first launch.
//
// `run` is on the path of every small kernel: between its call and the back end's there are the
// checks, one place in the table of running dispatches, and no allocation.
#include <fmt/format.h>

#include <array>
#include <atomic>
#include <cstring>
#include <deque>
#include <mutex>
#include <optional>
#include <utility>

#include "backend/fork_guard.h"
#include "ir/thread_ir.h"
#include "runtime/content_key.h"
#include "runtime/coverage.h"
#include "runtime/device_state.h"
#include "runtime/launch_record.h"
#include "runtime/log.h"
#include "runtime/message_printer.h"
#include "runtime/running_work.h"
#include "runtime/tuned.h"
#include "runtime/validate_launch.h"

namespace anymetal::runtime {

namespace {

using backend::CompiledKernel;
using Clock = std::chrono::steady_clock;

// Both limits of Metal together: 31 buffers and 31 threadgroup arguments.
constexpr size_t kMaxArguments = 64;

std::string join_stored(const KernelInterface& interface, std::string_view object) {
  std::string head = serialize(interface);
  auto size = static_cast<uint32_t>(head.size());
  std::string out(reinterpret_cast<const char*>(&size), sizeof size);
  return out.append(head).append(object);
}

std::optional<std::pair<KernelInterface, std::string_view>> split_stored(std::string_view bytes) {
  uint32_t size = 0;
  if (bytes.size() < sizeof size) return std::nullopt;
  std::memcpy(&size, bytes.data(), sizeof size);
  bytes.remove_prefix(sizeof size);
  if (bytes.size() < size) return std::nullopt;
  Result<KernelInterface> interface = parse_interface(bytes.substr(0, size));
  if (!interface.ok()) return std::nullopt;
  return std::pair{std::move(interface).value(), bytes.substr(size)};
}

/// What a dispatch compiles has its own limit of time.
class LateCompilations final : public backend::CompilationWatch {
 public:
  LateCompilations(RunningDispatch& running, const std::string& kernel,
                   std::optional<std::chrono::nanoseconds> timeout)
      : running_(running), kernel_(kernel), timeout_(timeout) {}

  Result<void> around(const std::function<Result<void>()>& compile) override {
    running_.pause();
    const RunningCompilation compilation("kernel `" + kernel_ + "`", timeout_);
    Result<void> done = compile();
    running_.begin_again();
    if (!done.ok()) return compilation.describe(std::move(done).error());
    return done;
  }

 private:
  RunningDispatch& running_;
  const std::string& kernel_;
  const std::optional<std::chrono::nanoseconds> timeout_;
};

/// What a kernel's code needs later, beside its entry in the disk cache.
class LaterCode final : public backend::CodeStore {
 public:
  LaterCode(std::shared_ptr<DeviceState> state, std::string key, std::string kernel)
      : state_(std::move(state)), key_(std::move(key)), kernel_(std::move(kernel)) {}

  std::optional<std::string> load(std::string_view name) override {
    return state_->disk.load("kernel", key_of(name));
  }
  void store(std::string_view name, std::string_view bytes) override {
    state_->disk.store("kernel", key_of(name), kernel_, bytes);
  }

 private:
  [[nodiscard]] std::string key_of(std::string_view name) const {
    return ContentKey().add("later").add(key_).add(name).hex();
  }

  const std::shared_ptr<DeviceState> state_;
  const std::string key_;
  const std::string kernel_;
};

class CompiledFunction final : public Pipeline {
 public:
  CompiledFunction(std::shared_ptr<DeviceState> state, Device& device,
                   std::shared_ptr<Function> function, std::string key)
      : state_(std::move(state)),
        device_(device),
        function_(std::move(function)),
        library_(std::static_pointer_cast<CachedLibrary>(function_->library())),
        key_(std::move(key)),
        interface_(function_->interface()) {}

  const std::shared_ptr<Function>& function() const override { return function_; }
  Device& device() const override { return device_; }
  const KernelInterface& interface() const override { return interface_; }

  Result<void> validate(const Launch& launch) const override {
    return validate_launch(interface_, state_->limits, launch);
  }

  // Before anybody else sees this pipeline: code where one serves all sizes, else only what the
  // tree says of it, its errors too: a kernel that can't be compiled is told of before any launch.
  Result<void> open() {
    if (!state_->engine.backend->specializes_threadgroup()) {
      ANYMETAL_ASSIGN_OR_RETURN(code_, compile({}));
      interface_ = code_->interface();
    } else {
      ANYMETAL_ASSIGN_OR_RETURN(interface_, find_interface());
    }
    return validate_interface(interface_, state_->limits);
  }

  Result<void> run(const Launch& launch) override {
    ANYMETAL_RETURN_IF_ERROR(validate(launch));
    if (!TunedSizes::are_wanted()) return run_seen(launch);
    Launch tuned = launch;
    tuned.threadgroup = tuned_.size_for(device_, *function_, launch);
    return run_seen(validate(tuned).ok() ? tuned : launch);
  }

 private:
  Result<void> run_seen(const Launch& launch) {
    LaunchWatcher* watcher = launch_watcher();
    if (!watcher) return run_valid(launch);
    watcher->before(*this, launch);
    const Clock::time_point start = Clock::now();
    Result<void> result = run_valid(launch);
    watcher->after(*this, launch, Clock::now() - start, result.ok() ? nullptr : &result.error());
    return result;
  }

  Result<void> run_valid(const Launch& launch) {
    CompiledKernel* code = code_.get();
    if (!code) {
      // Parts of a compilation can't be interrupted; the launch isn't begun then.
      const uint64_t before = interrupts();
      ANYMETAL_ASSIGN_OR_RETURN(code, find_code(launch.threadgroup));
      if (interrupts() != before)
        return Error{
            ErrorKind::stopped,
            fmt::format("kernel `{}` was stopped by an interrupt before it began", interface_.name),
            {}};
    }
    if (state_->settings.warn_coverage && state_->settings.bounds != Bounds::off)
      return run_watched_outputs(*code, launch);
    return run_recorded(*code, launch);
  }

  Result<void> run_recorded(CompiledKernel& code, const Launch& launch) {
    if (!state_->settings.trace && !capture_is_running()) return dispatch(code, launch);
    Clock::time_point start = Clock::now();
    Result<void> result = dispatch(code, launch);
    LaunchRecord record{*this, launch, state_->settings, Clock::now() - start,
                        result.ok() ? nullptr : &result.error()};
    if (state_->settings.trace) trace(record);
    capture(record);
    return result;
  }

  Result<void> run_watched_outputs(CompiledKernel& code, const Launch& launch) {
    CoverageProbe probe(interface_, launch);
    ANYMETAL_RETURN_IF_ERROR(run_recorded(code, launch));
    if (probe.empty()) return {};
    Result<void> again = dispatch(code, probe.second_launch(), /*is_second_run=*/true);
    probe.report(again.ok() ? nullptr : &again.error());
    return {};
  }

  /// `is_second_run`: of the same launch, whose messages have been written.
  Result<void> dispatch(CompiledKernel& code, const Launch& launch, bool is_second_run = false) {
    std::array<Argument, kMaxArguments> arguments;
    size_t count = 0;
    for (const Parameter& p : interface_.parameters) {
      if (p.kind == ParameterKind::buffer)
        arguments[count++] = launch.buffer(p.index);
      else if (p.kind == ParameterKind::threadgroup)
        arguments[count++] = {nullptr, launch.threadgroup_length(p.index)};
      else if (p.kind != ParameterKind::attribute)
        return dispatch_with_handles(code, launch, is_second_run);
    }
    return run_code(code, launch, std::span(arguments.data(), count), is_second_run);
  }

  // The same with textures and samplers, which go to the kernel as handles in memory.
  Result<void> dispatch_with_handles(CompiledKernel& code, const Launch& launch,
                                     bool is_second_run) {
    std::vector<Argument> arguments;
    std::deque<std::vector<uint64_t>> handles;
    const auto add = [&](const Parameter& p, auto bound) {
      auto& words = handles.emplace_back(p.count);
      for (uint32_t i = 0; i < p.count; ++i) {
        const size_t index = p.index + i;
        if (index < bound.size() && bound[index]) words[i] = bound[index]->handle();
      }
      arguments.push_back({words.data(), words.size() * sizeof(uint64_t)});
    };
    for (const Parameter& p : interface_.parameters) {
      if (p.kind == ParameterKind::buffer)
        arguments.push_back(launch.buffer(p.index));
      else if (p.kind == ParameterKind::threadgroup)
        arguments.push_back({nullptr, launch.threadgroup_length(p.index)});
      else if (p.kind == ParameterKind::texture)
        add(p, launch.textures);
      else if (p.kind == ParameterKind::sampler)
        add(p, launch.samplers);
    }
    return run_code(code, launch, arguments, is_second_run);
  }

  Result<void> run_code(CompiledKernel& code, const Launch& launch,
                        std::span<const Argument> arguments, bool is_second_run) {
    const Settings& settings = state_->settings;
    RunningDispatch running(settings.timeout);
    LateCompilations compilations(running, interface_.name, settings.compile_timeout);
    MessagePrinter printer(interface_.name, settings.messages == MessageOutput::threads);
    const bool printed = settings.messages != MessageOutput::off && !is_second_run;
    Result<void> result = code.run({.grid = launch.grid,
                                    .threadgroup = launch.threadgroup,
                                    .arguments = arguments,
                                    .resident = launch.resident,
                                    .stop = running.flag(),
                                    .messages = printed ? &printer : nullptr,
                                    .message_bytes = settings.message_bytes,
                                    .compilations = &compilations});
    printer.finish();
    if (result.ok() || result.error().kind != ErrorKind::stopped) return result;
    return describe_stop(running.reason(), std::move(result).error());
  }

  Error describe_stop(StopReason reason, Error error) const {
    if (reason == StopReason::interrupt)
      error.message = fmt::format(
          "kernel `{}` was stopped by an interrupt; its outputs are incomplete", interface_.name);
    if (reason == StopReason::timeout)
      error.message = fmt::format(
          "kernel `{}` was stopped after {:g} s, the limit of ANYMETAL_TIMEOUT: look for a loop "
          "that "
          "never ends, or raise the limit",
          interface_.name, std::chrono::duration<double>(*state_->settings.timeout).count());
    return error;
  }

  // For back ends that specialise: the code for each size, in a list that only grows. A launch that
  // finds its code takes no lock, so that a fork finds none held.
  struct Specialised {
    Extent threadgroup;
    std::shared_ptr<CompiledKernel> code;
    const Specialised* next = nullptr;
  };

  CompiledKernel* find_specialised(Extent threadgroup) const {
    const Specialised* one = specialised_.load(std::memory_order_acquire);
    while (one && one->threadgroup != threadgroup) one = one->next;
    return one ? one->code.get() : nullptr;
  }

  Result<CompiledKernel*> find_code(Extent threadgroup) {
    if (CompiledKernel* code = find_specialised(threadgroup)) return code;
    const backend::ForkGuard guard;
    const std::lock_guard lock(mutex_);
    if (CompiledKernel* code = find_specialised(threadgroup)) return code;
    ANYMETAL_ASSIGN_OR_RETURN(auto code, compile(threadgroup));
    const Specialised* before = specialised_.load(std::memory_order_relaxed);
    const Specialised& made = storage_.emplace_back(threadgroup, std::move(code), before);
    specialised_.store(&made, std::memory_order_release);
    return made.code.get();
  }

  // What the kernel looks like with these constants; an error if one that it needs has no value.
  Result<KernelInterface> find_interface() {
    const std::string key =
        library_->may_be_stored() ? ContentKey().add("interface").add(key_).hex() : std::string();
    if (!key.empty())
      if (std::optional<std::string> bytes = state_->disk.load("kernel", key))
        if (auto stored = split_stored(*bytes)) return std::move(stored->first);
    ANYMETAL_ASSIGN_OR_RETURN(std::shared_ptr<language::ParsedLibrary> tree, library_->tree());
    ANYMETAL_ASSIGN_OR_RETURN(ThreadIr ir, tree->emit(function_->name(), function_->constants()));
    if (!key.empty())
      state_->disk.store("kernel", key, function_->name(), join_stored(ir.interface, {}));
    emitted_ = std::move(ir);
    return emitted_->interface;
  }

  std::string code_key(Extent threadgroup) const {
    ContentKey key;
    backend::Backend& backend = *state_->engine.backend;
    key.add("kernel").add(key_).add(backend.name()).add(backend.version());
    key.add(static_cast<uint64_t>(state_->settings.bounds));
    if (backend.specializes_threadgroup())
      key.add(uint64_t{threadgroup.x}).add(uint64_t{threadgroup.y}).add(uint64_t{threadgroup.z});
    return key.hex();
  }

  Result<std::shared_ptr<CompiledKernel>> compile(Extent threadgroup) {
    backend::CompileOptions options{.bounds = state_->settings.bounds, .threadgroup = threadgroup};
    std::string key = library_->may_be_stored() ? code_key(threadgroup) : "";
    if (!key.empty()) options.later = std::make_shared<LaterCode>(state_, key, function_->name());
    if (!key.empty())
      if (std::shared_ptr<CompiledKernel> stored = load_stored(key, options)) return stored;

    Clock::time_point start = Clock::now();
    ANYMETAL_ASSIGN_OR_RETURN(std::shared_ptr<language::ParsedLibrary> tree, library_->tree());
    const RunningCompilation running("kernel `" + function_->name() + "`",
                                     state_->settings.compile_timeout);
    auto made = make_code(*tree, options);
    if (!made.ok()) return running.describe(std::move(made).error());
    std::shared_ptr<CompiledKernel> code = std::move(made).value();
    if (log_enabled(LogLevel::debug))
      log(LogLevel::debug,
          fmt::format("compiled `{}` in {:.1f} ms", function_->name(),
                      std::chrono::duration<double, std::milli>(Clock::now() - start).count()));
    log_executor(*code);
    if (!key.empty())
      state_->disk.store("kernel", key, function_->name(),
                         join_stored(code->interface(), code->object()));
    return code;
  }

  /// Of a kernel that doesn't run where it was asked for.
  void log_executor(const CompiledKernel& code) const {
    if (!log_enabled(LogLevel::info)) return;
    for (const backend::Remark& remark : code.remarks()) {
      if (remark.text.starts_with("runs on the reference executor"))
        log(LogLevel::info, fmt::format("`{}` {}", function_->name(), remark.text));
    }
  }

  Result<std::unique_ptr<CompiledKernel>> make_code(language::ParsedLibrary& tree,
                                                    const backend::CompileOptions& options) {
    auto emitted = emitted_ ? Result<ThreadIr>(*std::exchange(emitted_, std::nullopt))
                            : tree.emit(function_->name(), function_->constants());
    ANYMETAL_ASSIGN_OR_RETURN(ThreadIr ir, std::move(emitted));
    ANYMETAL_RETURN_IF_ERROR(validate_interface(ir.interface, state_->limits));
    return state_->engine.backend->compile(std::move(ir), options);
  }

  std::shared_ptr<CompiledKernel> load_stored(const std::string& key,
                                              const backend::CompileOptions& options) {
    std::optional<std::string> bytes = state_->disk.load("kernel", key);
    if (!bytes) return nullptr;
    if (auto stored = split_stored(*bytes)) {
      auto code = state_->engine.backend->load(stored->second, stored->first, options);
      if (code.ok()) return std::move(code).value();
      log(LogLevel::debug, fmt::format("cache entry {}: {}", key, code.error().message));
    }
    state_->disk.drop("kernel", key);
    return nullptr;
  }

  const std::shared_ptr<DeviceState> state_;
  Device& device_;
  const std::shared_ptr<Function> function_;
  const std::shared_ptr<CachedLibrary> library_;
  const std::string key_;
  KernelInterface interface_;
  std::shared_ptr<CompiledKernel> code_;  // null: specialised_
  TunedSizes tuned_;
  std::optional<ThreadIr> emitted_;  // for the first of them
  std::mutex mutex_;
  std::deque<Specialised> storage_;
  std::atomic<const Specialised*> specialised_{nullptr};
};

std::string function_key(const CachedLibrary& library, const Function& function) {
  ContentKey key;
  key.add(library.key()).add(function.name());
  for (const language::ConstantValue& constant : function.constants())
    key.add(constant.name).add(uint64_t{constant.index}).add(constant.bytes);
  return key.hex();
}

}  // namespace

Result<std::shared_ptr<Pipeline>> open_pipeline(std::shared_ptr<DeviceState> state, Device& device,
                                                const std::shared_ptr<Function>& function) {
  if (!function) return user_error("a pipeline needs a function, and got null");
  ANYMETAL_RETURN_IF_ERROR(state->ready());
  ANYMETAL_RETURN_IF_ERROR(validate_interface(function->interface(), state->limits));
  auto* library = dynamic_cast<CachedLibrary*>(function->library().get());
  if (!library) return internal_error("a library of unknown make");
  std::string key = function_key(*library, *function);
  return state->pipelines.get(key, [&]() -> Result<std::shared_ptr<Pipeline>> {
    auto pipeline = std::make_shared<CompiledFunction>(state, device, function, key);
    ANYMETAL_RETURN_IF_ERROR(pipeline->open());
    return std::shared_ptr<Pipeline>(std::move(pipeline));
  });
}

}  // namespace anymetal::runtime
