#include "anymetal/metal_kernel.hpp"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cmath>
#include <complex>
#include <cstring>
#include <numeric>
#include <thread>

#include "api/mlx_prefix.h"
#include "api/test_arrays.h"

// Behaviours of metal_kernel from text to numbers, through every room below.

namespace anymetal {
namespace {

using testing_arrays::values_of;

/// One input `a`, one output `o` of its shape, a thread for each element.
std::vector<Array> elementwise(const MetalKernel& kernel, const Array& input, Dtype output,
                               std::vector<TemplateArgument> arguments = {}) {
  return kernel({.inputs = {input.view()},
                 .output_shapes = {input.shape()},
                 .output_dtypes = {output},
                 .grid = {static_cast<int>(input.size()), 1, 1},
                 .threadgroup = {8, 1, 1},
                 .template_args = std::move(arguments)});
}

MetalKernel unary(std::string name, std::string source, std::string header = "") {
  return metal_kernel({.name = std::move(name),
                       .input_names = {"a"},
                       .output_names = {"o"},
                       .source = std::move(source),
                       .header = std::move(header)});
}

Array floats(const std::vector<double>& values) {
  return testing_arrays::array_of(Dtype::float32, {static_cast<int64_t>(values.size())}, values);
}

TEST(MetalKernel, CopiesAnArray) {
  const Array input = floats({1, 2, 3, 4, 5, 6, 7, 8, 9, 10});
  const auto outputs =
      elementwise(unary("basic", "uint elem = thread_position_in_grid.x;\no[elem] = a[elem];"),
                  input, Dtype::float32);
  ASSERT_EQ(outputs.size(), 1u);
  EXPECT_EQ(values_of(outputs[0]), values_of(input));
}

class EveryDtype : public testing::TestWithParam<Dtype> {};

TEST_P(EveryDtype, IsCopiedBitByBit) {
  const Dtype dtype = GetParam();
  if (dtype == Dtype::complex64 && api::mlx_include_dir().empty())
    GTEST_SKIP() << "complex64_t is MLX's; MLX isn't installed";
  Array input(dtype, {5, 3});
  auto* bytes = static_cast<uint8_t*>(input.data());
  for (size_t i = 0; i < input.size() * size_of(dtype); ++i) {
    bytes[i] = dtype == Dtype::bool_ ? i % 2 : static_cast<uint8_t>(i * 37 % 120);  // no NaN
  }
  const auto outputs =
      elementwise(unary("copy", "uint i = thread_position_in_grid.x; T t = a[i]; o[i] = t;"), input,
                  dtype, {{"T", dtype}});
  EXPECT_EQ(std::memcmp(outputs[0].data(), input.data(), input.size() * size_of(dtype)), 0);
}

INSTANTIATE_TEST_SUITE_P(MetalKernel, EveryDtype,
                         testing::Values(Dtype::bool_, Dtype::uint8, Dtype::uint16, Dtype::uint32,
                                         Dtype::uint64, Dtype::int8, Dtype::int16, Dtype::int32,
                                         Dtype::int64, Dtype::float16, Dtype::bfloat16,
                                         Dtype::float32, Dtype::complex64),
                         [](const auto& info) { return std::string(name_of(info.param)); });

TEST(MetalKernel, Complex64IsMlxsComplex) {
  if (api::mlx_include_dir().empty()) GTEST_SKIP() << "complex64_t is MLX's; MLX isn't installed";
  Array input(Dtype::complex64, {9});
  auto elements = input.elements<std::complex<float>>();
  for (int i = 0; i < 9; ++i) elements[i] = {0.5f * i, 1.0f - i};
  const auto outputs = elementwise(
      unary("square", "uint i = thread_position_in_grid.x; o[i] = a[i] * a[i] + a[i].real;"), input,
      Dtype::complex64);
  for (int i = 0; i < 9; ++i) {
    const std::complex<float> expected = elements[i] * elements[i] + elements[i].real();
    EXPECT_NEAR(std::abs(outputs[0].elements<std::complex<float>>()[i] - expected), 0, 1e-5);
  }
}

TEST(MetalKernel, TakesArgumentsOfAllKinds) {
  const MetalKernel kernel = metal_kernel({.name = "arg_test",
                                           .input_names = {"a", "b", "c", "d"},
                                           .output_names = {"out1", "out2"},
                                           .source = R"(
      uint elem = thread_position_in_grid.x;
      T tmp = a[0];
      if (e) {
        out1[elem] = a[1] + b[2] + c[3] + d + f + tmp;
      } else {
        out1[elem] = 1;
      }
      out2[elem] = a[1] + b[2] + c[1] - d;)"});
  const Array a = floats({0.25, 1.5, 2, 3, 4, 5, 6, 7, 8});
  const std::vector<int32_t> b{3, 4, 5};
  const Array c = testing_arrays::array_of(Dtype::bfloat16, {2, 2}, {0.5, 2, 3, 4.5});
  const float d = 7.25f;
  const auto outputs = kernel({.inputs = {a.view(), {b.data(), {3}}, c.view(), {&d, Shape{}}},
                               .output_shapes = {{3, 2}, {3, 2}},
                               .output_dtypes = {Dtype::float32, Dtype::int32},
                               .grid = {6, 1, 1},
                               .threadgroup = {2, 1, 1},
                               .template_args = {{"e", true}, {"f", 3}, {"T", Dtype::float16}}});
  EXPECT_EQ(values_of(outputs[0]), std::vector<double>(6, 1.5 + 5 + 4.5 + 7.25 + 3 + 0.25));
  for (const int32_t value : outputs[1].elements<int32_t>())
    EXPECT_EQ(value, 1);  // 1.25, truncated
}

TEST(MetalKernel, UsesTemplatesOfTheHeader) {
  const char* header = R"(
    template <typename T>
    T twice(T x) {
      return x + x;
    }
    constant int offset = 3;
  )";
  const auto outputs = elementwise(
      unary("header", "uint i = thread_position_in_grid.x; o[i] = twice(a[i]) + offset;", header),
      floats({1, 2.5, -4}), Dtype::float32);
  EXPECT_EQ(values_of(outputs[0]), (std::vector<double>{5, 8, -5}));
}

TEST(MetalKernel, CopiesWhatIsNotRowContiguous) {
  const std::vector<float> data{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11};
  const MetalKernel kernel = unary("rows", "uint i = thread_position_in_grid.x; o[i] = a[i];");
  const auto run = [&](ArrayView view) {
    const Shape shape = view.shape;
    const int size = static_cast<int>(view.size());
    return values_of(kernel({.inputs = {view},
                             .output_shapes = {shape},
                             .output_dtypes = {Dtype::float32},
                             .grid = {size, 1, 1},
                             .threadgroup = {4, 1, 1}})[0]);
  };
  EXPECT_EQ(run({data.data(), {4, 3}, {1, 4}}),
            (std::vector<double>{0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11}));
  EXPECT_EQ(run({data.data(), {3, 2}, {4, 2}}), (std::vector<double>{0, 2, 4, 6, 8, 10}));
  EXPECT_EQ(run({data.data() + 11, {12}, {-1}}),
            (std::vector<double>{11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0}));
  EXPECT_EQ(run({data.data() + 2, {4, 2}, {0, 1}}), (std::vector<double>{2, 3, 2, 3, 2, 3, 2, 3}));
}

TEST(MetalKernel, PassesStridesInsteadIfAsked) {
  const std::vector<float> data{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11};
  const MetalKernel kernel = metal_kernel({.name = "strided",
                                           .input_names = {"a"},
                                           .output_names = {"o"},
                                           .source = R"(
      uint i = thread_position_in_grid.x;
      int rest = i, place = 0;
      for (int d = a_ndim - 1; d >= 0; --d) {
        place += (rest % a_shape[d]) * a_strides[d];
        rest /= a_shape[d];
      }
      o[i] = a[place];)",
                                           .ensure_row_contiguous = false});
  const auto outputs = kernel({.inputs = {{data.data(), {3, 4}, {1, 3}}},
                               .output_shapes = {{3, 4}},
                               .output_dtypes = {Dtype::float32},
                               .grid = {12, 1, 1},
                               .threadgroup = {12, 1, 1}});
  EXPECT_EQ(values_of(outputs[0]), (std::vector<double>{0, 3, 6, 9, 1, 4, 7, 10, 2, 5, 8, 11}));
}

TEST(MetalKernel, AddsAtomically) {
  const MetalKernel kernel = metal_kernel({.name = "count",
                                           .input_names = {"a"},
                                           .output_names = {"sum", "most"},
                                           .source = R"(
      uint i = thread_position_in_grid.x;
      atomic_fetch_add_explicit(&sum[i % 2], a[i], memory_order_relaxed);
      atomic_fetch_max_explicit(&most[0], a[i], memory_order_relaxed);)",
                                           .atomic_outputs = true});
  std::vector<int32_t> data(1000);
  std::iota(data.begin(), data.end(), 1);
  const auto outputs = kernel({.inputs = {{data.data(), {1000}}},
                               .output_shapes = {{2}, {}},
                               .output_dtypes = {Dtype::int32, Dtype::int32},
                               .grid = {1000, 1, 1},
                               .threadgroup = {64, 1, 1},
                               .init_value = 5.0f});
  EXPECT_EQ(outputs[0].elements<int32_t>()[0], 5 + 250000);
  EXPECT_EQ(outputs[0].elements<int32_t>()[1], 5 + 250500);
  EXPECT_EQ(outputs[1].elements<int32_t>()[0], 1000);
}

