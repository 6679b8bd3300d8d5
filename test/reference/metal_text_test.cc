// Kernels as people write them, from Metal text to numbers on the reference executor: what its own
// tests show on LLVM text, here with the code that Clang really makes.
#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "backend/backend.h"
#include "ir/thread_ir.h"
#include "language/language.h"

namespace anymetal {
namespace {

using backend::Argument;
using backend::Bounds;

std::unique_ptr<backend::CompiledKernel> compile_text(const std::string& text,
                                                      Bounds bounds = Bounds::error) {
  const language::Source source{
      .text = "#include <metal_stdlib>\nusing namespace metal;\n#line 1\n" + text,
      .name = "k.metal",
      .marks = {}};
  auto library = language::parse(source, {});
  if (!library.ok()) {
    ADD_FAILURE() << library.error().text();
    return nullptr;
  }
  auto ir = (*library)->emit((*library)->kernels()[0].name);
  if (!ir.ok()) {
    ADD_FAILURE() << ir.error().text();
    return nullptr;
  }
  auto kernel = backend::reference_backend().compile(std::move(*ir), {.bounds = bounds});
  if (!kernel.ok()) {
    ADD_FAILURE() << kernel.error().text();
    return nullptr;
  }
  return std::move(*kernel);
}

template <class T>
Argument argument(std::vector<T>& values) {
  return {values.data(), values.size() * sizeof(T)};
}

Result<void> run(backend::CompiledKernel& kernel, backend::Extent grid, backend::Extent threadgroup,
                 std::vector<Argument> arguments, uint64_t seed = 0) {
  return kernel.run(
      {.grid = grid, .threadgroup = threadgroup, .arguments = arguments, .schedule_seed = seed});
}

const char* const kMatmul = R"(
kernel void matmul(device const float* a [[buffer(0)]], device const float* b [[buffer(1)]],
                   device float* c [[buffer(2)]], constant uint& n [[buffer(3)]],
                   uint2 at [[thread_position_in_grid]], uint2 local [[thread_position_in_threadgroup]]) {
  threadgroup float left[16][16];
  threadgroup float right[16][16];
  float sum = 0;
  for (uint tile = 0; tile < n; tile += 16) {
    left[local.y][local.x] = a[at.y * n + tile + local.x];
    right[local.y][local.x] = b[(tile + local.y) * n + at.x];
    threadgroup_barrier(mem_flags::mem_threadgroup);
    for (uint k = 0; k < 16; ++k) sum += left[local.y][k] * right[k][local.x];
    threadgroup_barrier(mem_flags::mem_threadgroup);
  }
  c[at.y * n + at.x] = sum;
}
)";

TEST(MetalText, TiledMatmul) {
  auto kernel = compile_text(kMatmul);
  ASSERT_TRUE(kernel);
  std::vector<uint32_t> n{64};
  std::vector<float> a(64 * 64), b(64 * 64), c(64 * 64);
  for (size_t i = 0; i < a.size(); ++i) a[i] = float(i % 7), b[i] = float(i % 5) - 2;
  for (const uint64_t seed : {0, 1, 2}) {
    ASSERT_TRUE(
        run(*kernel, {64, 64}, {16, 16}, {argument(a), argument(b), argument(c), argument(n)}, seed)
            .ok());
    for (size_t y = 0; y < 64; ++y) {
      for (size_t x = 0; x < 64; ++x) {
        float sum = 0;
        for (size_t k = 0; k < 64; ++k) sum += a[y * 64 + k] * b[k * 64 + x];
        ASSERT_EQ(c[y * 64 + x], sum) << y << " " << x;
      }
    }
  }
}

TEST(MetalText, SoftmaxOverRowsInTwoLevels) {
  auto kernel = compile_text(R"(
kernel void softmax(device const float* x [[buffer(0)]], device float* y [[buffer(1)]], constant uint& n [[buffer(2)]],
                    uint row [[threadgroup_position_in_grid]], uint tid [[thread_index_in_threadgroup]],
                    uint threads [[threads_per_threadgroup]], uint lane [[thread_index_in_simdgroup]],
                    uint group [[simdgroup_index_in_threadgroup]]) {
  threadgroup float part[32];
  float most = -INFINITY;
  for (uint i = tid; i < n; i += threads) most = max(most, x[row * n + i]);
  most = simd_max(most);
  if (group == 0) part[lane] = -INFINITY;
  threadgroup_barrier(mem_flags::mem_threadgroup);
  if (lane == 0) part[group] = most;
  threadgroup_barrier(mem_flags::mem_threadgroup);
  most = simd_max(part[lane]);
  float sum = 0;
  for (uint i = tid; i < n; i += threads) sum += exp(x[row * n + i] - most);
  sum = simd_sum(sum);
  threadgroup_barrier(mem_flags::mem_threadgroup);
  if (group == 0) part[lane] = 0;
  threadgroup_barrier(mem_flags::mem_threadgroup);
  if (lane == 0) part[group] = sum;
  threadgroup_barrier(mem_flags::mem_threadgroup);
  sum = simd_sum(part[lane]);
  for (uint i = tid; i < n; i += threads) y[row * n + i] = exp(x[row * n + i] - most) / sum;
}
)");
  ASSERT_TRUE(kernel);
  std::vector<uint32_t> n{300};
  std::vector<float> x(5 * 300), y(5 * 300);
  for (size_t i = 0; i < x.size(); ++i) x[i] = std::sin(float(i)) * 5;
  ASSERT_TRUE(run(*kernel, {5 * 128}, {128}, {argument(x), argument(y), argument(n)}).ok());
  for (size_t row = 0; row < 5; ++row) {
    double sum = 0;
    for (size_t i = 0; i < 300; ++i) sum += std::exp(double(x[row * 300 + i]));
    for (size_t i = 0; i < 300; ++i) {
      ASSERT_NEAR(y[row * 300 + i], std::exp(double(x[row * 300 + i])) / sum, 1e-7)
          << row << " " << i;
    }
  }
}

std::string error_of(const std::string& text, std::vector<Argument> arguments, uint32_t threads) {
  auto kernel = compile_text(text);
  if (!kernel) return "doesn't compile";
  const auto result = run(*kernel, {threads}, {32}, std::move(arguments));
  return result.ok() ? "" : result.error().message;
}

TEST(MetalText, BoundsErrorsNameTheUsersLine) {
  std::vector<float> x(64), out(64);
  EXPECT_EQ(
      error_of(
          "kernel void k(device const float* x [[buffer(0)]], device float* out [[buffer(1)]],\n"
          "              uint id [[thread_position_in_grid]]) {\n"
          "  float before = x[id + 6];\n"
          "  out[id] = before;\n"
          "}\n",
          {argument(x), argument(out)}, 64),
      "kernel 'k': read outside buffer 'x' at k.metal:3: thread (58,0,0) reads element 64 of 64 "
      "(float)");
  // Element 64 is four.z, which isn't used.
  EXPECT_EQ(
      error_of(
          "kernel void k(device const float* x [[buffer(0)]], device float* out [[buffer(1)]],\n"
          "              uint id [[thread_position_in_grid]]) {\n"
          "  float4 four = *(device const float4*)(x + 2 * id);\n"
          "  out[id] = four.x + four.w;\n"
          "}\n",
          {argument(x), argument(out)}, 64),
      "kernel 'k': read outside buffer 'x' at k.metal:3: thread (31,0,0) reads element 65 of 64 "
      "(float)");
  EXPECT_EQ(
      error_of(
          "kernel void k(device const float* x [[buffer(0)]], device float* out [[buffer(1)]],\n"
          "              uint id [[thread_position_in_grid]]) {\n"
          "  threadgroup float part[8];\n"
          "  part[id] = x[id];\n"
          "  out[id] = part[id];\n"
          "}\n",
          {argument(x), argument(out)}, 64),
      "kernel 'k': write outside threadgroup memory 'part' at k.metal:4: thread (8,0,0) writes "
      "element 8 of 8 "
      "(float)");
  EXPECT_EQ(
      error_of(
          "kernel void k(device const float* x [[buffer(0)]], device float* out [[buffer(1)]],\n"
          "              uint id [[thread_position_in_grid]]) {\n"
          "  float own[5];\n"
          "  for (uint i = 0; i < 5; ++i) own[i] = x[i];\n"
          "  out[id] = own[id];\n"
          "}\n",
          {argument(x), argument(out)}, 64),
      "kernel 'k': read outside variable 'own' at k.metal:5: thread (5,0,0) reads element 5 of 5 "
      "(float)");
  EXPECT_EQ(
      error_of(
          "kernel void k(device const float* x [[buffer(0)]], device float* out [[buffer(1)]],\n"
          "              uint id [[thread_position_in_grid]]) {\n"
          "  atomic_fetch_add_explicit((device atomic_float*)out + 80, x[id], "
          "memory_order_relaxed);\n"
          "}\n",
          {argument(x), argument(out)}, 64),
      "kernel 'k': write outside buffer 'out' at k.metal:3: thread (0,0,0) writes element 80 of 64 "
      "(float)");
}

TEST(MetalText, AtomicsFromAllThreads) {
  auto kernel = compile_text(R"(
kernel void histogram(device const uint* x [[buffer(0)]], device atomic_uint* bins [[buffer(1)]],
                      uint id [[thread_position_in_grid]], uint tid [[thread_index_in_threadgroup]]) {
  threadgroup atomic_uint local[16];
  if (tid < 16) atomic_store_explicit(&local[tid], 0, memory_order_relaxed);
  threadgroup_barrier(mem_flags::mem_threadgroup);
  atomic_fetch_add_explicit(&local[x[id] % 16], 1, memory_order_relaxed);
  threadgroup_barrier(mem_flags::mem_threadgroup);
  if (tid < 16) {
    atomic_fetch_add_explicit(&bins[tid], atomic_load_explicit(&local[tid], memory_order_relaxed), memory_order_relaxed);
  }
}
)");
  ASSERT_TRUE(kernel);
  std::vector<uint32_t> x(20'000), bins(16), expected(16);
  for (size_t i = 0; i < x.size(); ++i) ++expected[(x[i] = uint32_t(i * i >> 3)) % 16];
  ASSERT_TRUE(run(*kernel, {20'000}, {256}, {argument(x), argument(bins)}).ok());
  EXPECT_EQ(bins, expected);
}

TEST(MetalText, ShufflesAndVotesInDivergentLoops) {
  // Each lane counts down from its own number; in each round the active lanes add up what is left.
  auto kernel = compile_text(R"(
kernel void k(device uint* out [[buffer(0)]], uint id [[thread_position_in_grid]],
              uint lane [[thread_index_in_simdgroup]]) {
  uint sum = 0;
  for (uint left = lane % 7; left > 0; --left) {
    if (left == 5) continue;
    sum += simd_sum(left);
  }
  out[id] = sum * 100 + popcount((uint)(ulong)simd_ballot(lane % 3 == 0));
}
)");
  ASSERT_TRUE(kernel);
  std::vector<uint32_t> out(64), expected(64);
  for (uint32_t first = 0; first < 64; first += 32) {
    uint32_t sums[32] = {};
    for (uint32_t round = 0; round < 7; ++round) {
      uint32_t sum = 0;
      const auto left = [&](uint32_t lane) { return lane % 7 > round ? lane % 7 - round : 0; };
      for (uint32_t lane = 0; lane < 32; ++lane) sum += left(lane) != 5 ? left(lane) : 0;
      for (uint32_t lane = 0; lane < 32; ++lane)
        sums[lane] += left(lane) != 5 && left(lane) != 0 ? sum : 0;
    }
    for (uint32_t lane = 0; lane < 32; ++lane) expected[first + lane] = sums[lane] * 100 + 11;
  }
  for (const uint64_t seed : {0, 1, 2, 3}) {
    ASSERT_TRUE(run(*kernel, {64}, {64}, {argument(out)}, seed).ok());
    EXPECT_EQ(out, expected);
  }
}

// Looks at its neighbours first and asks afterwards whether they exist.
const char* const kNeighbours = R"(
struct Pair { float left, right; };
kernel void blur(device const float* x [[buffer(0)]], device float* out [[buffer(1)]], constant uint& n [[buffer(2)]],
                 uint id [[thread_position_in_grid]]) {
  Pair pair;
  pair.left = x[int(id) - 1];
  pair.right = x[id + 1];
  float2 both = float2(pair.left, id);
  half4 wide = half4(x[id + 1]);
  float sum = 0;
  for (int d = -1; d <= 1; ++d) {
    const float v = exp(x[int(id) + d] * 0.0f);
    const bool exists = int(id) + d >= 0 && id + d < n;
    sum += exists ? v : 0;
  }
  out[id] = (id > 0 ? both.x : 0) + (id + 1 < n ? pair.right + wide.w * 0 : 0) + sum;
}
)";

TEST(MetalText, ReadsThatAreThrownAwayAreFine) {
  auto kernel = compile_text(kNeighbours);
  ASSERT_TRUE(kernel);
  std::vector<uint32_t> n{100};
  std::vector<float> x(100), out(100);
  std::iota(x.begin(), x.end(), 1.0f);
  const auto result = run(*kernel, {100}, {32}, {argument(x), argument(out), argument(n)});
  ASSERT_TRUE(result.ok()) << result.error().text();
  for (size_t i = 0; i < 100; ++i) {
    const bool left = i > 0, right = i < 99;
    EXPECT_EQ(out[i], (left ? float(i) + 1 : 0) + (right ? float(i) + 3 : 0) + 1) << i;
  }
  n[0] = 101;  // so it takes x[100] for a neighbour
  const auto used = run(*kernel, {100}, {32}, {argument(x), argument(out), argument(n)});
  ASSERT_FALSE(used.ok());
  EXPECT_NE(used.error().message.find("read outside buffer 'x' at k.metal:"), std::string::npos)
      << used.error().message;
  EXPECT_NE(used.error().message.find("thread (99,0,0) reads element 100 of 100 (float)"),
            std::string::npos)
      << used.error().message;
}

TEST(MetalText, RobustKernelsMayReadTooFar) {
  auto kernel = compile_text(R"(
kernel void blur(device const float* x [[buffer(0)]], device float* out [[buffer(1)]], constant uint& n [[buffer(2)]],
                 uint id [[thread_position_in_grid]]) {
  float left = x[int(id) - 1], right = x[id + 1];
  out[id] = (id > 0 ? left : 0) + (id + 1 < n ? right : 0);
  out[id + 1000000] = 1;
}
)",
                             Bounds::robust);
  ASSERT_TRUE(kernel);
  std::vector<uint32_t> n{100};
  std::vector<float> x(100), out(100);
  std::iota(x.begin(), x.end(), 1.0f);
  ASSERT_TRUE(run(*kernel, {100}, {32}, {argument(x), argument(out), argument(n)}).ok());
  for (size_t i = 0; i < 100; ++i)
    EXPECT_EQ(out[i], (i > 0 ? float(i) : 0) + (i < 99 ? float(i) + 2 : 0)) << i;
}

}  // namespace
}  // namespace anymetal
