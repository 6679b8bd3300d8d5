// metal::array, array_ref, uniform, sequences, bit-fields, unions and vectors of 64 bits: one
// kernel each, whose numbers are computed by hand or by the host's own types.
#include "run_text.h"

namespace anymetal {
namespace {

TEST(LibraryTypes, ArraysAndReferencesToThem) {
  std::vector<float> out(12);
  ASSERT_TRUE(run_text(R"(
constant array<float, 3> kTable = {0.5f, 1.5f, 2.5f};
float total(array_ref<const float> values) {
  float sum = 0;
  for (size_t i = 0; i < values.size(); ++i) sum += values[i];
  return sum;
}
template <typename T, size_t N>
T last(thread const array<T, N>& values) { return values.back(); }
kernel void k(device float* out) {
  array<float, 4> a = {1, 2, 3, 4};
  threadgroup array<int, 8> shared;
  for (int i = 0; i < 8; ++i) shared[i] = i * i;
  array_ref<float> r = a;
  r[1] = 20;
  float plain[3] = {7, 8, 9};
  out[0] = a[1];
  out[1] = total(array_ref<const float>(a.data(), a.size()));
  out[2] = total(make_array_ref(static_cast<const thread float*>(plain), 3));
  out[3] = last(a) + a.front();
  out[4] = shared[5] + shared.size();
  array<int2, 2> pairs{int2(1, 2), int2(3, 4)};
  out[5] = pairs[1].y;
  a.fill(2.5f);
  for (float x : a) out[6] += x;
  array_ref<device float> d(out, 3);
  out[7] = d.size() + (d.empty() ? 100 : 0) + d[0];
  out[8] = kTable[2] + kTable.size();
  array<array<float, 2>, 2> nested = {{{1, 2}, {3, 4}}};
  out[9] = nested[1][0];
  out[10] = make_array_ref(plain).size();
  out[11] = a == array<float, 4>{2.5f, 2.5f, 2.5f, 2.5f};
})",
                       {argument(out)}, 1, 1));
  EXPECT_EQ(out, (std::vector<float>{20, 28, 24, 5, 33, 4, 10, 23, 5.5f, 3, 3, 1}));
}

TEST(LibraryTypes, UniformPairsAndSequences) {
  std::vector<float> out(8);
  std::vector<int> n = {3};
  ASSERT_TRUE(run_text(R"(
template <size_t... i>
float dot_up(thread const float* v, index_sequence<i...>) { return ((v[i] * float(i + 1)) + ...); }
kernel void k(device float* out, constant int& n) {
  uniform<int> u = n;
  uniform<int> v = u * u + make_uniform(1);
  u += 2;
  for (uniform<int> i = 0; i < u; i += 1) out[0] += float(i);
  out[1] = v;
  pair<int, float> p = make_pair(3, 0.5f);
  out[2] = p.first * p.second;
  int a = 1, b = 2;
  swap(a, b);
  out[3] = a * 10 + b + exchange(a, 7) * 100 + a * 1000;
  const float values[] = {1, 2, 3};
  out[4] = dot_up(values, make_index_sequence<3>());
  out[5] = make_vector_t<float, 3>(1, 2, 3).z + sizeof(make_scalar_t<half4>) + vec_size<packed_float3>::value;
  out[6] = float(numeric_limits<half>::max()) + numeric_limits<uchar>::max();
  out[7] = is_same_v<common_type_t<half, float, int>, float>;
})",
                       {argument(out), argument(n)}, 1, 1));
  EXPECT_EQ(out, (std::vector<float>{10, 10, 1.5f, 7221, 14, 8, 65759, 1}));
}

// Clang lays these out as the host's Clang does.
struct Fields {
  uint32_t a : 5, b : 11, c : 16;
  int32_t d : 7;
  uint32_t e : 20;
};

TEST(LibraryTypes, BitFieldsAndUnions) {
  std::vector<Fields> fields(2, Fields{});
  std::vector<uint32_t> out(6);
  ASSERT_TRUE(run_text(R"(
struct Fields { uint a : 5, b : 11, c : 16; int d : 7; uint e : 20; };
union Bits { float f; uint u; uchar4 c; half2 h; };
kernel void k(device Fields* fields, device uint* out) {
  fields[1].a = 37; fields[1].b = 2047; fields[1].c = 0xabcd; fields[1].d = -5; fields[1].e += 3;
  Fields copy = fields[1];
  copy.d -= 60;
  out[0] = uint(copy.d);
  out[1] = copy.a;
  Bits bits;
  bits.f = 1.5f;
  out[2] = bits.u;
  out[3] = bits.c.w;
  bits.h = half2(1, 2);
  out[4] = bits.u;
  out[5] = sizeof(Fields);
})",
                       {argument(fields), argument(out)}, 1, 1));
  EXPECT_EQ(fields[1].a, 5u);
  EXPECT_EQ(fields[1].b, 2047u);
  EXPECT_EQ(fields[1].c, 0xabcdu);
  EXPECT_EQ(fields[1].d, -5);
  EXPECT_EQ(fields[1].e, 3u);
  EXPECT_EQ(out, (std::vector<uint32_t>{63, 5, 0x3fc00000, 0x3f, 0x40003c00, sizeof(Fields)}));
}

