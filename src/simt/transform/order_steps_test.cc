// Where a barrier comes to stand, and where none. That racing kernels give what Apple's machines
// give is shown where code runs (test/mlx, backend/cpu/cpu_backend_test.cc).
#include "simt/transform/order_steps.h"

#include <gtest/gtest.h>
#include <llvm/AsmParser/Parser.h>
#include <llvm/IR/InstIterator.h>
#include <llvm/IR/Module.h>
#include <llvm/Support/SourceMgr.h>

#include "simt/analysis/control_flow.h"

namespace anymetal::simt {
namespace {

/// The names of what stands behind each barrier, with that of its block: "entry:mine".
std::vector<std::string> barriers_in(const std::string& body) {
  llvm::LLVMContext context;
  llvm::SMDiagnostic diagnostic;
  const auto module = llvm::parseAssemblyString(R"(
@s = external addrspace(3) global [32 x float]
@t = external addrspace(3) global [32 x float]
declare void @am.threadgroup_barrier(i32) convergent nounwind
declare void @llvm.masked.scatter.v16f32.v16p3(<16 x float>, <16 x ptr addrspace(3)>, i32, <16 x i1>)
define void @k(ptr %frame, i32 %step) {
entry:
  %mine = getelementptr float, ptr addrspace(3) @s, i32 %step
  %first = icmp eq i32 %step, 0
  %n = load i32, ptr %frame, !invariant.load !0
  %some = icmp ugt i32 %n, 7
)" + body + "}\n!0 = !{}\n",
                                                diagnostic, context);
  EXPECT_TRUE(module) << diagnostic.getMessage().str() << " in line " << diagnostic.getLineNo();
  if (!module) return {};
  llvm::Function& function = *module->getFunction("k");
  const unsigned made = order_steps(function);
  std::vector<std::string> places;
  for (const llvm::Instruction& instruction : llvm::instructions(function)) {
    if (callee_name(&instruction) != "am.threadgroup_barrier") continue;
    const llvm::Instruction* next = instruction.getNextNode();
    places.push_back((instruction.getParent()->getName() + ":" + next->getOpcodeName()).str());
  }
  EXPECT_EQ(places.size(), made);
  return places;
}

using Places = std::vector<std::string>;

TEST(OrderSteps, AStoreDoesNotOvertakeALoad) {
  EXPECT_EQ(barriers_in(R"(
  %all = load <16 x float>, ptr addrspace(3) @s
  %one = extractelement <16 x float> %all, i32 3
  store float %one, ptr addrspace(3) %mine
  store float %one, ptr addrspace(3) %mine
  ret void
)"),
            Places{"entry:store"});
}

TEST(OrderSteps, ALoadDoesNotOvertakeAStore) {
  EXPECT_EQ(barriers_in(R"(
  store float 1.0, ptr addrspace(3) %mine
  %one = load float, ptr addrspace(3) @s
  store float %one, ptr addrspace(3) @t
  ret void
)"),
            Places{"entry:load"});
}

TEST(OrderSteps, MemoryOfAStepAloneAndOtherVariablesAreFree) {
  EXPECT_EQ(barriers_in(R"(
  %old = load float, ptr addrspace(3) %mine
  %new = fadd float %old, 1.0
  store float %new, ptr addrspace(3) %mine
  store float %new, ptr addrspace(3) @t
  ret void
)"),
            Places{});
}

TEST(OrderSteps, OneStepMayWorkAlone) {
  EXPECT_EQ(barriers_in(R"(
  br i1 %first, label %alone, label %end
alone:
  %all = load <16 x float>, ptr addrspace(3) @s
  %one = extractelement <16 x float> %all, i32 3
  store float %one, ptr addrspace(3) %mine
  br label %end
end:
  ret void
)"),
            Places{});
}

TEST(OrderSteps, ConditionsOfAStepComeAfterTheBarrier) {
  EXPECT_EQ(barriers_in(R"(
  %all = load <16 x float>, ptr addrspace(3) @s
  br i1 %some, label %inside, label %end
inside:
  br i1 %first, label %alone, label %end
alone:
  %at = getelementptr float, ptr addrspace(3) @s, <16 x i32> splat (i32 3)
  call void @llvm.masked.scatter.v16f32.v16p3(<16 x float> %all, <16 x ptr addrspace(3)> %at, i32 4, <16 x i1> splat (i1 true))
  br label %end
end:
  ret void
)"),
            Places{"inside:br"});
}

TEST(OrderSteps, LoopsMeetInEachTurn) {
  EXPECT_EQ(barriers_in(R"(
  br label %again
again:
  %i = phi i32 [ 0, %entry ], [ %next, %again ]
  %all = load <16 x float>, ptr addrspace(3) @s
  %one = extractelement <16 x float> %all, i32 3
  store float %one, ptr addrspace(3) %mine
  %next = add i32 %i, 1
  %more = icmp ult i32 %next, %n
  br i1 %more, label %again, label %end
end:
  ret void
)"),
            (Places{"again:load", "again:store"}));
}

}  // namespace
}  // namespace anymetal::simt
