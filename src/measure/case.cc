// What comes in: a launch, at its first time. What goes out: runs of the same launch on copies of
// its arguments, alone, on a device of its own without caches, messages and reports, so that
// nothing is measured but the kernel, and the first call is a real one.
#include "measure/case.h"

#include <fmt/format.h>

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "ir/thread_ir.h"
#include "measure/arguments.h"
#include "measure/operations.h"
#include "measure/outputs.h"
#include "runtime/settings.h"
#include "runtime/tuned.h"

namespace anymetal::measure {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

runtime::Settings quiet_settings() {
  runtime::Settings settings = runtime::Device::system().settings();
  settings.cache_directory.clear();  // which has the tuned sizes, too
  settings.messages = runtime::MessageOutput::off;
  settings.trace = false;
  settings.warn_coverage = false;
  return settings;
}

/// What does not depend on the threadgroup; cases of several sizes share it.
struct Recorded {
  std::string name;
  std::string kernel;
  language::Source source;
  language::Options options;
  std::vector<language::ConstantValue> constants;
  KernelInterface interface;
  std::vector<Argument> arguments;
  std::vector<uint32_t> threadgroup_lengths;
  std::shared_ptr<ArgumentCopies> copies;  ///< null: `refusal` says why
  std::string refusal;
  std::string tuning_key;
  runtime::Extent grid;
  std::optional<std::vector<Access>> accesses;
};

/// Raises a flag after a while, unless it goes before.
class Alarm {
 public:
  Alarm(StopFlag& flag, double seconds)
      : thread_([this, &flag, seconds] {
          std::unique_lock lock(mutex_);
          const auto limit = std::chrono::duration<double>(seconds);
          if (!ended_.wait_for(lock, limit, [&] { return is_over_; })) flag.request(1);
        }) {}
  ~Alarm() {
    {
      const std::lock_guard lock(mutex_);
      is_over_ = true;
    }
    ended_.notify_one();
    thread_.join();
  }

 private:
  std::mutex mutex_;
  std::condition_variable ended_;
  bool is_over_ = false;
  std::thread thread_;
};

class RecordedCase final : public Case {
 public:
  RecordedCase(std::shared_ptr<Recorded> recorded, runtime::Extent threadgroup)
      : recorded_(std::move(recorded)), threadgroup_(threadgroup) {}
  ~RecordedCase() override { pipeline_.reset(); }  // before its device

  const std::string& name() const override { return recorded_->name; }
  const std::string& kernel() const override { return recorded_->kernel; }
  const std::vector<Argument>& arguments() const override { return recorded_->arguments; }
  Size grid() const override { return {recorded_->grid.x, recorded_->grid.y, recorded_->grid.z}; }
  Size threadgroup() const override { return {threadgroup_.x, threadgroup_.y, threadgroup_.z}; }
  uint64_t calls() const override { return calls_; }
  double recorded_seconds() const override {
    return std::chrono::duration<double>(duration_).count();
  }
  uint32_t max_threads() const override {
    return recorded_->interface.max_total_threads_per_threadgroup;
  }
  const std::string& refusal() const override { return recorded_->refusal; }

  void remember_threadgroup(Size size) override {
    runtime::remember_tuning(runtime::Device::system().settings(), recorded_->tuning_key,
                             recorded_->name, runtime::tuned_text({size.x, size.y, size.z}));
  }

  Result<double> first_call() override {
    ANYMETAL_RETURN_IF_ERROR(can_run());
    ANYMETAL_RETURN_IF_ERROR(find_accesses_once());
    recorded_->copies->restore();
    pipeline_.reset();
    device_ = make_device();
    const Clock::time_point start = Clock::now();
    ANYMETAL_ASSIGN_OR_RETURN(pipeline_, open_on(*device_));
    ANYMETAL_RETURN_IF_ERROR(pipeline_->run(launch()));
    return seconds_since(start);
  }

  Result<double> run() override {
    if (!pipeline_) return first_call();
    if (depends_on_outputs()) recorded_->copies->restore();
    const Clock::time_point start = Clock::now();
    ANYMETAL_RETURN_IF_ERROR(pipeline_->run(launch()));
    return seconds_since(start);
  }

