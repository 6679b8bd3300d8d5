#include "backend/cpu/shares.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace anymetal::backend::cpu {
namespace {

TEST(Shares, EachThreadgroupIsTakenOnce) {
  for (const std::vector<size_t>& threads :
       {std::vector<size_t>{}, {2, 2}, {3, 1}, {1, 0}, {0, 4}, {1, 1, 1, 1, 1, 1, 1, 1}}) {
    for (const uint64_t count : {0, 1, 2, 7, 1000, 100003}) {
      for (const uint64_t piece : {1, 3, 64}) {
        Shares shares(count, threads);
        std::vector<std::atomic<int>> taken(count);
        EXPECT_EQ(shares.left(), count);
        std::vector<std::thread> workers;
        for (size_t worker = 0; worker < 4; ++worker) {
          workers.emplace_back([&, worker] {
            for (;;) {
              const auto [begin, end] =
                  shares.take(worker % std::max<size_t>(1, threads.size()), piece);
              if (begin == end) return;
              for (uint64_t i = begin; i < end; ++i) ++taken[i];
            }
          });
        }
        for (std::thread& worker : workers) worker.join();
        EXPECT_EQ(shares.left(), 0u);
        for (uint64_t i = 0; i < count; ++i) ASSERT_EQ(taken[i], 1) << i << " of " << count;
      }
    }
  }
}

TEST(Shares, ANodeBeginsWithItsOwn) {
  const size_t threads[] = {3, 1};
  Shares shares(400, threads);
  EXPECT_EQ(shares.take(1, 10).begin, 300u);
  EXPECT_EQ(shares.take(0, 10).begin, 0u);
  EXPECT_EQ(shares.take(1, 80).end, 390u);
  EXPECT_EQ(shares.take(1, 80).end, 400u);
  EXPECT_EQ(shares.take(1, 10).begin, 10u) << "then it helps the other one";
}

// As many as there can be; the product of shares and threads doesn't overflow.
TEST(Shares, VeryManyThreadgroups) {
  const size_t threads[] = {96, 32};
  const uint64_t many = UINT64_MAX - 5;
  Shares shares(many, threads);
  const auto [begin, end] = shares.take(1, 1);
  EXPECT_NEAR(double(begin) / double(many), 0.75, 1e-9);
  EXPECT_EQ(end, begin + 1);
}

}  // namespace
}  // namespace anymetal::backend::cpu
