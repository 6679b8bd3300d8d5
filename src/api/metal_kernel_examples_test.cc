#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>

#include "anymetal/metal_kernel.hpp"
#include "api/mlx_prefix.h"
#include "api/test_arrays.h"

// The jobs of MLX's page on custom Metal kernels (exp, strided exp, grid_sample and its gradients
// with atomics), against plain C++ in double precision.

namespace anymetal {
namespace {

using testing_arrays::array_of;
using testing_arrays::random_values;
using testing_arrays::rounding_of;
using testing_arrays::values_of;

std::string type_name(const testing::TestParamInfo<Dtype>& info) {
  return std::string(name_of(info.param));
}

bool has_mlx() {
  return !api::mlx_include_dir().empty();
}

class ExpExample : public testing::TestWithParam<Dtype> {};

TEST_P(ExpExample, IsElementwise) {
  const Dtype dtype = GetParam();
  const MetalKernel kernel =
      metal_kernel({.name = "myexp", .input_names = {"inp"}, .output_names = {"out"}, .source = R"(
      uint place = thread_position_in_grid.x;
      T value = inp[place];
      out[place] = metal::exp(value);
  )"});
  const Array input = array_of(dtype, {4, 16}, random_values(64, -3, 3, 1));
  const auto outputs = kernel({.inputs = {input.view()},
                               .output_shapes = {input.shape()},
                               .output_dtypes = {dtype},
                               .grid = {64, 1, 1},
                               .threadgroup = {256, 1, 1},
                               .template_args = {{"T", Dtype::float32}}});
  const auto in = values_of(input), out = values_of(outputs[0]);
  // exp in float is good to 4 ulp (Metal specification, 8.4), and then rounded to the dtype.
  for (size_t i = 0; i < in.size(); ++i) {
    const double exact = std::exp(in[i]);
    EXPECT_NEAR(out[i], exact, exact * (8 * 0x1p-24 + 2 * rounding_of(dtype))) << in[i];
  }
}

TEST_P(ExpExample, FollowsStrides) {
  if (!has_mlx()) GTEST_SKIP() << "elem_to_loc is MLX's; MLX isn't installed";
  const Dtype dtype = GetParam();
  const MetalKernel kernel = metal_kernel({.name = "myexp_strided",
                                           .input_names = {"inp"},
                                           .output_names = {"out"},
                                           .source = R"(
      uint place = thread_position_in_grid.x;
      auto from = elem_to_loc(place, inp_shape, inp_strides, inp_ndim);
      T value = inp[from];
      out[place] = metal::precise::exp(value) * threads_per_simdgroup;
  )",
                                           .ensure_row_contiguous = false});
  const Array whole = array_of(dtype, {4, 16}, random_values(64, -3, 3, 2));
  const auto in = values_of(whole);
  const auto check = [&](Shape shape, Strides strides) {
    const ArrayView view(whole.data(), dtype, shape, strides);
    const auto outputs = kernel({.inputs = {view},
                                 .output_shapes = {shape},
                                 .output_dtypes = {dtype},
                                 .grid = {static_cast<int>(view.size()), 1, 1},
                                 .threadgroup = {256, 1, 1},
                                 .template_args = {{"T", Dtype::float32}}});
    const auto out = values_of(outputs[0]);
    for (int64_t i = 0; i < shape[0]; ++i) {
      for (int64_t j = 0; j < shape[1]; ++j) {
        const double exact = 32 * std::exp(in[i * strides[0] + j * strides[1]]);
        EXPECT_NEAR(out[i * shape[1] + j], exact, exact * (8 * 0x1p-24 + 2 * rounding_of(dtype)));
      }
    }
  };
  check({2, 16}, {32, 1});
  check({16, 4}, {1, 16});
  check({5, 16}, {0, 1});
}

INSTANTIATE_TEST_SUITE_P(Examples, ExpExample,
                         testing::Values(Dtype::float32, Dtype::float16, Dtype::bfloat16),
                         type_name);

// grid_sample, bilinear, zero outside. `x` is [N, H, W, C], `grid` [N, gH, gW, 2] from -1 to 1.
constexpr const char* kWhere = R"(
      int H = x_shape[1], W = x_shape[2], C = x_shape[3];
      uint point = thread_position_in_grid.x / width;
      int channel = thread_position_in_grid.x % width;
      int image = point / (grid_shape[1] * grid_shape[2]);
      float ix = ((grid[2 * point] + 1) * W - 1) / 2;
      float iy = ((grid[2 * point + 1] + 1) * H - 1) / 2;
      int left = floor(ix);
      int top = floor(iy);
)";

// The four loads come before the question whether they are inside, as in MLX's own example.
constexpr const char* kForward = R"(
      T sum = 0;
      for (int corner = 0; corner < 4; ++corner) {
        int px = left + corner % 2, py = top + corner / 2;
        T value = x[((image * H + py) * W + px) * C + channel];
        T weight = (1 - fabs(ix - px)) * (1 - fabs(iy - py));
        sum += px >= 0 && px < W && py >= 0 && py < H ? value * weight : T(0);
      }
      out[thread_position_in_grid.x] = sum;
)";

