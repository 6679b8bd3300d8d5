// Which loops are counted out, and by how many turns. That results stay what they were is shown
// where code runs (test/library/test_rows.py).
#include "simt/transform/unroll_rows.h"

#include <gtest/gtest.h>
#include <llvm/AsmParser/Parser.h>
#include <llvm/IR/InstIterator.h>
#include <llvm/IR/Module.h>
#include <llvm/IR/Verifier.h>
#include <llvm/Support/SourceMgr.h>
#include <llvm/Support/raw_ostream.h>

#include <string>

namespace anymetal::simt {
namespace {

const Geometry kLine{.size = {64, 1, 1}, .dispatch_size = {64, 1, 1}, .chunk = 16};
const Geometry kSquare{.size = {32, 8, 1}, .dispatch_size = {32, 8, 1}, .chunk = 16};

/// How many loads of `type` there are behind unroll_rows, of a loop over k with `body`: those of
/// all turns that it is counted out by, and those of the turns that are left over.
size_t loads(const std::string& body, const char* type = "float", const Geometry& geometry = kLine,
             const char* top = "") {
  llvm::LLVMContext context;
  llvm::SMDiagnostic diagnostic;
  const auto module = llvm::parseAssemblyString(R"(
declare i32 @am.thread_position_in_grid.x() memory(none)
declare i32 @am.thread_position_in_grid.y() memory(none)
declare float @am.simd_sum.f32(float) convergent memory(none)
declare void @keep.float(float) memory(none)
declare void @keep.double(double) memory(none)
declare void @keep.half(half) memory(none)
declare void @keep.i8(i8) memory(none)
declare i1 @simt.inside(i64, i64) memory(none) nounwind willreturn
declare ptr addrspace(1) @simt.guarded.1(ptr addrspace(1), i1) memory(none) nounwind willreturn
define void @k(ptr addrspace(1) %x, ptr addrspace(1) %y, i32 %n, i64 %bytes) {
entry:
  %t = call i32 @am.thread_position_in_grid.x()
  %u = call i32 @am.thread_position_in_grid.y()
  %row = mul i32 %t, %n
)" + std::string(top) + R"(
  %some = icmp ne i32 %n, 0
  br i1 %some, label %before, label %after
before:
  br label %again
again:
  %k = phi i32 [ 0, %before ], [ %next, %again ]
  %next = add nuw nsw i32 %k, 1
  %kw = zext i32 %k to i64
  %at = add i32 %row, %k
  %wide = zext i32 %at to i64
)" + body + R"(
  %on = icmp ult i32 %next, %n
  br i1 %on, label %again, label %behind
behind:
  br label %after
after:
  ret void
}
)",
                                                diagnostic, context);
  EXPECT_TRUE(module) << diagnostic.getMessage().str() << " in line " << diagnostic.getLineNo();
  if (!module) return 0;
  llvm::Function& function = *module->getFunction("k");
  unroll_rows(function, geometry);
  EXPECT_FALSE(llvm::verifyFunction(function, &llvm::errs()));
  size_t count = 0;
  for (const llvm::Instruction& instruction : llvm::instructions(function)) {
    std::string name;
    llvm::raw_string_ostream(name) << *instruction.getType();
    count += llvm::isa<llvm::LoadInst>(instruction) && name == type;
  }
  return count;
}

std::string load(const std::string& type, const std::string& index) {
  return "  %p = getelementptr " + type + ", ptr addrspace(1) %x, i64 " + index + "\n  %v = load " +
         type + ", ptr addrspace(1) %p\n  call void @keep." + type + "(" + type + " %v)\n";
}

TEST(UnrollRows, AsManyTurnsAsLanes) {
  EXPECT_EQ(loads(load("float", "%wide")), 17U);
  EXPECT_EQ(loads(load("i8", "%wide"), "i8"), 17U);
  EXPECT_EQ(loads(load("half", "%wide"), "half"), 17U);
  EXPECT_EQ(loads(load("double", "%wide"), "double"), 1U);
}

TEST(UnrollRows, SeveralElementsInATurn) {
  const std::string fours = R"(
  %a = getelementptr [4 x i8], ptr addrspace(1) %x, i64 %wide
  %b = getelementptr i8, ptr addrspace(1) %a, i64 1
  %c = getelementptr i8, ptr addrspace(1) %a, i64 2
  %d = getelementptr i8, ptr addrspace(1) %a, i64 3
  %va = load i8, ptr addrspace(1) %a
  %vb = load i8, ptr addrspace(1) %b
  %vc = load i8, ptr addrspace(1) %c
  call void @keep.i8(i8 %va)
  call void @keep.i8(i8 %vb)
  call void @keep.i8(i8 %vc)
)";
  EXPECT_EQ(
      loads(fours + "  %vd = load i8, ptr addrspace(1) %d\n  call void @keep.i8(i8 %vd)\n", "i8"),
      20U);
  // Every fourth is read by nobody: pieces wouldn't be whole.
  EXPECT_EQ(loads(fours, "i8"), 3U);
}

TEST(UnrollRows, NotWhatLanesReadSideBySideOrTogether) {
  const char* next = "  %tn = add i32 %t, 5\n";
  EXPECT_EQ(loads("  %ik = add i32 %tn, %k\n  %i = zext i32 %ik to i64\n" + load("float", "%i"),
                  "float", kLine, next),
            1U);
  EXPECT_EQ(loads(load("float", "%kw")), 1U);
  // Every row of the threadgroup reads the same ones, by one gather.
  EXPECT_EQ(loads(load("float", "%wide"), "float", kSquare), 1U);
  EXPECT_EQ(loads("  %sum = add i32 %at, %u\n  %i = zext i32 %sum to i64\n" + load("float", "%i"),
                  "float", kSquare),
            17U);
}

TEST(UnrollRows, NotWhereLanesMeetOrWrite) {
  EXPECT_EQ(loads(load("float", "%wide") + "  %m = call float @am.simd_sum.f32(float %v)\n"), 1U);
  EXPECT_EQ(loads(load("float", "%wide") + "  store float %v, ptr addrspace(1) %y\n"), 1U);
}

TEST(UnrollRows, NotTheWayOfThoseThatAreOutside) {
  const std::string guarded = R"(
  %offset = shl i64 %kw, 2
  %yes = call i1 @simt.inside(i64 %offset, i64 %bytes)
  %yp = getelementptr i32, ptr addrspace(1) %y, i64 %kw
  %guarded = call ptr addrspace(1) @simt.guarded.1(ptr addrspace(1) %yp, i1 %yes)
  %other = load i32, ptr addrspace(1) %guarded
)";
  EXPECT_EQ(loads(load("float", "%wide") + guarded), 1U);
}

TEST(UnrollRows, NotWhereAnIndexMayWrap) {
  Geometry large = kLine;
  large.large = 1;
  EXPECT_EQ(loads(load("float", "%wide"), "float", large), 1U);
}

}  // namespace
}  // namespace anymetal::simt
