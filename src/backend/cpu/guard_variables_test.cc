// Which accesses of variables and tables are kept inside.
#include "backend/cpu/guard_variables.h"

#include <gtest/gtest.h>
#include <llvm/Analysis/ValueTracking.h>
#include <llvm/AsmParser/Parser.h>
#include <llvm/IR/InstIterator.h>
#include <llvm/IR/Instructions.h>
#include <llvm/IR/IntrinsicInst.h>
#include <llvm/IR/Module.h>
#include <llvm/IR/Verifier.h>
#include <llvm/Support/SourceMgr.h>
#include <llvm/Support/raw_ostream.h>

#include "backend/hidden_tables.h"
#include "simt/analysis/guards.h"

namespace anymetal::backend::cpu {
namespace {

/// Of a body's accesses.
struct Found {
  unsigned kept = 0;      ///< inside, by their indices
  unsigned hidden = 0;    ///< reads of what stands for a table
  unsigned accesses = 0;  ///< reads, writes, and copies of memory
  unsigned chosen = 0;    ///< operands of copies that are chosen by where they lead
};

Found find_in(const std::string& body) {
  Found found;
  llvm::LLVMContext context;
  llvm::SMDiagnostic diagnostic;
  const auto module = llvm::parseAssemblyString(R"(
@table = internal constant [5 x i32] [i32 1, i32 2, i32 3, i32 4, i32 5]
declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)
define void @f(ptr %x, i64 %i, i64 %n) null_pointer_is_valid {
entry:
  %t = alloca [4 x i32]
  %one = alloca [1 x [3 x i32]]
)" + body + "\n  ret void\n}\n",
                                                diagnostic, context);
  EXPECT_TRUE(module) << diagnostic.getMessage().str() << " in line " << diagnostic.getLineNo();
  if (!module) return found;
  llvm::Function& function = *module->getFunction("f");
  guard_variables(function);
  EXPECT_FALSE(llvm::verifyModule(*module, &llvm::errs()));
  for (llvm::Instruction& instruction : llvm::instructions(function)) {
    found.kept += instruction.hasMetadata(simt::kKeptInside);
    const auto* load = llvm::dyn_cast<llvm::LoadInst>(&instruction);
    const auto* root = load ? llvm::getUnderlyingObject(load->getPointerOperand()) : nullptr;
    found.hidden += root && root->getName() == "am.table.table";
    const auto* copy = llvm::dyn_cast<llvm::MemTransferInst>(&instruction);
    found.accesses += copy || llvm::isa<llvm::LoadInst, llvm::StoreInst>(instruction);
    if (!copy) continue;
    found.chosen += llvm::isa<llvm::SelectInst>(copy->getRawDest());
    found.chosen += llvm::isa<llvm::SelectInst>(copy->getRawSource());
  }
  show_tables(*module);
  EXPECT_FALSE(module->getNamedGlobal("am.table.table"));
  EXPECT_FALSE(llvm::verifyModule(*module, &llvm::errs()));
  return found;
}

/// How many accesses of this body are kept inside.
unsigned kept_in(const std::string& body) {
  return find_in(body).kept;
}

TEST(GuardVariables, UnknownIndicesOfVariablesAndTables) {
  const Found found = find_in(R"(
  %p = getelementptr [4 x i32], ptr %t, i64 0, i64 %i
  %v = load i32, ptr %p
  %q = getelementptr i32, ptr @table, i64 %i
  %w = load i32, ptr %q)");
  EXPECT_EQ(found.kept, 1u);
  EXPECT_EQ(found.hidden, 1u);
}

TEST(GuardVariables, IndicesOfTablesThatLoopsCount) {
  const auto counted = [](const std::string& limit) {
    return find_in(R"(
  br label %again
again:
  %k = phi i64 [ 0, %entry ], [ %next, %again ]
  %p = getelementptr i32, ptr @table, i64 %k
  %v = load i32, ptr %p
  %next = add i64 %k, 1
  %on = icmp ult i64 %next, )" +
                   limit + "\n  br i1 %on, label %again, label %end\nend:")
        .hidden;
  };
  EXPECT_EQ(counted("5"), 0u);
  EXPECT_EQ(counted("6"), 1u);
  EXPECT_EQ(counted("%n"), 1u);
}

TEST(GuardVariables, Copies) {
  const auto copies = [](const std::string& to, const std::string& from) {
    return find_in(
        "\n  %p = getelementptr i32, ptr %t, i64 %i\n"
        "  %q = getelementptr i32, ptr %t, i64 1\n"
        "  call void @llvm.memcpy.p0.p0.i64(ptr " +
        to + ", ptr " + from + ", i64 12, i1 false)");
  };
  EXPECT_EQ(copies("%t", "%q").chosen, 0u);
  EXPECT_EQ(copies("%x", "%one").chosen, 0u);
  EXPECT_EQ(copies("%p", "%one").chosen, 1u);
  EXPECT_EQ(copies("%p", "%p").chosen, 2u);
  EXPECT_EQ(copies("%one", "@table").chosen, 0u);
  // What is never inside isn't done, and what never is read is zeros.
  EXPECT_EQ(copies("null", "%one").accesses, 0u);
  EXPECT_EQ(copies("%one", "null").accesses, 1u);
}

