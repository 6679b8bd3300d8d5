// Which loops do several turns at once, and that they turn as often as before.
#include "backend/cpu/join_turns.h"

#include <gtest/gtest.h>
#include <llvm/AsmParser/Parser.h>
#include <llvm/IR/Constants.h>
#include <llvm/IR/Instructions.h>
#include <llvm/IR/Module.h>
#include <llvm/IR/Verifier.h>
#include <llvm/Support/SourceMgr.h>
#include <llvm/Support/raw_ostream.h>

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace anymetal::backend::cpu {
namespace {

/// The number that a value is; `at` knows variables.
int64_t value_of(const llvm::Value* value, llvm::DenseMap<const llvm::Value*, int64_t>& at) {
  if (const auto* number = llvm::dyn_cast<llvm::ConstantInt>(value)) return number->getSExtValue();
  const auto found = at.find(value);
  return found == at.end() ? 0 : found->second;
}

/// Walks through the function, counting loads; only integers of 32 bits and comparisons are known.
int turns(const llvm::Function& function, int32_t from, int32_t to) {
  llvm::DenseMap<const llvm::Value*, int64_t> at;
  at[function.getArg(1)] = from;
  at[function.getArg(2)] = to;
  const llvm::BasicBlock *block = &function.getEntryBlock(), *before = nullptr;
  int loads = 0;
  for (int steps = 0; steps < 1000; ++steps) {
    std::vector<std::pair<const llvm::Value*, int64_t>> variables;
    for (const llvm::PHINode& phi : block->phis())
      variables.emplace_back(&phi, value_of(phi.getIncomingValueForBlock(before), at));
    for (const auto& [phi, value] : variables) at[phi] = value;
    for (const llvm::Instruction& made : *block) {
      loads += llvm::isa<llvm::LoadInst>(made);
      const auto operand = [&](unsigned i) { return value_of(made.getOperand(i), at); };
      if (made.getOpcode() == llvm::Instruction::Add && made.getType()->isIntegerTy(32))
        at[&made] = int32_t(uint32_t(operand(0)) + uint32_t(operand(1)));
      if (made.getOpcode() == llvm::Instruction::Sub)
        at[&made] = int32_t(uint32_t(operand(0)) - uint32_t(operand(1)));
      if (llvm::isa<llvm::SelectInst>(made)) at[&made] = operand(0) ? operand(1) : operand(2);
      if (const auto* compare = llvm::dyn_cast<llvm::ICmpInst>(&made))
        at[&made] = llvm::ICmpInst::compare(llvm::APInt(32, uint64_t(operand(0)), true),
                                            llvm::APInt(32, uint64_t(operand(1)), true),
                                            compare->getPredicate());
    }
    const auto* branch = llvm::dyn_cast<llvm::BranchInst>(block->getTerminator());
    if (!branch) return loads;
    before = block;
    const bool second = branch->isConditional() && !value_of(branch->getCondition(), at);
    block = branch->getSuccessor(second ? 1 : 0);
  }
  return -1;
}

/// A loop of which each turn loads a float and takes a function of it, times `with`.
std::unique_ptr<llvm::Module> parse(llvm::LLVMContext& context, const std::string& with,
                                    const std::string& question, int step) {
  std::string text = R"(
define float @f(ptr %p, i32 %from, i32 %to) {
  br label %again
again:
  %i = phi i32 [ %from, %0 ], [ %next, %back ]
  %s = phi float [ 0.0, %0 ], [ %t, %back ]
  %q = getelementptr float, ptr %p, i32 %i
  %v = load float, ptr %q
  %x0 = fadd float %v, )" +
                     with + "\n";
  for (int i = 1; i < 9; ++i)
    text += "  %x" + std::to_string(i) + " = fmul float %x" + std::to_string(i - 1) + ", 2.0\n";
  text += R"(
  %t = fadd float %s, %x8
  %next = add i32 %i, )" +
          std::to_string(step) + R"(
  %on = icmp )" +
          question + R"( i32 %next, %to
  br i1 %on, label %back, label %end
back:
  br label %again
end:
  ret float %t
})";
  llvm::SMDiagnostic diagnostic;
  auto module = llvm::parseAssemblyString(text, diagnostic, context);
  EXPECT_TRUE(module) << diagnostic.getMessage().str() << " in line " << diagnostic.getLineNo();
  return module;
}

