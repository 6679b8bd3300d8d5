// Which permutations fall out between a load and a store, and where they stay.
#include "backend/cpu/cancel_permutations.h"

#include <gtest/gtest.h>
#include <llvm/AsmParser/Parser.h>
#include <llvm/IR/InstIterator.h>
#include <llvm/IR/Instructions.h>
#include <llvm/IR/Module.h>
#include <llvm/IR/Verifier.h>
#include <llvm/Support/SourceMgr.h>
#include <llvm/Support/raw_ostream.h>

namespace anymetal::backend::cpu {
namespace {

/// Permutations that are left, and operations on floats.
std::pair<unsigned, unsigned> left_of(const std::string& body) {
  llvm::LLVMContext context;
  llvm::SMDiagnostic diagnostic;
  const auto module = llvm::parseAssemblyString(R"(
declare <4 x float> @llvm.fma.v4f32(<4 x float>, <4 x float>, <4 x float>)
declare <4 x i64> @llvm.fptosi.sat.v4i64.v4f32(<4 x float>)
define void @f(ptr %x, ptr %y, float %s) {
  %one = insertelement <4 x float> poison, float %s, i64 0
  %s4 = shufflevector <4 x float> %one, <4 x float> poison, <4 x i32> zeroinitializer
)" + body + "\n  ret void\n}\n",
                                                diagnostic, context);
  EXPECT_TRUE(module) << diagnostic.getMessage().str() << " in line " << diagnostic.getLineNo();
  if (!module) return {99, 99};
  llvm::Function& function = *module->getFunction("f");
  cancel_permutations(function, 4);
  EXPECT_FALSE(llvm::verifyFunction(function, &llvm::errs()));
  std::pair<unsigned, unsigned> left{0, 0};
  for (llvm::Instruction& instruction : llvm::instructions(function)) {
    const auto* shuffle = llvm::dyn_cast<llvm::ShuffleVectorInst>(&instruction);
    left.first += shuffle && !shuffle->isZeroEltSplat();
    left.second += llvm::isa<llvm::BinaryOperator, llvm::CallInst>(instruction) &&
                   instruction.getType()->isFPOrFPVectorTy();
  }
  return left;
}

/// Eight floats, two a thread.
const std::string kTakenApart = R"(
  %a = load <4 x float>, ptr %x
  %bp = getelementptr i8, ptr %x, i64 16
  %b = load <4 x float>, ptr %bp
  %even = shufflevector <4 x float> %a, <4 x float> %b, <4 x i32> <i32 0, i32 2, i32 4, i32 6>
  %odd = shufflevector <4 x float> %a, <4 x float> %b, <4 x i32> <i32 1, i32 3, i32 5, i32 7>
)";
const std::string kPutTogether = R"(
  %low = shufflevector <4 x float> %e, <4 x float> %o, <4 x i32> <i32 0, i32 4, i32 1, i32 5>
  %high = shufflevector <4 x float> %e, <4 x float> %o, <4 x i32> <i32 2, i32 6, i32 3, i32 7>
  store <4 x float> %low, ptr %y
  %yp = getelementptr i8, ptr %y, i64 16
  store <4 x float> %high, ptr %yp
)";

using Left = std::pair<unsigned, unsigned>;

TEST(CancelPermutations, TheSameInEachPart) {
  EXPECT_EQ(left_of(kTakenApart + R"(
  %e = call <4 x float> @llvm.fma.v4f32(<4 x float> %even, <4 x float> %s4, <4 x float> %even)
  %o = call <4 x float> @llvm.fma.v4f32(<4 x float> %odd, <4 x float> %s4, <4 x float> %odd)
)" + kPutTogether),
            Left(0, 2));
  // Nothing between.
  EXPECT_EQ(left_of(kTakenApart + R"(
  %e = fmul <4 x float> %even, splat (float 1.0)
  %o = fmul <4 x float> %odd, splat (float 1.0)
)" + kPutTogether),
            Left(0, 2));
}

TEST(CancelPermutations, IntrinsicsNamedAfterTheirOperandsToo) {
  EXPECT_EQ(left_of(kTakenApart + R"(
  %ei = call <4 x i64> @llvm.fptosi.sat.v4i64.v4f32(<4 x float> %even)
  %oi = call <4 x i64> @llvm.fptosi.sat.v4i64.v4f32(<4 x float> %odd)
  %e = sitofp <4 x i64> %ei to <4 x float>
  %o = sitofp <4 x i64> %oi to <4 x float>
)" + kPutTogether),
            Left(0, 0));
}

TEST(CancelPermutations, NotIfPartsDiffer) {
  EXPECT_EQ(left_of(kTakenApart + R"(
  %e = fmul <4 x float> %even, %s4
  %o = fadd <4 x float> %odd, %s4
)" + kPutTogether),
            Left(4, 2));
  // Even elements and odd ones are exchanged.
  EXPECT_EQ(left_of(kTakenApart + R"(
  %e = fmul <4 x float> %odd, %s4
  %o = fmul <4 x float> %even, %s4
)" + kPutTogether),
            Left(4, 2));
}

TEST(CancelPermutations, NotIfOthersNeedAPart) {
  EXPECT_EQ(left_of(kTakenApart + R"(
  %e = fmul <4 x float> %even, %s4
  %o = fmul <4 x float> %odd, %s4
  %far = getelementptr i8, ptr %y, i64 64
  store <4 x float> %o, ptr %far
)" + kPutTogether),
            Left(4, 2));
}

TEST(CancelPermutations, HalvesInWords) {
  EXPECT_EQ(left_of(R"(
  %a = load <8 x half>, ptr %x
  %even = shufflevector <8 x half> %a, <8 x half> poison, <4 x i32> <i32 0, i32 2, i32 4, i32 6>
  %odd = shufflevector <8 x half> %a, <8 x half> poison, <4 x i32> <i32 1, i32 3, i32 5, i32 7>
  %ew = fpext <4 x half> %even to <4 x float>
  %ow = fpext <4 x half> %odd to <4 x float>
  %e = fmul <4 x float> %ew, %s4
  %o = fmul <4 x float> %ow, %s4
  %eh = fptrunc <4 x float> %e to <4 x half>
  %oh = fptrunc <4 x float> %o to <4 x half>
  %eb = bitcast <4 x half> %eh to <4 x i16>
  %ob = bitcast <4 x half> %oh to <4 x i16>
  %el = zext <4 x i16> %eb to <4 x i32>
  %ol = zext <4 x i16> %ob to <4 x i32>
  %os = shl <4 x i32> %ol, splat (i32 16)
  %w = or disjoint <4 x i32> %os, %el
  store <4 x i32> %w, ptr %y)"),
            // Both halves of the register, each in its order, and one beside the other.
            Left(3, 2));
}

}  // namespace
}  // namespace anymetal::backend::cpu
