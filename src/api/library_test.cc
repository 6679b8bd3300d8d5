#include "anymetal/library.hpp"

#include <gtest/gtest.h>

#include <array>
#include <bit>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <functional>
#include <limits>
#include <random>

#include "api/store_number.h"

namespace anymetal {
namespace {

Library text(const std::string& body) {
  return Library::from_text("#include <metal_stdlib>\nusing namespace metal;\n" + body,
                            {.name = "test.metal"});
}

std::string error_of(const std::function<void()>& call) {
  try {
    call();
  } catch (const std::invalid_argument& error) {
    return error.what();
  } catch (const KernelError& error) {
    return "KernelError: " + std::string(error.what());
  }
  return "no error";
}

TEST(Library, RunsKernelsOnPlainArrays) {
  const Library library = text(
      "kernel void scale(device const float* x, device float* y, constant float& factor,\n"
      "                  uint i [[thread_position_in_grid]]) { y[i] = factor * x[i]; }\n"
      "kernel void zero(device float* x, uint i [[thread_position_in_grid]]) { x[i] = 0; }\n");
  EXPECT_EQ(library.kernels(), (std::vector<std::string>{"scale", "zero"}));
  std::vector<float> x(37), y(37);
  for (size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(i);
  const Kernel kernel = library.kernel("scale");
  EXPECT_EQ(kernel.parameters()[2].declaration, "constant float& factor [[buffer(2)]]");
  const uint64_t before = library_launches();
  kernel({.arguments = {ArrayView(x.data(), {37}), MutableArrayView(y.data(), {37}), 2.5},
          .grid = {{37, 1, 1}},
          .threadgroup = {{8, 1, 1}}});
  for (size_t i = 0; i < x.size(); ++i) EXPECT_EQ(y[i], 2.5f * static_cast<float>(i));
  EXPECT_EQ(library_launches(), before + 1);
  kernel({.arguments = {ArrayView(x.data(), {37})},
          .named_arguments = {{"factor", 3}},
          .indexed_arguments = {{1, MutableArrayView(y.data(), {37})}},
          .grid = {{37, 1, 1}}});
  EXPECT_EQ(y[36], 108.0f);
}

TEST(Library, StructsAsBytes) {
  struct alignas(16) Pair {
    float factor;
    int32_t offset;
    float unused[2];
  };
  const Kernel kernel =
      text(
          "struct alignas(16) Pair { float factor; int offset; float unused[2]; };\n"
          "kernel void f(constant Pair& p, device float* out) "
          "{ out[0] = p.factor + p.offset; }\n")
          .kernel("f");
  float out = 0;
  kernel({.arguments = {KernelArgument::bytes_of(Pair{0.5f, 4, {}}), MutableArrayView(&out, {1})},
          .grid = {{1, 1, 1}}});
  EXPECT_EQ(out, 4.5f);
}

TEST(Library, IndirectDispatchReadsItsNumbersWhenItRuns) {
  const Kernel kernel =
      text("kernel void f(device int* out, uint i [[thread_position_in_grid]]) { out[i] += 1; }\n")
          .kernel("f");
  std::vector<int32_t> out(12, 0);
  uint32_t groups[3] = {3, 1, 1};
  const KernelCall call{.arguments = {MutableArrayView(out.data(), {12})},
                        .indirect_threadgroups = KernelArgument::RawMemory{groups, 12, true},
                        .threadgroup = {{4, 1, 1}}};
  kernel(call);
  groups[0] = 1;
  kernel(call);
  groups[1] = 0;
  kernel(call);
  EXPECT_EQ(out, (std::vector<int32_t>{2, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1}));
}

TEST(Library, FilesAndTheirFolder) {
  const auto folder = std::filesystem::temp_directory_path() /
                      ("anymetal-library-" + std::to_string(std::random_device()()));
  std::filesystem::create_directories(folder);
  std::ofstream(folder / "number.h") << "constant int kNumber = 6;\n";
  std::ofstream(folder / "k.metal")
      << "#include \"number.h\"\nkernel void f(device int* out) { out[0] = kNumber * SEVEN; }\n";
  const Library library =
      Library::from_file((folder / "k.metal").string(), {.macros = {{"SEVEN", "7"}}});
  int32_t out = 0;
  library.kernel("f")({.arguments = {MutableArrayView(&out, {1})}, .grid = {{1, 1, 1}}});
  EXPECT_EQ(out, 42);
  std::filesystem::remove_all(folder);
  EXPECT_NE(error_of([&] {
              (void)Library::from_file((folder / "k.metal").string());
            }).find("can't be read"),
            std::string::npos);
}

TEST(Library, ErrorsNameParameterAndLine) {
  const Library library = text(
      "kernel void f(device int* out,\n              constant uchar& value) { out[0] = value; }\n");
  int32_t out = 0;
  const auto call = [&](KernelArgument value) {
    return error_of([&] {
      library.kernel("f")(
          {.arguments = {MutableArrayView(&out, {1}), std::move(value)}, .grid = {{1, 1, 1}}});
    });
  };
  EXPECT_EQ(call(255), "no error");
  EXPECT_EQ(out, 255);
  EXPECT_EQ(call(256),
            "test.metal:4: kernel `f`, argument `constant uchar& value [[buffer(1)]]`: 256 "
            "is out of the range of `uchar`, 0 to 255");
  EXPECT_EQ(call(1.5),
            "test.metal:4: kernel `f`, argument `constant uchar& value [[buffer(1)]]`: the "
            "float 1.5 can't be a `uchar`: convert it to an integer first");
  EXPECT_EQ(error_of([&] { (void)library.kernel("g"); }),
            "no kernel `g` in test.metal: it has `f`");
  EXPECT_NE(error_of([] {
              (void)text("kernel void f() { x = 1; }\n");
            }).find("KernelError: the Metal text has 1 error\ntest.metal:3:19: error"),
            std::string::npos);
}

/// Round to nearest, ties to even, worked out with integers of 128 bits: what the functions in use
/// aren't.
uint32_t rounded_bits(double value, int fraction_bits, int exponent_bits) {
  const auto bits = std::bit_cast<uint64_t>(value);
  const uint32_t sign = static_cast<uint32_t>(bits >> 63) << (fraction_bits + exponent_bits);
  const int bias = (1 << (exponent_bits - 1)) - 1;
  int exponent = static_cast<int>((bits >> 52) & 0x7ff) - 1023;
  uint64_t significand = (bits & ((uint64_t{1} << 52) - 1)) | (uint64_t{1} << 52);
  int shift = 52 - fraction_bits;
  if (exponent < 1 - bias) shift += 1 - bias - exponent;
  if (shift > 63) return sign;
  const uint64_t half = uint64_t{1} << (shift - 1), rest = significand & (2 * half - 1);
  significand >>= shift;
  if (rest > half || (rest == half && (significand & 1))) ++significand;
  if (exponent < 1 - bias) return sign | static_cast<uint32_t>(significand);
  return sign | (static_cast<uint32_t>(exponent + bias - 1) << fraction_bits) +
                    static_cast<uint32_t>(significand);
}

TEST(StoreNumber, RoundsOnceToHalfAndBfloat) {
  std::mt19937_64 random(7);
  for (int i = 0; i < 20000; ++i) {
    // Magnitudes across each range, among them exact ties and their neighbours.
    const int exponent = static_cast<int>(random() % 28) - 16;
    double value = std::ldexp(1.0 + static_cast<double>(random() % 4096) / 4096, exponent);
    if (i % 3 == 0) value = std::nextafter(value, 0.0);
    if (i % 5 == 0) value = -value;
    uint16_t half = 0, bfloat = 0;
    ASSERT_TRUE(api::store_number(value, "half", reinterpret_cast<std::byte*>(&half)).ok());
    ASSERT_TRUE(api::store_number(value, "bfloat", reinterpret_cast<std::byte*>(&bfloat)).ok());
    ASSERT_EQ(half, rounded_bits(value, 10, 5)) << value;
    ASSERT_EQ(bfloat, rounded_bits(value, 7, 8)) << value;
  }
}

TEST(StoreNumber, KeepsToRanges) {
  std::byte out[8] = {};
  const auto fits = [&](KernelArgument::Number number, std::string_view element) {
    return api::store_number(number, element, out).ok();
  };
  EXPECT_TRUE(fits(int64_t{-128}, "char") && !fits(int64_t{-129}, "char"));
  EXPECT_TRUE(fits(uint64_t{UINT64_MAX}, "ulong") && !fits(uint64_t{UINT64_MAX}, "long"));
  EXPECT_TRUE(!fits(int64_t{-1}, "uint") && !fits(2.0, "int") && fits(true, "int"));
  EXPECT_TRUE(fits(65504.0, "half") && !fits(65520.0, "half") && !fits(1e39, "float"));
  EXPECT_TRUE(fits(std::numeric_limits<double>::infinity(), "half") &&
              fits(std::nan(""), "bfloat"));
  EXPECT_TRUE(fits(int64_t{1}, "bool") && !fits(int64_t{2}, "bool") && !fits(1.0, "bool"));
}

TEST(StoreNumber, KnowsShapes) {
  const auto shape = [](std::string_view type, std::string_view element, uint32_t size) {
    const api::TypeShape s = api::shape_of(type, element, size);
    return std::array{s.columns, s.rows, s.stride};
  };
  EXPECT_EQ(shape("float", "float", 4), (std::array{1u, 1u, 4u}));
  EXPECT_EQ(shape("float3", "float", 16), (std::array{1u, 3u, 16u}));
  EXPECT_EQ(shape("packed_half3", "half", 6), (std::array{1u, 3u, 6u}));
  EXPECT_EQ(shape("float3x3", "float", 48), (std::array{3u, 3u, 16u}));
  EXPECT_EQ(shape("half4x2", "half", 16), (std::array{4u, 2u, 4u}));
  EXPECT_EQ(shape("atomic<int>", "int", 4), (std::array{1u, 1u, 4u}));
  EXPECT_EQ(shape("Colour", "uint", 4), (std::array{1u, 1u, 4u}));
}

}  // namespace
}  // namespace anymetal
