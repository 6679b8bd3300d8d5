// Which scalars become lanes of one vector, and which stay. What they give is compared by the
// kernels of test/run and by random ones.
#include "backend/cpu/join_scalars.h"

#include <gtest/gtest.h>
#include <llvm/AsmParser/Parser.h>
#include <llvm/IR/InstIterator.h>
#include <llvm/IR/Instructions.h>
#include <llvm/IR/Module.h>
#include <llvm/IR/Verifier.h>
#include <llvm/Support/SourceMgr.h>
#include <llvm/Support/raw_ostream.h>

#include <random>
#include <string>
#include <vector>

namespace anymetal::backend::cpu {
namespace {

/// What stands for a math function: `to` of `from`, in nine instructions.
std::string function(const std::string& to, const std::string& from,
                     const std::string& last = "fmul") {
  std::string text = "  %" + to + "0 = fsub float %" + from + ", %m\n";
  for (int i = 1; i < 8; ++i) {
    const std::string before = "%" + to + std::to_string(i - 1);
    text += "  %" + to + std::to_string(i) + " = fadd float " + before + ", " + std::to_string(i) +
            ".0\n";
  }
  return text + "  %" + to + " = " + last + " float %" + to + "7, %" + to + "7\n";
}

struct Made {
  unsigned vectors = 0;        ///< operations of vectors
  unsigned scalars = 0;        ///< of scalars
  unsigned others_spread = 0;  ///< spreads of `other`
};

Made joined(const std::string& body) {
  llvm::LLVMContext context;
  llvm::SMDiagnostic diagnostic;
  const auto module = llvm::parseAssemblyString(
      "define void @f(ptr %p, float %a, float %b, float %m) {\n" + body + "  ret void\n}\n",
      diagnostic, context);
  EXPECT_TRUE(module) << diagnostic.getMessage().str() << " in line " << diagnostic.getLineNo();
  Made made;
  if (!module) return made;
  llvm::Function& f = *module->getFunction("f");
  join_scalars(f, 16);
  EXPECT_FALSE(llvm::verifyFunction(f, &llvm::errs()));
  for (const llvm::Instruction& instruction : llvm::instructions(f)) {
    if (const auto* shuffle = llvm::dyn_cast<llvm::ShuffleVectorInst>(&instruction))
      made.others_spread += !shuffle->use_empty() && shuffle->getOperand(0)->getName() == "other";
    if (!llvm::isa<llvm::BinaryOperator>(instruction)) continue;
    ++(instruction.getType()->isVectorTy() ? made.vectors : made.scalars);
  }
  return made;
}

const std::string kStores = R"(
  store float %x, ptr %p
  %q = getelementptr float, ptr %p, i64 1
  store float %y, ptr %q
)";

TEST(JoinScalars, WhatIsAlike) {
  const Made made = joined(function("x", "a") + function("y", "b") + kStores);
  EXPECT_EQ(made.vectors, 9u);
  EXPECT_EQ(made.scalars, 0u);
}

TEST(JoinScalars, WhatFollowsFromTheFirstOneWaits) {
  const Made made =
      joined(function("x", "a") + "  %z = fmul float %x, %m\n" + "  %c = load float, ptr %p\n" +
             function("y", "c") + "  %s = fadd float %z, %y\n  store float %s, ptr %p\n");
  EXPECT_EQ(made.vectors, 9u);
  EXPECT_EQ(made.scalars, 2u);
}

TEST(JoinScalars, NotOfOneAnother) {
  const Made made = joined(function("x", "a") + function("y", "x") + kStores);
  EXPECT_EQ(made.vectors, 0u);
  EXPECT_EQ(made.scalars, 18u);
}

TEST(JoinScalars, AsFarAsTheyAreAlike) {
  const Made made = joined(function("x", "a") + function("y", "b", "fdiv") + kStores);
  EXPECT_EQ(made.vectors, 8u);
  EXPECT_EQ(made.scalars, 2u);
}

TEST(JoinScalars, NotBehindAStoreOfTheFirst) {
  const Made made =
      joined(function("x", "a") + "  store float %x, ptr %p\n" + "  %c = load float, ptr %p\n" +
             function("y", "c") + "  store float %y, ptr %p\n");
  EXPECT_EQ(made.vectors, 0u);
}

TEST(JoinScalars, WhatOthersUseStays) {
  // A step on the way is asked for by others, so that only what is behind it belongs to each.
  const Made made =
      joined(function("x", "a") + function("y", "b") + "  store float %x6, ptr %p\n" + kStores);
  EXPECT_EQ(made.vectors, 0u);
}

TEST(JoinScalars, NotWithWhatALaneBesideItNeeds) {
  // z and w are one vector first, so that what x needs comes from w's lane too, and w needs y.
  const Made made =
      joined(function("z", "a", "fdiv") + "  store float %a, ptr %p\n" + function("x", "z") +
             "  %c = load float, ptr %p\n" + function("y", "c") + function("w", "y", "fdiv") +
             kStores + "  store float %z, ptr %q\n  store float %w, ptr %q\n");
  EXPECT_EQ(made.vectors, 9u);
}

TEST(JoinScalars, NotByASpreadOfAnother) {
  // The shuffle takes its first lane from `other`; what is put into the second operand isn't asked.
  const Made made = joined(function("x", "a") + function("y", "b") + R"(
  %first = insertelement <4 x float> poison, float %x, i64 0
  %other = load <4 x float>, ptr %p
  %all = shufflevector <4 x float> %other, <4 x float> %first, <4 x i32> zeroinitializer
  %twice = fmul <4 x float> %all, %other
  store <4 x float> %twice, ptr %p
  store float %y, ptr %p
)");
  EXPECT_EQ(made.vectors, 10u);
  EXPECT_EQ(made.others_spread, 1u);
}

/// Functions, sums, loads and stores, each of something that is there by then.
std::string anything(unsigned seed) {
  std::mt19937 random(seed);
  std::vector<std::string> values = {"a", "b", "m"};
  const auto any = [&] { return values[random() % values.size()]; };
  std::string text;
  for (int i = 0; i < 40; ++i) {
    const std::string name = "v" + std::to_string(i) + "_";
    switch (random() % 6) {
      case 0:
      case 1:
        text += function(name, any(), random() % 2 ? "fmul" : "fdiv");
        break;
      case 2:
        text += "  %" + name + " = fadd float %" + any() + ", %" + any() + "\n";
        break;
      case 3:
        text += "  %" + name + " = fneg float %" + any() + "\n";
        break;
      case 4:
        text += "  %" + name + " = load float, ptr %p\n";
        break;
      default:
        if (random() % 4 == 0) text += "  store float %" + any() + ", ptr %p\n";
        continue;
    }
    values.push_back(name);
  }
  for (const std::string& value : values) text += "  store float %" + value + ", ptr %p\n";
  return text;
}

TEST(JoinScalars, InAnyOrder) {
  unsigned vectors = 0;
  for (unsigned seed = 0; seed < 300 && !HasFailure(); ++seed)
    vectors += joined(anything(seed)).vectors;
  EXPECT_GT(vectors, 0u);
}

TEST(JoinScalars, ManyThatAreAlike) {
  // One after the other, so that none goes with another: asking each about each would take minutes.
  std::string text = "  %v0 = fadd float %a, %a\n";
  for (int i = 1; i < 3000; ++i) {
    const std::string before = "%v" + std::to_string(i - 1);
    text += "  %v" + std::to_string(i) + " = fmul float " + before + ", " + before + "\n";
  }
  EXPECT_EQ(joined(text + "  store float %v2999, ptr %p\n").vectors, 0u);
}

}  // namespace
}  // namespace anymetal::backend::cpu