TEST(LibraryTypes, VectorsOf64Bits) {
  std::vector<int64_t> in = {1, -2, int64_t(3) << 40, INT64_MIN}, out(24);
  ASSERT_TRUE(run_text(R"(
kernel void k(device const long4* in, device long* out) {
  const long4 v = in[0];
  device long4* o = (device long4*)out;
  o[0] = v * 3 - 1;
  o[1] = v >> 2;
  o[2] = long4(ulong4(v) >> 2ul);
  o[3] = select(v, v.wzyx, v < v.wzyx);
  o[4] = long4(abs(v.xyz), long(popcount(ulong(v.w))));
  o[5] = long4(float4(v)) + long4(mulhi(v.x, v.z), clz(ulong(v.z)), max(v.y, v.z), as_type<long>(float2(0, 1)));
})",
                       {argument(in), argument(out)}, 1, 1));
  for (int i = 0; i < 4; ++i) {
    EXPECT_EQ(out[i], int64_t(uint64_t(in[i]) * 3 - 1)) << i;
    EXPECT_EQ(out[4 + i], in[i] >> 2) << i;
    EXPECT_EQ(out[8 + i], int64_t(uint64_t(in[i]) >> 2)) << i;
    EXPECT_EQ(out[12 + i], std::max(in[i], in[3 - i])) << i;
  }
  const int64_t rest[] = {1, 2, int64_t(3) << 40, 1, 1, 20, int64_t(6) << 40};
  for (int i = 0; i < 7; ++i) {
    if (i == 5) {
      EXPECT_EQ(out[21], -2 + 22);
    } else {
      EXPECT_EQ(out[16 + i], rest[i]) << i;
    }
  }
  EXPECT_EQ(out[23], int64_t(uint64_t(INT64_MIN) + 0x3f80000000000000u));
}

// a (C columns of R) times b (K columns of C), transposed, scaled, added: every shape, with small
// integers, which are exact in half too. One kernel for each shape: all in one would compile long.
std::string shape_text(const std::string& type, int c, int r, int k) {
  return "constant int C = " + std::to_string(c) + ", R = " + std::to_string(r) +
         ", K = " + std::to_string(k) + ";\ntypedef " + type + " T;\n" + R"(
kernel void k(device float* out, constant int& zero) {
  matrix<T, C, R> a;
  matrix<T, K, C> b;
  vec<T, C> v;
  vec<T, R> w;
  for (int c = 0; c < C; ++c)
    for (int r = 0; r < R; ++r) a[c][r] = T(c * 3 - r + 1 + zero);
  for (int k = 0; k < K; ++k)
    for (int c = 0; c < C; ++c) b[k][c] = T(k - 2 * c + 3 + zero);
  for (int c = 0; c < C; ++c) v[c] = T(c + 1);
  for (int r = 0; r < R; ++r) w[r] = T(2 * r + 1);
  matrix<T, K, R> ab = a * b;
  matrix<T, C, R> twice = a + a * T(3) - T(2) * a;
  matrix<T, R, C> turned = transpose(-(-twice));
  vec<T, R> av = a * v;
  vec<T, C> wa = w * a;
  for (int i = 0; i < K * R; ++i) out[i / R * 4 + i % R] = ab[i / R][i % R];
  for (int i = 0; i < C * R; ++i) out[16 + i / R * 4 + i % R] = turned[i % R][i / R];
  for (int r = 0; r < R; ++r) out[32 + r] = av[r];
  for (int c = 0; c < C; ++c) out[36 + c] = wa[c];
})";
}

void check_shape(const std::string& type, int c, int r, int k) {
  SCOPED_TRACE(type + std::to_string(c) + "x" + std::to_string(r));
  std::vector<float> o(40);
  std::vector<int> zero = {0};
  ASSERT_TRUE(run_text(shape_text(type, c, r, k), {argument(o), argument(zero)}, 1, 1));
  const auto a = [](int column, int row) { return column * 3 - row + 1; };
  const auto b = [](int column, int row) { return column - 2 * row + 3; };
  for (int row = 0; row < r; ++row) {
    int av = 0;
    for (int i = 0; i < c; ++i) av += a(i, row) * (i + 1);
    EXPECT_EQ(o[32 + row], av);
    for (int column = 0; column < k; ++column) {
      int sum = 0;
      for (int i = 0; i < c; ++i) sum += a(i, row) * b(column, i);
      EXPECT_EQ(o[column * 4 + row], sum);
    }
  }
  for (int column = 0; column < c; ++column) {
    int wa = 0;
    for (int row = 0; row < r; ++row) {
      wa += (2 * row + 1) * a(column, row);
      EXPECT_EQ(o[16 + column * 4 + row], 2 * a(column, row));
    }
    EXPECT_EQ(o[36 + column], wa);
  }
}

TEST(LibraryTypes, MatricesOfEveryShape) {
  for (int c = 2; c <= 4; ++c) {
    for (int r = 2; r <= 4; ++r) check_shape((c + r) % 2 ? "half" : "float", c, r, 2 + (c + r) % 3);
  }
  check_shape("half", 4, 4, 4);
}

}  // namespace
}  // namespace anymetal
