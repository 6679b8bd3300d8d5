// Matrices of simdgroups against plain loops on the host: each type, memory, stride, origin, and
// the lanes' layout that published kernels rely on.
#include <cmath>
#include <random>

#include "backend/narrow_floats.h"
#include "run_text.h"

namespace anymetal {
namespace {

using backend::bfloat_bits;
using backend::bfloat_value;
using backend::half_bits;
using backend::half_value;

std::vector<float> random_values(size_t count, unsigned seed) {
  std::mt19937 random(seed);
  std::uniform_real_distribution<float> any(-2, 2);
  std::vector<float> out(count);
  for (float& value : out) value = any(random);
  return out;
}

/// As the builtin's row says: fused, by rising index, begun with c.
float element(const float* a, const float* b, float c, size_t stride, size_t row, size_t column) {
  for (size_t k = 0; k < 8; ++k) c = std::fma(a[row * stride + k], b[k * stride + column], c);
  return c;
}

TEST(SimdgroupMatrix, MultiplyAccumulate) {
  std::vector<float> a = random_values(64, 1), b = random_values(64, 2), c = random_values(64, 3),
                     out(128);
  ASSERT_TRUE(run_text(R"(
kernel void k(device const float* a, constant float* b, device const float* c, device float* out) {
  simdgroup_float8x8 x, y, z, d;
  simdgroup_load(x, a);
  simdgroup_load(y, b);
  simdgroup_load(z, c, 8);
  simdgroup_multiply_accumulate(d, x, y, z);
  simdgroup_store(d, out);
  simdgroup_multiply(z, x, y);
  simdgroup_store(z, out + 64, 8, ulong2(0, 0));
})",
                       {argument(a), argument(b), argument(c), argument(out)}, 32));
  for (size_t i = 0; i < 64; ++i) {
    EXPECT_EQ(out[i], element(a.data(), b.data(), c[i], 8, i / 8, i % 8)) << i;
    EXPECT_EQ(out[64 + i], element(a.data(), b.data(), 0, 8, i / 8, i % 8)) << i;
  }
}

// C = A B in tiles, 24 by 40 by 16, each simdgroup one tile; with strides, origins, transposition.
TEST(SimdgroupMatrix, StridesOriginsAndTransposition) {
  const size_t rows = 24, columns = 40, depth = 16;
  std::vector<float> a = random_values(rows * depth, 4), b = random_values(depth * columns, 5),
                     bt(depth * columns), out(rows * columns), out_t(rows * columns);
  for (size_t k = 0; k < depth; ++k)
    for (size_t j = 0; j < columns; ++j) bt[j * depth + k] = b[k * columns + j];
  ASSERT_TRUE(run_text(R"(
kernel void k(device const float* a, device const float* bt, device float* out, device float* out_t,
              uint simdgroup [[simdgroup_index_in_threadgroup]]) {
  threadgroup float tile[15][8][12];
  const uint row = simdgroup / 5 * 8, column = simdgroup % 5 * 8;
  simdgroup_matrix<float, 8, 8> d = make_filled_simdgroup_matrix<float, 8>(0.0f);
  for (uint k = 0; k < 16; k += 8) {
    simdgroup_matrix<float, 8, 8> x, y;
    simdgroup_load(x, a, 16, ulong2(k, row));
    simdgroup_load(y, bt + column * 16 + k, 16, 0, true);
    simdgroup_multiply_accumulate(d, x, y, d);
  }
  simdgroup_store(d, &tile[simdgroup][0][0], 12, ulong2(2, 0));
  threadgroup_barrier(mem_flags::mem_threadgroup);
  simdgroup_load(d, (threadgroup const float*)&tile[simdgroup][0][2], 12);
  simdgroup_store(d, out, 40, ulong2(column, row));
  simdgroup_store(d, out_t, 24, ulong2(column, row), true);
})",
                       {argument(a), argument(bt), argument(out), argument(out_t)}, 15 * 32,
                       15 * 32));
  for (size_t i = 0; i < rows; ++i) {
    for (size_t j = 0; j < columns; ++j) {
      float sum = 0;
      for (size_t k = 0; k < depth; ++k) sum = std::fma(a[i * depth + k], b[k * columns + j], sum);
      EXPECT_EQ(out[i * columns + j], sum) << i << " " << j;
      EXPECT_EQ(out_t[j * rows + i], sum) << i << " " << j;
    }
  }
}