TEST(MetalKernel, FillsWithTheInitialValue) {
  for (const Dtype dtype : {Dtype::float32, Dtype::float16, Dtype::bfloat16}) {
    const Array input = floats({1, 2, 3, 4, 5, 6, 7, 8});
    const auto outputs =
        unary("part", "uint i = thread_position_in_grid.x; if (i % 2) o[i] = a[i];")(
            {.inputs = {input.view()},
             .output_shapes = {{8}},
             .output_dtypes = {dtype},
             .grid = {8, 1, 1},
             .threadgroup = {8, 1, 1},
             .init_value = -0.5f});
    EXPECT_EQ(values_of(outputs[0]), (std::vector<double>{-0.5, 2, -0.5, 4, -0.5, 6, -0.5, 8}));
  }
}

TEST(MetalKernel, HonoursTheMathMode) {
  const auto fast_math = [](MathMode mode) {
    const MetalKernel kernel = metal_kernel({.name = "mode",
                                             .input_names = {"a"},
                                             .output_names = {"o"},
                                             .source = R"(
      uint i = thread_position_in_grid.x;
      #if defined(__FAST_MATH__) && __FAST_MATH__
      o[i] = 1.0f;
      #else
      o[i] = 0.0f;
      #endif
)",
                                             .math_mode = mode});
    return values_of(elementwise(kernel, floats({1}), Dtype::float32)[0])[0];
  };
  EXPECT_EQ(fast_math(MathMode::safe), 0);
  EXPECT_EQ(fast_math(MathMode::fast), 1);
  EXPECT_EQ(fast_math(MathMode::relaxed), 0);
}

