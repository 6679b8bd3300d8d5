// Which `or` is marked, and which one must not be: that the marked ones are sums is asked of
// numbers.
#include "simt/transform/disjoint_bits.h"

#include <gtest/gtest.h>
#include <llvm/AsmParser/Parser.h>
#include <llvm/IR/InstIterator.h>
#include <llvm/IR/InstrTypes.h>
#include <llvm/IR/LLVMContext.h>
#include <llvm/IR/Module.h>
#include <llvm/Support/SourceMgr.h>

#include <string>

namespace anymetal::simt {
namespace {

/// A loop of `turns` turns over p, whose index is `%base | p`, with %base = row << `shift`.
unsigned marked(unsigned shift, unsigned turns, const std::string& more = "") {
  llvm::LLVMContext context;
  llvm::SMDiagnostic diagnostic;
  const auto module =
      llvm::parseAssemblyString("define void @k(ptr %to, i32 %row, i32 %any) {\n" +
                                    std::string("entry:\n  %base = shl i32 %row, ") +
                                    std::to_string(shift) + R"(
  br label %loop
loop:
  %p = phi i32 [ 0, %entry ], [ %next, %loop ]
  %index = or i32 %base, %p
)" + more + R"(
  %at = getelementptr i32, ptr %to, i32 %index
  store i32 1, ptr %at
  %next = add nuw nsw i32 %p, 1
  %ends = icmp eq i32 %next, )" + std::to_string(turns) +
                                    R"(
  br i1 %ends, label %end, label %loop
end:
  ret void
}
)",
                                diagnostic, context);
  EXPECT_TRUE(module) << diagnostic.getMessage().str() << " in line " << diagnostic.getLineNo();
  if (!module) return 0;
  llvm::Function& function = *module->getFunction("k");
  const unsigned count = mark_disjoint(function);
  unsigned found = 0;
  for (const llvm::Instruction& instruction : llvm::instructions(function)) {
    const auto* either = llvm::dyn_cast<llvm::PossiblyDisjointInst>(&instruction);
    found += either && either->isDisjoint();
  }
  EXPECT_EQ(found, count);
  return count;
}

TEST(DisjointBits, CountersBelowTheRowsBits) {
  EXPECT_EQ(marked(6, 64), 1u);
  EXPECT_EQ(marked(6, 33), 1u);
  EXPECT_EQ(marked(6, 65), 0u);
  EXPECT_EQ(marked(5, 64), 0u);
  EXPECT_EQ(marked(1, 1), 1u);
}

TEST(DisjointBits, NumbersThatLieBetweenThem) {
  const std::string more = "  %second = or i32 %index, 64\n  store volatile i32 %second, ptr %to\n";
  EXPECT_EQ(marked(7, 64, more), 2u);
  EXPECT_EQ(marked(6, 64, more), 1u) << "the row may have this bit";
}

TEST(DisjointBits, WhatMayBeAnyNumberIsNot) {
  EXPECT_EQ(marked(6, 64, "  %x = or i32 %any, %p\n  store volatile i32 %x, ptr %to\n"), 1u);
}

}  // namespace
}  // namespace anymetal::simt
