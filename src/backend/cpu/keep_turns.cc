#include "backend/cpu/keep_turns.h"

#include <llvm/ADT/SetOperations.h>
#include <llvm/ADT/SmallPtrSet.h>
#include <llvm/Analysis/LoopInfo.h>
#include <llvm/Analysis/ValueTracking.h>
#include <llvm/IR/Dominators.h>
#include <llvm/IR/IRBuilder.h>
#include <llvm/IR/InstrTypes.h>
#include <llvm/IR/IntrinsicInst.h>
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

bool is_turn_of_memory(const llvm::Instruction& instruction) {
  return is_turn(instruction) &&
         llvm::cast<llvm::CallInst>(instruction).getCalledFunction()->getName() == kTurnOfMemory;
}

/// Whether it matters to others in which turn a thread does this.
bool concerns_others(const llvm::Instruction& instruction) {
  const auto* call = llvm::dyn_cast<llvm::CallBase>(&instruction);
  return instruction.isAtomic() || instruction.isVolatile() ||
         (call && call->isConvergent() && !is_turn(instruction));
}

using Blocks = llvm::SmallPtrSet<llvm::BasicBlock*, 16>;
using Objects = llvm::SmallPtrSet<const llvm::Value*, 8>;

/// What a plain access or a copy writes to, or else reads from.
const llvm::Value* address_of(const llvm::Instruction& instruction, bool written = true) {
  if (instruction.isAtomic() || instruction.isVolatile()) return nullptr;
  if (const auto* memory = llvm::dyn_cast<llvm::MemIntrinsic>(&instruction)) {
    if (written) return memory->getRawDest();
    const auto* copy = llvm::dyn_cast<llvm::MemTransferInst>(memory);
    return copy ? copy->getRawSource() : nullptr;
  }
  return llvm::isa<llvm::StoreInst>(instruction) == written
             ? llvm::getLoadStorePointerOperand(&instruction)
             : nullptr;
}

/// What is there, but for what is a thread's own.
llvm::SmallVector<const llvm::Value*, 4> shared_objects(const llvm::Instruction& instruction,
                                                        bool written) {
  llvm::SmallVector<const llvm::Value*, 4> objects;
  if (const llvm::Value* address = address_of(instruction, written))
    llvm::getUnderlyingObjects(address, objects, nullptr, 0);
  llvm::erase_if(objects,
                 [](const llvm::Value* object) { return llvm::isa<llvm::AllocaInst>(object); });
  return objects;
}

