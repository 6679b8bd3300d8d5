// Which loops get a copy for turns with all lanes, and that the copy has no masks. That results
// stay what they were is shown where code runs (backend/cpu/cpu_backend_test.cc).
#include "simt/transform/separate_full_turns.h"

#include <gtest/gtest.h>
#include <llvm/AsmParser/Parser.h>
#include <llvm/IR/Module.h>
#include <llvm/IR/Operator.h>
#include <llvm/IR/Verifier.h>
#include <llvm/Support/SourceMgr.h>
#include <llvm/Support/raw_ostream.h>

#include "simt/analysis/control_flow.h"
#include "simt/analysis/guards.h"

namespace anymetal::simt {
namespace {

const Geometry kGeometry{.size = {256, 1, 1}, .dispatch_size = {256, 1, 1}, .chunk = 16};

/// A loop over %i from the thread's index, with `body` before its end and `condition` as %on.
std::string loop(const std::string& body, const std::string& condition) {
  return R"(
declare i32 @am.thread_index_in_threadgroup() memory(none)
declare void @am.threadgroup_barrier(i32) convergent nounwind
define void @k(ptr addrspace(1) %x, i32 %n) {
entry:
  %t = call i32 @am.thread_index_in_threadgroup()
  %enters = icmp ult i32 %t, %n
  br i1 %enters, label %before, label %end
before:
  br label %again
again:
  %i = phi i32 [ %t, %before ], [ %next, %latch ]
  %sum = phi float [ 0.0, %before ], [ %more, %latch ]
  %wide = zext i32 %i to i64
  %at = getelementptr float, ptr addrspace(1) %x, i64 %wide
  %v = load float, ptr addrspace(1) %at
  %more = fadd float %sum, %v
)" + body +
         R"(
  br label %latch
latch:
  %next = add i32 %i, 256
)" + condition +
         R"(
  br i1 %on, label %again, label %after
after:
  %all = phi float [ %more, %latch ]
  br label %end
end:
  %result = phi float [ %all, %after ], [ 0.0, %entry ]
  %tw = zext i32 %t to i64
  %to = getelementptr float, ptr addrspace(1) %x, i64 %tw
  store float %result, ptr addrspace(1) %to
  ret void
}
)";
}

class Separated {
 public:
  explicit Separated(const std::string& text, const Geometry& geometry = kGeometry) {
    llvm::SMDiagnostic diagnostic;
    module_ = llvm::parseAssemblyString(text, diagnostic, context_);
    EXPECT_TRUE(module_) << diagnostic.getMessage().str() << " in line " << diagnostic.getLineNo();
    function_ = module_->getFunction("k");
    changed = separate_full_turns(*function_, geometry);
    std::string error;
    llvm::raw_string_ostream stream(error);
    EXPECT_FALSE(llvm::verifyFunction(*function_, &stream)) << error;
    const ControlFlow flow(*function_, geometry);
    for (llvm::BasicBlock& block : *function_) {
      const bool is_copy = block.getName().ends_with(".all");
      copies += is_copy;
      masked_copies += is_copy && flow.is_masked(&block);
      masked += flow.is_masked(&block);
      asked_in_loops += !is_copy && flow.loop_of(&block) &&
                        llvm::any_of(block, [](const llvm::Instruction& instruction) {
                          return callee_name(&instruction) == kAllLanes;
                        });
      for (const llvm::Instruction& instruction : block) {
        const auto* sum = llvm::dyn_cast<llvm::OverflowingBinaryOperator>(&instruction);
        never_wraps |= is_copy && sum && sum->hasNoUnsignedWrap();
      }
    }
  }

  bool changed = false;
  unsigned copies = 0, masked_copies = 0, masked = 0, asked_in_loops = 0;
  bool never_wraps = false;

 private:
  llvm::LLVMContext context_;
  std::unique_ptr<llvm::Module> module_;
  llvm::Function* function_;
};

