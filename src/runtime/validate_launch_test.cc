#include "runtime/validate_launch.h"

#include <gtest/gtest.h>

#include "runtime/fake_engine.h"

namespace anymetal::runtime {
namespace {

class ValidateLaunch : public testing::Test {
 protected:
  std::string message() {
    Launch launch{grid, threadgroup, buffers, lengths};
    Result<void> result = validate_launch(kernel, limits, launch);
    if (result.ok()) return "ok";
    EXPECT_EQ(result.error().kind, ErrorKind::user);
    return result.error().message;
  }

  alignas(16) float data[8] = {};
  KernelInterface kernel = FakeEngine::interface("k", {"x"}, {"y"});
  Limits limits;
  Extent grid{8, 1, 1}, threadgroup{4, 1, 1};
  std::vector<Argument> buffers{{data, sizeof data}, {data, sizeof data}};
  std::vector<uint32_t> lengths;
};

TEST_F(ValidateLaunch, AcceptsPartialAndOversizedThreadgroups) {
  EXPECT_EQ(message(), "ok");
  grid = {7, 3, 1};
  EXPECT_EQ(message(), "ok");
  grid = {3, 1, 1}, threadgroup = {1024, 1, 1};
  EXPECT_EQ(message(), "ok");
  grid = {4294967295u, 1, 1};
  EXPECT_EQ(message(), "ok");
}

TEST_F(ValidateLaunch, NamesTheThreadLimit) {
  threadgroup = {2048, 1, 1};
  EXPECT_EQ(message(),
            "kernel `k`: threadgroup (2048, 1, 1) has 2,048 threads, and the limit is 1,024 as on "
            "every Apple GPU: "
            "choose a smaller threadgroup");
  threadgroup = {32, 33, 1};
  EXPECT_NE(message().find("has 1,056 threads"), std::string::npos);
  threadgroup = {65536, 65536, 65536};  // 2^48: 0 in 32 bits
  EXPECT_NE(message().find("has 281,474,976,710,656 threads"), std::string::npos);
  threadgroup = {4194304, 4194304, 4194304};  // 2^66: 4 in 64 bits
  EXPECT_NE(message().find("has more than 2^64 threads"), std::string::npos);
  kernel.max_total_threads_per_threadgroup = 64;
  threadgroup = {128, 1, 1};
  EXPECT_EQ(message(),
            "kernel `k`: threadgroup (128, 1, 1) has 128 threads, and the limit is 64 by its "
            "[[max_total_threads_per_threadgroup]]: choose a smaller threadgroup");
}

TEST_F(ValidateLaunch, RefusesZerosAndUncountableGrids) {
  threadgroup = {4, 0, 1};
  EXPECT_EQ(message(),
            "kernel `k`: threadgroup (4, 0, 1) has a zero: every dimension must be at least 1");
  threadgroup = {4, 1, 1}, grid = {0, 1, 1};
  EXPECT_EQ(message(),
            "kernel `k`: grid (0, 1, 1) has a zero: the grid counts threads, and every dimension "
            "must be at "
            "least 1");
  grid = {4294967295u, 4294967295u, 4294967295u};
  EXPECT_NE(message().find("has more than 2^62 threads"), std::string::npos);
  grid = {1u << 31, 1u << 31, 1};  // exactly 2^62
  EXPECT_EQ(message(), "ok");
  grid = {1u << 31, 1u << 31, 2};
  EXPECT_NE(message().find("has more than 2^62 threads"), std::string::npos);
}

TEST_F(ValidateLaunch, RefusesMissingNullAndExtraBuffers) {
  buffers.resize(1);
  EXPECT_EQ(message(),
            "kernel `k`: buffer 1 (`device float* y [[buffer(1)]]`) is missing: bind one");
  buffers.push_back({nullptr, 32});
  EXPECT_EQ(message(), "kernel `k`: buffer 1 (`device float* y [[buffer(1)]]`) is null: bind one");
  buffers[1] = {data, sizeof data};
  buffers.push_back({data, sizeof data});
  EXPECT_EQ(message(),
            "kernel `k`: a buffer is bound at index 2, and the kernel has no [[buffer(2)]]: bind "
            "only what it "
            "declares");
  buffers[2] = {};
  EXPECT_EQ(message(), "ok");
  buffers.resize(40);
  buffers[31] = {data, 4};
  EXPECT_EQ(message(),
            "kernel `k`: buffer index 31 is over the limit of 31 buffers (0 to 30): pass fewer "
            "buffers, or pack "
            "several into one");
}

TEST_F(ValidateLaunch, ChecksSizeOfReferencesAndAlignment) {
  buffers[0] = {data, 0};
  EXPECT_EQ(message(), "ok");  // an empty array behind a pointer
  kernel.parameters[0].is_reference = true;
  buffers[0] = {data, 2};
  EXPECT_EQ(message(),
            "kernel `k`: buffer 0 (`device const float& x [[buffer(0)]]`) has 2 bytes, and the "
            "reference needs 4: "
            "bind a larger one");
  buffers[0] = {reinterpret_cast<char*>(data) + 2, 8};
  EXPECT_EQ(message(),
            "kernel `k`: buffer 0 (`device const float& x [[buffer(0)]]`) starts at an address "
            "that is not a "
            "multiple of 4, the alignment of `float`: change its offset");
}

TEST_F(ValidateLaunch, ChecksThreadgroupMemory) {
  kernel.parameters.push_back({.name = "tile",
                               .kind = ParameterKind::threadgroup,
                               .type = "float",
                               .space = AddressSpace::threadgroup,
                               .size = 4,
                               .alignment = 4});
  EXPECT_EQ(message(),
            "kernel `k`: threadgroup memory 0 (`threadgroup float* tile [[threadgroup(0)]]`) has "
            "no length: set "
            "one, a multiple of 16 bytes");
  lengths = {20};
  EXPECT_NE(message().find("has 20 bytes: the length must be a multiple of 16"), std::string::npos);
  lengths = {16384};
  kernel.threadgroup_bytes = 16384;
  EXPECT_EQ(message(), "ok");
  kernel.threadgroup_bytes = 16400;
  EXPECT_EQ(message(),
            "kernel `k`: 32,784 bytes of threadgroup memory (16,400 declared, 16,384 set at the "
            "dispatch) are over "
            "the limit of 32,768: use less");
}

TEST(ValidateInterface, ChecksWhatTheKernelDeclares) {
  Limits limits;
  KernelInterface kernel = FakeEngine::interface("k", {}, std::vector<std::string>(40, "a"));
  EXPECT_EQ(validate_interface(kernel, limits).error().message,
            "kernel `k`: `device float* a [[buffer(31)]]` is over the limit of 31 buffers (0 to "
            "30; the kernel has "
            "40 buffers): pack several into one");
  kernel = FakeEngine::interface("k", {}, {"a"});
  kernel.threadgroup_bytes = 65536;
  EXPECT_EQ(validate_interface(kernel, limits).error().message,
            "kernel `k` declares 65,536 bytes of threadgroup memory, and the limit is 32,768: use "
            "smaller arrays");
}

TEST(CheckedExtent, NamesTheDimension) {
  EXPECT_EQ(checked_extent("grid", 5, 6, 7).value(), (Extent{5, 6, 7}));
  EXPECT_EQ(checked_extent("grid", 5, -6, 7).error().message,
            "grid (5, -6, 7): dimension y is negative; sizes count threads and are at least 1");
  EXPECT_EQ(checked_extent("threadgroup", 5, 6, 0).error().message,
            "threadgroup (5, 6, 0): dimension z is zero; sizes count threads and are at least 1");
  EXPECT_EQ(checked_extent("grid", int64_t{1} << 32, 1, 1).error().message,
            "grid (4294967296, 1, 1): dimension x is over the limit of 4,294,967,295; sizes count "
            "threads and are at "
            "least 1");
}

TEST(Grouped, PutsCommas) {
  EXPECT_EQ(grouped(0), "0");
  EXPECT_EQ(grouped(999), "999");
  EXPECT_EQ(grouped(16384), "16,384");
  EXPECT_EQ(grouped(1234567890), "1,234,567,890");
}

}  // namespace
}  // namespace anymetal::runtime
