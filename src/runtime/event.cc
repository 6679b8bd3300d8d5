#include <condition_variable>
#include <map>
#include <mutex>
#include <utility>

#include "runtime/runtime.h"

namespace anymetal::runtime {

namespace {

class Counter final : public Event {
 public:
  uint64_t value() const override {
    std::lock_guard lock(mutex_);
    return value_;
  }

  void signal(uint64_t value) override {
    std::multimap<uint64_t, std::function<void(uint64_t)>> due;
    {
      std::lock_guard lock(mutex_);
      if (value <= value_) return;
      value_ = value;
      auto end = callbacks_.upper_bound(value);
      while (callbacks_.begin() != end) due.insert(callbacks_.extract(callbacks_.begin()));
    }
    changed_.notify_all();
    for (auto& [at, callback] : due) callback(value);  // outside the lock: it may use the event
  }

  bool wait(uint64_t value, std::optional<std::chrono::nanoseconds> timeout) override {
    std::unique_lock lock(mutex_);
    auto reached = [&] { return value_ >= value; };
    // A year and more would overflow the clock.
    if (!timeout || *timeout > std::chrono::hours(24 * 365))
      return changed_.wait(lock, reached), true;
    return changed_.wait_for(lock, *timeout, reached);
  }

  void notify(uint64_t value, std::function<void(uint64_t)> callback) override {
    uint64_t present;
    {
      std::lock_guard lock(mutex_);
      present = value_;
      if (present < value) {
        callbacks_.emplace(value, std::move(callback));
        return;
      }
    }
    callback(present);
  }

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  uint64_t value_ = 0;
  std::multimap<uint64_t, std::function<void(uint64_t)>> callbacks_;
};

}  // namespace

std::shared_ptr<Event> make_event() {
  return std::make_shared<Counter>();
}

}  // namespace anymetal::runtime
