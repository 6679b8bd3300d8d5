// A C++ program with the library, the adapter and MLX: no Python.
#include <gtest/gtest.h>

#include <cmath>

#include "anymetal_kernels/exp_elementwise.h"

namespace {

namespace mx = mlx::core;
using namespace anymetal::kernels;

TEST(Program, RunsAKernel) {
  const auto a = mx::array({0.0F, 1.0F, -2.5F});
  auto out = exp_elementwise(a);
  out.eval();
  for (int i = 0; i < 3; ++i)
    EXPECT_NEAR(out.data<float>()[i], std::exp(a.data<float>()[i]), 1e-6F) << i;
}

TEST(Program, DifferentiatesIt) {
  const auto slope = mx::grad([](const mx::array& a) { return mx::sum(exp_elementwise(a)); });
  auto out = slope(mx::array({0.0F, 1.0F}));
  out.eval();
  EXPECT_NEAR(out.data<float>()[1], std::exp(1.0F), 1e-6F);
}

}  // namespace
