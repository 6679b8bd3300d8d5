// Which blocks stand under a mask.
#include "simt/analysis/control_flow.h"

#include <gtest/gtest.h>
#include <llvm/AsmParser/Parser.h>
#include <llvm/IR/Module.h>
#include <llvm/Support/SourceMgr.h>

#include <string>

namespace anymetal::simt {
namespace {

/// The names of the masked blocks, in the order of the flow.
std::string masked_blocks(const std::string& body) {
  llvm::LLVMContext context;
  llvm::SMDiagnostic diagnostic;
  const auto module = llvm::parseAssemblyString(R"(
declare i32 @am.thread_index_in_threadgroup() memory(none)
declare i1 @simt.all_lanes(i1) convergent memory(none)
define void @k(ptr addrspace(1) %x, i32 %n) {
entry:
  %t = call i32 @am.thread_index_in_threadgroup()
)" + body + "}\n",
                                                diagnostic, context);
  EXPECT_TRUE(module) << diagnostic.getMessage().str() << " in line " << diagnostic.getLineNo();
  if (!module) return {};
  const Geometry geometry{.size = {256, 1, 1}, .dispatch_size = {256, 1, 1}, .chunk = 16};
  const ControlFlow flow(*module->getFunction("k"), geometry);
  std::string names;
  for (const llvm::BasicBlock* block : flow.order()) {
    if (flow.is_masked(block)) names += (names.empty() ? "" : " ") + block->getName().str();
  }
  return names;
}

TEST(ControlFlow, BehindTheQuestionForAllLanesAreAll) {
  EXPECT_EQ(masked_blocks(R"(
  %in = icmp ult i32 %t, %n
  %all = call i1 @simt.all_lanes(i1 %in)
  br i1 %all, label %full, label %some
full:
  br label %end
some:
  br i1 %in, label %body, label %end
body:
  br label %end
end:
  ret void
)"),
            "body");
}

// Lanes that leave the loop together may still have to wait for those that left it before.
TEST(ControlFlow, ButNotBehindALoopThatOthersLeaveBefore) {
  EXPECT_EQ(masked_blocks(R"(
  br label %loop
loop:
  %i = phi i32 [ %t, %entry ], [ %next, %latch ]
  %leaves = icmp ugt i32 %i, %n
  %all = call i1 @simt.all_lanes(i1 %leaves)
  br i1 %all, label %together, label %some
some:
  br i1 %leaves, label %one, label %latch
latch:
  %next = add i32 %i, 32
  br label %loop
together:
  br label %end
one:
  br label %end
end:
  ret void
)"),
            "loop some latch together one");
}

}  // namespace
}  // namespace anymetal::simt