TEST(SimdgroupMatrix, LayoutDiagonalAndFill) {
  std::vector<float> ramp(64), out(64), elements(64), filled(64);
  for (size_t i = 0; i < 64; ++i) ramp[i] = float(i);
  ASSERT_TRUE(run_text(R"(
kernel void k(device const float* ramp, device float* diagonal, device float* elements, device float* filled,
              ushort lane [[thread_index_in_simdgroup]]) {
  simdgroup_store(simdgroup_float8x8(3), diagonal);
  simdgroup_float8x8 m;
  simdgroup_load(m, ramp);
  elements[2 * lane] = m.thread_elements()[0];
  elements[2 * lane + 1] = m.thread_elements().y;
  simdgroup_float8x8 two = make_filled_simdgroup_matrix<float, 8, 8>(2.0f);
  reinterpret_cast<thread float2&>(m.thread_elements()) *= 2.0f;
  simdgroup_store(m * two, filled);
})",
                       {argument(ramp), argument(out), argument(elements), argument(filled)}, 32));
  for (size_t i = 0; i < 64; ++i) EXPECT_EQ(out[i], i / 8 == i % 8 ? 3 : 0) << i;
  for (size_t lane = 0; lane < 32; ++lane) {
    // As in MLX's BaseMMAFrag::get_coord.
    const size_t quad = lane / 4, row = (quad & 4) + (lane / 2) % 4,
                 column = (quad & 2) * 2 + (lane % 2) * 2;
    EXPECT_EQ(elements[2 * lane], float(row * 8 + column)) << lane;
    EXPECT_EQ(elements[2 * lane + 1], float(row * 8 + column + 1)) << lane;
  }
  for (size_t i = 0; i < 64; ++i) {
    float sum = 0;
    for (size_t k = 0; k < 8; ++k) sum += ramp[i / 8 * 8 + k] * 4;
    EXPECT_EQ(filled[i], sum) << i;
  }
}

TEST(SimdgroupMatrix, NarrowAndMixedTypes) {
  const std::vector<float> a = random_values(64, 6), b = random_values(64, 7);
  std::vector<uint16_t> ha(64), bb(64), half_out(64), bfloat_out(64);
  std::vector<float> out(64);
  for (size_t i = 0; i < 64; ++i) ha[i] = half_bits(a[i]), bb[i] = bfloat_bits(b[i]);
  ASSERT_TRUE(run_text(
      R"(
kernel void k(device const half* a, device const bfloat* b, device float* out, device half* half_out,
              device bfloat* bfloat_out) {
  simdgroup_half8x8 x;
  simdgroup_bfloat8x8 y;
  simdgroup_float8x8 d(1);
  simdgroup_load(x, a);
  simdgroup_load(y, b);
  simdgroup_multiply_accumulate(d, x, y, d);
  simdgroup_store(d, out);
  simdgroup_half8x8 e;
  simdgroup_multiply(e, x, x);
  simdgroup_store(e, half_out);
  simdgroup_multiply_accumulate(y, y, y, y);
  simdgroup_store(y, bfloat_out);
})",
      {argument(ha), argument(bb), argument(out), argument(half_out), argument(bfloat_out)}, 32));
  std::vector<float> x(64), y(64);
  for (size_t i = 0; i < 64; ++i) x[i] = half_value(ha[i]), y[i] = bfloat_value(bb[i]);
  for (size_t i = 0; i < 64; ++i) {
    const size_t row = i / 8, column = i % 8;
    EXPECT_EQ(out[i], element(x.data(), y.data(), row == column ? 1 : 0, 8, row, column)) << i;
    EXPECT_EQ(half_out[i], half_bits(element(x.data(), x.data(), 0, 8, row, column))) << i;
    EXPECT_EQ(bfloat_out[i], bfloat_bits(element(y.data(), y.data(), y[i], 8, row, column))) << i;
  }
}

TEST(SimdgroupMatrix, WhatIsNoMatrixIsRefused) {
  for (const char* text :
       {"kernel void k(device float* o) { simdgroup_matrix<int, 8, 8> m; o[0] = sizeof(m); }",
        "kernel void k(device float* o) { simdgroup_matrix<float, 4, 4> m; o[0] = sizeof(m); }",
        "kernel void k(device half* o) { simdgroup_float8x8 m; simdgroup_store(m, o); }"}) {
    EXPECT_FALSE(parse_error(text).text().empty()) << text;
  }
}

}  // namespace
}  // namespace anymetal
