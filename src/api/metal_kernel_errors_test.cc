#include <gtest/gtest.h>

#include "anymetal/metal_kernel.hpp"
#include "api/test_arrays.h"

// What goes wrong: exceptions of the right type, with MLX's texts where MLX has one, and with the
// user's line elsewhere.

namespace anymetal {
namespace {

std::string invalid_argument_of(const std::function<void()>& work) {
  try {
    work();
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
  return "nothing thrown";
}

struct Thrown {
  KernelError::Kind kind = KernelError::Kind::internal;
  std::string what = "nothing thrown";
};

Thrown kernel_error_of(const std::function<void()>& work) {
  try {
    work();
  } catch (const KernelError& error) {
    return {error.kind(), error.what()};
  }
  return {};
}

const float kData[16] = {};

MetalKernelCall good_call() {
  return {.inputs = {{kData, {16}}},
          .output_shapes = {{16}},
          .output_dtypes = {Dtype::float32},
          .grid = {16, 1, 1},
          .threadgroup = {16, 1, 1}};
}

MetalKernel kernel_of(std::string source, std::string header = "", std::string name = "k") {
  return metal_kernel({.name = std::move(name),
                       .input_names = {"a"},
                       .output_names = {"o"},
                       .source = std::move(source),
                       .header = std::move(header)});
}

void expect_line(const Thrown& thrown, const std::string& place, const std::string& line) {
  EXPECT_EQ(thrown.kind, KernelError::Kind::text) << thrown.what;
  EXPECT_NE(thrown.what.find(place), std::string::npos) << thrown.what;
  EXPECT_NE(thrown.what.find(line), std::string::npos) << thrown.what;
  EXPECT_NE(thrown.what.find('^'), std::string::npos) << thrown.what;
}

TEST(MetalKernelErrors, AnOutputIsNeeded) {
  EXPECT_EQ(invalid_argument_of([] { (void)metal_kernel({.name = "k"}); }),
            "[metal_kernel] Must specify at least one output.");
}

TEST(MetalKernelErrors, CountsAreMlxs) {
  const MetalKernel kernel = kernel_of("");
  MetalKernelCall call = good_call();
  call.inputs.clear();
  EXPECT_EQ(invalid_argument_of([&] { kernel(call); }),
            "[metal_kernel] Expected `inputs` to have size 1 but got size 0.\n");
  call = good_call();
  call.output_shapes.push_back({1});
  EXPECT_EQ(invalid_argument_of([&] { kernel(call); }),
            "[metal_kernel] Expected `output_shapes` to have size 1 but got size 2.\n");
  call = good_call();
  call.output_dtypes.clear();
  EXPECT_EQ(invalid_argument_of([&] { kernel(call); }),
            "[metal_kernel] Expected `output_dtypes` to have size 1 but got size 0.\n");
}

TEST(MetalKernelErrors, Float64IsRefusedAsInMlx) {
  const MetalKernel kernel = kernel_of("o[0] = 0;");
  MetalKernelCall call = good_call();
  call.output_dtypes = {Dtype::float64};
  EXPECT_EQ(invalid_argument_of([&] { kernel(call); }), "float64 is not supported on the GPU");
  const double wide[16] = {};
  call = good_call();
  call.inputs = {{wide, {16}}};
  EXPECT_EQ(invalid_argument_of([&] { kernel(call); }), "float64 is not supported on the GPU");
}

TEST(MetalKernelErrors, ThreadgroupsAreLimited) {
  const MetalKernel kernel = kernel_of("o[thread_position_in_grid.x] = 0;");
  MetalKernelCall call = good_call();
  call.threadgroup = {2048, 1, 1};
  EXPECT_EQ(invalid_argument_of([&] { kernel(call); }),
            "Thread group size (2048) is greater than  the maximum allowed threads per threadgroup "
            "(1024).");
}

TEST(MetalKernelErrors, SizesMustBePositive) {
  const MetalKernel kernel = kernel_of("o[thread_position_in_grid.x] = 0;");
  MetalKernelCall call = good_call();
  call.grid = {0, 1, 1};
  EXPECT_NE(invalid_argument_of([&] { kernel(call); }).find("grid"), std::string::npos);
  call = good_call();
  call.threadgroup = {1, 0, 1};
  EXPECT_NE(invalid_argument_of([&] { kernel(call); }).find("threadgroup"), std::string::npos);
}

TEST(MetalKernelErrors, ViewsMustMakeSense) {
  const MetalKernel kernel = kernel_of("");
  MetalKernelCall call = good_call();
  call.inputs = {{kData, {4, 4}, {1}}};
  EXPECT_NE(invalid_argument_of([&] { kernel(call); }).find("strides"), std::string::npos);
  call.inputs = {{kData, {-4}}};
  EXPECT_NE(invalid_argument_of([&] { kernel(call); }).find("-4"), std::string::npos);
  call.inputs = {{static_cast<const float*>(nullptr), {4}}};
  EXPECT_NE(invalid_argument_of([&] { kernel(call); }).find("null"), std::string::npos);
}

// The guide's soft cap uses `cap`, and neither declares it nor takes it as an input.
TEST(MetalKernelErrors, AnUndeclaredNameIsShownInTheUsersLine) {
  const MetalKernel kernel =
      metal_kernel({.name = "softcap",
                    .input_names = {"input", "shape"},
                    .output_names = {"out"},
                    .source = R"(
  int size = int(shape[0]);
  uint id = thread_position_in_grid.x;
  if (id >= size) return;
  float val = input[id];
  out[id] = cap * tanh(val / cap);
)",
                    .header = "#include <metal_stdlib>\nusing namespace metal;\n"});
  const uint32_t size[] = {16};
  const Thrown thrown = kernel_error_of([&] {
    kernel({.inputs = {{kData, {16}}, {size, {1}}},
            .output_shapes = {{16}},
            .output_dtypes = {Dtype::float32},
            .grid = {16, 1, 1},
            .threadgroup = {16, 1, 1}});
  });
  expect_line(thrown, "softcap.source:6:13", "out[id] = cap * tanh(val / cap);");
  EXPECT_NE(thrown.what.find("'cap'"), std::string::npos) << thrown.what;
}

TEST(MetalKernelErrors, AnInputIsConst) {
  const Thrown thrown = kernel_error_of([] {
    kernel_of("uint i = thread_position_in_grid.x;\na[i] = 1;\no[i] = a[i];")(good_call());
  });
  expect_line(thrown, "k.source:2:", "a[i] = 1;");
}

TEST(MetalKernelErrors, TypesMustFit) {
  expect_line(kernel_error_of([] { kernel_of("\n\n  o[0] = a;")(good_call()); }),
              "k.source:3:", "o[0] = a;");
  expect_line(kernel_error_of([] { kernel_of("threadgroup float* t = o;")(good_call()); }),
              "k.source:1:", "= o;");
}

TEST(MetalKernelErrors, TheHeadersLinesAreItsOwn) {
  expect_line(kernel_error_of([] {
                kernel_of("o[0] = f(1);", "// one\nfloat f(float x) { return y; }\n")(good_call());
              }),
              "k.header:2:", "return y;");
}

TEST(MetalKernelErrors, SyntaxErrorsAreInTheSource) {
  expect_line(kernel_error_of([] { kernel_of("float x = 1\no[0] = x;")(good_call()); }),
              "k.source:1:", "float x = 1");
}

TEST(MetalKernelErrors, TheGeneratorsFaultIsNamed) {
  const MetalKernel kernel = metal_kernel({.name = "two",
                                           .input_names = {"a"},
                                           .output_names = {"o", "p"},
                                           .source = "o[0] = a_shape[0]; p[0] = 0;"});
  MetalKernelCall call = good_call();
  call.output_shapes = {{16}, {16}};
  call.output_dtypes = {Dtype::float32, Dtype::float32};
  EXPECT_NE(
      kernel.generated_text(call).find("[[buffer(2)]]) {\n  device float* p [[buffer(3)]]) {\n"),
      std::string::npos);
  const Thrown thrown = kernel_error_of([&] { kernel(call); });
  EXPECT_EQ(thrown.kind, KernelError::Kind::text);
  EXPECT_NE(thrown.what.find("more than one output"), std::string::npos) << thrown.what;
}

TEST(MetalKernelErrors, ATooLargeThreadgroupArrayIsRefused) {
  const Thrown thrown = kernel_error_of([] {
    kernel_of(
        "threadgroup float t[16384];\nuint i = thread_position_in_grid.x;\nt[i] = a[i];\no[i] = "
        "t[i];")(good_call());
  });
  EXPECT_NE(thrown.what.find("threadgroup"), std::string::npos) << thrown.what;
}

TEST(MetalKernelErrors, AKernelLivesOnAfterAnError) {
  const MetalKernel kernel = kernel_of("o[thread_position_in_grid.x] = n;");
  MetalKernelCall call = good_call();
  for (int repeat = 0; repeat < 2; ++repeat) {
    EXPECT_EQ(kernel_error_of([&] { kernel(call); }).kind, KernelError::Kind::text);
    MetalKernelCall right = good_call();
    right.template_args = {{"n", 7}};
    EXPECT_EQ(kernel(right)[0].elements<float>()[15], 7.0f);
  }
}

}  // namespace
}  // namespace anymetal
