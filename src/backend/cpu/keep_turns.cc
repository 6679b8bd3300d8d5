#include "backend/cpu/keep_turns.h"

#include <llvm/Analysis/LoopInfo.h>
#include <llvm/IR/IRBuilder.h>
#include <llvm/IR/InstrTypes.h>
#include <llvm/IR/Module.h>

namespace anymetal::backend::cpu {
namespace {

constexpr const char* kTurn = "am.turn";

bool is_turn(const llvm::Instruction& instruction) {
  const auto* call = llvm::dyn_cast<llvm::CallInst>(&instruction);
  return call && call->getCalledFunction() && call->getCalledFunction()->getName() == kTurn;
}

/// Whether it matters to others in which turn a thread does this.
bool concerns_others(const llvm::Instruction& instruction) {
  const auto* call = llvm::dyn_cast<llvm::CallBase>(&instruction);
  return instruction.isAtomic() || instruction.isVolatile() ||
         (call && call->isConvergent() && !is_turn(instruction));
}

llvm::FunctionCallee turn(llvm::Module& module) {
  auto callee = module.getOrInsertFunction(kTurn, llvm::Type::getVoidTy(module.getContext()));
  auto* function = llvm::cast<llvm::Function>(callee.getCallee());
  function->setConvergent();
  function->setDoesNotThrow();
  function->setWillReturn();
  function->setOnlyAccessesInaccessibleMemory();
  return callee;
}

}  // namespace

llvm::PreservedAnalyses KeepTurnsPass::run(llvm::Function& function,
                                           llvm::FunctionAnalysisManager& analyses) {
  const auto& loops = analyses.getResult<llvm::LoopAnalysis>(function);
  bool has_changed = false;
  for (llvm::BasicBlock& block : function) {
    const llvm::Loop* loop = loops.getLoopFor(&block);
    if (!loop || loop->getHeader() == &block || block.hasNPredecessors(1)) continue;
    if (!loop->isLoopExiting(&block) && !loop->isLoopLatch(&block)) continue;
    if (llvm::any_of(block, is_turn)) continue;
    const bool matters = llvm::any_of(loop->blocks(), [](const llvm::BasicBlock* other) {
      return llvm::any_of(*other, concerns_others);
    });
    if (!matters) continue;
    llvm::IRBuilder<>(&block, block.getFirstInsertionPt()).CreateCall(turn(*function.getParent()));
    has_changed = true;
  }
  return has_changed ? llvm::PreservedAnalyses::none() : llvm::PreservedAnalyses::all();
}

void drop_turns(llvm::Module& module) {
  llvm::Function* turn = module.getFunction(kTurn);
  if (!turn) return;
  while (!turn->use_empty()) llvm::cast<llvm::CallInst>(turn->user_back())->eraseFromParent();
  turn->eraseFromParent();
}

}  // namespace anymetal::backend::cpu