TEST(JoinTurns, AsManyTurnsAsBefore) {
  for (const auto& [question, step] : {std::pair{"slt", 1}, {"slt", 32}, {"ult", 3}, {"ne", 1}}) {
    llvm::LLVMContext context;
    const auto before = parse(context, "1.0", question, step);
    const auto after = parse(context, "1.0", question, step);
    llvm::Function& function = *after->getFunction("f");
    EXPECT_EQ(join_turns(function, 16), 1u) << question;
    EXPECT_FALSE(llvm::verifyFunction(function, &llvm::errs()));
    for (int32_t from : {0, 5, 31}) {
      for (int32_t to : {-7, 0, 1, 4, 5, 6, 31, 33, 64, 129, 130, 160}) {
        const int wanted = turns(*before->getFunction("f"), from, to);
        // What goes round the whole circle isn't counted to its end.
        if (wanted >= 0) EXPECT_EQ(turns(function, from, to), wanted) << question << from << to;
      }
    }
    const int32_t last = INT32_MAX;
    if (std::string(question) == "slt" && step == 1) EXPECT_EQ(turns(function, last - 9, last), 9);
  }
}

/// The counter is as narrow as that; it begins at 0 and the limit is a number.
std::unique_ptr<llvm::Module> parse_narrow(llvm::LLVMContext& context, int bits, int step, int to) {
  std::string text = "define float @f(ptr %p) {\n  br label %again\nagain:\n";
  const std::string type = "i" + std::to_string(bits);
  text += "  %i = phi " + type + " [ 0, %0 ], [ %next, %again ]\n";
  text += "  %s = phi float [ 0.0, %0 ], [ %t, %again ]\n";
  text += "  %w = zext " + type + " %i to i64\n  %q = getelementptr float, ptr %p, i64 %w\n";
  text += "  %x0 = load float, ptr %q\n";
  for (int i = 1; i < 10; ++i)
    text += "  %x" + std::to_string(i) + " = fmul float %x" + std::to_string(i - 1) + ", 2.0\n";
  text += "  %t = fadd float %s, %x9\n";
  text += "  %next = add " + type + " %i, " + std::to_string(step) + "\n";
  text += "  %on = icmp ult " + type + " %next, " + std::to_string(to) + "\n";
  text += "  br i1 %on, label %again, label %end\nend:\n  ret float %t\n}\n";
  llvm::SMDiagnostic diagnostic;
  auto module = llvm::parseAssemblyString(text, diagnostic, context);
  EXPECT_TRUE(module) << diagnostic.getMessage().str() << " in line " << diagnostic.getLineNo();
  return module;
}

TEST(JoinTurns, NotWhereStepsOfSeveralTurnsDontFitTheCounter) {
  llvm::LLVMContext context;
  const auto count = [&](int bits, int step, int to) {
    return join_turns(*parse_narrow(context, bits, step, to)->getFunction("f"), 16);
  };
  EXPECT_EQ(count(16, 22000, 23000), 0u);
  EXPECT_EQ(count(8, 100, 110), 0u);
  EXPECT_EQ(count(16, 220, 23000), 1u);
  EXPECT_EQ(count(8, 10, 110), 1u);
}

TEST(JoinTurns, NotWhatLaterTurnsNeed) {
  llvm::LLVMContext context;
  const auto module = parse(context, "%s", "slt", 1);
  EXPECT_EQ(join_turns(*module->getFunction("f"), 16), 0u);
}

TEST(JoinTurns, NotWhereLoopsCountOtherwise) {
  llvm::LLVMContext context;
  EXPECT_EQ(join_turns(*parse(context, "1.0", "ne", 2)->getFunction("f"), 16), 0u);
  EXPECT_EQ(join_turns(*parse(context, "1.0", "slt", -1)->getFunction("f"), 16), 0u);
}

}  // namespace
}  // namespace anymetal::backend::cpu
