// Which form a product with a power of two gets. What the results are is shown with the functions
// that use it (test/stdlib, over all their exponents).
#include "backend/cpu/lower_powers.h"

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

struct Counts {
  unsigned calls = 0, products = 0, shifts = 0, differences = 0, conversions = 0;
};

Counts lowered(const std::string& lanes, const std::string& n, bool has_scalef) {
  const std::string floats = lanes.empty() ? "float" : "<" + lanes + " x float>";
  const std::string ints = lanes.empty() ? "i32" : "<" + lanes + " x i32>";
  const std::string name = lanes.empty() ? "f32.i32" : "v" + lanes + "f32.v" + lanes + "i32";
  const auto splat = [&](const std::string& value) {
    return lanes.empty() ? value : "splat (i32 " + value + ")";
  };
  llvm::LLVMContext context;
  llvm::SMDiagnostic diagnostic;
  const auto module = llvm::parseAssemblyString(
      "declare " + floats + " @llvm.ldexp." + name + "(" + floats + ", " + ints + ")\n" +
          "define " + floats + " @f(" + floats + " %p, " + floats + " %s, " + ints + " %i) {\n" +
          "  %b = bitcast " + floats + " %s to " + ints + "\n  %n = add " + ints + " %b, " +
          splat("-1262485504") + "\n  %r = call " + floats + " @llvm.ldexp." + name + "(" + floats +
          " %p, " + ints + " " + n + ")\n  ret " + floats + " %r\n}\n",
      diagnostic, context);
  EXPECT_TRUE(module) << diagnostic.getMessage().str() << " in line " << diagnostic.getLineNo();
  Counts counts;
  if (!module) return counts;
  llvm::Function& function = *module->getFunction("f");
  lower_powers(function, has_scalef);
  EXPECT_FALSE(llvm::verifyFunction(function, &llvm::errs()));
  for (const llvm::Instruction& instruction : llvm::instructions(function)) {
    counts.calls += llvm::isa<llvm::CallInst>(instruction);
    counts.products += instruction.getOpcode() == llvm::Instruction::FMul;
    counts.shifts += instruction.isShift();
    counts.differences += instruction.getOpcode() == llvm::Instruction::FAdd;
    counts.conversions += llvm::isa<llvm::SIToFPInst>(instruction);
  }
  return counts;
}

TEST(LowerPowers, OneInstructionWhereThereIsOne) {
  for (const char* lanes : {"", "4", "8", "16"}) {
    const Counts made = lowered(lanes, "%n", true);
    EXPECT_EQ(made.calls, 1u) << lanes;
    EXPECT_EQ(made.differences, 1u) << lanes;
    EXPECT_EQ(made.products, 0u) << lanes;
  }
}

TEST(LowerPowers, OfAnyInteger) {
  const Counts made = lowered("16", "%i", true);
  EXPECT_EQ(made.calls, 1u);
  EXPECT_EQ(made.conversions, 1u);
}

TEST(LowerPowers, TwoFactorsElse) {
  for (const char* lanes : {"", "4", "8", "16"}) {
    const Counts made = lowered(lanes, "%n", false);
    EXPECT_EQ(made.calls, 0u);
    EXPECT_EQ(made.products, 2u);
    EXPECT_EQ(made.shifts, 3u);
  }
  EXPECT_EQ(lowered("2", "%n", true).products, 2u);
}

}  // namespace
}  // namespace anymetal::backend::cpu
