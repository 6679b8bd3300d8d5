// A product of matrices has more sums than there are registers: 64 for 32x32 elements of a
// simdgroup. The vectoriser adds to 16 of them at a time, eight numbers or more to each, so they
// could be in memory while it is the others' turn, for a load and a store in eight multiply-adds.
// But LLVM has all of them as values of the loop, or loads them where a region begins and stores
// them where it ends. Its scheduler then has nothing that keeps one group of sums behind the other:
// it mixes them, operands that were loaded for one group wait in memory again for the next, and the
// allocator stores a sum in each turn wherever it likes.
//
// So here such a sum's place in memory is said: it is loaded right before the first thing is added,
// and stored right behind the last one, both volatile. Thus groups stay apart, for what is volatile
// keeps its order, and a group's last stores wait for its multiply-adds.
#include "backend/cpu/park_sums.h"

#include <llvm/Analysis/AliasAnalysis.h>
#include <llvm/Analysis/LoopInfo.h>
#include <llvm/IR/Dominators.h>
#include <llvm/IR/IRBuilder.h>
#include <llvm/IR/IntrinsicInst.h>
#include <llvm/Transforms/Utils/LoopSimplify.h>

#include <vector>

namespace anymetal::backend::cpu {
namespace {

constexpr unsigned kLeastAdded = 4;  // to a sum, for a load and a store

/// What is added to a sum in a block, from the first to the last.
struct Chain {
  llvm::Instruction* before;  ///< the sum as the block finds it: a loop's variable, or a load
  llvm::Instruction *first, *last;
  llvm::StoreInst* store;  ///< of the last one; null for a loop's variable
};

bool adds_to(const llvm::User* user, const llvm::Value* sum) {
  const auto* product = llvm::dyn_cast<llvm::IntrinsicInst>(user);
  if (!product || (product->getIntrinsicID() != llvm::Intrinsic::fma &&
                   product->getIntrinsicID() != llvm::Intrinsic::fmuladd))
    return false;
  return product->getArgOperand(2) == sum && product->getArgOperand(0) != sum &&
         product->getArgOperand(1) != sum;
}

class Parking {
 public:
  Parking(llvm::Function& function, unsigned registers, LlvmPasses& passes)
      : function_(function),
        registers_(registers),
        loops_(passes.functions().getResult<llvm::LoopAnalysis>(function)),
        dominators_(passes.functions().getResult<llvm::DominatorTreeAnalysis>(function)),
        alias_(passes.functions().getResult<llvm::AAManager>(function)) {}

  unsigned run() {
    unsigned count = 0;
    for (llvm::BasicBlock& block : function_) {
      const std::vector<Chain> chains = find(block);
      if (chains.size() * 4 <= size_t{registers_} * 3) continue;
      for (const Chain& chain : chains) {
        if (chain.store) {
          keep_in_place(chain);
        } else {
          park(chain);
        }
      }
      count += unsigned(chains.size());
    }
    return count;
  }

 private:
  std::vector<Chain> find(llvm::BasicBlock& block) {
    std::vector<Chain> chains;
    for (llvm::Instruction& instruction : block) {
      if (llvm::isa<llvm::IntrinsicInst>(instruction)) look_at(instruction, chains);
    }
    return chains;
  }

  /// From what may be the first one of a chain.
  void look_at(llvm::Instruction& first, std::vector<Chain>& chains) const {
    if (!first.getType()->isVectorTy() || first.getNumOperands() < 3) return;
    auto* before = llvm::dyn_cast<llvm::Instruction>(first.getOperand(2));
    if (!before || !before->hasOneUse() || !adds_to(&first, before)) return;
    const auto* load = llvm::dyn_cast<llvm::LoadInst>(before);
    const bool is_load = load && load->isSimple() && load->getParent() == first.getParent();
    if (!is_load && !llvm::isa<llvm::PHINode>(before)) return;
    Chain chain{before, &first, &first, nullptr};
    unsigned added = 1;
    for (; chain.last->hasOneUse(); ++added) {
      auto* next = llvm::cast<llvm::Instruction>(chain.last->user_back());
      if (next->getParent() != first.getParent() || !adds_to(next, chain.last)) break;
      chain.last = next;
    }
    if (added < kLeastAdded) return;
    const bool stays = is_load ? is_stored(chain) : goes_round(chain);
    if (stays) chains.push_back(chain);
  }

  static bool is_stored(Chain& chain) {
    if (!chain.last->hasOneUse()) return false;
    chain.store = llvm::dyn_cast<llvm::StoreInst>(chain.last->user_back());
    return chain.store && chain.store->isSimple() && chain.store->getValueOperand() == chain.last &&
           chain.store->getParent() == chain.first->getParent();
  }

