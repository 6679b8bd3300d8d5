#include "backend/thread_pool.h"

#include <pthread.h>
#include <sched.h>

#include <algorithm>
#include <atomic>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <string>
#include <system_error>
#include <thread>

namespace anymetal::backend {
namespace {

/// Processors that the scheduler gives this process.
size_t affinity_count() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof set, &set) != 0)
    return std::max(1u, std::thread::hardware_concurrency());
  return size_t(std::max(1, CPU_COUNT(&set)));
}

/// The share of processors that a container may use ("QUOTA PERIOD" in version 2 of cgroups);
/// `otherwise` without one.
size_t quota_count(size_t otherwise) {
  std::ifstream file("/sys/fs/cgroup/cpu.max");
  std::string quota;
  double period = 0;
  if (!(file >> quota >> period) || quota == "max" || period <= 0) return otherwise;
  const double count = std::strtod(quota.c_str(), nullptr) / period;
  return std::clamp<size_t>(size_t(count + 0.999), 1, otherwise);
}

size_t thread_count() {
  if (const char* text = std::getenv("ANYMETAL_THREADS")) {
    size_t count = 0;
    const auto result = std::from_chars(text, text + std::strlen(text), count);
    if (result.ec == std::errc() && *result.ptr == 0 && count >= 1 && count <= 1024) return count;
  }
  return quota_count(affinity_count());
}

}  // namespace

ThreadPool& ThreadPool::shared() {
  static std::atomic<ThreadPool*> pool = [] {
    // A child process has only the thread that forked. It gets a pool without any threads yet; the
    // parent's, with whatever locks were held, is left alone.
    pthread_atfork(nullptr, nullptr, [] { pool = new ThreadPool(pool.load()->size_); });
    return new ThreadPool(thread_count());
  }();
  return *pool;
}

ThreadPool::ThreadPool(size_t size) : size_(size) {}

void ThreadPool::start_threads(size_t wanted) {
  for (; started_ < wanted; ++started_) {
    try {
      std::thread([this] { serve(); }).detach();
    } catch (const std::system_error&) {
      return;  // the system gives no more threads: those that dispatch do the work
    }
  }
}

void ThreadPool::enlist(Job& job, size_t helpers) {
  helpers = std::min(helpers, size_ - 1);
  if (helpers == 0) return;
  {
    const std::lock_guard lock(mutex_);
    start_threads(size_ - 1);
    job.wanted_ = helpers;
    jobs_.push_back(&job);
  }
  if (helpers == 1) {
    work_.notify_one();
  } else {
    work_.notify_all();
  }
}

void ThreadPool::dismiss(Job& job) {
  std::unique_lock lock(mutex_);
  std::erase(jobs_, &job);
  job.wanted_ = 0;
  job.done_.wait(lock, [&] { return job.helping_ == 0; });
}

void ThreadPool::serve() {
  std::unique_lock lock(mutex_);
  for (;;) {
    work_.wait(lock, [&] { return !jobs_.empty(); });
    Job& job = *jobs_.front();
    ++job.helping_;
    if (--job.wanted_ == 0) jobs_.pop_front();
    lock.unlock();
    job.help();
    lock.lock();
    // Under the lock: once it is released, the job may be gone.
    if (--job.helping_ == 0) job.done_.notify_all();
  }
}

}  // namespace anymetal::backend
