#include "builtins/builtins.h"

#include <gtest/gtest.h>

#include <fstream>
#include <set>
#include <sstream>

namespace anymetal::builtins {
namespace {

TEST(Builtins, NamesAreUniqueAndFoundAgain) {
  std::set<std::string> seen;
  for (const Builtin& builtin : table()) {
    for (const std::string& name : ir_names(builtin)) {
      EXPECT_TRUE(seen.insert(name).second) << name;
      const auto reference = find(name);
      ASSERT_TRUE(reference) << name;
      EXPECT_EQ(reference->builtin, &builtin);
      EXPECT_EQ(reference->type.has_value(), builtin.types != 0) << name;
      if (reference->type) {
        EXPECT_TRUE(name.ends_with("." + std::string(suffix(*reference->type)))) << name;
      }
    }
  }
  EXPECT_GT(seen.size(), 500u);
}

TEST(Builtins, FindsNoOtherName) {
  for (const char* name :
       {"", "am.", "am.exp", "am.exp.f99", "am.exp.f64", "am.simd_and.f32", "exp.f32",
        "am.exp.f32.x", "am.simd_all.bool", "am.thread_position_in_grid",
        "am.thread_position_in_grid.w", "llvm.exp.f32"}) {
    EXPECT_FALSE(find(name)) << name;
  }
}

TEST(Builtins, FindsTheRightRow) {
  const auto sum = find("am.simd_sum.bf16");
  ASSERT_TRUE(sum);
  EXPECT_EQ(sum->builtin->name, "simd_sum");
  EXPECT_EQ(sum->type, Type::bf16);
  EXPECT_TRUE(sum->builtin->convergent);
  EXPECT_EQ(sum->builtin->uniformity, Uniformity::simdgroup);
  const auto position = find("am.thread_position_in_grid.y");
  ASSERT_TRUE(position);
  EXPECT_EQ(position->builtin->uniformity, Uniformity::varying);
  EXPECT_FALSE(position->type);
}

// Every type in a signature must be one that the header can write, and T stands in it exactly if
// the row has types.
TEST(Builtins, SignaturesAreWellFormed) {
  const std::set<std::string> known = {"T",   "void", "ptr",  "f32",   "f16",   "bf16",
                                       "i8",  "u8",   "i16",  "u16",   "i32",   "u32",
                                       "i64", "u64",  "bool", "v2f32", "v4f32", "v4i32"};
  for (const Builtin& builtin : table()) {
    std::string text(builtin.signature);
    ASSERT_TRUE(text.ends_with(")")) << text;
    for (char& c : text) {
      if (c == '(' || c == ')' || c == ',') c = ' ';
    }
    std::istringstream words(text);
    bool has_t = false;
    for (std::string word; words >> word;) {
      EXPECT_TRUE(known.contains(word)) << builtin.name << ": " << word;
      has_t |= word == "T";
    }
    EXPECT_EQ(has_t, builtin.types != 0) << builtin.name;
  }
}

TEST(Builtins, GroupsStandTogether) {
  std::set<Group> closed;
  Group current = table().front().group;
  for (const Builtin& builtin : table()) {
    if (builtin.group == current) continue;
    EXPECT_TRUE(closed.insert(current).second);
    EXPECT_FALSE(closed.contains(builtin.group)) << builtin.name;
    current = builtin.group;
  }
}

TEST(Builtins, EveryRowIsDocumented) {
  for (const Builtin& builtin : table()) {
    EXPECT_FALSE(builtin.metal.empty()) << builtin.name;
    EXPECT_FALSE(builtin.doc.empty()) << builtin.name;
  }
}

TEST(Builtins, DeclarationsBindIrNames) {
  const std::string header = declarations_header();
  EXPECT_NE(
      header.find("float __am_exp(float) __asm__(\"am.exp.f32\") __attribute__((nothrow, const));"),
      std::string::npos);
  EXPECT_NE(
      header.find("_Float16 __am_simd_shuffle_and_fill_up(_Float16, _Float16, unsigned short, "
                  "unsigned short) __asm__(\"am.simd_shuffle_and_fill_up.f16\") "
                  "__attribute__((nothrow, const, convergent));"),
      std::string::npos);
  EXPECT_NE(
      header.find("void __am_threadgroup_barrier(unsigned int) __asm__(\"am.threadgroup_barrier\") "
                  "__attribute__((nothrow, convergent));"),
      std::string::npos);
  EXPECT_NE(header.find("unsigned int __am_grid_size_z() __asm__(\"am.grid_size.z\")"),
            std::string::npos);
}

TEST(Builtins, PageIsUpToDate) {
  std::ifstream file(ANYMETAL_SOURCE_DIR "/docs/builtins.md");
  ASSERT_TRUE(file);
  std::stringstream text;
  text << file.rdbuf();
  EXPECT_EQ(text.str(), documentation_page()) << "run: ./dev bless";
}

}  // namespace
}  // namespace anymetal::builtins
