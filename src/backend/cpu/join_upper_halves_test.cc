// Which stores of upper halves become one, and what it stores.
#include "backend/cpu/join_upper_halves.h"

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

/// Stores of two registers' upper halves, `between` them something, the second `bytes` further:
/// the lanes that the one store takes, or "" if there are two.
std::string joined(const std::string& between, int bytes, int shift = 16) {
  llvm::LLVMContext context;
  llvm::SMDiagnostic diagnostic;
  const std::string by = std::to_string(shift);
  const std::string shifts = "<i32 " + by + ", i32 " + by + ", i32 " + by + ", i32 " + by + ">";
  const auto module = llvm::parseAssemblyString(
      R"(
define void @f(ptr %p, ptr %other, <4 x i32> %a, <4 x i32> %b) {
  %a1 = lshr <4 x i32> %a, )" +
          shifts + R"(
  %a2 = trunc <4 x i32> %a1 to <4 x i16>
  %b1 = lshr <4 x i32> %b, )" +
          shifts + R"(
  %b2 = trunc <4 x i32> %b1 to <4 x i16>
  store <4 x i16> %a2, ptr %p, align 2
)" + between +
          "\n  %q = getelementptr i8, ptr %p, i64 " + std::to_string(bytes) + R"(
  store <4 x i16> %b2, ptr %q, align 2
  ret void
}
)",
      diagnostic, context);
  EXPECT_TRUE(module) << diagnostic.getMessage().str() << " in line " << diagnostic.getLineNo();
  if (!module) return "?";
  llvm::Function& function = *module->getFunction("f");
  join_upper_halves(function, 4);
  EXPECT_FALSE(llvm::verifyFunction(function, &llvm::errs()));
  std::string lanes;
  for (llvm::Instruction& instruction : llvm::instructions(function)) {
    const auto* store = llvm::dyn_cast<llvm::StoreInst>(&instruction);
    const auto* both =
        store ? llvm::dyn_cast<llvm::ShuffleVectorInst>(store->getValueOperand()) : nullptr;
    if (!both) continue;
    for (const int lane : both->getShuffleMask()) lanes += std::to_string(lane) + " ";
  }
  return lanes;
}

TEST(JoinUpperHalves, SideBySide) {
  EXPECT_EQ(joined("", 8), "1 3 5 7 9 11 13 15 ");
}

TEST(JoinUpperHalves, NotApartOrTheOtherWay) {
  EXPECT_EQ(joined("", 16), "");
  EXPECT_EQ(joined("", -8), "");
}

TEST(JoinUpperHalves, NotWhereMemoryIsSeenBetween) {
  EXPECT_EQ(joined("  %v = load i16, ptr %other", 8), "");
  EXPECT_EQ(joined("  store i16 0, ptr %other", 8), "");
}

TEST(JoinUpperHalves, NotOtherHalves) {
  EXPECT_EQ(joined("", 8, 8), "");
}

}  // namespace
}  // namespace anymetal::backend::cpu
