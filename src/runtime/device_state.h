// What the objects of one device share: settings, engine, caches. Libraries and pipelines hold it,
// so it lives as long as the last of them.
#pragma once

#include <deque>
#include <memory>
#include <mutex>
#include <string>

#include "runtime/disk_cache.h"
#include "runtime/once_map.h"
#include "runtime/runtime.h"

namespace anymetal::runtime {

/// The syntax trees that were used last. A tree takes megabytes and is of use only while kernels of
/// its text are still to be compiled; a library whose tree is gone parses again.
class RecentTrees {
 public:
  void keep(std::shared_ptr<language::ParsedLibrary> tree) {
    std::shared_ptr<language::ParsedLibrary> oldest;  // goes after the lock, as it takes a while
    std::lock_guard lock(mutex_);
    trees_.push_back(std::move(tree));
    if (trees_.size() <= kKept) return;
    oldest = std::move(trees_.front());
    trees_.pop_front();
  }

 private:
  static constexpr size_t kKept = 8;
  std::mutex mutex_;
  std::deque<std::shared_ptr<language::ParsedLibrary>> trees_;
};

struct DeviceState {
  DeviceState(Settings s, Engine e)
      : settings(std::move(s)),
        engine(std::move(e)),
        disk(settings.cache_directory, settings.cache_limit_bytes) {}

  Settings settings;
  Engine engine;
  Limits limits;
  DiskCache disk;
  RecentTrees trees;
  OnceMap<Library> libraries{256};
  OnceMap<Pipeline> pipelines{1024};

  /// What stands against compiling anything here: a wrong environment, no back end.
  [[nodiscard]] Result<void> ready() const;
};

/// A library that remembers where its tree is.
class CachedLibrary : public Library {
 public:
  /// The same for the same text, options and language; unlike any other if the text reads files
  /// that we can't see.
  [[nodiscard]] virtual const std::string& key() const = 0;
  [[nodiscard]] virtual bool may_be_stored() const = 0;
  [[nodiscard]] virtual Result<std::shared_ptr<language::ParsedLibrary>> tree() = 0;
};

[[nodiscard]] Result<std::shared_ptr<Library>> open_library(std::shared_ptr<DeviceState> state,
                                                            const language::Source& source,
                                                            const language::Options& options);
[[nodiscard]] Result<std::shared_ptr<Pipeline>> open_pipeline(
    std::shared_ptr<DeviceState> state, Device& device, const std::shared_ptr<Function>& function);
[[nodiscard]] std::shared_ptr<CommandQueue> make_queue(const Limits& limits);

}  // namespace anymetal::runtime
