// Where masks are made: not where nobody asks for them.
#include "backend/cpu/delay_masks.h"

#include <gtest/gtest.h>
#include <llvm/AsmParser/Parser.h>
#include <llvm/IR/Instructions.h>
#include <llvm/IR/Module.h>
#include <llvm/IR/Verifier.h>
#include <llvm/Support/SourceMgr.h>
#include <llvm/Support/raw_ostream.h>

namespace anymetal::backend::cpu {
namespace {

/// Comparisons of vectors in the block of this name, once the pass has run over @f with this body
/// behind the mask.
unsigned masks_in(const std::string& block, const std::string& body) {
  llvm::LLVMContext context;
  llvm::SMDiagnostic diagnostic;
  const auto module = llvm::parseAssemblyString(R"(
declare void @use(<4 x i1>)
define void @f(i32 %n, i1 %a, i1 %b) {
entry:
  %one = insertelement <4 x i32> poison, i32 %n, i64 0
  %all = shufflevector <4 x i32> %one, <4 x i32> poison, <4 x i32> zeroinitializer
  %mask = icmp ugt <4 x i32> %all, <i32 0, i32 1, i32 2, i32 3>
)" + body + "}\n",
                                                diagnostic, context);
  EXPECT_TRUE(module) << diagnostic.getMessage().str() << " in line " << diagnostic.getLineNo();
  if (!module) return 99;
  llvm::Function& function = *module->getFunction("f");
  LlvmPasses passes(nullptr);
  delay_masks(function, passes);
  EXPECT_FALSE(llvm::verifyFunction(function, &llvm::errs()));
  unsigned found = 0;
  for (const llvm::BasicBlock& each : function) {
    if (each.getName() != block) continue;
    for (const llvm::Instruction& instruction : each)
      found += llvm::isa<llvm::ICmpInst>(instruction) && instruction.getType()->isVectorTy();
  }
  return found;
}

constexpr const char* kTwoRareUses = R"(
  br i1 %a, label %first, label %middle
first:
  call void @use(<4 x i1> %mask)
  br label %middle
middle:
  br i1 %b, label %second, label %end
second:
  call void @use(<4 x i1> %mask)
  br label %end
end:
  ret void
)";

TEST(DelayMasks, MadeWhereTheyAreUsed) {
  EXPECT_EQ(masks_in("entry", kTwoRareUses), 0u);
  EXPECT_EQ(masks_in("first", kTwoRareUses), 1u);
  EXPECT_EQ(masks_in("second", kTwoRareUses), 1u);
}

TEST(DelayMasks, OnTheWayIntoABlock) {
  const std::string body = R"(
  br i1 %a, label %first, label %end
first:
  br label %end
end:
  %some = phi <4 x i1> [ %mask, %first ], [ zeroinitializer, %entry ]
  call void @use(<4 x i1> %some)
  ret void
)";
  EXPECT_EQ(masks_in("entry", body), 0u);
  EXPECT_EQ(masks_in("first", body), 1u);
}

TEST(DelayMasks, NotWhereEveryoneComesBy) {
  const std::string body = R"(
  br i1 %a, label %first, label %end
first:
  call void @use(<4 x i1> %mask)
  br label %end
end:
  call void @use(<4 x i1> %mask)
  ret void
)";
  EXPECT_EQ(masks_in("entry", body), 1u);
}

TEST(DelayMasks, NotIntoLoops) {
  const std::string body = R"(
  br i1 %a, label %again, label %end
again:
  call void @use(<4 x i1> %mask)
  br i1 %b, label %again, label %end
end:
  ret void
)";
  EXPECT_EQ(masks_in("entry", body), 1u);
}

}  // namespace
}  // namespace anymetal::backend::cpu
