// Which loops ask whether to stop.
#include "backend/cpu/poll_stop.h"

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

/// How many times @f with this body asks.
unsigned questions_in(const std::string& body) {
  llvm::LLVMContext context;
  llvm::SMDiagnostic diagnostic;
  const auto module = llvm::parseAssemblyString(
      "define void @f(ptr %frame, i1 %c, i32 %n, i64 %m) {\nentry:\n" + body + "}\n", diagnostic,
      context);
  EXPECT_TRUE(module) << diagnostic.getMessage().str() << " in line " << diagnostic.getLineNo();
  if (!module) return 99;
  llvm::Function& function = *module->getFunction("f");
  LlvmPasses passes(nullptr);
  poll_stop(function, passes);
  EXPECT_FALSE(llvm::verifyFunction(function, &llvm::errs()));
  unsigned found = 0;
  for (const llvm::Instruction& instruction : llvm::instructions(function)) {
    const auto* load = llvm::dyn_cast<llvm::LoadInst>(&instruction);
    found += load && load->isAtomic();
  }
  return found;
}

/// A loop that counts to `end`, round one that counts to `inner_end`.
std::string nest(const std::string& end, const std::string& inner_end) {
  return R"(
  br label %outer
outer:
  %i = phi i32 [ 0, %entry ], [ %i.next, %latch ]
  br label %inner
inner:
  %j = phi i32 [ 0, %outer ], [ %j.next, %inner ]
  store volatile i32 %j, ptr %frame
  %j.next = add nuw i32 %j, 1
  %j.on = icmp ult i32 %j.next, )" +
         inner_end + R"(
  br i1 %j.on, label %inner, label %latch
latch:
  %i.next = add nuw i32 %i, 1
  %i.on = icmp ult i32 %i.next, )" +
         end + "\n  br i1 %i.on, label %outer, label %end\nend:\n  ret void\n";
}

TEST(PollStop, NestsThatMayTakeLong) {
  EXPECT_EQ(questions_in(nest("1000", "1000")), 0u);
  EXPECT_EQ(questions_in(nest("2000", "1000")), 1u);
  EXPECT_EQ(questions_in(nest("3", "%n")), 1u);
  EXPECT_EQ(questions_in(nest("%n", "3")), 1u);
}

TEST(PollStop, LoopsWithoutAnEndOfTheirOwn) {
  EXPECT_EQ(questions_in("  br label %again\nagain:\n  store volatile i32 1, ptr %frame\n"
                         "  br i1 %c, label %again, label %end\nend:\n  ret void\n"),
            1u);
}

TEST(PollStop, CyclesWithTwoEntries) {
  EXPECT_EQ(questions_in("  br i1 %c, label %one, label %other\n"
                         "one:\n  store volatile i32 1, ptr %frame\n  br label %other\n"
                         "other:\n  %v = load volatile i32, ptr %frame\n"
                         "  %on = icmp eq i32 %v, %n\n  br i1 %on, label %one, label %end\n"
                         "end:\n  ret void\n"),
            1u);
}

}  // namespace
}  // namespace anymetal::backend::cpu
