// Simdgroup and quadgroup functions through the library's wrappers: vectors, narrow types, default
// arguments.
#include <algorithm>
#include <fstream>
#include <sstream>

#include "run_text.h"

namespace anymetal {
namespace {

constexpr uint32_t kThreads = 80;

class Groups : public testing::Test {
 protected:
  void SetUp() override {
    std::ifstream file(ANYMETAL_SOURCE_DIR "/test/stdlib/groups.metal");
    std::stringstream text;
    text << file.rdbuf();
    for (uint32_t i = 0; i < kThreads; ++i) x.push_back(float((i * 37) % 64));
    out.assign(kThreads * 32, -7);
    votes.assign(kThreads * 2, 0);
    ASSERT_TRUE(
        run_text(text.str(), {argument(x), argument(out), argument(votes)}, kThreads, kThreads));
  }

  /// Slot `slot` of thread i.
  [[nodiscard]] float slot(uint32_t i, uint32_t slot) const { return out[i * 32 + slot]; }

  std::vector<float> x, out;
  std::vector<uint64_t> votes;
};

TEST_F(Groups, ReductionsAndPrefixes) {
  for (uint32_t i = 0; i < kThreads; ++i) {
    const uint32_t first = i / 32 * 32, end = std::min(first + 32, kThreads), lanes = end - first,
                   lane = i - first;
    float sum = 0, before = 0, greatest = x[first], least = x[first];
    for (uint32_t j = first; j < end; ++j) {
      sum += x[j];
      if (j <= i) before += x[j];
      greatest = std::max(greatest, x[j]);
      least = std::min(least, x[j]);
    }
    const uint32_t lane_sum = lanes * (lanes - 1) / 2;
    EXPECT_EQ(slot(i, 0), sum);
    EXPECT_EQ(slot(i, 1), greatest);
    EXPECT_EQ(slot(i, 2), least);
    EXPECT_EQ(slot(i, 3), before);
    EXPECT_EQ(slot(i, 4), lane * (lane - 1.0f) / 2);
    EXPECT_EQ(slot(i, 9), int8_t(int(lane_sum) - 10 * int(lanes)));
    EXPECT_EQ(slot(i, 10), -10);
    EXPECT_EQ(slot(i, 11), lane_sum);
    uint32_t all = ~0u, any = 0;
    for (uint32_t j = 0; j < lanes; ++j) all &= 0xf0 | j, any |= j;
    EXPECT_EQ(slot(i, 14), all + any * 1000 + (lanes & 1));
    EXPECT_EQ(slot(i, 15), lanes);
    EXPECT_EQ(slot(i, 21), 2);
    EXPECT_EQ(slot(i, 22), 3 + (lane == 0 ? 4 : 0));
    const uint32_t odd = lanes / 2;
    EXPECT_EQ(slot(i, 30), lane % 2 ? float(odd) : -7) << "only active lanes count";
  }
}

TEST_F(Groups, Shuffles) {
  for (uint32_t i = 0; i < kThreads; ++i) {
    const uint32_t first = i / 32 * 32, lanes = std::min(first + 32, kThreads) - first,
                   lane = i - first;
    EXPECT_EQ(slot(i, 5), x[first + 3]);
    EXPECT_EQ(slot(i, 6), x[first + 5]);
    EXPECT_EQ(slot(i, 7), x[first + (lane ^ 1)]);
    EXPECT_EQ(slot(i, 8), x[first]);
    EXPECT_EQ(slot(i, 12), 102);
    EXPECT_EQ(slot(i, 13), 1);
    if (lane + 1 < lanes) EXPECT_EQ(slot(i, 23), lane + 1);
    if (lane < 16) {
      const uint32_t at = lane % 8, group = i - at;
      EXPECT_EQ(slot(i, 24), at >= 2 ? x[i - 2] : -1);
      EXPECT_EQ(slot(i, 25), at + 3 < 8 ? x[i + 3] : -float(group - first + at + 3 - 8)) << i;
    }
    if (i < 64) {
      EXPECT_EQ(slot(i, 26), x[lane ? i - 1 : i]);
      EXPECT_EQ(slot(i, 27), x[first + (lane + 1) % 32]);
      EXPECT_EQ(slot(i, 28), x[first + (lane + 31) % 32]);
      EXPECT_EQ(slot(i, 29), lane >= 4 ? x[i - 4] : x[i + 28] + 1000);
    }
  }
}

TEST_F(Groups, Quadgroups) {
  for (uint32_t i = 0; i < kThreads; ++i) {
    const uint32_t first = i / 4 * 4;
    EXPECT_EQ(slot(i, 16), x[first] + x[first + 1] + x[first + 2] + x[first + 3]);
    EXPECT_EQ(slot(i, 17), x[first + 2]);
    EXPECT_EQ(slot(i, 18), x[i == first ? i : i - 1]);
    if (i < first + 3) EXPECT_EQ(slot(i, 19), -x[i + 1]);
    EXPECT_EQ(slot(i, 20), 3);
  }
}

TEST_F(Groups, Votes) {
  for (uint32_t i = 0; i < kThreads; ++i) {
    const uint32_t first = i / 32 * 32, end = std::min(first + 32, kThreads);
    uint64_t ballot = 0, active = 0;
    for (uint32_t j = first; j < end; ++j) {
      ballot |= uint64_t{x[j] > 10} << (j - first);
      active |= uint64_t{1} << (j - first);
    }
    EXPECT_EQ(votes[2 * i], ballot);
    EXPECT_EQ(votes[2 * i + 1], active + (uint64_t{2} << 40));
  }
}

}  // namespace
}  // namespace anymetal
