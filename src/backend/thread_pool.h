// The threads that help a dispatch along. Whoever dispatches works on it itself and enlists others
// when there is enough to do; so runs end even if no thread is free, several runs at once share the
// threads, and a fork()ed child, which has none of them, works on (it starts new ones). On machines
// with several memory nodes each thread stays on the processors of one.
//
// Waking a thread takes 5 to 50 µs, as long as many a dispatch. So where one job followed the last
// at once, threads that are done look out for the next for a moment before they sleep. Where jobs
// are rare nobody does: a processor that only waits is taken from others.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <mutex>
#include <span>
#include <vector>

#include "backend/memory_nodes.h"

namespace anymetal::backend {

/// What ANYMETAL_THREADS may say.
inline constexpr size_t kMostThreads = 1024;

class ThreadPool {
 public:
  /// Work that any number of threads can do together. It lives on the stack of whoever dispatches.
  class Job {
   public:
    /// Called once by each helper; must not throw.
    virtual void help() noexcept = 0;

   protected:
    ~Job() = default;

   private:
    friend class ThreadPool;
    size_t wanted_ = 0;                ///< helpers that may still come
    std::atomic<size_t> helping_ = 0;  ///< changed under the lock
    std::condition_variable done_;
  };

  /// That of the process: never destroyed. Size: ANYMETAL_THREADS, else the processors that this
  /// process may use.
  static ThreadPool& shared();

  /// `nodes` is empty or names two and more. A pool may not be destroyed: its threads never end.
  ThreadPool(size_t size, std::vector<MemoryNode> nodes);

  /// Threads that can work at once, the caller's included.
  [[nodiscard]] size_t size() const { return size_; }
  /// How many of them belong to each memory node; empty where all memory is equally near.
  [[nodiscard]] std::span<const size_t> threads_of_nodes() const { return threads_of_nodes_; }
  /// The node whose processors run this thread: for those of a pool always the same.
  [[nodiscard]] size_t node_of_this_thread() const;
  /// Asks for up to `helpers` threads.
  void enlist(Job& job, size_t helpers);
  /// Remembers that a run ended which was long enough for a helper that is awake.
  void note_run();
  /// Whether the last one of those ended a moment ago: helpers of this run look out for the next.
  [[nodiscard]] bool runs_follow() const;
  /// No more helpers come; returns when those that came have left. After it `job` may die.
  void dismiss(Job& job);

 private:
  void start_threads(size_t wanted);
  void stay_on(size_t node) const;
  void serve();
  void look_out();

  const size_t size_;
  const std::vector<MemoryNode> nodes_;
  const std::vector<size_t> threads_of_nodes_;
  std::mutex mutex_;
  std::condition_variable work_;
  std::deque<Job*> jobs_;
  size_t started_ = 0;
  // Changed under the lock, looked at without it.
  std::atomic<bool> has_jobs_ = false;
  std::atomic<bool> jobs_follow_ = false;  ///< the last one came soon after the one before
  size_t looking_out_ = 0;
  std::chrono::steady_clock::time_point last_end_;
  std::atomic<std::chrono::steady_clock::rep> last_run_ = 0;
};

}  // namespace anymetal::backend
