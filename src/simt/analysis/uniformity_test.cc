// What differs between steps where ways that part come together: shapes that LLVM's own analysis
// takes for the same in all steps. split_regions.cc makes gates of them.
#include "simt/analysis/uniformity.h"

#include <gtest/gtest.h>
#include <llvm/AsmParser/Parser.h>
#include <llvm/IR/InstIterator.h>
#include <llvm/IR/Instructions.h>
#include <llvm/IR/Module.h>
#include <llvm/Support/SourceMgr.h>

#include <string>

namespace anymetal::simt {
namespace {

/// The names of the phis that are the same in all steps, one behind the other.
std::string same_phis(const std::string& body) {
  llvm::LLVMContext context;
  llvm::SMDiagnostic diagnostic;
  const auto module = llvm::parseAssemblyString(
      "define void @k(ptr %frame, i32 %step) {\nentry:\n" + body + "}\n", diagnostic, context);
  EXPECT_TRUE(module) << diagnostic.getMessage().str() << " in line " << diagnostic.getLineNo();
  if (!module) return {};
  llvm::Function& function = *module->getFunction("k");
  const Uniformity uniformity(function);
  std::string names;
  for (const llvm::Instruction& instruction : llvm::instructions(function)) {
    if (!llvm::isa<llvm::PHINode>(instruction) || !uniformity.is_uniform(&instruction)) continue;
    names += (names.empty() ? "" : " ") + instruction.getName().str();
  }
  return names;
}

// LLVM's analysis follows ways until each of those that parted has been seen once; of two that go
// through several blocks, one block for each edge that was split, it doesn't see the end.
TEST(Uniformity, StepsComeToAGateByBothWays) {
  EXPECT_EQ(same_phis(R"(
  %first = icmp ult i32 %step, 3
  br i1 %first, label %over, label %in
over:
  br label %over.edge
over.edge:
  br label %gate
in:
  br label %in.edge
in.edge:
  br label %in.edge.too
in.edge.too:
  br label %gate
gate:
  %enters = phi i1 [ true, %in.edge.too ], [ false, %over.edge ]
  ret void
)"),
            "");
}

TEST(Uniformity, ValuesOfOneWayAloneStayTheSame) {
  EXPECT_EQ(same_phis(R"(
  %n = load i32, ptr %frame
  %first = icmp eq i32 %step, 0
  br i1 %first, label %over, label %in
in:
  br label %gate
over:
  br label %gate
gate:
  %enters = phi i1 [ true, %in ], [ false, %over ]
  %passed = phi i32 [ poison, %in ], [ %n, %over ]
  %all = phi i32 [ %n, %in ], [ %n, %over ]
  ret void
)"),
            "passed all");
}

TEST(Uniformity, WaysThatAllStepsTakeTogetherMeetWithoutADifference) {
  EXPECT_EQ(same_phis(R"(
  %n = load i32, ptr %frame
  %many = icmp ugt i32 %n, 7
  br i1 %many, label %again, label %over
again:
  %i = phi i32 [ 0, %entry ], [ %next, %again ]
  %next = add i32 %i, 1
  %more = icmp ult i32 %next, %step
  br i1 %more, label %again, label %in
in:
  br label %gate
over:
  br label %gate
gate:
  %enters = phi i1 [ true, %in ], [ false, %over ]
  ret void
)"),
            "i enters");
}

/// same_phis of a loop that ends as this says, behind a branch to %next or %other that steps part
/// at.
std::string same_phis_of_loop(const std::string& end) {
  return same_phis(R"(
  br label %loop
loop:
  %sum = phi i32 [ 0, %entry ], [ %more, %next ]
  %i = phi i32 [ 0, %entry ], [ %j, %next ]
  %more = add i32 %sum, %i
  %goes = icmp ult i32 %i, %step
  br i1 %goes, label %next, label %other
)" + end + "  ret void\n");
}

// What is computed anew in each turn is what each step's last turn made of it, also where no way
// out asks for the step itself.
TEST(Uniformity, StepsLeaveALoopByOneWayInOtherTurns) {
  EXPECT_EQ(same_phis_of_loop(R"(
other:
  %done = icmp ult i32 %i, 100
  br i1 %done, label %out, label %next
next:
  %j = add i32 %i, 1
  br label %loop
out:
  %last = phi i32 [ %more, %other ]
)"),
            "sum i");
}

TEST(Uniformity, OneValueThatComesByTwoWaysOutOfALoop) {
  EXPECT_EQ(same_phis_of_loop(R"(
other:
  %done = icmp ult i32 %i, 100
  br i1 %done, label %out, label %next
next:
  %j = add i32 %i, 1
  %on = icmp ult i32 %j, 200
  br i1 %on, label %loop, label %out
out:
  %last = phi i32 [ %more, %other ], [ %more, %next ]
)"),
            "sum i");
}

TEST(Uniformity, StepsThatMeetInTheTurnLeaveTogether) {
  EXPECT_EQ(same_phis_of_loop(R"(
other:
  br label %next
next:
  %j = add i32 %i, 1
  %on = icmp ult i32 %j, 200
  br i1 %on, label %loop, label %out
out:
  %last = phi i32 [ %more, %next ]
)"),
            "sum i last");
}

}  // namespace
}  // namespace anymetal::simt
