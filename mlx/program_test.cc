// A C++ program that uses MLX and was written for a Mac. It links libanymetal_mlx.so before
// libmlx.so, and nothing else is different; the oracle is the C++ library's own exp.
#include <gtest/gtest.h>

#include <cmath>
#include <stdexcept>
#include <thread>

#include "mlx/backend/metal/metal.h"
#include "mlx/mlx.h"
#include "support/checks_under_test.h"

namespace mx = mlx::core;

namespace {

mx::array exp_of(const mx::array& x, mx::StreamOrDevice where = {}) {
  static const auto kernel = mx::fast::metal_kernel(
      "program_exp", {"x"}, {"y"}, "uint i = thread_position_in_grid.x; y[i] = metal::exp(x[i]);");
  const int size = static_cast<int>(x.size());
  return kernel({x}, {x.shape()}, {x.dtype()}, {size, 1, 1}, {32, 1, 1}, {}, std::nullopt, false,
                where)[0];
}

void expect_exp(const mx::array& x, mx::array y) {
  y.eval();
  for (size_t i = 0; i < x.size(); ++i) {
    const float expected = std::exp(x.data<float>()[i]);
    EXPECT_NEAR(y.data<float>()[i], expected, 1e-6f * expected);
  }
}

mx::array ramp() {
  auto x = mx::linspace(-2, 2, 100);
  x.eval();
  return x;
}

TEST(Program, SeesAGpu) {
  EXPECT_TRUE(mx::metal::is_available());
  EXPECT_TRUE(mx::is_available(mx::Device::gpu));
  EXPECT_EQ(mx::default_device(), mx::Device(mx::Device::gpu));
  EXPECT_EQ(mx::default_stream(mx::Device::gpu).device, mx::Device::gpu);
  EXPECT_TRUE(mx::device_info(mx::Device::gpu).contains("architecture"));
}

TEST(Program, RunsAKernel) {
  expect_exp(ramp(), exp_of(ramp()));
}

TEST(Program, RunsOnStreams) {
  const auto x = ramp();
  const auto first = mx::new_stream(mx::Device::gpu), second = mx::new_stream(mx::Device::gpu);
  const auto y = mx::log(exp_of(x, first), second);
  expect_exp(x, exp_of(y, mx::Device::gpu));
  mx::synchronize(first);
  mx::synchronize(second);
  EXPECT_THROW((void)exp_of(x, mx::Device::cpu), std::invalid_argument);
}

TEST(Program, RunsOnThreads) {
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([] {
      for (int n = 0; n < 10; ++n) expect_exp(ramp(), exp_of(ramp()));
    });
  }
  for (auto& thread : threads) thread.join();
}

TEST(Program, GetsErrorsAsExceptions) {
  const auto wrong = mx::fast::metal_kernel("program_wrong", {"x"}, {"y"}, "y[0] = z;");
  auto y =
      wrong({ramp()}, {{1}}, {mx::float32}, {1, 1, 1}, {1, 1, 1}, {}, std::nullopt, false, {})[0];
  EXPECT_THROW(y.eval(), std::runtime_error);
  if (!anymetal::stops_outside_under_test()) return;
  const auto outside = mx::fast::metal_kernel("program_outside", {"x"}, {"y"}, "y[0] = x[1000];");
  auto z =
      outside({ramp()}, {{1}}, {mx::float32}, {1, 1, 1}, {1, 1, 1}, {}, std::nullopt, false, {})[0];
  EXPECT_THROW(z.eval(), std::runtime_error);
  EXPECT_THROW(z.eval(), std::runtime_error);
  expect_exp(ramp(), exp_of(ramp()));
}

}  // namespace