TEST(MetalKernel, SafeModeKeepsInfinities) {
  const auto outputs =
      elementwise(unary("inf", "uint i = thread_position_in_grid.x; o[i] = metal::exp(a[i]);"),
                  floats({-INFINITY, INFINITY, 0}), Dtype::float32);
  EXPECT_EQ(values_of(outputs[0]), (std::vector<double>{0, INFINITY, 1}));
}

TEST(MetalKernel, OneKernelServesSeveralDtypes) {
  const MetalKernel kernel =
      unary("mixed", "uint i = thread_position_in_grid.x; o[i] = a[i] + a[i];");
  for (const Dtype dtype : {Dtype::float16, Dtype::float32, Dtype::bfloat16, Dtype::float16}) {
    const Array input = testing_arrays::array_of(dtype, {9}, std::vector<double>(9, 1.5));
    EXPECT_EQ(values_of(elementwise(kernel, input, dtype)[0]), std::vector<double>(9, 3.0));
  }
}

TEST(MetalKernel, OneNameMayStandForSeveralTexts) {
  const MetalKernel twice = unary("dup", "uint i = thread_position_in_grid.x; o[i] = a[i] * 2.0f;");
  const MetalKernel plus =
      unary("dup", "uint i = thread_position_in_grid.x; o[i] = a[i] + 100.0f;");
  for (int repeat = 0; repeat < 3; ++repeat) {
    EXPECT_EQ(values_of(elementwise(twice, floats({1, 2}), Dtype::float32)[0]),
              (std::vector<double>{2, 4}));
    EXPECT_EQ(values_of(elementwise(plus, floats({1, 2}), Dtype::float32)[0]),
              (std::vector<double>{101, 102}));
  }
}

