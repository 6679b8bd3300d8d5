#include "backend/finish_turns.h"

#include <llvm/ADT/DenseMap.h>
#include <llvm/ADT/DenseSet.h>
#include <llvm/ADT/STLExtras.h>
#include <llvm/Analysis/LoopInfo.h>
#include <llvm/IR/CFG.h>
#include <llvm/IR/Dominators.h>
#include <llvm/IR/IRBuilder.h>
#include <llvm/IR/InstIterator.h>
#include <llvm/Transforms/Utils/Local.h>

#include <vector>

#include "ir/thread_ir.h"

namespace anymetal::backend {
namespace {

using llvm::BasicBlock;
using llvm::dyn_cast;
using Blocks = std::vector<BasicBlock*>;
using BlockSet = llvm::DenseSet<const BasicBlock*>;

/// Who notices in which turn something is done.
enum class Seen { by_none, by_accesses, by_all };

/// What code does to others, its callees included.
class Effects {
 public:
  Seen of(const llvm::Instruction& instruction) {
    if (const auto* call = dyn_cast<llvm::CallBase>(&instruction)) return of_call(*call);
    if (instruction.isAtomic() || instruction.isVolatile()) return Seen::by_all;
    const llvm::Value* pointer = llvm::getLoadStorePointerOperand(&instruction);
    return pointer && is_shared(*pointer) ? Seen::by_accesses : Seen::by_none;
  }
  Seen of(const BasicBlock& block) {
    Seen most = Seen::by_none;
    for (const llvm::Instruction& instruction : block) most = std::max(most, of(instruction));
    return most;
  }

  Seen of(const llvm::Function& function) {
    const auto [known, is_new] = functions_.try_emplace(&function, Seen::by_none);
    if (!is_new) return known->second;
    Seen most = Seen::by_none;
    for (const BasicBlock& block : function) most = std::max(most, of(block));
    return functions_[&function] = most;
  }

 private:
  static bool is_shared(const llvm::Value& pointer) {
    const unsigned space = pointer.getType()->getPointerAddressSpace();
    return space == kDeviceSpace || space == kThreadgroupSpace;
  }
  Seen of_call(const llvm::CallBase& call) {
    const llvm::Function* callee = call.getCalledFunction();
    if (!callee) return Seen::by_all;
    if (callee->isDeclaration()) {
      // All meet there or none: nobody leaves the loop before.
      if (callee->getName() == "am.threadgroup_barrier") return Seen::by_none;
      if (call.isConvergent()) return Seen::by_all;
      const bool accesses = call.mayReadOrWriteMemory() && llvm::any_of(call.args(), [](auto& use) {
                              return use->getType()->isPointerTy() && is_shared(*use);
                            });
      return accesses ? Seen::by_accesses : Seen::by_none;
    }
    return of(*callee);
  }

  llvm::DenseMap<const llvm::Function*, Seen> functions_;
};

/// A function's loops, as they stand in the text.
class Text {
 public:
  explicit Text(llvm::Function& function) : dominators_(function), loops_(dominators_) {
    for (BasicBlock& block : function) {
      place_[&block] = blocks_.size();
      blocks_.push_back(&block);
    }
  }

  /// Those that the text has, inner ones first; Clang makes others to construct arrays.
  [[nodiscard]] std::vector<llvm::Loop*> loops() const {
    std::vector<llvm::Loop*> found;
    const auto outer_first = loops_.getLoopsInPreorder();
    for (llvm::Loop* loop : llvm::reverse(outer_first))
      if (is_head(*loop->getHeader())) found.push_back(loop);
    return found;
  }

  /// What stands in a loop's text and leads out of it, in order.
  [[nodiscard]] Blocks arms(const llvm::Loop& loop) const {
    Blocks found;
    const size_t behind = end(loop);
    for (size_t at = place_.lookup(loop.getHeader()); at < behind; ++at)
      if (!loop.contains(blocks_[at]) && is_behind_head(loop, *blocks_[at]))
        found.push_back(blocks_[at]);
    return found;
  }

