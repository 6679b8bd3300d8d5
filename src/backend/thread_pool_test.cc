// The pool on a machine with two memory nodes, which the processors of this one play.
#include "backend/thread_pool.h"

#include <gtest/gtest.h>
#include <sched.h>

#include <chrono>
#include <set>
#include <thread>
#include <vector>

namespace anymetal::backend {
namespace {

std::vector<unsigned> processors_of_this_thread() {
  std::vector<unsigned> processors;
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof set, &set) != 0) return {};
  for (unsigned processor = 0; processor < CPU_SETSIZE; ++processor)
    if (CPU_ISSET(processor, &set)) processors.push_back(processor);
  return processors;
}

/// Waits in each helper until all have come.
class Meeting final : public ThreadPool::Job {
 public:
  Meeting(ThreadPool& pool, size_t size) : pool_(pool), size_(size) {}

  void help() noexcept override {
    const auto processors = processors_of_this_thread();
    const size_t node = pool_.node_of_this_thread();
    std::unique_lock lock(mutex_);
    seen.emplace_back(node, processors);
    all_came_.notify_all();
    all_came_.wait_for(lock, std::chrono::seconds(60), [&] { return seen.size() == size_; });
  }
  void wait() {
    std::unique_lock lock(mutex_);
    all_came_.wait_for(lock, std::chrono::seconds(60), [&] { return seen.size() == size_; });
  }

  std::vector<std::pair<size_t, std::vector<unsigned>>> seen;

 private:
  ThreadPool& pool_;
  const size_t size_;
  std::mutex mutex_;
  std::condition_variable all_came_;
};

TEST(ThreadPool, ThreadsStayOnTheirNode) {
  const auto own = processors_of_this_thread();
  if (own.size() < 2) GTEST_SKIP() << "needs two processors";
  const size_t half = own.size() / 2;
  const std::vector<MemoryNode> nodes{{{own.begin(), own.begin() + long(half)}},
                                      {{own.begin() + long(half), own.end()}}};
  static ThreadPool& pool = *new ThreadPool(6, nodes);  // pools are never destroyed
  Meeting meeting(pool, 5);
  pool.enlist(meeting, 5);
  meeting.wait();
  pool.dismiss(meeting);
  ASSERT_EQ(meeting.seen.size(), 5u);
  std::vector<size_t> threads(2);
  for (const auto& [node, processors] : meeting.seen) {
    EXPECT_EQ(processors, nodes[node].processors);
    ++threads[node];
  }
  // The sixth is whoever dispatches.
  EXPECT_EQ(threads[0] + threads[1], 5u);
  EXPECT_EQ(threads[1], pool.threads_of_nodes()[1]);
  EXPECT_EQ(processors_of_this_thread(), own) << "the caller's own affinity isn't touched";
  EXPECT_LT(pool.node_of_this_thread(), 2u);
}

TEST(ThreadPool, OneNodeBindsNobody) {
  static ThreadPool& pool = *new ThreadPool(3, {});
  Meeting meeting(pool, 2);
  pool.enlist(meeting, 2);
  meeting.wait();
  pool.dismiss(meeting);
  ASSERT_EQ(meeting.seen.size(), 2u);
  for (const auto& [node, processors] : meeting.seen) {
    EXPECT_EQ(node, 0u);
    EXPECT_EQ(processors, processors_of_this_thread());
  }
  EXPECT_TRUE(pool.threads_of_nodes().empty());
}

}  // namespace
}  // namespace anymetal::backend
