// Which variables of structs become variables of their members.
#include "backend/cpu/split_structs.h"

#include <gtest/gtest.h>
#include <llvm/AsmParser/Parser.h>
#include <llvm/IR/InstIterator.h>
#include <llvm/IR/Module.h>
#include <llvm/IR/Verifier.h>
#include <llvm/Support/SourceMgr.h>
#include <llvm/Support/raw_ostream.h>

#include <memory>
#include <set>
#include <string>

#include "backend/code_generation.h"
#include "backend/llvm_passes.h"

namespace anymetal::backend::cpu {
namespace {

using Names = std::set<std::string>;

/// The variables that %s, a stack, and %a, an array of structs, are after this was done.
Names variables_after(const std::string& body) {
  llvm::LLVMContext context;
  llvm::SMDiagnostic diagnostic;
  const std::unique_ptr<llvm::Module> module = llvm::parseAssemblyString(
      "%stack = type { [8 x i32], i32 }\n"
      "%item = type { i64, i32 }\n"
      "declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)\n"
      "declare void @llvm.memset.p0.i64(ptr, i8, i64, i1)\n"
      "declare void @take(ptr)\n"
      "define void @f(i64 %i, i64 %j, ptr %p) {\n"
      "%s = alloca %stack\n"
      "%a = alloca [4 x %item]\n" +
          body + "ret void\n}\n",
      diagnostic, context);
  EXPECT_TRUE(module) << diagnostic.getMessage().str() << " in line " << diagnostic.getLineNo();
  if (!module) return {};
  BorrowedMachine machine;
  LlvmPasses passes(machine.get());
  llvm::Function& function = *module->getFunction("f");
  EXPECT_TRUE(set_host_target(*module).ok());
  split_structs(function, passes.functions().getResult<llvm::TargetIRAnalysis>(function));
  EXPECT_FALSE(llvm::verifyModule(*module, &llvm::errs()));
  Names found;
  for (llvm::Instruction& instruction : llvm::instructions(function))
    if (llvm::isa<llvm::AllocaInst>(instruction)) found.insert(instruction.getName().str());
  return found;
}

const std::string kPush =
    "%items = getelementptr %stack, ptr %s, i32 0, i32 0\n"
    "%item = getelementptr [8 x i32], ptr %items, i64 0, i64 %i\n"
    "store i32 1, ptr %item\n"
    "%top = getelementptr %stack, ptr %s, i32 0, i32 1\n"
    "store i32 2, ptr %top\n";
const Names kWhole{"s", "a"}, kSplit{"s.0", "s.1", "a"};

TEST(SplitStructs, WhereARunningIndexLeadsIntoAMember) {
  EXPECT_EQ(variables_after(kPush), kSplit);
  EXPECT_EQ(variables_after("%top = getelementptr %stack, ptr %s, i32 0, i32 1\n"
                            "store i32 2, ptr %top\n"),
            kWhole);
}

TEST(SplitStructs, ZerosAndCopiesAreOfMembers) {
  EXPECT_EQ(
      variables_after(kPush + "call void @llvm.memset.p0.i64(ptr %s, i8 0, i64 36, i1 false)\n"
                              "call void @llvm.memcpy.p0.p0.i64(ptr %s, ptr %p, i64 36, i1 "
                              "false)\n"),
      kSplit);
}

TEST(SplitStructs, TheFirstMemberMayBeMeantWithoutItsName) {
  EXPECT_EQ(variables_after("%x = getelementptr [8 x i32], ptr %s, i64 0, i64 %i\n"
                            "store i32 1, ptr %x\n"
                            "%y = getelementptr i8, ptr %s, i64 32\nstore i32 1, ptr %y\n"),
            kSplit);
  // Nobody knows whether these stay in it.
  EXPECT_EQ(variables_after(kPush + "%x = getelementptr i8, ptr %s, i64 %i\nstore i8 1, ptr %x\n"),
            kWhole);
  EXPECT_EQ(
      variables_after(kPush + "%x = getelementptr i32, ptr %s, i64 %i\nstore i32 1, ptr %x\n"),
      kWhole);
}

TEST(SplitStructs, NotWhereOneMemberMayLeadToTheNext) {
  EXPECT_EQ(
      variables_after(kPush + "%x = getelementptr i32, ptr %top, i64 %j\nstore i32 1, ptr %x\n"),
      kWhole);
  EXPECT_EQ(variables_after(kPush + "%x = getelementptr i8, ptr %s, i64 30\nstore i32 1, ptr %x\n"),
            kWhole);
  EXPECT_EQ(variables_after(kPush + "%x = getelementptr i8, ptr %s, i64 24\n"
                                    "%y = getelementptr i8, ptr %x, i64 8\nstore i32 1, ptr %y\n"),
            kWhole);
  EXPECT_EQ(variables_after(kPush + "%x = getelementptr i8, ptr %s, i64 32\n"
                                    "%y = icmp eq ptr %x, %item\n"),
            kWhole);
}

TEST(SplitStructs, NotWhatIsPassedOn) {
  EXPECT_EQ(variables_after(kPush + "call void @take(ptr %s)\n"), kWhole);
  EXPECT_EQ(variables_after(kPush + "call void @take(ptr %item)\n"), kWhole);
  EXPECT_EQ(variables_after(kPush + "store ptr %s, ptr %p\n"), kWhole);
}

TEST(SplitStructs, NotWhereAStepLeadsIntoThePadding) {
  EXPECT_EQ(variables_after("%x = getelementptr [4 x %item], ptr %a, i64 0, i64 %i, i32 1\n"
                            "%y = getelementptr i32, ptr %x, i64 1\nstore i32 1, ptr %y\n"),
            kWhole);
}

}  // namespace
}  // namespace anymetal::backend::cpu
