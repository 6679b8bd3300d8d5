#include "backend/thread_pool.h"

#include <pthread.h>
#include <sched.h>

#include <algorithm>
#include <atomic>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <numeric>
#include <string>
#include <system_error>
#include <thread>

namespace anymetal::backend {
namespace {

/// Processors that the scheduler gives this process.
std::vector<unsigned> allowed_processors() {
  std::vector<unsigned> processors;
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof set, &set) == 0) {
    for (unsigned processor = 0; processor < CPU_SETSIZE; ++processor)
      if (CPU_ISSET(processor, &set)) processors.push_back(processor);
  } else {  // more than the set can name
    processors.resize(std::max(1u, std::thread::hardware_concurrency()));
    std::iota(processors.begin(), processors.end(), 0u);
  }
  return processors;
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

size_t thread_count(size_t processors) {
  if (const char* text = std::getenv("ANYMETAL_THREADS")) {
    size_t count = 0;
    const auto result = std::from_chars(text, text + std::strlen(text), count);
    if (result.ec == std::errc() && *result.ptr == 0 && count >= 1 && count <= kMostThreads)
      return count;
  }
  return quota_count(processors);
}

using Clock = std::chrono::steady_clock;

// How long threads look out: what waking one takes. A job that comes sooner than that after the
// last one is what they look out for.
constexpr std::chrono::microseconds kLookOut(50);

/// Until it is so, or for a moment.
template <class Condition>
void wait_a_moment(Condition is_so) {
  const auto end = Clock::now() + kLookOut;
  while (!is_so()) {
    for (int turn = 0; turn < 32 && !is_so(); ++turn) {
#if defined(__x86_64__)
      __builtin_ia32_pause();
#elif defined(__aarch64__)
      asm volatile("yield");
#endif
    }
    if (Clock::now() > end) return;
  }
}

/// The node that a pool's thread stays on; those of others ask where they are.
thread_local size_t own_node = SIZE_MAX;

}  // namespace

ThreadPool& ThreadPool::shared() {
  static std::atomic<ThreadPool*> pool = [] {
    // A child process has only the thread that forked. It gets a pool without any threads yet; the
    // parent's, with whatever locks were held, is left alone.
    pthread_atfork(nullptr, nullptr, [] {
      const ThreadPool& before = *pool.load();
      pool = new ThreadPool(before.size_, before.nodes_);
    });
    const std::vector<unsigned> processors = allowed_processors();
    return new ThreadPool(thread_count(processors.size()), memory_nodes(processors));
  }();
  return *pool;
}

ThreadPool::ThreadPool(size_t size, std::vector<MemoryNode> nodes)
    : size_(size), nodes_(std::move(nodes)), threads_of_nodes_(share_threads(nodes_, size)) {}

size_t ThreadPool::node_of_this_thread() const {
  if (nodes_.empty()) return 0;
  if (own_node < nodes_.size()) return own_node;
  const int processor = sched_getcpu();
  for (size_t node = 0; processor >= 0 && node < nodes_.size(); ++node) {
    if (std::ranges::binary_search(nodes_[node].processors, unsigned(processor))) return node;
  }
  return 0;
}

/// If the system refuses, the thread works all the same, wherever it is.
void ThreadPool::stay_on(size_t node) const {
  cpu_set_t set;
  CPU_ZERO(&set);
  for (const unsigned processor : nodes_[node].processors)
    if (processor < CPU_SETSIZE) CPU_SET(processor, &set);
  pthread_setaffinity_np(pthread_self(), sizeof set, &set);
  own_node = node;
}

void ThreadPool::start_threads(size_t wanted) {
  size_t node = 0, until = 0;
  if (!nodes_.empty()) until = threads_of_nodes_[0];
  for (; started_ < wanted; ++started_) {
    // The first thread of all is whoever dispatches.
    while (node + 1 < nodes_.size() && started_ + 1 >= until) until += threads_of_nodes_[++node];
    try {
      std::thread([this, node] {
        if (!nodes_.empty()) stay_on(node);
        serve();
      }).detach();
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
    jobs_follow_ = Clock::now() - last_end_ < kLookOut;
    has_jobs_ = true;
    // Those who look out take the lock before they sleep, and see it.
    size_t wanted = 0;
    for (const Job* each : jobs_) wanted += each->wanted_;
    if (wanted <= looking_out_) return;
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
  has_jobs_ = !jobs_.empty();
  job.wanted_ = 0;
  if (job.helping_ != 0) {  // with its last piece
    lock.unlock();
    wait_a_moment([&] { return job.helping_ == 0; });
    lock.lock();
  }
  job.done_.wait(lock, [&] { return job.helping_ == 0; });
  last_end_ = Clock::now();
}

void ThreadPool::note_run() {
  last_run_.store(Clock::now().time_since_epoch().count(), std::memory_order_relaxed);
}

bool ThreadPool::runs_follow() const {
  const Clock::duration last(last_run_.load(std::memory_order_relaxed));
  return Clock::now().time_since_epoch() - last < kLookOut;
}

void ThreadPool::look_out() {
  if (jobs_follow_) wait_a_moment([&] { return has_jobs_.load(); });
}

void ThreadPool::serve() {
  std::unique_lock lock(mutex_);
  for (;;) {
    if (jobs_.empty()) {
      ++looking_out_;
      lock.unlock();
      look_out();
      lock.lock();
      --looking_out_;
    }
    work_.wait(lock, [&] { return !jobs_.empty(); });
    Job& job = *jobs_.front();
    ++job.helping_;
    if (--job.wanted_ == 0) {
      jobs_.pop_front();
      has_jobs_ = !jobs_.empty();
    }
    lock.unlock();
    job.help();
    lock.lock();
    // Under the lock: once it is released, the job may be gone.
    if (--job.helping_ == 0) job.done_.notify_all();
  }
}

}  // namespace anymetal::backend