llvm::SmallVector<const llvm::Value*, 4> shared_objects(const llvm::Instruction& instruction) {
  auto objects = shared_objects(instruction, /*written=*/false);
  objects.append(shared_objects(instruction, /*written=*/true));
  return objects;
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
               !shared_objects(instruction, /*written=*/true).empty();
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

  /// Behind a loop that waits until an atomic says so, as for a lock: what is read there may be
  /// what others wrote meanwhile.
  [[nodiscard]] Blocks waits() const {
    Blocks blocks;
    llvm::SmallVector<llvm::BasicBlock*> exiting;
    loop_.getExitingBlocks(exiting);
    for (llvm::BasicBlock* block : exiting) {
      if (!hangs_on_atomic(*block->getTerminator()->getOperand(0))) continue;
      for (llvm::BasicBlock* next : llvm::successors(block))
        if (!loop_.contains(next)) blocks.insert(next);
    }
    return blocks;
  }

  /// The blocks that read or write what the loop changes where it stays from turn to turn, as under
  /// a lock, and the loop's head: others may have changed it since this lane's last turn, which
  /// perhaps came to none of the other blocks.
  [[nodiscard]] Blocks updates() const {
    Objects read, changed;
    for (const llvm::BasicBlock* block : loop_.blocks()) {
      const bool conditional = is_conditional(*block);
      for (const llvm::Instruction& instruction : *block) {
        for (const llvm::Value* object : shared_objects(instruction, /*written=*/false))
          read.insert(object);
        if (!conditional) continue;
        for (const llvm::Value* object : shared_objects(instruction, /*written=*/true)) {
          if (is_same(*address_of(instruction))) changed.insert(object);
        }
      }
    }
    llvm::set_intersect(changed, read);
    Blocks blocks;
    if (changed.empty()) return blocks;
    if (!passes_barrier()) blocks.insert(loop_.getHeader());
    for (llvm::BasicBlock* block : loop_.blocks()) {
      const bool touches = llvm::any_of(*block, [&](const llvm::Instruction& instruction) {
        return llvm::any_of(shared_objects(instruction),
                            [&](const llvm::Value* object) { return changed.contains(object); });
      });
      if (touches) blocks.insert(block);
    }
    return blocks;
  }

 private:
  /// Whether a barrier, which changes memory to LLVM, is in each turn.
  [[nodiscard]] bool passes_barrier() const {
    return llvm::any_of(loop_.blocks(), [&](const llvm::BasicBlock* block) {
      return !is_conditional(*block) &&
             llvm::any_of(*block, [](const llvm::Instruction& instruction) {
               const auto* call = llvm::dyn_cast<llvm::CallBase>(&instruction);
               return call && call->isConvergent() && call->mayWriteToMemory() &&
                      (!is_turn(*call) || is_turn_of_memory(*call));
             });
    });
  }
  [[nodiscard]] bool is_conditional(const llvm::BasicBlock& block) const {
    return !llvm::all_of(latches_, [&](const llvm::BasicBlock* latch) {
      return dominators_.dominates(&block, latch);
    });
  }
  [[nodiscard]] bool hangs_on_atomic(const llvm::Value& condition) const {
    return is_made_of(
        condition, [](const llvm::Instruction& made) { return made.isAtomic(); },
        [](const llvm::Instruction&) { return false; });
  }
  /// Whether it may be the same in several turns: nothing that goes on from turn to turn is in it.
  /// What inner loops count they count in each turn anew, and what is loaded may be the same.
  [[nodiscard]] bool is_same(const llvm::Value& value) const {
    return !is_made_of(
        value,
        [&](const llvm::Instruction& made) {
          return llvm::isa<llvm::PHINode>(made) && made.getParent() == loop_.getHeader();
        },
        [](const llvm::Instruction& made) {
          return llvm::isa<llvm::LoadInst, llvm::CallBase>(made);
        });
  }
  /// Whether one of the loop's instructions that a value is made of is `wanted`, not looking behind
  /// those that are an `end`.
  [[nodiscard]] bool is_made_of(const llvm::Value& value,
                                llvm::function_ref<bool(const llvm::Instruction&)> wanted,
                                llvm::function_ref<bool(const llvm::Instruction&)> end) const {
    llvm::SmallPtrSet<const llvm::Value*, 16> seen;
    llvm::SmallVector<const llvm::Value*, 16> open{&value};
    while (!open.empty()) {
      const auto* made = llvm::dyn_cast<llvm::Instruction>(open.pop_back_val());
      if (!made || !loop_.contains(made) || !seen.insert(made).second) continue;
      if (wanted(*made)) return true;
      if (!end(*made)) open.append(made->op_begin(), made->op_end());
    }
    return false;
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
  Blocks meets, updates;
  for (const llvm::Loop* loop : loops.getLoopsInPreorder()) {
    const Turn turn(*loop, dominators);
    if (!turn.matters()) continue;
    for (llvm::BasicBlock* block : turn.updates()) updates.insert(block);
    for (llvm::BasicBlock* block : turn.waits()) updates.insert(block);
    for (llvm::BasicBlock* block : loop->blocks()) {
      const llvm::Loop& innermost = *loops.getLoopFor(block);
      if (innermost.getHeader() == block || block->hasNPredecessors(1)) continue;
      if (turn.meets(*block, innermost)) meets.insert(block);
    }
  }
  for (llvm::BasicBlock& block : function) {
    if (updates.contains(&block)) {
      if (llvm::none_of(block, is_turn_of_memory)) call_at_top(block, kTurnOfMemory);
    } else if (meets.contains(&block) && llvm::none_of(block, is_turn)) {
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
