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
  unsigned vectors = 0;  ///< operations of vectors
  unsigned scalars = 0;  ///< of scalars
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

}  // namespace
}  // namespace anymetal::backend::cpu