TEST(MetalKernel, WritesIntoTheCallersMemory) {
  const Array input = floats({1, 2, 3});
  std::vector<int64_t> mine(3);
  const auto outputs =
      unary("mine", "uint i = thread_position_in_grid.x; o[i] = long(a[i]) << 40;")(
          {.inputs = {input.view()},
           .outputs = {{mine.data(), {3}}},
           .grid = {3, 1, 1},
           .threadgroup = {3, 1, 1}});
  EXPECT_TRUE(outputs.empty());
  EXPECT_EQ(mine, (std::vector<int64_t>{int64_t{1} << 40, int64_t{2} << 40, int64_t{3} << 40}));
}

TEST(MetalKernel, ReadsSmallInputsFromConstantMemory) {
  const MetalKernel kernel = unary("small", "uint i = thread_position_in_grid.x; o[i] = a[i % 3];");
  const float data[] = {3, 4, 5};
  const auto outputs = kernel({.inputs = {{data, {3}}},
                               .output_shapes = {{6}},
                               .output_dtypes = {Dtype::float32},
                               .grid = {6, 1, 1},
                               .threadgroup = {6, 1, 1}});
  EXPECT_EQ(values_of(outputs[0]), (std::vector<double>{3, 4, 5, 3, 4, 5}));
}

// What each attribute must say is computed here from the definitions in the Metal specification
// (5.2.3.6).
struct Position {
  uint32_t grid[3], group[3], in_group[3], groups[3], size[3];
};

std::vector<uint32_t> attributes_at(const Position& p, const uint32_t grid[3],
                                    const uint32_t asked[3]) {
  const auto pieces = [](uint32_t threads, uint32_t width) {
    return (threads + width - 1) / width;
  };
  const uint32_t index = (p.in_group[2] * p.size[1] + p.in_group[1]) * p.size[0] + p.in_group[0];
  const uint32_t full = asked[0] * asked[1] * asked[2], present = p.size[0] * p.size[1] * p.size[2];
  std::vector<uint32_t> values{pieces(full, 4), pieces(full, 32)};
  const auto add3 = [&](const uint32_t v[3]) { values.insert(values.end(), v, v + 3); };
  const uint32_t zero[3] = {0, 0, 0};
  add3(asked);
  add3(zero);
  add3(grid);
  for (const uint32_t v : {index / 4, pieces(present, 4), index / 32, pieces(present, 32), 32u,
                           index % 4, index % 32, index}) {
    values.push_back(v);
  }
  add3(p.grid);
  add3(p.in_group);
  add3(p.group);
  add3(p.groups);
  add3(grid);
  values.push_back(32);
  add3(p.size);
  return values;
}

