// Sees all launches while a script runs, and keeps one Case for each kernel with its sizes.
#include <fmt/format.h>

#include <fstream>
#include <map>
#include <mutex>
#include <set>

#include "measure/arguments.h"
#include "measure/case.h"
#include "measure/measure.h"
#include "runtime/content_key.h"
#include "runtime/runtime.h"
#include "runtime/tuned.h"

namespace anymetal::measure {
namespace {

/// Of the memory that is free now, a half is for copies.
uint64_t memory_for_copies() {
  std::ifstream in("/proc/meminfo");
  std::string word;
  for (uint64_t number = 0; in >> word;)
    if (word == "MemAvailable:" && in >> number) return number * 1024 / 2;
  return uint64_t{1} << 30;
}

class Recorder final : public runtime::LaunchWatcher {
 public:
  explicit Recorder(std::string only) : only_(std::move(only)), memory_(memory_for_copies()) {}

  void before(runtime::Pipeline& pipeline, const runtime::Launch& launch) override {
    const std::lock_guard lock(mutex_);
    names_.insert(name_of(pipeline, launch));
    if (!is_wanted(pipeline, launch)) return;
    std::shared_ptr<Case>& known = cases_[key_of(pipeline, launch)];
    if (known) return;
    std::string refusal = refusal_of(pipeline, launch);
    if (refusal.empty()) memory_ -= ArgumentCopies::bytes_needed(pipeline.interface(), launch);
    known = make_case(pipeline, launch, std::move(refusal));
    order_.push_back(known);
    // The key has the pipeline's address in it.
    functions_.push_back(pipeline.device().pipeline(pipeline.function()));
  }

  void after(runtime::Pipeline& pipeline, const runtime::Launch& launch,
             std::chrono::nanoseconds duration, const Error* error) override {
    if (error || !is_wanted(pipeline, launch)) return;
    const std::lock_guard lock(mutex_);
    const auto known = cases_.find(key_of(pipeline, launch));
    if (known != cases_.end()) add_call(*known->second, duration);
  }

  [[nodiscard]] std::vector<std::shared_ptr<Case>> cases() const {
    std::vector<std::shared_ptr<Case>> called;
    for (const auto& one : order_)
      if (one->calls() > 0) called.push_back(one);
    return called;
  }

  [[nodiscard]] std::vector<std::string> names() const { return {names_.begin(), names_.end()}; }

 private:
  static std::string name_of(const runtime::Pipeline& pipeline, const runtime::Launch& launch) {
    return launch.notes && !launch.notes->label.empty() ? launch.notes->label
                                                        : pipeline.interface().name;
  }

  [[nodiscard]] bool is_wanted(const runtime::Pipeline& pipeline,
                               const runtime::Launch& launch) const {
    return only_.empty() || only_ == pipeline.interface().name ||
           only_ == name_of(pipeline, launch);
  }

  static std::string key_of(const runtime::Pipeline& pipeline, const runtime::Launch& launch) {
    const auto [gx, gy, gz] = launch.grid;
    const auto [tx, ty, tz] = launch.threadgroup;
    std::string key =
        fmt::format("{} {} {} {} {} {} {}", fmt::ptr(&pipeline), gx, gy, gz, tx, ty, tz);
    for (const runtime::Argument& argument : launch.buffers)
      key += fmt::format(" {}", argument.size);
    for (const uint32_t length : launch.threadgroup_lengths) key += fmt::format(" t{}", length);
    if (launch.notes)
      for (const std::string& shape : launch.notes->shapes) key += " " + shape;
    return key;
  }

  std::string refusal_of(const runtime::Pipeline& pipeline, const runtime::Launch& launch) const {
    for (const Parameter& p : pipeline.interface().parameters) {
      if (p.kind == ParameterKind::texture || p.kind == ParameterKind::sampler)
        return "its textures can't be copied";
    }
    if (!launch.resident.empty()) return "its buffers hold pointers";
    const uint64_t bytes = ArgumentCopies::bytes_needed(pipeline.interface(), launch);
    if (bytes > memory_)
      return fmt::format("its arguments take {} MiB, more than is left for copies", bytes >> 20);
    return {};
  }

  const std::string only_;
  std::mutex mutex_;
  uint64_t memory_;
  std::set<std::string> names_;
  std::map<std::string, std::shared_ptr<Case>> cases_;
  std::vector<std::shared_ptr<Case>> order_;
  std::vector<Result<std::shared_ptr<runtime::Pipeline>>> functions_;
};

// Kept until the next one: a launch on another thread may be inside.
std::unique_ptr<Recorder>& current() {
  static std::unique_ptr<Recorder> recorder;
  return recorder;
}

}  // namespace

Result<void> start_recording(std::string only) {
  if (runtime::launch_watcher()) return user_error("launches are recorded already");
  current() = std::make_unique<Recorder>(std::move(only));
  runtime::watch_launches(current().get());
  return {};
}

std::vector<std::shared_ptr<Case>> stop_recording() {
  runtime::watch_launches(nullptr);
  return current() ? current()->cases() : std::vector<std::shared_ptr<Case>>{};
}

namespace {

std::string key_of_words(const std::vector<std::string>& words) {
  runtime::ContentKey key;
  key.add("tuned words").add(runtime::Device::system().name());
  for (const std::string& word : words) key.add(word);
  return key.hex();
}

}  // namespace

void remember(const std::vector<std::string>& key, const std::string& name,
              const std::string& text) {
  runtime::remember_tuning(runtime::Device::system().settings(), key_of_words(key), name, text);
}

std::string cache_folder() {
  const auto settings = runtime::Settings::from_environment();
  return settings.cache_limit_bytes == 0 ? "" : settings.cache_directory;
}

std::string remembered(const std::vector<std::string>& key) {
  return runtime::remembered_tuning(runtime::Device::system().settings(), key_of_words(key))
      .value_or("");
}

std::vector<std::string> launched_names() {
  return current() ? current()->names() : std::vector<std::string>{};
}

}  // namespace anymetal::measure