TEST(SeparateFullTurns, TheCopyHasNoMasks) {
  const Separated made(loop("", "%on = icmp ult i32 %next, %n"));
  EXPECT_TRUE(made.changed);
  EXPECT_EQ(made.copies, 2u);
  EXPECT_EQ(made.masked_copies, 0u);
  EXPECT_GT(made.masked, 0u);
}

TEST(SeparateFullTurns, TheCounterStopsBeforeItWraps) {
  EXPECT_TRUE(Separated(loop("", "%on = icmp ult i32 %next, %n")).never_wraps);
  EXPECT_TRUE(Separated(loop("", "%on = icmp ugt i32 %n, %next")).never_wraps);
  // What the loop begins with says nothing about such an end.
  EXPECT_FALSE(Separated(loop("", "%on = icmp slt i32 %next, %n")).never_wraps);
}

TEST(SeparateFullTurns, NoneEvenWhereThreadsAreMissing) {
  Geometry partial = kGeometry;
  partial.is_partial = true;
  const Separated made(loop("", "%on = icmp sgt i32 %n, %next"), partial);
  EXPECT_TRUE(made.changed);
  EXPECT_EQ(made.masked_copies, 0u);
}

TEST(SeparateFullTurns, BranchesWithinTurnsKeepTheirs) {
  const Separated made(loop(R"(
  %odd = trunc i32 %i to i1
  br i1 %odd, label %writes, label %goes
writes:
  store float 1.0, ptr addrspace(1) %at
  br label %goes
goes:)",
                            "%on = icmp ult i32 %next, %n"));
  EXPECT_TRUE(made.changed);
  EXPECT_EQ(made.copies, 4u);
  EXPECT_EQ(made.masked_copies, 1u);
}

TEST(SeparateFullTurns, NotWhereLanesPartByWhatTheyComputed) {
  EXPECT_FALSE(Separated(loop("", "%on = fcmp olt float %more, 4.0")).changed);
}

TEST(SeparateFullTurns, NotWithBarriers) {
  EXPECT_FALSE(
      Separated(loop("call void @am.threadgroup_barrier(i32 2)", "%on = icmp ult i32 %next, %n"))
          .changed);
}

TEST(SeparateFullTurns, NotWithASecondWayOut) {
  EXPECT_FALSE(Separated(loop(R"(
  %odd = trunc i32 %i to i1
  br i1 %odd, label %away, label %goes
away:
  ret void
goes:)",
                              "%on = icmp ult i32 %next, %n"))
                   .changed);
}

TEST(SeparateFullTurns, TheEndOfALoopBeforeIsNoGuard) {
  const std::string text = R"(
declare i32 @am.thread_index_in_threadgroup() memory(none)
define void @k(ptr addrspace(1) %x, i32 %n, i32 %m) {
entry:
  %t = call i32 @am.thread_index_in_threadgroup()
  br label %first
first:
  %j = phi i32 [ %t, %entry ], [ %lower, %goes ]
  %leaves = icmp ult i32 %j, 33
  br i1 %leaves, label %before, label %goes
goes:
  %lower = sub i32 %j, 32
  %away = icmp ult i32 %lower, %m
  br i1 %away, label %end, label %first
before:
  br label %again
again:
  %i = phi i32 [ %t, %before ], [ %next, %again ]
  %wide = zext i32 %i to i64
  %at = getelementptr float, ptr addrspace(1) %x, i64 %wide
  store float 1.0, ptr addrspace(1) %at
  %next = add i32 %i, 256
  %on = icmp ult i32 %next, %n
  br i1 %on, label %again, label %after
after:
  br label %end
end:
  ret void
}
)";
  const Separated made(text);
  EXPECT_TRUE(made.changed);
  EXPECT_EQ(made.copies, 1u);
  EXPECT_EQ(made.masked_copies, 0u);
  EXPECT_EQ(made.asked_in_loops, 0u);
}

TEST(SeparateFullTurns, NotWhereAllLeaveTogether) {
  EXPECT_FALSE(Separated(loop("", "%on = icmp eq i32 %n, 7")).changed);
}

}  // namespace
}  // namespace anymetal::simt