// Channels are padded to whole simdgroups, so that a simdgroup sums up one point.
constexpr const char* kBackward = R"(
      T gx = 0, gy = 0;
      if (channel < C) {
        T cot = cotangent[point * C + channel];
        for (int corner = 0; corner < 4; ++corner) {
          int px = left + corner % 2, py = top + corner / 2;
          if (px < 0 || px >= W || py < 0 || py >= H) continue;
          int place = ((image * H + py) * W + px) * C + channel;
          T wx = 1 - fabs(ix - px), wy = 1 - fabs(iy - py);
          atomic_fetch_add_explicit(&x_grad[place], wx * wy * cot, memory_order_relaxed);
          gx += (corner % 2 ? wy : -wy) * x[place] * cot;
          gy += (corner / 2 ? wx : -wx) * x[place] * cot;
        }
      }
      gx = simd_sum(gx);
      gy = simd_sum(gy);
      if (thread_index_in_simdgroup == 0) {
        atomic_fetch_add_explicit(&grid_grad[2 * point], gx * T(W / 2.0f), memory_order_relaxed);
        atomic_fetch_add_explicit(&grid_grad[2 * point + 1], gy * T(H / 2.0f), memory_order_relaxed);
      }
)";

constexpr int kN = 2, kH = 5, kW = 7, kC = 40, kGh = 4, kGw = 3, kPoints = kN * kGh * kGw;

struct Corner {
  int place;  // of channel 0; -1: outside
  double wx, wy, sx, sy;
};

/// The four corners of a point, in plain C++.
std::vector<Corner> corners_of(const std::vector<double>& grid, int point) {
  const double ix = ((grid[2 * point] + 1) * kW - 1) / 2,
               iy = ((grid[2 * point + 1] + 1) * kH - 1) / 2;
  const int left = static_cast<int>(std::floor(ix)), top = static_cast<int>(std::floor(iy));
  const int image = point / (kGh * kGw);
  std::vector<Corner> corners;
  for (const int dy : {0, 1}) {
    for (const int dx : {0, 1}) {
      const int px = left + dx, py = top + dy;
      const bool inside = px >= 0 && px < kW && py >= 0 && py < kH;
      corners.push_back({.place = inside ? ((image * kH + py) * kW + px) * kC : -1,
                         .wx = dx == 1 ? ix - left : left + 1 - ix,
                         .wy = dy == 1 ? iy - top : top + 1 - iy,
                         .sx = dx == 1 ? 1.0 : -1.0,
                         .sy = dy == 1 ? 1.0 : -1.0});
    }
  }
  return corners;
}

class GridSample : public testing::TestWithParam<Dtype> {
 protected:
  /// Coordinates up to `reach`: 1 leads outside of the image.
  void make(double reach) {
    x_ = array_of(GetParam(), {kN, kH, kW, kC}, random_values(kN * kH * kW * kC, -1, 1, 3));
    grid_ =
        array_of(Dtype::float32, {kN, kGh, kGw, 2}, random_values(kPoints * 2, -reach, reach, 4));
    cotangent_ = array_of(GetParam(), {kN, kGh, kGw, kC}, random_values(kPoints * kC, -1, 1, 5));
  }

