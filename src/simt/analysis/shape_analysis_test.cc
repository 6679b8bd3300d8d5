// What is known of values that chunks have different bases of.
#include "simt/analysis/shape_analysis.h"

#include <gtest/gtest.h>
#include <llvm/AsmParser/Parser.h>
#include <llvm/IR/Module.h>
#include <llvm/IR/ValueSymbolTable.h>
#include <llvm/Support/SourceMgr.h>

#include <string>

namespace anymetal::simt {
namespace {

// Two chunks of a simdgroup are two rows.
const Geometry kRows{.size = {16, 4, 1}, .dispatch_size = {16, 4, 1}, .chunk = 16};

/// Of %v, made of %y (0 in the first chunk of a simdgroup, 1 in the second) and %n.
Shape shape_of(const std::string& operation, const std::string& name = "v") {
  llvm::LLVMContext context;
  llvm::SMDiagnostic diagnostic;
  const auto module = llvm::parseAssemblyString(
      "declare i32 @am.thread_position_in_threadgroup.y() memory(none)\n"
      "declare i32 @am.thread_index_in_threadgroup() memory(none)\n"
      "define void @k(ptr addrspace(1) %x, i32 %n) {\n"
      "  %y = call i32 @am.thread_position_in_threadgroup.y()\n  %v = " +
          operation + "\n  store i32 %v, ptr addrspace(1) %x\n  ret void\n}\n",
      diagnostic, context);
  EXPECT_TRUE(module) << diagnostic.getMessage().str();
  if (!module) return {};
  llvm::Function& function = *module->getFunction("k");
  const ControlFlow flow(function, kRows);
  const ShapeAnalysis shapes(function, flow, kRows);
  return shapes.of(function.getValueSymbolTable()->lookup(name));
}

TEST(ShapeAnalysis, SumsKeepHowFarChunksAreApart) {
  for (const char* sum : {"add i32 %y, %n", "or disjoint i32 %y, %n"}) {
    const Shape shape = shape_of(sum);
    EXPECT_TRUE(shape.is_flat());
    ASSERT_TRUE(shape.knows_chunks()) << sum;
    EXPECT_EQ(shape.chunk_offset(1), 1);
  }
}

TEST(ShapeAnalysis, BitsThatMayMeetAreNoSums) {
  const Shape shape = shape_of("or i32 %y, %n");
  EXPECT_TRUE(shape.is_flat());
  EXPECT_FALSE(shape.knows_chunks());
}

/// Of 16 times a lane's number, cut to eight bits: eight lanes have the sign.
TEST(ShapeAnalysis, BitsOfLanesMayBeTheSign) {
  const auto after = [](const std::string& more) {
    return shape_of(
        "shl i32 %n, 8\n  %t = call i32 @am.thread_index_in_threadgroup()\n"
        "  %sixteen = shl i32 %t, 4\n  %narrow = trunc i32 %sixteen to i8\n" +
            more,
        "made");
  };
  EXPECT_TRUE(after("  %made = sext i8 %narrow to i32").is_varying());
  EXPECT_TRUE(after("  %made = ashr i8 %narrow, 2").is_varying());
  EXPECT_TRUE(after("  %made = zext i8 %narrow to i32").has_stride(16));
  EXPECT_TRUE(after("  %made = lshr i8 %narrow, 2").has_stride(4));
}

}  // namespace
}  // namespace anymetal::simt
