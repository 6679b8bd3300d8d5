// The Metal headers in MLX's wheel: code that Apple's compiler takes, so ours must.
#include <filesystem>

#include "language/testing.h"

namespace anymetal::language {
namespace {

const std::string kFolder = "mlx/backend/metal/kernels/";

class MlxHeaders : public testing::Test {
 protected:
  void SetUp() override {
    if (!std::filesystem::exists(std::string(ANYMETAL_MLX_INCLUDE) + "/" + kFolder + "utils.h")) {
      GTEST_SKIP()
          << "MLX's wheel is not installed for the Python of this build (pip install \"mlx[cpu]\")";
    }
    options_.include_dirs = {ANYMETAL_MLX_INCLUDE};
  }
  Options options_;
};

TEST_F(MlxHeaders, HelpersAsPrefix) {
  options_.prefix = "#include \"" + kFolder + "utils.h\"\n";
  std::string text = R"(
template <typename T>
[[kernel]] void k(const device T* inp [[buffer(0)]], const constant int* inp_shape [[buffer(1)]],
                  const constant int64_t* inp_strides [[buffer(2)]], const constant int& inp_ndim [[buffer(3)]],
                  device T* out [[buffer(4)]], uint3 thread_position_in_grid [[thread_position_in_grid]]) {
  uint elem = thread_position_in_grid.x;
  uint loc = elem_to_loc(elem, inp_shape, inp_strides, inp_ndim);
  T x = elem > 3 ? inp[loc] : T(1);
  out[elem] = x * x + Limits<T>::max;
}
)";
  for (const char* type :
       {"float", "half", "bfloat16_t", "int", "uint8_t", "int64_t", "complex64_t"}) {
    text += "template [[host_name(\"k_" + std::string(type) + "\")]] [[kernel]] decltype(k<" +
            type + ">) k<" + type + ">;\n";
  }
  auto parsed = parse(source_of(text), options_);
  ASSERT_TRUE(parsed.ok()) << parsed.error().text();
  EXPECT_TRUE((*parsed)->warnings().empty()) << render((*parsed)->warnings());
  ASSERT_EQ((*parsed)->kernels().size(), 7u);
  for (const auto& kernel : (*parsed)->kernels()) {
    auto ir = (*parsed)->emit(kernel.name);
    EXPECT_TRUE(ir.ok()) << kernel.name << ": " << ir.error().text();
  }
}

TEST_F(MlxHeaders, ParseWithoutAWarning) {
  for (const char* name : {"atomic.h", "bf16_math.h", "binary_ops.h", "cexpf.h", "complex.h",
                           "erf.h", "expm1f.h", "fp4.h", "fp8.h", "hadamard.h", "logsumexp.h",
                           "reduce_utils.h", "softmax.h", "ternary_ops.h", "unary_ops.h"}) {
    const std::string text =
        "#include \"" + kFolder + "utils.h\"\n#include \"" + kFolder + name + "\"\n";
    auto parsed = parse(source_of(text), options_);
    EXPECT_TRUE(parsed.ok()) << name << ": " << parsed.error().text();
    if (parsed)
      EXPECT_TRUE((*parsed)->warnings().empty()) << name << ": " << render((*parsed)->warnings());
  }
}

}  // namespace
}  // namespace anymetal::language
