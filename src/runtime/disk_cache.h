// Files that save a later process the work of this one. Many processes share the folder: an entry
// is written under another name and renamed, so readers see all of it or nothing; each carries a
// checksum, and what doesn't match is taken for absent. Nothing here is an error for the user: a
// folder that can't be used is a log line.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "runtime/runtime.h"

namespace anymetal::runtime {

class DiskCache {
 public:
  /// An empty directory or a limit of 0 bytes: never holds anything.
  DiskCache(std::string directory, uint64_t limit_bytes);

  /// `kind` is "library" or "kernel", `key` a ContentKey. A hit becomes the entry that was used
  /// last.
  [[nodiscard]] std::optional<std::string> load(std::string_view kind, std::string_view key);
  /// `name` is what list() shows.
  void store(std::string_view kind, std::string_view key, std::string_view name,
             std::string_view payload);
  /// Removes an entry that its reader could make no sense of.
  void drop(std::string_view kind, std::string_view key);

  [[nodiscard]] Result<CacheListing> list() const;
  [[nodiscard]] Result<uint64_t> clear();

 private:
  [[nodiscard]] bool usable();
  [[nodiscard]] std::string path(std::string_view kind, std::string_view key) const;
  void keep_limit(uint64_t added);
  void complain(std::string_view what, int error_number);

  const std::string directory_;
  const uint64_t limit_bytes_;
  std::mutex mutex_;
  std::optional<bool> usable_;  // guarded by mutex_
  std::optional<uint64_t>
      estimate_;  // bytes in the folder, as of the last scan and what we added; guarded by mutex_
  std::atomic<bool> complained_{false};
};

}  // namespace anymetal::runtime