  /// Whether the sum is a variable of the loop that the block is in, added to in each turn.
  [[nodiscard]] bool goes_round(const Chain& chain) const {
    const auto& phi = llvm::cast<llvm::PHINode>(*chain.before);
    const llvm::BasicBlock* block = chain.first->getParent();
    const llvm::Loop* loop = loops_.getLoopFor(block);
    if (!loop || loop->getHeader() != phi.getParent()) return false;
    const llvm::BasicBlock *latch = loop->getLoopLatch(), *exit = loop->getUniqueExitBlock();
    const llvm::BasicBlock* leaves = exit ? exit->getSinglePredecessor() : nullptr;
    if (!loop->getLoopPreheader() || !latch || !leaves || !dominators_.dominates(block, latch) ||
        !dominators_.dominates(block, leaves))
      return false;
    if (phi.getIncomingValueForBlock(latch) != chain.last) return false;
    return llvm::all_of(chain.last->users(), [&](const llvm::User* user) {
      const auto* other = llvm::cast<llvm::Instruction>(user);
      return other == &phi || !loop->contains(other);
    });
  }

  /// A loop's variable becomes one of the stack's.
  void park(const Chain& chain) {
    auto& phi = llvm::cast<llvm::PHINode>(*chain.before);
    const llvm::Loop& loop = *loops_.getLoopFor(chain.first->getParent());
    llvm::IRBuilder<> builder(&*function_.getEntryBlock().getFirstNonPHIOrDbgOrAlloca());
    llvm::AllocaInst* place = builder.CreateAlloca(phi.getType(), nullptr, "parked");
    place->setAlignment(llvm::Align(64));
    builder.SetInsertPoint(loop.getLoopPreheader()->getTerminator());
    builder.CreateStore(phi.getIncomingValueForBlock(loop.getLoopPreheader()), place);
    builder.SetInsertPoint(chain.first);
    phi.replaceAllUsesWith(builder.CreateLoad(phi.getType(), place, /*isVolatile=*/true));
    phi.eraseFromParent();
    builder.SetInsertPoint(chain.last->getNextNode());
    builder.CreateStore(chain.last, place, /*isVolatile=*/true);
    llvm::BasicBlock* exit = loop.getUniqueExitBlock();
    builder.SetInsertPoint(exit, exit->getFirstInsertionPt());
    llvm::Value* left = builder.CreateLoad(chain.last->getType(), place);
    for (llvm::User* user : llvm::make_early_inc_range(chain.last->users())) {
      auto* other = llvm::cast<llvm::Instruction>(user);
      if (loop.contains(other)) continue;
      if (llvm::isa<llvm::PHINode>(other) && other->getParent() == exit) {
        other->replaceAllUsesWith(left);
        other->eraseFromParent();
      } else {
        other->replaceUsesOfWith(chain.last, left);
      }
    }
    if (left->use_empty()) llvm::cast<llvm::Instruction>(left)->eraseFromParent();
  }

  /// Whether anything from one instruction to the other may change or, of what is written, read
  /// this memory.
  bool is_free(const llvm::Instruction* from, const llvm::Instruction* to,
               const llvm::MemoryLocation& place, bool is_written) {
    for (; from != to; from = from->getNextNode()) {
      if (!from->mayReadOrWriteMemory()) continue;
      const llvm::ModRefInfo touches = alias_.getModRefInfo(from, place);
      if (is_written ? llvm::isModOrRefSet(touches) : llvm::isModSet(touches)) return false;
    }
    return true;
  }

  /// A sum that has a place in memory already is loaded later and stored earlier.
  void keep_in_place(const Chain& chain) {
    auto& load = llvm::cast<llvm::LoadInst>(*chain.before);
    if (is_free(&load, chain.first, llvm::MemoryLocation::get(&load), false)) {
      load.moveBefore(chain.first);
      load.setVolatile(true);
    }
    const auto* to = llvm::dyn_cast<llvm::Instruction>(chain.store->getPointerOperand());
    const bool is_known = !to || to->getParent() != chain.last->getParent() ||
                          llvm::isa<llvm::PHINode>(to) || to->comesBefore(chain.last);
    if (is_known &&
        is_free(chain.last, chain.store, llvm::MemoryLocation::get(chain.store), true)) {
      chain.store->moveAfter(chain.last);
      chain.store->setVolatile(true);
    }
  }

  llvm::Function& function_;
  const unsigned registers_;
  const llvm::LoopInfo& loops_;
  const llvm::DominatorTree& dominators_;
  llvm::BatchAAResults alias_;
};

}  // namespace

unsigned park_sums(llvm::Function& threadgroup, unsigned registers, LlvmPasses& passes) {
  passes.run(threadgroup, llvm::LoopSimplifyPass());
  const unsigned count = Parking(threadgroup, registers, passes).run();
  passes.clear();
  return count;
}

}  // namespace anymetal::backend::cpu
