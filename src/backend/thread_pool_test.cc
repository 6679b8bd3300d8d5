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

/// Jobs that follow each other at once find helpers awake, and those that come late find them
/// asleep; none is forgotten, and none is helped after it was dismissed.
TEST(ThreadPool, HelpersComeToEachOfManyJobs) {
  static ThreadPool& pool = *new ThreadPool(3, {});
  for (int round = 0; round < 600; ++round) {
    Meeting meeting(pool, 2);
    pool.enlist(meeting, 2);
    meeting.wait();
    pool.dismiss(meeting);
    ASSERT_EQ(meeting.seen.size(), 2u) << "round " << round;
    if (round % 100 == 99) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

TEST(ThreadPool, HelpersAreSharedByThreadsThatDispatchAtOnce) {
  static ThreadPool& pool = *new ThreadPool(3, {});
  struct Count final : ThreadPool::Job {
    void help() noexcept override { ++calls; }
    std::atomic<int> calls = 0;
  };
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 3; ++thread) {
    threads.emplace_back([] {
      for (int round = 0; round < 300; ++round) {
        Count job;
        pool.enlist(job, 2);
        while (round % 3 == 0 && job.calls < 2) std::this_thread::yield();
        pool.dismiss(job);
        ASSERT_LE(job.calls, 2);
      }
    });
  }
  for (std::thread& each : threads) each.join();
}

TEST(ThreadPool, RunsFollowForAMoment) {
  static ThreadPool& pool = *new ThreadPool(2, {});
  EXPECT_FALSE(pool.runs_follow());
  bool followed = false;
  for (int turn = 0; turn < 1000 && !followed; ++turn) {  // a busy machine may stop us in between
    pool.note_run();
    followed = pool.runs_follow();
  }
  EXPECT_TRUE(followed);
  std::this_thread::sleep_for(std::chrono::milliseconds(5));
  EXPECT_FALSE(pool.runs_follow());
}

}  // namespace
}  // namespace anymetal::backend
