// The threads that help a dispatch along. Whoever dispatches works on it itself and enlists others
// when there is enough to do; so runs end even if no thread is free, several runs at once share the
// threads, and a fork()ed child, which has none of them, works on (it starts new ones).
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <mutex>

namespace anymetal::backend {

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
    size_t wanted_ = 0;  ///< helpers that may still come
    size_t helping_ = 0;
    std::condition_variable done_;
  };

  /// That of the process: never destroyed. Size: ANYMETAL_THREADS, else the processors that this
  /// process may use.
  static ThreadPool& shared();

  /// Threads that can work at once, the caller's included.
  [[nodiscard]] size_t size() const { return size_; }
  /// Asks for up to `helpers` threads.
  void enlist(Job& job, size_t helpers);
  /// No more helpers come; returns when those that came have left. After it `job` may die.
  void dismiss(Job& job);

 private:
  explicit ThreadPool(size_t size);
  void start_threads(size_t wanted);
  void serve();

  const size_t size_;
  std::mutex mutex_;
  std::condition_variable work_;
  std::deque<Job*> jobs_;
  size_t started_ = 0;
};

}  // namespace anymetal::backend
