// MLX's own kernel headers, from its wheel, on this library: they compile, and their operations
// give the host's numbers. Skipped without MLX.
#include <cmath>
#include <complex>
#include <cstdlib>
#include <random>

#include "backend/narrow_floats.h"
#include "run_text.h"

namespace anymetal {
namespace {

constexpr const char* kHeaders =
    "#include \"mlx/backend/metal/kernels/utils.h\"\n"
    "#include \"mlx/backend/metal/kernels/unary_ops.h\"\n"
    "#include \"mlx/backend/metal/kernels/binary_ops.h\"\n"
    "#include \"mlx/backend/metal/kernels/ternary_ops.h\"\n"
    "#include \"mlx/backend/metal/kernels/atomic.h\"\n"
    "#include \"mlx/backend/metal/kernels/reduction/ops.h\"\n";

class MlxHeaders : public testing::Test {
 protected:
  void SetUp() override {
    const char* path = std::getenv("ANYMETAL_MLX_INCLUDE");
    if (!path || !*path) GTEST_SKIP() << "no MLX: pip install \"mlx[cpu]\"";
    include_ = path;
  }

  void run(const std::string& body, std::vector<backend::Argument> arguments, uint32_t threads) {
    ASSERT_TRUE(
        run_text(kHeaders + body, std::move(arguments), threads, 32, MathMode::safe, {include_}));
  }