  /// The first block behind a loop's text; null if there is none.
  [[nodiscard]] BasicBlock* behind(const llvm::Loop& loop) const {
    const size_t at = end(loop);
    return at < blocks_.size() ? blocks_[at] : nullptr;
  }

 private:
  // Clang's names for where a loop begins, and for what comes behind it.
  static bool is_head(const BasicBlock& block) {
    const llvm::StringRef name = block.getName();
    return name.starts_with("for.cond") || name.starts_with("while.cond") ||
           name.starts_with("while.body") || name.starts_with("do.body");
  }
  static bool ends_loop(const BasicBlock& block) {
    const llvm::StringRef name = block.getName();
    return name.starts_with("for.end") || name.starts_with("while.end") ||
           name.starts_with("do.end");
  }
  [[nodiscard]] bool is_behind_head(const llvm::Loop& loop, const BasicBlock& block) const {
    return dominators_.isReachableFromEntry(&block) &&
           dominators_.dominates(loop.getHeader(), &block);
  }
  /// The place of the first loop's end that stands behind all that leads back to this loop's head,
  /// but for the ends of loops that begin there. It is the end of this one, or of one around it: a
  /// loop that is left by `return` alone has none.
  [[nodiscard]] size_t end(const llvm::Loop& loop) const {
    size_t at = 0;
    for (const BasicBlock* block : loop.blocks()) at = std::max(at, place_.lookup(block));
    for (++at; at < blocks_.size();) {
      const llvm::Loop* next = loops_.getLoopFor(blocks_[at]);
      if (next && next->getHeader() == blocks_[at] && is_head(*blocks_[at])) {
        at = end(*next);
        if (at < blocks_.size() && is_left_to(*next, *blocks_[at])) ++at;
      } else if (ends_loop(*blocks_[at])) {
        break;
      } else {
        ++at;
      }
    }
    return at;
  }
  /// Whether this end is the loop's own.
  [[nodiscard]] bool is_left_to(const llvm::Loop& loop, BasicBlock& block) const {
    return dominators_.isReachableFromEntry(&block) && is_behind_head(loop, block);
  }

