// Which accesses of loops ask for memory ahead, and how far.
#include "backend/cpu/fetch_ahead.h"

#include <gtest/gtest.h>
#include <llvm/Analysis/ScalarEvolution.h>
#include <llvm/Analysis/ScalarEvolutionExpressions.h>
#include <llvm/AsmParser/Parser.h>
#include <llvm/IR/InstIterator.h>
#include <llvm/IR/Instructions.h>
#include <llvm/IR/IntrinsicInst.h>
#include <llvm/IR/Module.h>
#include <llvm/IR/Verifier.h>
#include <llvm/Support/SourceMgr.h>
#include <llvm/Support/raw_ostream.h>

namespace anymetal::backend::cpu {
namespace {

/// "r" or "w" for each, and by how many bytes if that is a number, of a loop with this body, in
/// which %p moves by `step`.
std::string asked(const std::string& step, const std::string& body) {
  llvm::LLVMContext context;
  llvm::SMDiagnostic diagnostic;
  const auto module = llvm::parseAssemblyString(R"(
define void @f(ptr addrspace(1) %x, ptr addrspace(3) %local, i64 %pitch, i64 %n) {
entry:
  br label %again
again:
  %i = phi i64 [ 0, %entry ], [ %next, %again ]
  %far = mul i64 %i, )" + step +
                                                    R"(
  %p = getelementptr i8, ptr addrspace(1) %x, i64 %far
)" + body + R"(
  %next = add nuw nsw i64 %i, 1
  %on = icmp ult i64 %next, %n
  br i1 %on, label %again, label %end
end:
  ret void
}
)",
                                                diagnostic, context);
  EXPECT_TRUE(module) << diagnostic.getMessage().str() << " in line " << diagnostic.getLineNo();
  if (!module) return {};
  llvm::Function& function = *module->getFunction("f");
  LlvmPasses passes;
  fetch_ahead(function, passes);
  EXPECT_FALSE(llvm::verifyFunction(function, &llvm::errs()));
  passes.clear();
  auto& evolution = passes.functions().getResult<llvm::ScalarEvolutionAnalysis>(function);
  std::string text;
  for (llvm::Instruction& instruction : llvm::instructions(function)) {
    const auto* call = llvm::dyn_cast<llvm::IntrinsicInst>(&instruction);
    if (!call || call->getIntrinsicID() != llvm::Intrinsic::prefetch) continue;
    text += llvm::cast<llvm::ConstantInt>(call->getArgOperand(1))->isZero() ? "r" : "w";
    // It stands before its access.
    llvm::Value* pointer = llvm::getLoadStorePointerOperand(instruction.getNextNode());
    const auto* bytes = llvm::dyn_cast<llvm::SCEVConstant>(evolution.getMinusSCEV(
        evolution.getSCEV(call->getArgOperand(0)), evolution.getSCEV(pointer)));
    if (bytes) text += std::to_string(bytes->getAPInt().getSExtValue()) + " ";
  }
  return text;
}

constexpr const char* kLoad = "%v = load <16 x float>, ptr addrspace(1) %p";
constexpr const char* kNextLine = R"(
  %q = getelementptr i8, ptr addrspace(1) %p, i64 64
  %w = load <16 x float>, ptr addrspace(1) %q)";

TEST(FetchAhead, RowsOfAMatrix) {
  EXPECT_EQ(asked("%pitch", kLoad), "r");
  EXPECT_EQ(asked("%pitch", std::string(kLoad) + kNextLine), "rr");
  EXPECT_EQ(asked("%pitch", "store <16 x float> zeroinitializer, ptr addrspace(1) %p"), "w");
  // Sixteen turns at most, one at least.
  EXPECT_EQ(asked("8192", kLoad), "r131072 ");
}

// A wrong place would do no harm.
TEST(FetchAhead, IndicesThatAreWidened) {
  for (const std::string widened : {"zext", "sext"}) {
    EXPECT_EQ(asked("%pitch", R"(
  %step = trunc i64 %pitch to i32
  %turn = trunc i64 %i to i32
  %index = mul i32 %turn, %step
  %wide = )" + widened + R"( i32 %index to i64
  %q = getelementptr float, ptr addrspace(1) %x, i64 %wide
  %v = load <16 x float>, ptr addrspace(1) %q)"),
              "r");
  }
}

TEST(FetchAhead, OnceForALine) {
  EXPECT_EQ(asked("%pitch", R"(
  %v = load <8 x float>, ptr addrspace(1) %p
  %q = getelementptr i8, ptr addrspace(1) %p, i64 32
  %w = load <8 x float>, ptr addrspace(1) %q)"),
            "r");
}

TEST(FetchAhead, NotWhereTheProcessorDoes) {
  EXPECT_EQ(asked("64", kLoad), "");
  EXPECT_EQ(asked("512", kLoad), "");
}

// As lanes of atomics are read, one by one.
TEST(FetchAhead, ScalarsThatTakeMuchOfALineCountTogether) {
  std::string body;
  const auto add = [&body](int byte) {
    const std::string n = std::to_string(byte);
    body += "  %q" + n + " = getelementptr i8, ptr addrspace(1) %p, i64 " + n + "\n  %v" + n +
            " = load i32, ptr addrspace(1) %q" + n + "\n";
  };
  for (int byte = 0; byte < 32; byte += 4) add(byte);
  EXPECT_EQ(asked("%pitch", body), "r");
  EXPECT_EQ(asked("1024", body), "r32768 ");
  for (int byte = 64; byte < 92; byte += 4) add(byte);  // a word less
  EXPECT_EQ(asked("%pitch", body), "r");
}

TEST(FetchAhead, NotWhereQueuesAreFull) {
  std::string lines;
  for (int i = 0; i < 16; ++i) {
    const std::string n = std::to_string(i), at = std::to_string(64 * i);
    lines += "%q" + n + " = getelementptr i8, ptr addrspace(1) %p, i64 " + at + "\n";
    lines += "%v" + n + " = load <16 x float>, ptr addrspace(1) %q" + n + "\n";
  }
  EXPECT_EQ(asked("%pitch", lines), "");
  std::string more;
  for (int i = 0; i < 200; ++i) more += "%w" + std::to_string(i) + " = add i64 %n, 1\n";
  EXPECT_EQ(asked("%pitch", lines + more), std::string(16, 'r'));
}

TEST(FetchAhead, NotForScalarsAndThreadgroupMemory) {
  EXPECT_EQ(asked("%pitch", "%v = load float, ptr addrspace(1) %p"), "");
  EXPECT_EQ(asked("%pitch", R"(
  %q = getelementptr i8, ptr addrspace(3) %local, i64 %far
  %v = load <16 x float>, ptr addrspace(3) %q)"),
            "");
}

}  // namespace
}  // namespace anymetal::backend::cpu