TEST(MetalKernel, SuppliesAllTwentyAttributes) {
  const char* source = R"(
      uint3 p = thread_position_in_grid;
      uint at = ((p.z * grid_size.y + p.y) * grid_size.x + p.x) * 38;
      #define ONE(x) o[at++] = x;
      #define THREE(v) o[at++] = v.x; o[at++] = v.y; o[at++] = v.z;
      ONE(dispatch_quadgroups_per_threadgroup) ONE(dispatch_simdgroups_per_threadgroup)
      THREE(dispatch_threads_per_threadgroup) THREE(grid_origin) THREE(grid_size)
      ONE(quadgroup_index_in_threadgroup) ONE(quadgroups_per_threadgroup)
      ONE(simdgroup_index_in_threadgroup) ONE(simdgroups_per_threadgroup) ONE(thread_execution_width)
      ONE(thread_index_in_quadgroup) ONE(thread_index_in_simdgroup) ONE(thread_index_in_threadgroup)
      THREE(thread_position_in_grid) THREE(thread_position_in_threadgroup) THREE(threadgroup_position_in_grid)
      THREE(threadgroups_per_grid) THREE(threads_per_grid) ONE(threads_per_simdgroup) THREE(threads_per_threadgroup)
  )";
  const MetalKernel kernel =
      metal_kernel({.name = "attributes", .output_names = {"o"}, .source = source});
  const uint32_t grid[3] = {70, 5, 3},
                 asked[3] = {32, 3, 2};  // partial threadgroups on all three sides
  const auto outputs = kernel({.output_shapes = {{70 * 5 * 3, 38}},
                               .output_dtypes = {Dtype::uint32},
                               .grid = {70, 5, 3},
                               .threadgroup = {32, 3, 2}});
  const auto values = outputs[0].elements<uint32_t>();
  size_t at = 0;
  for (uint32_t z = 0; z < grid[2]; ++z)
    for (uint32_t y = 0; y < grid[1]; ++y)
      for (uint32_t x = 0; x < grid[0]; ++x) {
        Position p{.grid = {x, y, z}};
        for (int d = 0; d < 3; ++d) {
          p.group[d] = p.grid[d] / asked[d];
          p.in_group[d] = p.grid[d] % asked[d];
          p.groups[d] = (grid[d] + asked[d] - 1) / asked[d];
          p.size[d] = std::min(asked[d], grid[d] - p.group[d] * asked[d]);
        }
        const auto expected = attributes_at(p, grid, asked);
        ASSERT_EQ(expected.size(), 38u);
        const std::vector<uint32_t> seen(values.begin() + at, values.begin() + at + 38);
        ASSERT_EQ(seen, expected) << "thread (" << x << ", " << y << ", " << z << ")";
        at += 38;
      }
}

TEST(MetalKernel, MayBeCalledFromSeveralThreads) {
  const MetalKernel kernel =
      unary("threads", "uint i = thread_position_in_grid.x; o[i] = a[i] + n;");
  std::vector<std::thread> threads;
  std::array<bool, 4> right{};
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      bool ok = true;
      for (int repeat = 0; repeat < 20; ++repeat) {
        const auto outputs =
            elementwise(kernel, floats({1, 2, 3}), Dtype::float32, {{"n", repeat % 3}});
        ok = ok && values_of(outputs[0])[2] == 3 + repeat % 3;
      }
      right[t] = ok;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(right, (std::array{true, true, true, true}));
}

TEST(MetalKernel, PrintsItsTextWhenVerbose) {
  testing::internal::CaptureStdout();
  const float one = 1;
  (void)unary("loud", "o[0] = a;")({.inputs = {{&one, Shape{}}},
                                    .output_shapes = {{1}},
                                    .output_dtypes = {Dtype::float32},
                                    .verbose = true});
  EXPECT_EQ(testing::internal::GetCapturedStdout(),
            "Generated source code for `loud`:\n```\n"
            "[[kernel]] void custom_kernel_loud_floats_float(\n"
            "  const constant float& a [[buffer(0)]],\n"
            "  device float* o [[buffer(1)]]) {\n"
            "o[0] = a;\n}\n\n```\n");
}

// A fork copies the locks that a compilation holds in another thread, but not that thread.
TEST(MetalKernel, CompilesInTheChildOfAProcessThatCompiles) {
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
  GTEST_SKIP() << "ThreadSanitizer doesn't bear threads in the child of a process with threads";
#endif
#endif
  const Array input = floats({1, 2, 3, 4, 5, 6, 7, 8});
  const auto compile_one = [&](const std::string& name) {
    return values_of(elementwise(unary(name, "o[thread_position_in_grid.x] = " + name + "(a);",
                                       "float " + name + "(const device float* a) { return *a + " +
                                           std::to_string(::getpid()) + ".0f; }"),
                                 input, Dtype::float32)[0])[7];
  };
  std::atomic<bool> done{false};
  std::thread other([&] {
    for (int n = 0; !done; ++n) compile_one("parent" + std::to_string(n));
  });
  for (int n = 0; n < 5; ++n) {
    const pid_t child = ::fork();
    if (child == 0) {
      ::alarm(120);  // a deadlock ends the child, and the test fails
      ::_exit(compile_one("child" + std::to_string(n)) == 1.0 + ::getpid() ? 0 : 1);
    }
    int status = -1;
    EXPECT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
  }
  done = true;
  other.join();
}

}  // namespace
}  // namespace anymetal
