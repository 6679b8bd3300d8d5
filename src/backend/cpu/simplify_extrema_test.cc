// Which maxima and minima become comparisons: those of which one operand is never a NaN.
#include "backend/cpu/simplify_extrema.h"

#include <gtest/gtest.h>
#include <llvm/AsmParser/Parser.h>
#include <llvm/IR/InstIterator.h>
#include <llvm/IR/IntrinsicInst.h>
#include <llvm/IR/Module.h>
#include <llvm/IR/Verifier.h>
#include <llvm/Support/SourceMgr.h>
#include <llvm/Support/raw_ostream.h>

namespace anymetal::backend::cpu {
namespace {

/// Calls that are left of a function @f with this body.
unsigned left_of(const std::string& body) {
  llvm::LLVMContext context;
  llvm::SMDiagnostic diagnostic;
  const auto module = llvm::parseAssemblyString(R"(
declare float @llvm.maxnum.f32(float, float)
declare float @llvm.minnum.f32(float, float)
declare <4 x float> @llvm.maxnum.v4f32(<4 x float>, <4 x float>)
)" + body,
                                                diagnostic, context);
  EXPECT_TRUE(module) << diagnostic.getMessage().str() << " in line " << diagnostic.getLineNo();
  if (!module) return 99;
  llvm::Function& function = *module->getFunction("f");
  simplify_extrema(function);
  EXPECT_FALSE(llvm::verifyFunction(function, &llvm::errs()));
  unsigned left = 0;
  for (llvm::Instruction& instruction : llvm::instructions(function))
    left += llvm::isa<llvm::IntrinsicInst>(instruction);
  return left;
}

std::string running(const std::string& first) {
  return R"(
define float @f(ptr %x, i32 %n) {
entry:
  br label %again
again:
  %i = phi i32 [ 0, %entry ], [ %next, %again ]
  %top = phi float [ )" +
         first + R"(, %entry ], [ %more, %again ]
  %v = load float, ptr %x
  %more = call float @llvm.maxnum.f32(float %v, float %top)
  %next = add i32 %i, 1
  %on = icmp ult i32 %next, %n
  br i1 %on, label %again, label %end
end:
  ret float %more
}
)";
}

TEST(SimplifyExtrema, RunningMaxima) {
  EXPECT_EQ(left_of(running("0xFFF0000000000000")), 0u);
  EXPECT_EQ(left_of(running("0.0")), 0u);
}

TEST(SimplifyExtrema, NotThoseThatBeginWithNaN) {
  EXPECT_EQ(left_of(running("0x7FF8000000000000")), 1u);
}

TEST(SimplifyExtrema, NotOfUnknownValues) {
  EXPECT_EQ(left_of(R"(
define float @f(float %a, float %b) {
  %r = call float @llvm.maxnum.f32(float %a, float %b)
  ret float %r
}
)"),
            1u);
}

TEST(SimplifyExtrema, NotThroughArithmetic) {
  EXPECT_EQ(left_of(R"(
define float @f(float %a, float %b) {
  %n = call float @llvm.maxnum.f32(float %a, float 1.0)
  %zero = fsub float %n, %n
  %r = call float @llvm.minnum.f32(float %b, float %zero)
  ret float %r
}
)"),
            1u);
}

TEST(SimplifyExtrema, ThroughPermutationsAndChoices) {
  EXPECT_EQ(left_of(R"(
define <4 x float> @f(<4 x float> %a, <4 x i1> %c) {
  %n = call <4 x float> @llvm.maxnum.v4f32(<4 x float> <float 1.0, float 2.0, float 0.0, float -1.0>, <4 x float> %a)
  %s = shufflevector <4 x float> %n, <4 x float> poison, <4 x i32> <i32 2, i32 3, i32 0, i32 1>
  %m = select <4 x i1> %c, <4 x float> %n, <4 x float> zeroinitializer
  %r = call <4 x float> @llvm.maxnum.v4f32(<4 x float> %s, <4 x float> %m)
  ret <4 x float> %r
}
)"),
            0u);
}

}  // namespace
}  // namespace anymetal::backend::cpu