  std::string include_;
};

TEST_F(MlxHeaders, FloatOperations) {
  struct Operation {
    const char* expression;
    double (*expected)(double x, double y);
    double tolerance = 4e-6;
  };
  const Operation operations[] = {
      {"Erf{}(x)", [](double x, double) { return std::erf(x); }},
      // MLX's reduction by log(2) has one step only: 1.4e-6 for each power of two.
      {"Expm1{}(x)", [](double x, double) { return std::expm1(x); }, 2e-5},
      {"Log1p{}(y)", [](double, double y) { return std::log1p(y); }},
      {"Sigmoid{}(x)", [](double x, double) { return 1 / (1 + std::exp(-x)); }},
      {"ArcSinh{}(x)", [](double x, double) { return std::asinh(x); }},
      {"Round{}(x)", [](double x, double) { return std::nearbyint(x); }},
      {"Sign{}(x)", [](double x, double) { return double((x > 0) - (x < 0)); }},
      {"Rsqrt{}(y)", [](double, double y) { return 1 / std::sqrt(y); }},
      {"LogAddExp{}(x, y)", [](double x, double y) { return std::log(std::exp(x) + std::exp(y)); }},
      {"Power{}(y, x)", [](double x, double y) { return std::pow(y, x); }},
      {"Remainder{}(x, y)", [](double x, double y) { return x - y * std::floor(x / y); }},
      {"Maximum{}(x, y)", [](double x, double y) { return std::max(x, y); }},
      {"hypot(x, y)", [](double x, double y) { return std::hypot(x, y); }},
      {"float(Exp{}(bfloat16_t(1)))", [](double, double) { return 2.71875; }},
      {"float(metal::tanh(bfloat16_t(0.5f)))", [](double, double) { return 0.462890625; }},
      {"float(Exp{}(half(1)))", [](double, double) { return 2.71875; }},
  };
  std::mt19937 random(3);
  std::uniform_real_distribution<float> any(-5, 5), positive(0.1f, 5);
  std::vector<float> x(256), y(256), out(256 * std::size(operations));
  for (size_t i = 0; i < x.size(); ++i) x[i] = any(random), y[i] = positive(random);
  std::string body =
      "kernel void k(device const float* px [[buffer(0)]], device const float* py [[buffer(1)]],\n"
      "device float* out [[buffer(2)]], uint i [[thread_position_in_grid]]) {\n  const float x = "
      "px[i], y = py[i];\n";
  const std::string rows = std::to_string(std::size(operations));
  for (size_t row = 0; row < std::size(operations); ++row) {
    body += "  out[i * " + rows + " + " + std::to_string(row) +
            "] = " + operations[row].expression + ";\n";
  }
  run(body + "}\n", {argument(x), argument(y), argument(out)}, uint32_t(x.size()));
  for (size_t i = 0; i < x.size(); ++i) {
    for (size_t row = 0; row < std::size(operations); ++row) {
      const double expected = operations[row].expected(x[i], y[i]);
      EXPECT_NEAR(out[i * std::size(operations) + row], expected,
                  operations[row].tolerance * std::max(1.0, std::abs(expected)))
          << operations[row].expression << " for x = " << x[i] << ", y = " << y[i];
    }
  }
}

TEST_F(MlxHeaders, ComplexOperations) {
  using Complex = std::complex<float>;
  std::vector<Complex> z = {{1, 2}, {-0.5f, 0.25f}, {3, -1}, {0.1f, 0.7f}},
                       w = {{2, -1}, {1, 1}, {-3, 0.5f}, {0, 2}}, out(z.size() * 6);
  run("kernel void k(device const complex64_t* z [[buffer(0)]], device const complex64_t* w "
      "[[buffer(1)]],\n"
      "device complex64_t* out [[buffer(2)]], uint i [[thread_position_in_grid]]) {\n"
      "  device complex64_t* o = out + 6 * i;\n"
      "  o[0] = z[i] * w[i]; o[1] = z[i] / w[i]; o[2] = Exp{}(z[i]); o[3] = Sqrt{}(z[i]);\n"
      "  o[4] = Log{}(z[i]); o[5] = Tanh{}(z[i]);\n}\n",
      {argument(z), argument(w), argument(out)}, uint32_t(z.size()));
  for (size_t i = 0; i < z.size(); ++i) {
    const std::complex<double> a(z[i]), b(w[i]);
    const std::complex<double> expected[] = {a * b,        a / b,       std::exp(a),
                                             std::sqrt(a), std::log(a), std::tanh(a)};
    for (size_t row = 0; row < std::size(expected); ++row) {
      EXPECT_NEAR(std::abs(std::complex<double>(out[i * 6 + row]) - expected[row]), 0, 1e-5)
          << "row " << row << " of " << a;
    }
  }
}

TEST_F(MlxHeaders, HelpersForLanesAndIndices) {
  std::vector<int64_t> wide(32), shifted(32);
  std::vector<int> shape = {2, 4, 4};
  std::vector<int64_t> strides = {1, 2, 8};
  std::vector<uint64_t> places(32);
  for (size_t i = 0; i < wide.size(); ++i) wide[i] = int64_t(i) << 33;
  run("kernel void k(device const int64_t* in [[buffer(0)]], device int64_t* out [[buffer(1)]], "
      "constant int* shape [[buffer(2)]],\n"
      "constant int64_t* strides [[buffer(3)]], device uint64_t* places [[buffer(4)]], uint i "
      "[[thread_position_in_grid]]) {\n"
      "  out[i] = simd_shuffle_down(in[i], 1);\n  places[i] = elem_to_loc<int64_t>(i, shape, "
      "strides, 3);\n"
      "  device mlx_atomic<float>* unused = nullptr;\n  if (i > 100) "
      "mlx_atomic_fetch_add_explicit(unused, 1.0f, 0);\n}\n",
      {argument(wide), argument(shifted), argument(shape), argument(strides), argument(places)},
      32);
  for (size_t i = 0; i < wide.size(); ++i) {
    EXPECT_EQ(shifted[i], wide[i + 1 < wide.size() ? i + 1 : i]);
    EXPECT_EQ(places[i], i / 16 * 1 + i / 4 % 4 * 2 + i % 4 * 8);
  }
}

// MLX's matrix product on matrices of simdgroups: sizes that no tile divides, and transposed
// operands.
struct Gemm {
  const char* type;
  bool transpose_a, transpose_b;
  float (*round)(float);  ///< to the type
  double tolerance;
};

float as_float(float value) {
  return value;
}
float as_half(float value) {
  return backend::half_value(backend::half_bits(value));
}
float as_bfloat(float value) {
  return backend::bfloat_value(backend::bfloat_bits(value));
}

std::string gemm_text(const Gemm& gemm) {
  std::string text = R"(
#include "mlx/backend/metal/kernels/utils.h"
#include "mlx/backend/metal/kernels/steel/gemm/gemm.h"
using namespace mlx::steel;
typedef GEMMKernel<TYPE, TYPE, 32, 32, 16, 2, 2, TA, TB, false, false> Product;
kernel void k(device const float* a, device const float* b, device float* out, device TYPE* as, device TYPE* bs,
              device TYPE* ds, device const GEMMParams* params, uint group [[threadgroup_position_in_grid]],
              uint lane [[thread_index_in_simdgroup]], uint simdgroup [[simdgroup_index_in_threadgroup]],
              uint i [[thread_position_in_grid]]) {
  threadgroup TYPE at[Product::tgp_mem_size_a];
  threadgroup TYPE bt[Product::tgp_mem_size_b];
  constant GEMMParams* p = (constant GEMMParams*)params;
  const uint first = i / 128 * 128;
  as += group * p->M * p->K;
  bs += group * p->K * p->N;
  ds += group * p->M * p->N;
  for (int j = i - first; j < p->M * p->K; j += 128) as[j] = TYPE(a[j]);
  for (int j = i - first; j < p->K * p->N; j += 128) bs[j] = TYPE(b[j]);
  threadgroup_barrier(mem_flags::mem_device);
  Product::run(as, bs, ds, p, at, bt, lane, simdgroup, uint3(group % p->tiles_n, group / p->tiles_n, 0),
               uint3(i - first, 0, 0));
  threadgroup_barrier(mem_flags::mem_device);
  const int row = group / p->tiles_n * 32, column = group % p->tiles_n * 32;
  for (int j = i - first; j < 32 * 32; j += 128) {
    const int r = row + j / 32, c = column + j % 32;
    if (r < p->M && c < p->N) out[r * p->N + c] = float(ds[r * p->N + c]);
  }
})";
  const auto replace = [&](const std::string& from, const std::string& to) {
    for (size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size())
      text.replace(at, from.size(), to);
  };
  replace("TYPE", gemm.type);
  replace("TA", gemm.transpose_a ? "true" : "false");
  replace("TB", gemm.transpose_b ? "true" : "false");
  return text;
}

TEST_F(MlxHeaders, SteelGemm) {
  struct Params {
    int m, n, k, lda, ldb, ldd, tiles_n, tiles_m;
    int64_t batch_a, batch_b, batch_d;
    int swizzle_log, k_iterations, batch_ndim;
  };
  const Gemm gemms[] = {{"float", false, false, as_float, 1e-5},
                        {"float", true, true, as_float, 1e-5},
                        {"half", false, true, as_half, 2e-3},
                        {"bfloat", true, false, as_bfloat, 2e-2}};
  const int m = 50, n = 71, k = 45;
  std::mt19937 random(11);
  std::uniform_real_distribution<float> any(-1, 1);
  for (const Gemm& gemm : gemms) {
    std::vector<Params> params = {{m, n, k, gemm.transpose_a ? m : k, gemm.transpose_b ? k : n, n,
                                   3, 2, 0, 0, 0, 0, k / 16, 0}};
    std::vector<float> a(m * k), b(k * n), out(m * n);
    for (float& value : a) value = gemm.round(any(random));
    for (float& value : b) value = gemm.round(any(random));
    std::vector<float> as(a.size() * 6), bs(b.size() * 6), ds(out.size() * 6);
    ASSERT_TRUE(run_text(gemm_text(gemm),
                         {argument(a), argument(b), argument(out), argument(as), argument(bs),
                          argument(ds), argument(params)},
                         6 * 128, 128, MathMode::safe, {include_}));
    for (int row = 0; row < m; ++row) {
      for (int column = 0; column < n; ++column) {
        double sum = 0;
        for (int i = 0; i < k; ++i) {
          sum += double(a[gemm.transpose_a ? i * m + row : row * k + i]) *
                 b[gemm.transpose_b ? column * k + i : i * n + column];
        }
        EXPECT_NEAR(out[row * n + column], sum, gemm.tolerance * std::max(1.0, std::abs(sum)))
            << gemm.type << " " << row << " " << column;
      }
    }
  }
}

}  // namespace
}  // namespace anymetal
