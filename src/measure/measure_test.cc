// Counted operations and traffic against what people count by hand; recorded launches against what
// the launches gave.
#include "measure/measure.h"

#include <gtest/gtest.h>

#include <cstring>

#include "measure/operations.h"
#include "runtime/runtime.h"

namespace anymetal::measure {
namespace {

BodyArray floats(std::string name, std::vector<int32_t> shape, float value) {
  size_t count = 1;
  for (const int32_t n : shape) count *= static_cast<size_t>(n);
  std::vector<float> values(count, value);
  return {std::move(name), "float32", std::move(shape),
          std::string(reinterpret_cast<const char*>(values.data()), count * sizeof(float))};
}

BodyArray output(std::string name, std::vector<int32_t> shape) {
  return {std::move(name), "float32", std::move(shape), {}};
}

std::vector<std::shared_ptr<Case>> record(const Body& body, int times = 1) {
  EXPECT_TRUE(start_recording("").ok());
  for (int i = 0; i < times; ++i) {
    const auto done = run_body(body);
    EXPECT_TRUE(done.ok()) << (done ? "" : done.error().text());
  }
  return stop_recording();
}

Body product(int n) {
  return {.name = "product",
          .source =
              "uint2 p = thread_position_in_grid.xy; float sum = 0;\n"
              "for (uint k = 0; k < N; ++k) sum += a[p.y * N + k] * b[k * N + p.x];\n"
              "c[p.y * N + p.x] = sum;\n",
          .inputs = {floats("a", {n, n}, 2), floats("b", {n, n}, 0.5f)},
          .outputs = {output("c", {n, n})},
          .templates = {{"N", std::to_string(n)}},
          .grid = {n, n, 1},
          .threadgroup = {8, 8, 1}};
}

TEST(Measure, CountsAProductAsPeopleDo) {
  const auto cases = record(product(32), 3);
  ASSERT_EQ(cases.size(), 1u);
  Case& one = *cases[0];
  EXPECT_EQ(one.name(), "product");
  EXPECT_EQ(one.calls(), 3u);
  EXPECT_EQ(one.grid(), (Size{32, 32, 1}));
  EXPECT_EQ(one.arguments()[0].shape, "float32[32, 32]");
  const auto counted = one.count_operations(60);
  ASSERT_TRUE(counted.ok()) << counted.error().text();
  EXPECT_EQ(counted->counted_threads, 1024u);
  EXPECT_EQ(counted->count, 2u * 32 * 32 * 32);
  const auto traffic = one.traffic();
  ASSERT_TRUE(traffic.ok());
  EXPECT_EQ(traffic->read, 2u * 4096);
  EXPECT_EQ(traffic->written, 4096u);
}

TEST(Measure, CountsWhatThreadsReallyDo) {
  // Thread i adds i times; one function call, a fused and a plain operation.
  const Body body{.name = "steps",
                  .source =
                      "uint i = thread_position_in_grid.x; float s = x[i];\n"
                      "for (uint k = 0; k < i; ++k) { s += 1.0f; if (s > 1e30f) break; }\n"
                      "y[i] = metal::exp(s) + metal::fma(s, s, s);\n",
                  .inputs = {floats("x", {64}, 1)},
                  .outputs = {output("y", {64})},
                  .grid = {64, 1, 1},
                  .threadgroup = {32, 1, 1}};
  const auto cases = record(body);
  ASSERT_EQ(cases.size(), 1u);
  const auto counted = cases[0]->count_operations(60);
  ASSERT_TRUE(counted.ok()) << counted.error().text();
  EXPECT_EQ(counted->count, 64u * 63 / 2 + 64 * 4);
}

TEST(Measure, RepeatsGiveWhatTheLaunchGave) {
  // Not the same if a run began with what the one before has left.
  const Body body{.name = "add_up",
                  .source =
                      "atomic_fetch_add_explicit(&y[thread_position_in_grid.x], x[0], "
                      "memory_order_relaxed);\n",
                  .inputs = {floats("x", {1}, 3)},
                  .outputs = {output("y", {4})},
                  .atomic_outputs = true,
                  .has_init_value = true,
                  .init_value = 1,
                  .grid = {4, 1, 1},
                  .threadgroup = {4, 1, 1}};
  const auto cases = record(body);
  ASSERT_EQ(cases.size(), 1u);
  const auto first = cases[0]->outputs();
  ASSERT_TRUE(first.ok()) << first.error().text();
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(cases[0]->run().ok());
  const auto again = cases[0]->outputs();
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(compare(**first, **again).elements, 0u);
  const auto traffic = cases[0]->traffic();
  ASSERT_TRUE(traffic.ok());
  EXPECT_EQ(traffic->read, 4u + 16u);
  EXPECT_EQ(traffic->written, 16u);
}

TEST(Measure, ShowsWhereResultsDiffer) {
  Body body{.name = "sizes",
            .source =
                "uint i = thread_position_in_grid.x; y[i] = x[i] * "
                "threads_per_threadgroup.x;\n",
            .inputs = {floats("x", {64}, 1)},
            .outputs = {output("y", {64})},
            .grid = {64, 1, 1},
            .threadgroup = {32, 1, 1}};
  const auto cases = record(body);
  ASSERT_EQ(cases.size(), 1u);
  const auto other = cases[0]->with_threadgroup({64, 1, 1});
  const auto first = cases[0]->outputs();
  const auto second = other->outputs();
  ASSERT_TRUE(first.ok() && second.ok());
  const Difference difference = compare(**first, **second);
  EXPECT_EQ(difference.elements, 64u);
  EXPECT_EQ(difference.largest, 1.0);
  EXPECT_GT(difference.excess, 1.0);
  EXPECT_EQ(difference.where, "y[0]: 64 instead of 32");
  EXPECT_FALSE(difference.is_exact_kind);
}

TEST(Measure, RecordsOnlyWhatIsAskedFor) {
  ASSERT_TRUE(start_recording("nobody").ok());
  EXPECT_FALSE(start_recording("").ok());
  ASSERT_TRUE(run_body(product(8)).ok());
  EXPECT_TRUE(stop_recording().empty());
}

TEST(Measure, KnowsTheMachine) {
  Limits limits;
  EXPECT_GT(limits.copy(), 1e8);
  EXPECT_GT(limits.multiply_add(), 1e8);
}

TEST(Measure, BuiltinsThatComputeNoFloatsAreNoOperations) {
  EXPECT_EQ(operations_of_builtin("am.exp.f32"), 1u);
  EXPECT_EQ(operations_of_builtin("am.simd_sum.f16"), 1u);
  EXPECT_EQ(operations_of_builtin("am.simd_sum.u32"), 0u);
  EXPECT_EQ(operations_of_builtin("am.simd_max.f32"), 0u);
  EXPECT_EQ(operations_of_builtin("am.thread_position_in_grid.x"), 0u);
  EXPECT_EQ(operations_of_builtin("am.simdgroup_multiply_accumulate"), 32u);
}

}  // namespace
}  // namespace anymetal::measure
