// Which loops are asked for before they begin, and that their checks are gone. That results stay
// what they were at the ends of buffers is shown where code runs (backend/cpu/robust_test.cc).
#include "simt/transform/hoist_checks.h"

#include <gtest/gtest.h>
#include <llvm/AsmParser/Parser.h>
#include <llvm/IR/InstIterator.h>
#include <llvm/IR/Module.h>
#include <llvm/IR/Verifier.h>
#include <llvm/Support/SourceMgr.h>
#include <llvm/Support/raw_ostream.h>

#include "simt/analysis/control_flow.h"
#include "simt/analysis/guards.h"
#include "simt/transform/separate_full_turns.h"

namespace anymetal::simt {
namespace {

const Geometry kGeometry{.size = {64, 1, 1}, .dispatch_size = {64, 1, 1}, .chunk = 16};

/// A loop from %first on, in steps, while below %n; `%index` is computed from its counter %j.
std::string kernel(const std::string& first, unsigned step, const std::string& index,
                   const std::string& more = "") {
  return R"(
declare i32 @am.thread_index_in_threadgroup() nounwind willreturn memory(none)
declare void @am.threadgroup_barrier(i32) convergent nounwind
declare i1 @simt.inside(i64, i64) nounwind willreturn memory(none)
declare ptr addrspace(1) @simt.guarded.1(ptr addrspace(1), i1) nounwind willreturn memory(none)
define void @k(ptr addrspace(1) %x, i32 %n, i32 %pitch, i64 %bytes) {
entry:
  %t = call i32 @am.thread_index_in_threadgroup()
  %some = icmp ult i32 )" +
         first + R"(, %n
  br i1 %some, label %before, label %end
before:
  br label %loop
loop:
  %j = phi i32 [ )" +
         first + R"(, %before ], [ %next, %loop ]
)" + index +
         R"(
  %w = zext i32 %index to i64
  %o = shl i64 %w, 2
  %p = getelementptr i8, ptr addrspace(1) %x, i64 %o
  %i = call i1 @simt.inside(i64 %o, i64 %bytes)
  %g = call ptr addrspace(1) @simt.guarded.1(ptr addrspace(1) %p, i1 %i)
  store float 1.0, ptr addrspace(1) %g
)" + more +
         R"(
  %next = add nuw i32 %j, )" +
         std::to_string(step) + R"(
  %on = icmp ult i32 %next, %n
  br i1 %on, label %loop, label %exit
exit:
  br label %end
end:
  ret void
}
)";
}

struct Counts {
  unsigned checked = 0, unchecked = 0;
  bool operator==(const Counts&) const = default;
};

/// Stores after the loop was looked at.
Counts hoisted(const std::string& text) {
  llvm::LLVMContext context;
  llvm::SMDiagnostic diagnostic;
  const auto module = llvm::parseAssemblyString(text, diagnostic, context);
  EXPECT_TRUE(module) << diagnostic.getMessage().str() << " in line " << diagnostic.getLineNo();
  if (!module) return {};
  llvm::Function& function = *module->getFunction("k");
  separate_full_turns(function, kGeometry);
  hoist_checks(function, kGeometry);
  std::string error;
  llvm::raw_string_ostream stream(error);
  EXPECT_FALSE(llvm::verifyFunction(function, &stream)) << error;
  Counts counts;
  for (const llvm::Instruction& instruction : llvm::instructions(function)) {
    const llvm::Value* pointer = llvm::getLoadStorePointerOperand(&instruction);
    if (!pointer) continue;
    (callee_name(pointer).starts_with(kGuarded) ? counts.checked : counts.unchecked) += 1;
  }
  return counts;
}

TEST(HoistChecks, LoopsThatCountToANumber) {
  const Counts both{.checked = 1, .unchecked = 1};
  EXPECT_EQ(hoisted(kernel("0", 1, "%index = add i32 %j, %t")), both);
  EXPECT_EQ(hoisted(kernel("0", 1, "%row = mul i32 %j, %pitch\n  %index = add i32 %row, %t")),
            both);
}

TEST(HoistChecks, SeveralAccessesOfOnePlaceAskOnce) {
  // More accesses than questions are asked at most.
  std::string more;
  for (int each = 0; each < 20; ++each) {
    const std::string n = std::to_string(each);
    more += "  %i" + n + " = call i1 @simt.inside(i64 %o, i64 %bytes)\n  %g" + n +
            " = call ptr addrspace(1) @simt.guarded.1(ptr addrspace(1) %p, i1 %i" + n +
            ")\n  store float 2.0, ptr addrspace(1) %g" + n + "\n";
  }
  const Counts all{.checked = 21, .unchecked = 21};
  EXPECT_EQ(hoisted(kernel("0", 1, "%index = add i32 %j, %t", more)), all);
}

TEST(HoistChecks, FullTurns) {
  // separate_full_turns has made the other loop, which keeps its check.
  const Counts both{.checked = 1, .unchecked = 1};
  EXPECT_EQ(hoisted(kernel("%t", 64, "%index = add i32 %j, %pitch")), both);
  EXPECT_EQ(hoisted(kernel("%t", 64, "%four = shl i32 %j, 2\n  %index = add i32 %four, 3")), both);
}

TEST(HoistChecks, NotWhatGoesElsewhere) {
  const Counts none{.checked = 1, .unchecked = 0};
  EXPECT_EQ(hoisted(kernel("0", 1, "%index = mul i32 %j, %j")), none);
  EXPECT_EQ(hoisted(kernel("0", 1, "%index = xor i32 %j, %t")), none);
  // Each lane has a place of its own in each turn.
  EXPECT_EQ(hoisted(kernel("0", 1, "%own = mul i32 %t, %pitch\n  %index = add i32 %own, %j")),
            none);
}

TEST(HoistChecks, LoopsThatAreLeftInTheirMiddle) {
  const Counts both{.checked = 1, .unchecked = 1};
  std::string middle = kernel("0", 1, "%index = add i32 %j, %t");
  const std::string end = "br i1 %on, label %loop, label %exit";
  ASSERT_NE(middle.find(end), std::string::npos) << middle;
  middle.replace(middle.find(end), end.size(),
                 "br i1 %on, label %latch, label %exit\nlatch:\n  br label %loop");
  middle.replace(middle.find(", %loop ]"), 9, ", %latch ]");
  EXPECT_EQ(hoisted(middle), both);
}

TEST(HoistChecks, NotLoopsWithBarriers) {
  const Counts none{.checked = 1, .unchecked = 0};
  EXPECT_EQ(hoisted(kernel("0", 1, "%index = add i32 %j, %t",
                           "  call void @am.threadgroup_barrier(i32 2)")),
            none);
}

}  // namespace
}  // namespace anymetal::simt