  void check_forward() {
    const MetalKernel kernel =
        metal_kernel({.name = "grid_sample",
                      .input_names = {"x", "grid"},
                      .output_names = {"out"},
                      .source = "int width = x_shape[3];" + std::string(kWhere) + kForward});
    const auto outputs = kernel({.inputs = {x_.view(), grid_.view()},
                                 .output_shapes = {{kN, kGh, kGw, kC}},
                                 .output_dtypes = {GetParam()},
                                 .grid = {kPoints * kC, 1, 1},
                                 .threadgroup = {256, 1, 1},
                                 .template_args = {{"T", GetParam()}}});
    const auto x = values_of(x_), grid = values_of(grid_), out = values_of(outputs[0]);
    for (int point = 0; point < kPoints; ++point) {
      for (int channel = 0; channel < kC; ++channel) {
        double exact = 0;
        for (const Corner& c : corners_of(grid, point)) {
          if (c.place >= 0) exact += c.wx * c.wy * x[c.place + channel];
        }
        ASSERT_NEAR(out[point * kC + channel], exact, 16 * rounding_of(GetParam()) + 1e-6);
      }
    }
  }

  Array x_, grid_, cotangent_;
};

TEST_P(GridSample, InsideTheImage) {
  make(0.5);
  check_forward();
}

// Reads outside of the image are thrown away afterwards: no error with ANYMETAL_BOUNDS=error
// either.
TEST_P(GridSample, AcrossTheBorder) {
  make(1.2);
  check_forward();
}

TEST_P(GridSample, HasGradients) {
  if (!has_mlx()) GTEST_SKIP() << "ceildiv is MLX's; MLX isn't installed";
  make(1.2);
  const MetalKernel kernel = metal_kernel(
      {.name = "grid_sample_grad",
       .input_names = {"x", "grid", "cotangent"},
       .output_names = {"x_grad", "grid_grad"},
       .source = "int width = ceildiv(x_shape[3], threads_per_simdgroup) * threads_per_simdgroup;" +
                 std::string(kWhere) + kBackward,
       .atomic_outputs = true});
  const auto outputs = kernel({.inputs = {x_.view(), grid_.view(), cotangent_.view()},
                               .output_shapes = {x_.shape(), grid_.shape()},
                               .output_dtypes = {GetParam(), GetParam()},
                               .grid = {kPoints * 64, 1, 1},
                               .threadgroup = {256, 1, 1},
                               .template_args = {{"T", GetParam()}},
                               .init_value = 0.0f});
  const auto x = values_of(x_), grid = values_of(grid_), cotangent = values_of(cotangent_);
  std::vector<double> x_grad(x.size()), grid_grad(grid.size());
  for (int point = 0; point < kPoints; ++point) {
    for (const Corner& c : corners_of(grid, point)) {
      if (c.place < 0) continue;
      for (int channel = 0; channel < kC; ++channel) {
        const double cot = cotangent[point * kC + channel];
        x_grad[c.place + channel] += c.wx * c.wy * cot;
        grid_grad[2 * point] += c.sx * c.wy * x[c.place + channel] * cot * kW / 2;
        grid_grad[2 * point + 1] += c.sy * c.wx * x[c.place + channel] * cot * kH / 2;
      }
    }
  }
  const auto seen_x = values_of(outputs[0]), seen_grid = values_of(outputs[1]);
  const double rounding = rounding_of(GetParam());
  for (size_t i = 0; i < x_grad.size(); ++i)
    ASSERT_NEAR(seen_x[i], x_grad[i], 64 * rounding + 1e-5);
  // Sums of 40 channels and 4 corners, each rounded, then scaled by up to 3.5.
  for (size_t i = 0; i < grid_grad.size(); ++i)
    ASSERT_NEAR(seen_grid[i], grid_grad[i], 600 * rounding + 1e-4);
}

INSTANTIATE_TEST_SUITE_P(Examples, GridSample, testing::Values(Dtype::float32, Dtype::float16),
                         type_name);

}  // namespace
}  // namespace anymetal
