// Which atomic operations get a form without a lock, and that the other stays.
#include "backend/cpu/own_accumulators.h"

#include <gtest/gtest.h>
#include <llvm/AsmParser/Parser.h>
#include <llvm/IR/InstIterator.h>
#include <llvm/IR/Instructions.h>
#include <llvm/IR/Module.h>
#include <llvm/IR/Verifier.h>
#include <llvm/Support/SourceMgr.h>
#include <llvm/Support/raw_ostream.h>

#include <memory>
#include <string>
#include <vector>

namespace anymetal::backend::cpu {
namespace {

struct Counts {
  unsigned separated = 0, locked = 0, stores = 0, questions = 0;
  bool operator==(const Counts&) const = default;
};

/// What becomes of code that has two buffers, of which the second may be the thread's own.
Counts owned(const std::string& body) {
  llvm::LLVMContext context;
  llvm::SMDiagnostic diagnostic;
  const auto module = llvm::parseAssemblyString(R"(
define i32 @f(ptr noalias readonly %frame, i32 %x, float %y) {
  %arguments = load ptr, ptr %frame, align 8
  %a = load ptr addrspace(1), ptr %arguments, align 8
  %second = getelementptr inbounds i8, ptr %arguments, i64 16
  %b = load ptr addrspace(1), ptr %second, align 8
  %next = getelementptr i8, ptr addrspace(1) %b, i64 64
)" + body + "}\n",
                                                diagnostic, context);
  EXPECT_TRUE(module) << diagnostic.getMessage().str() << " in line " << diagnostic.getLineNo();
  llvm::Function& function = *module->getFunction("f");
  Counts counts;
  counts.separated = own_accumulators(function, std::vector<Accumulator>{{.argument = 1}});
  EXPECT_FALSE(llvm::verifyFunction(function, &llvm::errs()));
  for (const llvm::Instruction& each : llvm::instructions(function)) {
    counts.locked += llvm::isa<llvm::AtomicRMWInst>(each);
    counts.stores += llvm::isa<llvm::StoreInst>(each);
    const auto* branch = llvm::dyn_cast<llvm::BranchInst>(&each);
    counts.questions += branch && branch->isConditional();
  }
  return counts;
}

constexpr const char* kAdd =
    "  %1 = atomicrmw add ptr addrspace(1) %b, i32 %x monotonic, align 4\n";

TEST(OwnAccumulators, HaveBothForms) {
  EXPECT_EQ(owned(std::string(kAdd) + "  ret i32 0\n"), (Counts{1, 1, 1, 1}));
  EXPECT_EQ(owned("  %1 = atomicrmw fadd ptr addrspace(1) %next, float %y monotonic, align 4\n"
                  "  ret i32 0\n"),
            (Counts{1, 1, 1, 1}));
}

TEST(OwnAccumulators, OneQuestionForABlock) {
  EXPECT_EQ(owned(std::string(kAdd) +
                  "  %z = add i32 %x, 1\n"
                  "  %2 = atomicrmw umax ptr addrspace(1) %next, i32 %z monotonic, align 4\n"
                  "  ret i32 %z\n"),
            (Counts{2, 2, 2, 1}));
}

TEST(OwnAccumulators, OtherMemoryStaysLocked) {
  EXPECT_EQ(owned("  %1 = atomicrmw add ptr addrspace(1) %a, i32 %x monotonic, align 4\n"
                  "  ret i32 0\n"),
            (Counts{0, 1, 0, 0}));
  EXPECT_EQ(owned("  %is = icmp eq i32 %x, 0\n"
                  "  %either = select i1 %is, ptr addrspace(1) %a, ptr addrspace(1) %b\n"
                  "  %1 = atomicrmw add ptr addrspace(1) %either, i32 %x monotonic, align 4\n"
                  "  ret i32 0\n"),
            (Counts{0, 1, 0, 0}));
}

}  // namespace
}  // namespace anymetal::backend::cpu