  Result<std::shared_ptr<Outputs>> outputs() override {
    ANYMETAL_RETURN_IF_ERROR(can_run());
    runtime::Settings settings = quiet_settings();
    const bool is_unchecked = settings.bounds == runtime::Bounds::off;
    if (is_unchecked) {
      settings.bounds = runtime::Bounds::robust;
      runtime::Engine engine = runtime::Engine::system(settings);
      const auto device = runtime::Device::create(std::move(settings), std::move(engine));
      ANYMETAL_ASSIGN_OR_RETURN(const auto pipeline, open_on(*device));
      recorded_->copies->restore();
      ANYMETAL_RETURN_IF_ERROR(pipeline->run(launch()));
    } else {
      if (!pipeline_) ANYMETAL_RETURN_IF_ERROR(first_call());
      recorded_->copies->restore();
      ANYMETAL_RETURN_IF_ERROR(pipeline_->run(launch()));
    }
    return copy_outputs(recorded_->interface, recorded_->copies->buffers());
  }

  Result<Traffic> traffic() override {
    ANYMETAL_RETURN_IF_ERROR(find_accesses_once());
    Traffic traffic;
    size_t i = 0;
    for (const Parameter& p : recorded_->interface.parameters) {
      if (p.kind == ParameterKind::attribute) continue;
      const Access access = (*recorded_->accesses)[i++];
      if (p.kind != ParameterKind::buffer) continue;
      const uint64_t bytes = argument_bytes(p.index);
      if (access.reads) traffic.read += bytes;
      if (access.writes && !p.is_const) traffic.written += bytes;
    }
    return traffic;
  }

  Result<Operations> count_operations(double seconds) override;
  std::shared_ptr<Case> with_threadgroup(Size size) const override {
    return std::make_shared<RecordedCase>(recorded_, runtime::Extent{size.x, size.y, size.z});
  }

  void add_call(std::chrono::nanoseconds duration) {
    ++calls_;
    duration_ += duration;
  }

 private:
  Result<void> can_run() const {
    if (!recorded_->copies) return user_error(recorded_->refusal);
    return {};
  }

  static std::unique_ptr<runtime::Device> make_device() {
    runtime::Settings settings = quiet_settings();
    runtime::Engine engine = runtime::Engine::system(settings);
    return runtime::Device::create(std::move(settings), std::move(engine));
  }

  Result<std::shared_ptr<runtime::Pipeline>> open_on(runtime::Device& device) const {
    ANYMETAL_ASSIGN_OR_RETURN(const auto library,
                              device.library(recorded_->source, recorded_->options));
    ANYMETAL_ASSIGN_OR_RETURN(const auto function,
                              library->function(recorded_->kernel, recorded_->constants));
    return device.pipeline(function);
  }

  runtime::Launch launch() const {
    return {.grid = recorded_->grid,
            .threadgroup = threadgroup_,
            .buffers = recorded_->copies->buffers(),
            .threadgroup_lengths = recorded_->threadgroup_lengths};
  }

  uint64_t argument_bytes(uint32_t index) const {
    const auto buffers =
        recorded_->copies ? recorded_->copies->buffers() : std::span<const runtime::Argument>{};
    return index < buffers.size() ? buffers[index].size : 0;
  }

  Result<ThreadIr> thread_ir() const {
    const runtime::Engine engine = runtime::Engine::system(quiet_settings());
    ANYMETAL_ASSIGN_OR_RETURN(const auto library,
                              engine.parse(recorded_->source, recorded_->options));
    return library->emit(recorded_->kernel, recorded_->constants);
  }

  Result<void> find_accesses_once() {
    if (recorded_->accesses) return {};
    ANYMETAL_ASSIGN_OR_RETURN(ThreadIr ir, thread_ir());
    ANYMETAL_ASSIGN_OR_RETURN(Accesses found, find_accesses(ir));
    recorded_->accesses = std::move(found.of_parameters);
    return {};
  }

  /// Whether it reads what it may have written: then each run begins with the same contents.
  bool depends_on_outputs() const {
    if (!recorded_->accesses) return true;
    size_t i = 0;
    for (const Parameter& p : recorded_->interface.parameters) {
      if (p.kind == ParameterKind::attribute) continue;
      const Access access = (*recorded_->accesses)[i++];
      if (p.kind == ParameterKind::buffer && !p.is_const && access.reads) return true;
    }
    return false;
  }

