// Values by content key, each made once: whoever asks while it is being made waits for it. A
// failure isn't kept.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <utility>

#include "support/result.h"

namespace anymetal::runtime {

template <class T>
class OnceMap {
 public:
  /// Keeps up to `capacity` values that nobody else holds.
  explicit OnceMap(size_t capacity) : capacity_(capacity) {}

  template <class Make>
  Result<std::shared_ptr<T>> get(const std::string& key, Make&& make) {
    std::shared_ptr<Slot> slot = find(key);
    std::lock_guard lock(slot->mutex);
    if (slot->value) return slot->value;
    Result<std::shared_ptr<T>> made = make();
    if (made.ok()) slot->value = made.value();
    return made;
  }

  void clear() {
    std::unordered_map<std::string, std::shared_ptr<Slot>> all;
    {
      std::lock_guard lock(mutex_);
      all.swap(slots_);
    }
    // What frees code waits for a fork, which may wait for one who waits for the lock.
  }

 private:
  struct Slot {
    std::mutex mutex;
    std::shared_ptr<T> value;
  };

  std::shared_ptr<Slot> find(const std::string& key) {
    std::lock_guard lock(mutex_);
    std::shared_ptr<Slot>& slot = slots_[key];
    if (slot) return slot;
    slot = std::make_shared<Slot>();
    std::shared_ptr<Slot> result = slot;
    if (slots_.size() > capacity_) prune();
    return result;
  }

  // Drops what only this map holds.
  void prune() {
    for (auto it = slots_.begin(); it != slots_.end();)
      it = is_idle(it->second) ? slots_.erase(it) : std::next(it);
  }

  static bool is_idle(const std::shared_ptr<Slot>& slot) {
    std::unique_lock lock(slot->mutex, std::try_to_lock);
    return lock && slot.use_count() == 1 && slot->value.use_count() <= 1;
  }

  const size_t capacity_;
  std::mutex mutex_;
  std::unordered_map<std::string, std::shared_ptr<Slot>> slots_;
};

}  // namespace anymetal::runtime
