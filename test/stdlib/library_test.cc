// What the standard library promises at compile time (types.metal and its like hold the static
// assertions), the attributes of its builtins in the IR, vectors, atomics, and the names that
// aren't supported yet.
#include <llvm/IR/Function.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <set>
#include <sstream>

#include "backend/narrow_floats.h"
#include "builtins/builtins.h"
#include "ir/thread_ir.h"
#include "run_text.h"

namespace anymetal {
namespace {

std::string read(const std::string& name) {
  std::ifstream file(ANYMETAL_SOURCE_DIR "/test/stdlib/" + name);
  EXPECT_TRUE(file) << name;
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

TEST(Library, TypesOverloadsAndConstants) {
  for (const MathMode mode : {MathMode::safe, MathMode::relaxed, MathMode::fast}) {
    language::Options options;
    options.math_mode = mode;
    auto library =
        language::parse({.text = read("types.metal"), .name = "types.metal", .marks = {}}, options);
    ASSERT_TRUE(library.ok()) << library.error().text();
  }
}

// Each builtin that a kernel can reach keeps the attributes of its row.
TEST(Library, BuiltinsHaveTheAttributesOfTheirRows) {
  auto library =
      language::parse({.text = read("builtins.metal"), .name = "builtins.metal", .marks = {}}, {});
  ASSERT_TRUE(library.ok()) << library.error().text();
  auto ir = (*library)->emit("all_builtins");
  ASSERT_TRUE(ir.ok()) << ir.error().text();
  std::set<std::string> reached;
  for (const llvm::Function& function : *ir->module) {
    if (!function.isDeclaration() || !function.getName().starts_with("am.")) continue;
    const auto reference = builtins::find(function.getName().str());
    ASSERT_TRUE(reference) << function.getName().str();
    const builtins::Builtin& row = *reference->builtin;
    reached.insert(std::string(row.name));
    EXPECT_EQ(function.isConvergent(), row.convergent) << row.name;
    EXPECT_EQ(function.doesNotAccessMemory(), row.memory == builtins::Memory::none) << row.name;
    EXPECT_TRUE(function.doesNotThrow()) << row.name;
  }
  for (const builtins::Builtin& row : builtins::table()) {
    EXPECT_TRUE(reached.contains(std::string(row.name)))
        << "test/stdlib/builtins.metal doesn't reach " << row.name;
  }
}

TEST(Library, Vectors) {
  std::vector<float> in = {1, 2, 3, 4, 5, 6, 7, 8}, out(64, -1.0f);
  ASSERT_TRUE(run_text(read("vectors.metal"), {argument(in), argument(out)}, 1, 1));
  // Computed by hand from the comments in vectors.metal.
  const std::vector<float> expected = {
      4,  3,  2, 1,   //  0: v.wzyx
      1,  5,  3, 2,   //  4: v.yw = (5, 2)
      1,  1,  2, 2,   //  8: v.xxyy
      11, 12, 3, 4,   // 12: v.xy += 10
      3,  4,  5, 7,   // 16: components by index, then w += 3
      2,  4,  6, 8,   // 20: v * 2
      9,  8,  7, 6,   // 24: 10 - v
      1,  0,  0, 1,   // 28: comparison as numbers
      1,  2,  3, 9,   // 32: float4(float3, 9)
      1,  2,  3, -1,  // 36: packed_float3 written at 36, the fourth untouched
      5,  7,  9, 0,   // 40: packed sum
      4,  2,  4, 2,   // 44: rgba letters
      16, 8,  4, 12,  // 48: sizes of float3, half3, bool4, packed_float3
      3,  1,  2, 0,   // 52: int vectors: % and shifts
      2,  2,  2, 2,   // 56: in threadgroup memory, compound
  };
  for (size_t i = 0; i < expected.size(); ++i) EXPECT_EQ(out[i], expected[i]) << "at " << i;
}

TEST(Library, Matrices) {
  std::vector<float> a = {2, -1, 3, 0.5f, 4, 1, -2, 7, 0, 3, 5, -1, 6, 2, 1, 8}, out(80);
  ASSERT_TRUE(run_text(read("matrices.metal"), {argument(a), argument(out)}, 1, 1));
  const auto at = [&](int column, int row) { return double(a[column * 4 + row]); };
  for (int c = 0; c < 4; ++c) {
    for (int r = 0; r < 4; ++r) {
      double product = 0;
      for (int k = 0; k < 4; ++k) product += at(k, r) * at(c, k);
      EXPECT_EQ(out[c * 4 + r], product) << c << " " << r;
      EXPECT_EQ(out[16 + c * 4 + r], at(r, c)) << "transpose " << c << " " << r;
      EXPECT_EQ(out[32 + c * 4 + r], 2 * at(c, r) - (c == r ? 3 : 0)) << c << " " << r;
    }
    double by_vector = 0, from_left = 0;
    for (int k = 0; k < 4; ++k) {
      by_vector += at(k, c) * (k + 1);
      from_left += (k + 1) * at(c, k);
    }
    EXPECT_EQ(out[48 + c], by_vector);
    EXPECT_EQ(out[52 + c], from_left);
  }
  // Leibniz' sum over all permutations.
  int order[] = {0, 1, 2, 3};
  double determinant = 0;
  do {
    int inversions = 0;
    for (int i = 0; i < 4; ++i)
      for (int j = 0; j < i; ++j) inversions += order[j] > order[i];
    double product = inversions % 2 ? -1 : 1;
    for (int i = 0; i < 4; ++i) product *= at(i, order[i]);
    determinant += product;
  } while (std::next_permutation(order, order + 4));
  EXPECT_NEAR(out[56], determinant, 1e-4 * std::abs(determinant));
  EXPECT_EQ(out[57],
            2 * (1 * 5 + 2 * 3) - 4 * (-1 * 5 - 3 * 3) + 0);  // columns (2,-1,3) (4,1,-2) (0,3,5)
  EXPECT_EQ(out[58], at(0, 0) * at(1, 1) - at(1, 0) * at(0, 1));
  EXPECT_EQ(out[59], 48);
  EXPECT_EQ(out[60], 32);
  const std::vector<float> rectangular(out.begin() + 61, out.begin() + 65);
  EXPECT_EQ(rectangular, (std::vector<float>{9, 12, 15, 1}));
}

TEST(Library, Atomics) {
  std::vector<uint32_t> out(12, 0);
  out[2] = 0xffffffff;
  std::vector<float> sum(2, 0.0f);
  std::vector<uint64_t> wide(2, 0);
  ASSERT_TRUE(
      run_text(read("atomics.metal"), {argument(out), argument(sum), argument(wide)}, 1024, 64));
  EXPECT_EQ(out[0], 1024u * 1023 / 2);  // add
  EXPECT_EQ(int32_t(out[1]), -2 * 1024);
  EXPECT_EQ(out[2], 0xffffffffu ^ 0x400);  // and of ~1024
  EXPECT_EQ(out[3], 1023u);                // or
  EXPECT_EQ(out[4], 0u);                   // xor, each bit an even number of times
  EXPECT_EQ(out[5], 1023u);                // max
  EXPECT_EQ(int32_t(out[6]), -1023);       // min
  EXPECT_EQ(out[7], 1024u);                // compare and exchange
  EXPECT_EQ(sum[0], 512.0f);
  EXPECT_EQ(sum[1], 1024.0f * 1023 / 2);  // compare and exchange on floats
  EXPECT_EQ(wide[0], (1023ull << 32) + 1);
}

TEST(Library, AtomicsOfAllTypesAndInThreadgroupMemory) {
  std::vector<uint16_t> half(4), bfloat(4);
  std::vector<uint8_t> byte(4);
  std::vector<int16_t> word(4);
  std::vector<int64_t> wide(4);
  std::vector<float> real(4), out(4);
  ASSERT_TRUE(run_text(read("atomic_types.metal"),
                       {argument(half), argument(bfloat), argument(byte), argument(word),
                        argument(wide), argument(real), argument(out)},
                       64, 64));
  const double expected[] = {64, 128, 5};
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(backend::half_value(half[i]), expected[i]);
    EXPECT_EQ(backend::bfloat_value(bfloat[i]), expected[i]);
    EXPECT_EQ(byte[i], expected[i]);
    EXPECT_EQ(word[i], expected[i]);
    EXPECT_EQ(wide[i], expected[i]);
    EXPECT_EQ(real[i], expected[i]);
  }
  EXPECT_EQ(out, (std::vector<float>{64, 32, 3 - 64, 1}));
}

// Lists in braces convert each value, and may be shorter than the vector: the rest is 0.
TEST(Library, VectorsFromLists) {
  std::vector<int> in = {-1, 7, 3};
  std::vector<float> out(20, -5.0f);
  ASSERT_TRUE(run_text(R"(
uint4 of(int a, uint b) { return {a, b, a + 1}; }
kernel void k(device int* in, device float* o) {
  const int x = in[0];
  const uint y = in[1];
  const short z = in[2];
  uint4 mixed = {x, y, z, 5};
  uint4 three = {y, y + 1, y ^ 2u};
  float4 pieces{float2(y), z, x};
  packed_float3 packed = {x, y, z};
  float4 table[2] = {{1, x, y, z}, float4(2)};
  uint4 returned = of(x, y);
  for (int i = 0; i < 4; ++i) {
    o[i] = float(int(mixed[i]));
    o[4 + i] = three[i];
    o[8 + i] = pieces[i];
    o[12 + i] = table[0][i] + returned[i] * (i > 0);
  }
  o[16] = packed.x + packed.y * packed.z;
  float3 bounded = clamp(float3(x, y, z), 0, 4);
  o[17] = bounded.x; o[18] = bounded.y; o[19] = bounded.z;
})",
                       {argument(in), argument(out)}, 1, 1));
  EXPECT_EQ(out,
            (std::vector<float>{-1, 7, 3, 5, 7, 8, 5, 0, 7, 7, 3, -1, 1, 6, 7, 3, 20, 0, 4, 3}));
}

TEST(Library, NamesThatAreNotThereYet) {
  const char* const texts[] = {
      "kernel void k(texture2d_ms<float> t [[texture(0)]], device float* o) { o[0] = 1; }",
      "kernel void k(device float* o) { depthcube<float> d; o[0] = sizeof(d); }",
      "kernel void k(device float* o) { raytracing::ray r; o[0] = sizeof(r); }",
  };
  for (const char* text : texts) {
    const Error error = parse_error(text);
    EXPECT_NE(error.text().find("is not supported yet"), std::string::npos) << text << "\n"
                                                                            << error.text();
    EXPECT_EQ(error.kind, ErrorKind::unsupported) << text << "\n" << error.text();
  }
}

}  // namespace
}  // namespace anymetal
