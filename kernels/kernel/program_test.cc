// A C++ program with the library, the adapter and MLX: no Python.
#include <gtest/gtest.h>

#include <cmath>

#include "anymetal_kernels/cholesky.h"
#include "anymetal_kernels/exp_elementwise.h"
#include "anymetal_kernels/gemm.h"
#include "anymetal_kernels/lstsq.h"
#include "anymetal_kernels/qr.h"

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

float largest(const mx::array& a) {
  return mx::max(mx::abs(a)).item<float>();
}

TEST(Program, FactorsAndSolves) {
  const auto a = mx::random::normal({70, 20}), b = mx::random::normal({70, 3});
  const auto [q, r] = qr(a);
  EXPECT_LT(largest(mx::subtract(gemm(q, r), a)), 1e-5F);
  EXPECT_LT(largest(mx::subtract(gemm(q, q, {.transpose_a = true}), mx::eye(20))), 1e-5F);
  const auto x = lstsq(a, b);
  const auto residual = mx::subtract(gemm(a, x), b);
  EXPECT_LT(largest(gemm(a, residual, {.transpose_a = true})), 1e-3F);
  const auto square = mx::add(gemm(a, a, {.transpose_a = true}), mx::eye(20));
  const auto u = cholesky(square, {.upper = true});
  EXPECT_LT(largest(mx::subtract(gemm(u, u, {.transpose_a = true}), square)), 1e-3F);
}

TEST(Program, SaysWhichMinorIsNotPositive) {
  try {
    (void)cholesky(mx::negative(mx::eye(3)));
    FAIL() << "it was factored";
  } catch (const NotPositiveDefinite& error) {
    EXPECT_EQ(error.leading_minor, 1);
    EXPECT_EQ(error.matrix, 0);
  }
}

}  // namespace
