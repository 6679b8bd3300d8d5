// In which order a block computes what takes too many registers at once.
#include "backend/cpu/order_chunks.h"

#include <gtest/gtest.h>
#include <llvm/AsmParser/Parser.h>
#include <llvm/IR/Instructions.h>
#include <llvm/IR/Module.h>
#include <llvm/IR/Verifier.h>
#include <llvm/Support/SourceMgr.h>
#include <llvm/Support/raw_ostream.h>

#include <string>
#include <vector>

namespace anymetal::backend::cpu {
namespace {

/// x[i] = (x[i] + 1) * x[i] and so on for 12 vectors, each operation for all of them at once; the
/// names of the instructions in the order that they have then.
std::vector<std::string> ordered(unsigned registers, bool is_volatile = false) {
  constexpr int kVectors = 12, kOperations = 4;
  std::string text = "define void @f(ptr %x) {\n";
  const auto each = [&](auto line) {
    for (int i = 0; i < kVectors; ++i) text += "  " + line(std::to_string(i)) + "\n";
  };
  const std::string kind = "<16 x float>";
  each([&](const std::string& i) {
    return "%p" + i + " = getelementptr " + kind + ", ptr %x, i64 " + i;
  });
  each([&](const std::string& i) {
    return "%v" + i + "_0 = load " + (is_volatile ? "volatile " : "") + kind + ", ptr %p" + i;
  });
  for (int k = 1; k <= kOperations; ++k) {
    const std::string now = "_" + std::to_string(k), before = "_" + std::to_string(k - 1);
    each([&](const std::string& i) {
      return "%v" + i + now + " = fmul " + kind + " %v" + i + before + ", %v" + i + "_0";
    });
  }
  each([&](const std::string& i) {
    return "store " + kind + " %v" + i + "_" + std::to_string(kOperations) + ", ptr %p" + i;
  });
  text += "  ret void\n}\n";
  llvm::LLVMContext context;
  llvm::SMDiagnostic diagnostic;
  const auto module = llvm::parseAssemblyString(text, diagnostic, context);
  EXPECT_TRUE(module) << diagnostic.getMessage().str() << " in line " << diagnostic.getLineNo();
  std::vector<std::string> names;
  if (!module) return names;
  llvm::Function& function = *module->getFunction("f");
  order_chunks(function, registers);
  EXPECT_FALSE(llvm::verifyFunction(function, &llvm::errs()));
  for (const llvm::Instruction& instruction : function.getEntryBlock()) {
    if (llvm::isa<llvm::StoreInst>(instruction)) {
      names.push_back("store " + instruction.getOperand(0)->getName().str());
    } else if (instruction.getName().starts_with("v")) {
      names.push_back(instruction.getName().str());
    }
  }
  return names;
}

TEST(OrderChunks, AFewAtATime) {
  const auto names = ordered(16);
  ASSERT_EQ(names.size(), 12u * 6);
  // All loads are before the first store, as they were: it might write what they read.
  for (int i = 0; i < 12; ++i) EXPECT_TRUE(names[i].ends_with("_0")) << names[i];
  const std::vector<std::string> first(names.begin() + 12, names.begin() + 22);
  EXPECT_EQ(first, (std::vector<std::string>{"v0_1", "v1_1", "v0_2", "v1_2", "v0_3", "v1_3", "v0_4",
                                             "v1_4", "store v0_4", "store v1_4"}));
}

TEST(OrderChunks, NotWhereAllFit) {
  EXPECT_EQ(ordered(64)[13], "v1_1");
}

TEST(OrderChunks, NotWhatKeepsItsPlace) {
  EXPECT_EQ(ordered(16, /*is_volatile=*/true)[13], "v1_1");
}

}  // namespace
}  // namespace anymetal::backend::cpu
