// Which permutations leave loops and sums, and where they stay.
#include "backend/cpu/reorder_lanes.h"

#include <gtest/gtest.h>
#include <llvm/AsmParser/Parser.h>
#include <llvm/IR/Instructions.h>
#include <llvm/IR/Module.h>
#include <llvm/IR/Verifier.h>
#include <llvm/Support/SourceMgr.h>
#include <llvm/Support/raw_ostream.h>

#include <algorithm>

#include "support/processor_time.h"

namespace anymetal::backend::cpu {
namespace {

/// Permutations of the loop before, and then.
std::pair<unsigned, unsigned> permutations(const std::string& phis, const std::string& body,
                                           const std::string& end) {
  llvm::LLVMContext context;
  llvm::SMDiagnostic diagnostic;
  const auto module = llvm::parseAssemblyString(R"(
declare <4 x float> @llvm.fma.v4f32(<4 x float>, <4 x float>, <4 x float>)
define void @f(ptr %x, ptr %y, float %s, i64 %n, <4 x float> %q0, <4 x float> %q1, i1 %skip) {
  %one = insertelement <4 x float> poison, float %s, i64 0
  %s4 = shufflevector <4 x float> %one, <4 x float> poison, <4 x i32> zeroinitializer
  br i1 %skip, label %end, label %before
before:
  br label %again
again:
  %i = phi i64 [ 0, %before ], [ %next, %again ]
)" + phis + R"(
  %far = mul i64 %i, 4096
  %p = getelementptr i8, ptr %x, i64 %far
  %a = load <4 x float>, ptr %p
  %bp = getelementptr i8, ptr %p, i64 16
  %b = load <4 x float>, ptr %bp
  %even = shufflevector <4 x float> %a, <4 x float> %b, <4 x i32> <i32 0, i32 2, i32 4, i32 6>
  %odd = shufflevector <4 x float> %a, <4 x float> %b, <4 x i32> <i32 1, i32 3, i32 5, i32 7>
)" + body + R"(
  %next = add nuw nsw i64 %i, 1
  %on = icmp ult i64 %next, %n
  br i1 %on, label %again, label %end
end:
)" + end + "\n  ret void\n}\n",
                                                diagnostic, context);
  EXPECT_TRUE(module) << diagnostic.getMessage().str() << " in line " << diagnostic.getLineNo();
  if (!module) return {99, 99};
  llvm::Function& function = *module->getFunction("f");
  const auto count = [&] {
    unsigned found = 0;
    for (llvm::BasicBlock& block : function) {
      if (block.getName() != "again") continue;
      for (llvm::Instruction& instruction : block) {
        const auto* shuffle = llvm::dyn_cast<llvm::ShuffleVectorInst>(&instruction);
        found += shuffle && !shuffle->isZeroEltSplat();
      }
    }
    return found;
  };
  const unsigned before = count();
  reorder_lanes(function, 4);
  EXPECT_FALSE(llvm::verifyFunction(function, &llvm::errs()));
  return {before, count()};
}

using Counts = std::pair<unsigned, unsigned>;

const std::string kSums = R"(
  %e = phi <4 x float> [ zeroinitializer, %before ], [ %e2, %again ]
  %o = phi <4 x float> [ zeroinitializer, %before ], [ %o2, %again ])";
const std::string kAdd = R"(
  %e1 = fmul <4 x float> %e, %s4
  %o1 = fmul <4 x float> %o, %s4
  %e2 = fadd <4 x float> %e1, %even
  %o2 = fadd <4 x float> %o1, %odd)";
const std::string kStore = R"(
  %e3 = phi <4 x float> [ zeroinitializer, %0 ], [ %e2, %again ]
  %o3 = phi <4 x float> [ zeroinitializer, %0 ], [ %o2, %again ]
  store <4 x float> %e3, ptr %y
  %yp = getelementptr i8, ptr %y, i64 16
  store <4 x float> %o3, ptr %yp)";

TEST(ReorderLanes, WhatLoopsCarry) {
  EXPECT_EQ(permutations(kSums, kAdd, kStore), (Counts{2, 0}));
}

TEST(ReorderLanes, NotWhatIsUsedInTheLoop) {
  EXPECT_EQ(permutations(kSums, kAdd + "\n  store <4 x float> %e2, ptr %y", kStore),
            (Counts{2, 2}));
}

