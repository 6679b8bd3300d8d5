// Which loads get in front of stores that may be of the same memory, and at which distances they
// don't. That results stay what they were is shown where code runs
// (backend/cpu/cpu_backend_test.cc).
#include "simt/transform/separate_apart.h"

#include <gtest/gtest.h>
#include <llvm/AsmParser/Parser.h>
#include <llvm/IR/Module.h>
#include <llvm/IR/Verifier.h>
#include <llvm/Support/SourceMgr.h>
#include <llvm/Support/raw_ostream.h>

#include "simt/analysis/control_flow.h"
#include "simt/analysis/guards.h"

namespace anymetal::simt {
namespace {

const Geometry kGeometry{.size = {64, 1, 1}, .dispatch_size = {64, 1, 1}, .chunk = 16};

/// Accesses by blocks, "l" or "s" each, a block's with a question behind it ending in "?"; and the
/// distances that are asked for.
std::string order(const std::string& body) {
  llvm::LLVMContext context;
  llvm::SMDiagnostic diagnostic;
  const auto module = llvm::parseAssemblyString(R"(
declare i32 @am.thread_index_in_threadgroup() memory(none)
define void @k(ptr addrspace(1) %x, ptr addrspace(1) %y, ptr addrspace(3) %local) {
entry:
  %t = call i32 @am.thread_index_in_threadgroup()
  %t4 = shl i32 %t, 2
  %i = zext i32 %t4 to i64
  %p = getelementptr float, ptr addrspace(1) %x, i64 %i
  %q = getelementptr float, ptr addrspace(1) %y, i64 %i
)" + body + "\n  ret void\n}\n",
                                                diagnostic, context);
  EXPECT_TRUE(module) << diagnostic.getMessage().str() << " in line " << diagnostic.getLineNo();
  if (!module) return {};
  llvm::Function& function = *module->getFunction("k");
  separate_apart(function, kGeometry);
  EXPECT_FALSE(llvm::verifyFunction(function, &llvm::errs()));
  std::string text, asked;
  for (llvm::BasicBlock& block : function) {
    for (llvm::Instruction& instruction : block) {
      if (llvm::isa<llvm::LoadInst>(instruction)) text += "l";
      if (llvm::isa<llvm::StoreInst>(instruction)) text += "s";
      const auto* compare = llvm::dyn_cast<llvm::ICmpInst>(&instruction);
      if (!compare) continue;
      const auto* less = llvm::cast<llvm::BinaryOperator>(compare->getOperand(0));
      const int64_t least = llvm::cast<llvm::ConstantInt>(less->getOperand(1))->getSExtValue();
      const int64_t more = llvm::cast<llvm::ConstantInt>(compare->getOperand(1))->getSExtValue();
      asked += " " + std::to_string(least) + ".." + std::to_string(least + more);
    }
    const auto* branch = llvm::dyn_cast<llvm::BranchInst>(block.getTerminator());
    const bool asks =
        branch && branch->isConditional() && callee_name(branch->getCondition()) == kAllLanes;
    text += asks ? "?" : "|";
  }
  return text + asked;
}

std::string load(int k, const char* base = "p") {
  const std::string name = base + std::to_string(k);
  return "  %" + name + "a = getelementptr i8, ptr addrspace(1) %" + base + ", i64 " +
         std::to_string(k * 4) + "\n  %" + name + " = load float, ptr addrspace(1) %" + name +
         "a\n";
}

std::string store(int k, const std::string& value, const char* base = "q") {
  const std::string name = "s" + value.substr(1);
  return "  %" + name + " = getelementptr float, ptr addrspace(1) %" + base + ", i64 " +
         std::to_string(k) + "\n  store float " + value + ", ptr addrspace(1) %" + name + "\n";
}

TEST(SeparateApart, LoadsBehindStoresOfAnotherBuffer) {
  // Of what is asked first, the load of element 1 and the store of element 0.
  EXPECT_EQ(order(load(0) + store(0, "%p0") + load(1) + store(1, "%p1")), "?llss|lsls|| -3..3");
  EXPECT_EQ(
      order(load(0) + store(0, "%p0") + load(1) + store(1, "%p1") + load(2) + store(2, "%p2")),
      "?lllsss|lslsls|| -3..7");
}

TEST(SeparateApart, NotWhereTheOrderIsKnown) {
  EXPECT_EQ(order(load(0) + load(1) + store(0, "%p0") + store(1, "%p1")), "llss|");
  EXPECT_EQ(order(load(0) + store(0, "%p0", "p") + load(1) + store(1, "%p1", "p")), "lsls|");
  EXPECT_EQ(order(load(0) + store(1, "%p0", "p") + load(1) + store(2, "%p1")), "lsls|");
}

TEST(SeparateApart, NotWhereScalarsDontTell) {
  // Another distance between lanes.
  EXPECT_EQ(order("  %r = getelementptr i8, ptr addrspace(1) %y, i64 %i\n" + load(0) +
                  store(0, "%p0", "r") + load(1) + store(1, "%p1", "r")),
            "lsls|");
  // Where to store is read only then.
  EXPECT_EQ(order(load(0) + "  %far = load i64, ptr addrspace(1) %q\n" +
                  "  %r = getelementptr float, ptr addrspace(1) %q, i64 %far\n" +
                  store(0, "%p0", "r") + load(1) + store(1, "%p1", "r")),
            "llsls|");
}

TEST(SeparateApart, NotOverOtherMemory) {
  EXPECT_EQ(order(load(0) + store(0, "%p0") + "  store float 1.0, ptr addrspace(3) %local\n" +
                  load(1) + store(1, "%p1")),
            "lssls|");
}

}  // namespace
}  // namespace anymetal::simt