TEST(GuardVariables, WhereNothingCanBe) {
  EXPECT_EQ(find_in("  store i32 1, ptr null\n  store i64 1, ptr %one").accesses, 1u);
  EXPECT_EQ(find_in("  %v = load i32, ptr null\n  store i32 %v, ptr %t").accesses, 1u);
  EXPECT_EQ(find_in("  store [5 x i32] zeroinitializer, ptr %t").accesses, 0u);
}

// LLVM takes it for one of the whole variable.
TEST(GuardVariables, WritesAsLargeAsTheVariable) {
  EXPECT_EQ(kept_in(R"(
  %p = getelementptr i8, ptr %one, i64 %i
  store [3 x i32] zeroinitializer, ptr %p)"),
            2u);
}

TEST(GuardVariables, NumbersOutside) {
  EXPECT_EQ(kept_in(R"(
  %p = getelementptr [4 x i32], ptr %t, i64 0, i64 4
  %v = load i32, ptr %p
  %w = load i32, ptr getelementptr (i32, ptr @table, i64 -1))"),
            2u);
}

TEST(GuardVariables, NotWhatIsInside) {
  EXPECT_EQ(kept_in(R"(
  %p = getelementptr [4 x i32], ptr %t, i64 0, i64 3
  %v = load i32, ptr %p
  %low = and i64 %i, 3
  %q = getelementptr [4 x i32], ptr %t, i64 0, i64 %low
  %w = load i32, ptr %q
  br label %again
again:
  %k = phi i64 [ 0, %entry ], [ %next, %again ]
  %r = getelementptr i32, ptr @table, i64 %k
  %u = load i32, ptr %r
  %next = add i64 %k, 1
  %on = icmp ult i64 %next, 5
  br i1 %on, label %again, label %end
end:)"),
            0u);
}

TEST(GuardVariables, NotWhatIsNoVariable) {
  EXPECT_EQ(kept_in(R"(
  %p = getelementptr i32, ptr %x, i64 %i
  %v = load i32, ptr %p
  store i32 %v, ptr %x)"),
            0u);
}

TEST(GuardVariables, IndicesOneOfWhichIsANumber) {
  EXPECT_EQ(kept_in(R"(
  %is = icmp eq i64 %n, 7
  %k = select i1 %is, i64 9, i64 %i
  %q = getelementptr i32, ptr %t, i64 %k
  store i32 1, ptr %q)"),
            2u);
}

TEST(GuardVariables, PointersThatConditionsChoose) {
  const std::string pointer = R"(
  %is = icmp eq i64 %n, 7
  %p = select i1 %is, ptr %t, ptr %one)";
  EXPECT_EQ(kept_in(pointer + "\n  %q = getelementptr i32, ptr %p, i64 2\n  store i32 1, ptr %q"),
            0u);
  EXPECT_EQ(kept_in(pointer + "\n  %q = getelementptr i32, ptr %p, i64 3\n  store i32 1, ptr %q"),
            2u);
  EXPECT_EQ(
      kept_in(pointer + "\n  %q = getelementptr i32, ptr %p, i64 %i\n  %v = load i32, ptr %q"), 1u);
}

TEST(GuardVariables, PointersOfAnyOriginAreAskedForOnceMore) {
  EXPECT_EQ(kept_in(R"(
  %is = icmp eq i64 %n, 7
  %p = select i1 %is, ptr @table, ptr %x
  %q = getelementptr i32, ptr %p, i64 5
  %v = load i32, ptr %q)"),
            0u);
}

TEST(GuardVariables, PointersThatLoopsMove) {
  const auto walked = [](const std::string& limit) {
    return kept_in(R"(
  br label %again
again:
  %k = phi i64 [ 0, %entry ], [ %next, %again ]
  %p = phi ptr [ @table, %entry ], [ %further, %again ]
  %v = load i32, ptr %p
  %further = getelementptr i32, ptr %p, i64 1
  %next = add i64 %k, 1
  %on = icmp ult i64 %next, )" +
                   limit + "\n  br i1 %on, label %again, label %end\nend:");
  };
  EXPECT_EQ(walked("5"), 0u);
  EXPECT_EQ(walked("6"), 1u);
}

// Both edges of the switch bring the same value.
TEST(GuardVariables, PointersThatComeFromOneBlockTwice) {
  EXPECT_EQ(kept_in(R"(
  %further = getelementptr i32, ptr %t, i64 1
  switch i64 %n, label %other [ i64 1, label %end
                                i64 2, label %end ]
other:
  br label %end
end:
  %p = phi ptr [ %further, %entry ], [ %further, %entry ], [ null, %other ]
  store i32 1, ptr %p)"),
            2u);
}

// LLVM takes the only index that is inside for the one that is meant.
TEST(GuardVariables, WritesReadWhatWasThere) {
  EXPECT_EQ(kept_in(R"(
  %p = getelementptr [1 x [3 x i32]], ptr %one, i64 0, i64 %i, i64 1
  store i32 1, ptr %p)"),
            2u);
  EXPECT_EQ(kept_in(R"(
  %p = getelementptr [4 x i32], ptr %t, i64 0, i64 %i
  store i32 1, ptr %p)"),
            2u);
}

}  // namespace
}  // namespace anymetal::backend::cpu
