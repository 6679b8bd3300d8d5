// A pool as small as it can be: one job at a time. Threads that wait spin for 100 µs before they
// sleep, so that loops that follow each other don't pay for waking.
#include "threads.h"

#include <immintrin.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <thread>
#include <vector>

namespace native {
namespace {

struct Job {
  Body body;
  void* context;
  long count, chunk;
};

Job job;
std::atomic<long> next;
std::atomic<bool> open;   // threads may enter the job
std::atomic<int> inside;  // threads that may be in it, besides the caller
std::atomic<unsigned> epoch;

void work() {
  for (;;) {
    const long first = next.fetch_add(job.chunk, std::memory_order_relaxed);
    if (first >= job.count) return;
    const long last = first + job.chunk < job.count ? first + job.chunk : job.count;
    job.body(job.context, first, last);
  }
}

void wait_for(unsigned seen) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::microseconds(100);
  while (epoch.load(std::memory_order_acquire) == seen) {
    if (std::chrono::steady_clock::now() > end) return epoch.wait(seen);
    _mm_pause();
  }
}

void serve() {
  unsigned seen = 0;
  for (;;) {
    wait_for(seen);
    seen = epoch.load(std::memory_order_acquire);
    inside.fetch_add(1);
    if (open.load()) work();
    inside.fetch_sub(1);
  }
}

int count_threads() {
  const char* given = std::getenv("NATIVE_THREADS");
  const int count = given != nullptr ? std::atoi(given) : int(std::thread::hardware_concurrency());
  return count < 1 ? 1 : count;
}

}  // namespace

int threads() {
  static const int count = [] {
    const int all = count_threads();
    for (int i = 1; i < all; ++i) std::thread(serve).detach();
    return all;
  }();
  return count;
}

void share(long count, long chunk, Body body, void* context) {
  threads();
  job = {body, context, count, chunk};
  next.store(0, std::memory_order_relaxed);
  open.store(true);
  epoch.fetch_add(1, std::memory_order_release);
  epoch.notify_all();
  work();
  // Whoever wakes up too late isn't waited for.
  open.store(false);
  for (int spins = 0; inside.load() != 0; ++spins) {
    _mm_pause();
    if (spins > 10000) std::this_thread::yield();
  }
}

}  // namespace native
