#include "backend/memory_nodes.h"

#include <gtest/gtest.h>

#include <fstream>
#include <numeric>

namespace anymetal::backend {
namespace {

namespace fs = std::filesystem;

TEST(MemoryNodes, ListsOfProcessors) {
  EXPECT_EQ(parse_processors("0-3,8,10-11"), (std::vector<unsigned>{0, 1, 2, 3, 8, 10, 11}));
  EXPECT_EQ(parse_processors("5"), std::vector<unsigned>{5});
  EXPECT_TRUE(parse_processors("").empty());
  EXPECT_EQ(parse_processors("1,x"), std::vector<unsigned>{1});
  EXPECT_EQ(parse_processors("2,7-5"), std::vector<unsigned>{2});
  EXPECT_TRUE(parse_processors("0-4000000000").empty());
}

/// A folder as the kernel makes it, with the processors of each node.
class MemoryNodesOf : public testing::Test {
 protected:
  void SetUp() override {
    folder_ =
        fs::temp_directory_path() /
        ("anymetal-nodes-" + std::to_string(::testing::UnitTest::GetInstance()->random_seed()) +
         "-" + std::to_string(reinterpret_cast<uintptr_t>(this)));
    fs::create_directories(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }
  void write(const std::string& online, const std::vector<std::string>& lists) {
    std::ofstream(folder_ / "online") << online << "\n";
    for (size_t node = 0; node < lists.size(); ++node) {
      const fs::path path = folder_ / ("node" + std::to_string(node));
      fs::create_directories(path);
      std::ofstream(path / "cpulist") << lists[node] << "\n";
    }
  }
  [[nodiscard]] std::vector<std::vector<unsigned>> nodes(std::vector<unsigned> allowed) const {
    std::vector<std::vector<unsigned>> lists;
    for (const MemoryNode& node : memory_nodes(allowed, folder_)) lists.push_back(node.processors);
    return lists;
  }

  fs::path folder_;
};

std::vector<unsigned> first(unsigned count) {
  std::vector<unsigned> processors(count);
  std::iota(processors.begin(), processors.end(), 0u);
  return processors;
}

TEST_F(MemoryNodesOf, TwoSockets) {
  write("0-1", {"0-1,4-5", "2-3,6-7"});
  EXPECT_EQ(nodes(first(8)), (std::vector<std::vector<unsigned>>{{0, 1, 4, 5}, {2, 3, 6, 7}}));
  EXPECT_EQ(nodes({1, 2, 3}), (std::vector<std::vector<unsigned>>{{1}, {2, 3}}));
  EXPECT_TRUE(nodes({0, 4}).empty()) << "one node is left";
}

TEST_F(MemoryNodesOf, NodesWithoutProcessorsDontCount) {
  write("0-2", {"0-3", "", "4-7"});
  EXPECT_EQ(nodes(first(8)), (std::vector<std::vector<unsigned>>{{0, 1, 2, 3}, {4, 5, 6, 7}}));
  write("0", {"0-7"});
  EXPECT_TRUE(nodes(first(8)).empty());
}

TEST_F(MemoryNodesOf, NothingIsThere) {
  EXPECT_TRUE(nodes(first(8)).empty());
  write("0-1", {});
  EXPECT_TRUE(nodes(first(8)).empty());
}

TEST(MemoryNodes, ThreadsInProportion) {
  const std::vector<MemoryNode> nodes{{first(6)}, {{6, 7}}};
  EXPECT_EQ(share_threads(nodes, 8), (std::vector<size_t>{6, 2}));
  EXPECT_EQ(share_threads(nodes, 4), (std::vector<size_t>{3, 1}));
  EXPECT_EQ(share_threads(nodes, 1), (std::vector<size_t>{1, 0}));
  EXPECT_EQ(share_threads(nodes, 64), (std::vector<size_t>{48, 16}));
  EXPECT_TRUE(share_threads({}, 8).empty());
}

}  // namespace
}  // namespace anymetal::backend
