#include "port/port.h"

#include <gtest/gtest.h>

namespace anymetal::port {
namespace {

Kernel only_kernel(const std::string& text) {
  auto ported = port({.text = text, .path = "test.metal"});
  EXPECT_TRUE(ported.ok()) << ported.error().text();
  if (!ported || ported->kernels.empty()) return {};
  return std::move(ported->kernels.front());
}

TEST(Port, SoftCap) {
  const Kernel kernel = only_kernel(R"(#include <metal_stdlib>
using namespace metal;

// A limit that is soft.
kernel void soft_cap(device float* input, device float* output, constant float& cap_value,
                     constant uint& size, uint id [[thread_position_in_grid]]) {
  if (id >= size) return;  // the last threads
  float val = input[id];
  output[id] = cap_value * tanh(val / cap_value);
}
)");
  EXPECT_EQ(kernel.header, "#include <metal_stdlib>\nusing namespace metal;\n");
  EXPECT_EQ(kernel.comment, "A limit that is soft.");
  EXPECT_EQ(kernel.body, R"(  uint id = thread_position_in_grid.x;

  if (id >= size) return;  // the last threads
  float val = input[id];
  output[id] = cap_value * tanh(val / cap_value);
)");
  ASSERT_EQ(kernel.arguments.size(), 5u);
  EXPECT_EQ(kernel.arguments[0].role, Role::input);
  EXPECT_EQ(kernel.arguments[1].role, Role::output);
  EXPECT_EQ(kernel.arguments[1].like, "input");
  EXPECT_TRUE(kernel.arguments[1].is_threads);
  EXPECT_EQ(kernel.arguments[2].role, Role::scalar);
}

TEST(Port, KernelOfAMacroHasTheDefinitionsLayoutAndLines) {
  const Kernel kernel = only_kernel(R"(#include <metal_stdlib>
using namespace metal;
#define LIMIT 2
#define COPY(name, T, ...)                            \
  kernel void name##_k(device const T* x, device T* y, uint i [[thread_position_in_grid]]) { \
    y[i] = min(x[i], T(LIMIT));                       \
    __VA_ARGS__                                       \
  }

// Below two.
COPY(copy, float);
)");
  EXPECT_EQ(kernel.name, "copy_k");
  EXPECT_EQ(kernel.line, 5u);
  EXPECT_EQ(kernel.comment, "Below two.");
  EXPECT_EQ(kernel.header, "#include <metal_stdlib>\nusing namespace metal;\n#define LIMIT 2\n");
  EXPECT_EQ(kernel.body, R"(  uint i = thread_position_in_grid.x;

    y[i] = min(x[i], float(LIMIT));
)");
}

}  // namespace
}  // namespace anymetal::port