  const std::shared_ptr<Recorded> recorded_;
  const runtime::Extent threadgroup_;
  uint64_t calls_ = 0;
  std::chrono::nanoseconds duration_{0};
  std::unique_ptr<runtime::Device> device_;
  std::shared_ptr<runtime::Pipeline> pipeline_;
};

Result<Operations> RecordedCase::count_operations(double seconds) {
  ANYMETAL_RETURN_IF_ERROR(can_run());
  ANYMETAL_ASSIGN_OR_RETURN(ThreadIr ir, thread_ir());
  ANYMETAL_RETURN_IF_ERROR(add_counters(ir));
  const KernelInterface interface = ir.interface;
  const runtime::Settings settings = quiet_settings();
  const runtime::Engine engine = runtime::Engine::system(settings);
  ANYMETAL_ASSIGN_OR_RETURN(const auto code,
                            engine.backend->compile(std::move(ir), {.bounds = settings.bounds,
                                                                    .threadgroup = threadgroup_}));
  alignas(64) uint64_t counters[2] = {};
  std::vector<runtime::Argument> arguments;
  const auto buffers = recorded_->copies->buffers();
  for (const Parameter& p : interface.parameters) {
    if (p.kind == ParameterKind::buffer)
      arguments.push_back(p.index < buffers.size() ? buffers[p.index] : runtime::Argument{});
    else if (p.kind == ParameterKind::threadgroup)
      arguments.push_back({nullptr, recorded_->threadgroup_lengths[p.index]});
  }
  arguments.back() = {counters, sizeof counters};
  recorded_->copies->restore();
  StopFlag stop;
  Result<void> done;
  {
    const Alarm alarm(stop, seconds);
    done = code->run({.grid = recorded_->grid,
                      .threadgroup = threadgroup_,
                      .arguments = arguments,
                      .stop = &stop});
  }
  recorded_->copies->restore();
  if (!done && done.error().kind != ErrorKind::stopped) return std::move(done).error();
  Operations operations{
      .count = counters[0], .counted_threads = counters[1], .threads = recorded_->grid.volume()};
  if (operations.counted_threads > 0 && operations.counted_threads < operations.threads)
    operations.count = static_cast<uint64_t>(static_cast<double>(operations.count) *
                                             static_cast<double>(operations.threads) /
                                             static_cast<double>(operations.counted_threads));
  return operations;
}

std::vector<Argument> describe_arguments(const KernelInterface& interface,
                                         const runtime::Launch& launch) {
  std::vector<Argument> arguments;
  for (const Parameter& p : interface.parameters) {
    if (p.kind != ParameterKind::buffer) continue;
    Argument argument{.name = p.name,
                      .type = p.type,
                      .bytes = launch.buffer(p.index).size,
                      .is_const = p.is_const};
    if (launch.notes && p.index < launch.notes->shapes.size())
      argument.shape = launch.notes->shapes[p.index];
    arguments.push_back(std::move(argument));
  }
  return arguments;
}

}  // namespace

std::shared_ptr<Case> make_case(runtime::Pipeline& pipeline, const runtime::Launch& launch,
                                std::string refusal) {
  const runtime::Function& function = *pipeline.function();
  const runtime::Library& library = *function.library();
  auto recorded = std::make_shared<Recorded>();
  recorded->kernel = function.name();
  recorded->name =
      launch.notes && !launch.notes->label.empty() ? launch.notes->label : function.name();
  recorded->source = library.source();
  recorded->options = library.options();
  recorded->constants = function.constants();
  recorded->interface = pipeline.interface();
  recorded->arguments = describe_arguments(recorded->interface, launch);
  recorded->threadgroup_lengths.assign(launch.threadgroup_lengths.begin(),
                                       launch.threadgroup_lengths.end());
  recorded->grid = launch.grid;
  recorded->tuning_key = runtime::tuning_key(pipeline.device(), function, launch);
  recorded->refusal = std::move(refusal);
  if (recorded->refusal.empty()) {
    auto copies = ArgumentCopies::copy(recorded->interface, launch);
    if (copies)
      recorded->copies = *copies;
    else
      recorded->refusal = copies.error().message;
  }
  return std::make_shared<RecordedCase>(std::move(recorded), launch.threadgroup);
}

void add_call(Case& one, std::chrono::nanoseconds duration) {
  static_cast<RecordedCase&>(one).add_call(duration);
}

}  // namespace anymetal::measure
