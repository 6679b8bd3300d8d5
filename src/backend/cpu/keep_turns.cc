#include "backend/cpu/keep_turns.h"

#include <llvm/ADT/SmallPtrSet.h>
#include <llvm/Analysis/LoopInfo.h>
#include <llvm/Analysis/ValueTracking.h>
#include <llvm/IR/Dominators.h>
#include <llvm/IR/IRBuilder.h>
#include <llvm/IR/InstrTypes.h>
#include <llvm/IR/Module.h>

#include <vector>

namespace anymetal::backend::cpu {
namespace {

constexpr const char *kTurn = "am.turn", *kTurnOfMemory = "am.turn_of_memory";

bool is_turn(const llvm::Instruction& instruction) {
  const auto* call = llvm::dyn_cast<llvm::CallInst>(&instruction);
  return call && call->getCalledFunction() &&
         call->getCalledFunction()->getName().starts_with(kTurn);
}

/// Whether it matters to others in which turn a thread does this.
bool concerns_others(const llvm::Instruction& instruction) {
  const auto* call = llvm::dyn_cast<llvm::CallBase>(&instruction);
  return instruction.isAtomic() || instruction.isVolatile() ||
         (call && call->isConvergent() && !is_turn(instruction));
}

/// What a plain store writes, unless it is a thread's own.
const llvm::Value* shared_object(const llvm::Instruction& instruction) {
  const llvm::Value* pointer = llvm::getLoadStorePointerOperand(&instruction);
  if (!pointer || instruction.isAtomic() || instruction.isVolatile()) return nullptr;
  const llvm::Value* object = llvm::getUnderlyingObject(pointer, 0);
  return llvm::isa<llvm::AllocaInst>(object) ? nullptr : object;
}

llvm::Function& turn(llvm::Module& module, const char* name) {
  auto callee = module.getOrInsertFunction(name, llvm::Type::getVoidTy(module.getContext()));
  auto* function = llvm::cast<llvm::Function>(callee.getCallee());
  function->setConvergent();
  function->setDoesNotThrow();
  function->setWillReturn();
  if (name == kTurn) function->setOnlyAccessesInaccessibleMemory();
  return *function;
}

void call_at_top(llvm::BasicBlock& block, const char* name) {
  llvm::IRBuilder<> builder(&block, block.getFirstInsertionPt());
  builder.CreateCall(&turn(*block.getModule(), name));
}

/// A loop's blocks, and which of them some lanes do in one turn and others in the next.
class Turn {
 public:
  Turn(const llvm::Loop& loop, const llvm::DominatorTree& dominators)
      : loop_(loop), dominators_(dominators) {
    matters_ = llvm::any_of(loop.blocks(), [](const llvm::BasicBlock* block) {
      return llvm::any_of(*block, concerns_others);
    });
    if (!matters_) return;
    loop.getLoopLatches(latches_);
    std::vector<llvm::BasicBlock*> open;
    for (llvm::BasicBlock* block : loop.blocks()) {
      if (!is_conditional(*block)) continue;
      const auto is_seen = [](const llvm::Instruction& instruction) {
        return concerns_others(instruction) ||
               (llvm::isa<llvm::StoreInst>(instruction) && shared_object(instruction));
      };
      if (llvm::any_of(*block, is_seen)) open.push_back(block);
    }
    while (!open.empty()) {
      llvm::BasicBlock* block = open.back();
      open.pop_back();
      for (llvm::BasicBlock* next : llvm::successors(block)) {
        if (next != loop.getHeader() && loop.contains(next) && behind_.insert(next).second)
          open.push_back(next);
      }
    }
  }

  [[nodiscard]] bool matters() const { return matters_; }

  /// Whether ways that meet there are kept together: behind something that others see and that not
  /// all do in a turn, wherever these part again; and at its end.
  [[nodiscard]] bool meets(const llvm::BasicBlock& block, const llvm::Loop& innermost) const {
    return behind_.contains(&block) ||
           (&innermost == &loop_ && (loop_.isLoopExiting(&block) || loop_.isLoopLatch(&block)));
  }

  /// Whether it changes what stays where it is from turn to turn, as under a lock: others may have
  /// changed it since this lane's last one.
  [[nodiscard]] bool updates(const llvm::BasicBlock& block) const {
    if (!is_conditional(block)) return false;
    return llvm::any_of(block, [&](const llvm::Instruction& store) {
      const llvm::Value* object =
          llvm::isa<llvm::StoreInst>(store) ? shared_object(store) : nullptr;
      if (!object || !is_same(llvm::getLoadStorePointerOperand(&store))) return false;
      return llvm::any_of(loop_.blocks(), [&](const llvm::BasicBlock* other) {
        return llvm::any_of(*other, [&](const llvm::Instruction& load) {
          return llvm::isa<llvm::LoadInst>(load) && shared_object(load) == object;
        });
      });
    });
  }

 private:
  [[nodiscard]] bool is_conditional(const llvm::BasicBlock& block) const {
    return !llvm::all_of(latches_, [&](const llvm::BasicBlock* latch) {
      return dominators_.dominates(&block, latch);
    });
  }
  /// In all turns.
  [[nodiscard]] bool is_same(const llvm::Value* value) const {
    const auto* instruction = llvm::dyn_cast<llvm::Instruction>(value);
    if (!instruction || !loop_.contains(instruction)) return true;
    return llvm::isa<llvm::GetElementPtrInst, llvm::CastInst, llvm::BinaryOperator>(instruction) &&
           llvm::all_of(instruction->operands(),
                        [&](const llvm::Use& operand) { return is_same(operand); });
  }

  const llvm::Loop& loop_;
  const llvm::DominatorTree& dominators_;
  llvm::SmallVector<llvm::BasicBlock*> latches_;
  llvm::SmallPtrSet<const llvm::BasicBlock*, 16> behind_;
  bool matters_ = false;
};

}  // namespace

llvm::PreservedAnalyses KeepTurnsPass::run(llvm::Function& function,
                                           llvm::FunctionAnalysisManager& analyses) {
  auto& loops = analyses.getResult<llvm::LoopAnalysis>(function);
  const auto& dominators = analyses.getResult<llvm::DominatorTreeAnalysis>(function);
  llvm::SmallPtrSet<llvm::BasicBlock*, 16> meets, updates;
  for (const llvm::Loop* loop : loops.getLoopsInPreorder()) {
    const Turn turn(*loop, dominators);
    if (!turn.matters()) continue;
    for (llvm::BasicBlock* block : loop->blocks()) {
      if (llvm::any_of(*block, is_turn)) continue;
      if (turn.updates(*block)) updates.insert(block);
      const llvm::Loop& innermost = *loops.getLoopFor(block);
      if (innermost.getHeader() == block || block->hasNPredecessors(1)) continue;
      if (turn.meets(*block, innermost)) meets.insert(block);
    }
  }
  for (llvm::BasicBlock& block : function) {
    if (updates.contains(&block)) {
      call_at_top(block, kTurnOfMemory);
    } else if (meets.contains(&block)) {
      call_at_top(block, kTurn);
    }
  }
  return meets.empty() && updates.empty() ? llvm::PreservedAnalyses::all()
                                          : llvm::PreservedAnalyses::none();
}

void drop_turns(llvm::Module& module) {
  for (const char* name : {kTurn, kTurnOfMemory}) {
    llvm::Function* turn = module.getFunction(name);
    if (!turn) continue;
    while (!turn->use_empty()) llvm::cast<llvm::CallInst>(turn->user_back())->eraseFromParent();
    turn->eraseFromParent();
  }
}

}  // namespace anymetal::backend::cpu