TEST(ReorderLanes, NotWhatBeginsWithLanesOfTheirOwn) {
  std::string begun = kSums;
  begun.replace(begun.find("zeroinitializer"), 15, "%q0");
  EXPECT_EQ(permutations(begun, kAdd, kStore), (Counts{2, 2}));
}

TEST(ReorderLanes, WhatWasBegunWithOtherNumbersIsTakenBack) {
  std::string begun = kSums;
  begun.replace(begun.find("zeroinitializer"), 15, "%s4");
  EXPECT_EQ(permutations(begun, kAdd + "\n  store <4 x float> %e2, ptr %y", kStore),
            (Counts{2, 2}));
}

/// The processor time for a loop that computes three numbers `rounds` times, each from all three.
double seconds_for_rounds(int rounds) {
  const auto name = [](char letter, int round) { return "%" + (letter + std::to_string(round)); };
  std::string phis, body = "  %unused = fadd <4 x float> %even, %odd\n";
  for (const char letter : {'x', 'y', 'z'})
    phis += "  " + name(letter, 0) + " = phi <4 x float> [ %s4, %before ], [ " +
            name(letter, rounds) + ", %again ]\n";
  for (int round = 0; round < rounds; ++round) {
    std::string order = "xyz";
    for (int i = 0; i < 3; ++i) {
      body += "  " + name(order[0], round + 1) + " = call <4 x float> @llvm.fma.v4f32(";
      for (int k = 0; k < 3; ++k)
        body += std::string(k == 0 ? "" : ", ") + "<4 x float> " + name(order[k], round);
      body += ")\n";
      std::rotate(order.begin(), order.begin() + 1, order.end());
    }
  }
  const double start = processor_seconds();
  permutations(phis, body, "");
  return processor_seconds() - start;
}

TEST(ReorderLanes, EffortGrowsInProportionToWhatIsComputed) {
  constexpr int kTries = 10;
  constexpr double kMost = 9;
  double one = 1e9, four = 1e9;
  for (int i = 0; i < kTries && (i < 2 || four / one >= kMost); ++i) {
    one = std::min(one, seconds_for_rounds(4));
    four = std::min(four, seconds_for_rounds(16));
  }
  EXPECT_LT(four / one, kMost);
}

TEST(ReorderLanes, NotWhereLanesDiffer) {
  const std::string other = R"(
  %e2 = fadd <4 x float> %e, %even
  %o2 = fsub <4 x float> %o, %odd)";
  EXPECT_EQ(permutations(kSums, other, kStore), (Counts{2, 2}));
}

/// A sum of all lanes of even * `with` + odd * `with`, by additions with these flags.
std::string sum(const std::string& flags, const std::string& with) {
  const std::string add = "fadd " + flags + " <4 x float> ";
  return R"(
  %m0 = fmul <4 x float> %even, )" +
         with + R"(
  %m1 = fmul <4 x float> %odd, )" +
         with + R"(
  %t = )" +
         add +
         R"(%m0, %m1
  %t1 = shufflevector <4 x float> %t, <4 x float> poison, <4 x i32> <i32 2, i32 3, i32 0, i32 1>
  %t2 = )" +
         add +
         R"(%t, %t1
  %t3 = shufflevector <4 x float> %t2, <4 x float> poison, <4 x i32> <i32 1, i32 0, i32 3, i32 2>
  %t4 = )" +
         add +
         R"(%t2, %t3
  %all = extractelement <4 x float> %t4, i64 0
  %z = getelementptr float, ptr %y, i64 %i
  store float %all, ptr %z)";
}

TEST(ReorderLanes, SumsOfAllLanes) {
  EXPECT_EQ(permutations("", sum("reassoc", "%s4"), ""), (Counts{4, 2}));
}

TEST(ReorderLanes, NotWhereTheOrderCounts) {
  EXPECT_EQ(permutations("", sum("", "%s4"), ""), (Counts{4, 4}));
}

TEST(ReorderLanes, NotWithFactorsOfLanes) {
  EXPECT_EQ(permutations("", sum("reassoc", "%q0"), ""), (Counts{4, 4}));
}

}  // namespace
}  // namespace anymetal::backend::cpu