  llvm::DominatorTree dominators_;
  llvm::LoopInfo loops_;
  Blocks blocks_;
  llvm::DenseMap<const BasicBlock*, size_t> place_;
};

/// Of a loop's arms those blocks in which, or behind which, there is something that others see.
BlockSet seen_parts(const llvm::Loop& loop, const Blocks& arms, Effects& effects) {
  const auto meets = [&](const BasicBlock* block) { return effects.of(*block) == Seen::by_all; };
  BlockSet seen;
  if (llvm::none_of(loop.blocks(), meets) && llvm::none_of(arms, meets)) return seen;
  for (const BasicBlock* block : arms)
    if (effects.of(*block) != Seen::by_none) seen.insert(block);
  for (bool grows = true; grows;) {
    grows = false;
    for (const BasicBlock* block : llvm::reverse(arms)) {
      const auto is_seen = [&](const BasicBlock* next) { return seen.contains(next); };
      if (!is_seen(block) && llvm::any_of(llvm::successors(block), is_seen))
        grows = seen.insert(block).second;
    }
  }
  return seen;
}

/// Makes variables of what is computed in these blocks and used elsewhere, and of what ways bring
/// along that meet in these joins.
void make_variables(llvm::Function& function, const BlockSet& inside, const Blocks& joins) {
  for (BasicBlock* join : joins)
    while (auto* phi = dyn_cast<llvm::PHINode>(&join->front())) llvm::DemotePHIToStack(phi);
  std::vector<llvm::Instruction*> leaving;
  for (llvm::Instruction& instruction : llvm::instructions(function)) {
    const auto is_elsewhere = [&](const llvm::User* user) {
      return !inside.contains(llvm::cast<llvm::Instruction>(user)->getParent());
    };
    if (inside.contains(instruction.getParent()) && llvm::any_of(instruction.users(), is_elsewhere))
      leaving.push_back(&instruction);
  }
  for (llvm::Instruction* instruction : leaving) llvm::DemoteRegToStack(*instruction);
}

/// Leads what leaves these parts of a loop's arms through a block at the end of the turn, which the
/// ways back to the head take too. Whether there was any.
bool lead_through_end(const llvm::Loop& loop, const BlockSet& parts, const Blocks& arms,
                      BasicBlock* behind) {
  BasicBlock* head = loop.getHeader();
  llvm::Function& function = *head->getParent();
  BlockSet inside = parts;
  inside.insert(loop.block_begin(), loop.block_end());
  Blocks targets;
  for (BasicBlock* arm : arms) {
    if (!parts.contains(arm)) continue;
    if (llvm::isa<llvm::ReturnInst>(arm->getTerminator())) {
      BasicBlock* rest = arm->splitBasicBlock(arm->getTerminator(), "return");
      if (behind) rest->moveBefore(behind);
    }
    for (BasicBlock* next : llvm::successors(arm))
      if (!inside.contains(next) && !llvm::is_contained(targets, next)) targets.push_back(next);
  }
  if (targets.empty()) return false;
  Blocks joins = targets;
  joins.push_back(head);
  make_variables(function, inside, joins);

  llvm::IRBuilder<> builder(&function.getEntryBlock(), function.getEntryBlock().begin());
  llvm::Value* way = builder.CreateAlloca(builder.getInt32Ty(), nullptr, "way");
  auto* end = BasicBlock::Create(function.getContext(), "turn.end", &function, behind);
  const auto make_way = [&](const char* name, unsigned number) {
    auto* block = BasicBlock::Create(function.getContext(), name, &function, end);
    builder.SetInsertPoint(block);
    builder.CreateStore(builder.getInt32(number), way);
    builder.CreateBr(end);
    return block;
  };
  llvm::SmallVector<BasicBlock*> latches;
  loop.getLoopLatches(latches);
  BasicBlock* again = make_way("turn.again", 0);
  builder.SetInsertPoint(end);
  builder.SetCurrentDebugLocation(latches.back()->getTerminator()->getDebugLoc());
  llvm::SwitchInst* parting =
      builder.CreateSwitch(builder.CreateLoad(builder.getInt32Ty(), way), head, targets.size());
  for (BasicBlock* latch : latches) {
    llvm::Instruction* back = latch->getTerminator();
    if (llvm::MDNode* hints = back->getMetadata(llvm::LLVMContext::MD_loop)) {
      parting->setMetadata(llvm::LLVMContext::MD_loop, hints);
      back->setMetadata(llvm::LLVMContext::MD_loop, nullptr);
    }
    back->replaceSuccessorWith(head, again);
  }
  builder.SetCurrentDebugLocation({});
  for (BasicBlock* target : targets) {
    const unsigned number = parting->getNumCases() + 1;
    BasicBlock* out = make_way("turn.out", number);
    for (BasicBlock* arm : arms)
      if (parts.contains(arm)) arm->getTerminator()->replaceSuccessorWith(target, out);
    parting->addCase(builder.getInt32(number), target);
  }
  return true;
}

bool finish_one(llvm::Function& function, Effects& effects) {
  const Text text(function);
  for (const llvm::Loop* loop : text.loops()) {
    const Blocks arms = text.arms(*loop);
    const BlockSet parts = seen_parts(*loop, arms, effects);
    if (!parts.empty() && lead_through_end(*loop, parts, arms, text.behind(*loop))) return true;
  }
  return false;
}

}  // namespace

void finish_turns(llvm::Module& module) {
  Effects effects;
  for (llvm::Function& function : module) {
    if (function.size() < 2 || effects.of(function) != Seen::by_all) continue;
    while (finish_one(function, effects)) {
    }
  }
}

}  // namespace anymetal::backend
