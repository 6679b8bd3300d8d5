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
    if (pointer && is_shared(*pointer)) return Seen::by_accesses;
    return llvm::any_of(instruction.operands(), forgets_space) || forgets_space(&instruction)
               ? Seen::by_accesses
               : Seen::by_none;
  }
  Seen of(const BasicBlock& block) {
    const auto [known, is_new] = blocks_.try_emplace(&block, Seen::by_none);
    if (!is_new) return known->second;
    Seen most = Seen::by_none;
    for (const llvm::Instruction& instruction : block) most = std::max(most, of(instruction));
    return blocks_[&block] = most;
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
  /// What is called with it, as `this`, doesn't know that it is shared.
  static bool forgets_space(const llvm::Value* value) {
    const auto* cast = dyn_cast<llvm::AddrSpaceCastOperator>(value);
    return cast && is_shared(*cast->getPointerOperand());
  }
  Seen of_call(const llvm::CallBase& call) {
    if (llvm::any_of(call.args(), forgets_space))
      return std::max(Seen::by_accesses, of_callee(call));
    return of_callee(call);
  }
  Seen of_callee(const llvm::CallBase& call) {
    const llvm::Function* callee = call.getCalledFunction();
    if (!callee) return Seen::by_all;
    if (callee->isDeclaration()) {
      // All meet there or none: nobody leaves the loop before.
      if (callee->getName() == "am.threadgroup_barrier") return Seen::by_none;
      if (call.isConvergent()) return Seen::by_all;
      const bool accesses =
          call.mayReadOrWriteMemory() &&
          (callee->getName().starts_with("am.texture_") || llvm::any_of(call.args(), [](auto& use) {
             return use->getType()->isPointerTy() && is_shared(*use);
           }));
      return accesses ? Seen::by_accesses : Seen::by_none;
    }
    return of(*callee);
  }

  llvm::DenseMap<const llvm::Function*, Seen> functions_;
  llvm::DenseMap<const BasicBlock*, Seen> blocks_;
};

/// Where the loops of a function's text end: known from the order and the names of Clang's blocks,
/// and from what reaches what, before anything is changed.
class Ends {
 public:
  explicit Ends(llvm::Function& function) : dominators_(function) {
    for (BasicBlock& block : function) {
      place_[&block] = blocks_.size();
      blocks_.push_back(&block);
    }
    for (size_t at = 0; at < blocks_.size(); ++at) {
      if (!is_head(*blocks_[at])) continue;
      const size_t last = end(at);
      ends_[blocks_[at]] = last < blocks_.size() ? blocks_[last] : nullptr;
    }
  }

  /// Clang makes other loops to construct arrays.
  [[nodiscard]] bool has(const BasicBlock& head) const { return ends_.contains(&head); }

  /// The first block behind the loop's text; null if there is none.
  [[nodiscard]] BasicBlock* of(const BasicBlock& head) const { return ends_.lookup(&head); }

 private:
  // Clang's names for where a loop begins, and for what comes behind it.
  static bool is_head(const BasicBlock& block) {
    const llvm::StringRef name = block.getName();
    return (name.starts_with("for.cond") && !name.starts_with("for.cond.cleanup")) ||
           name.starts_with("while.cond") || name.starts_with("while.body") ||
           name.starts_with("do.body");
  }
  static bool is_end(const BasicBlock& block) {
    const llvm::StringRef name = block.getName();
    return name.starts_with("for.end") || name.starts_with("while.end") ||
           name.starts_with("do.end");
  }
  /// Whether the end that follows a head is its own.
  [[nodiscard]] bool is_end_of(const BasicBlock& head, const BasicBlock& end) const {
    if (!dominators_.isReachableFromEntry(&head)) return !dominators_.isReachableFromEntry(&end);
    return dominators_.dominates(&head, &end) || is_reached(head, end);
  }
  /// In the text between them; a switch from in front of the head may jump there too. Not by way of
  /// what `return` does on its way out.
  [[nodiscard]] bool is_reached(const BasicBlock& head, const BasicBlock& end) const {
    BlockSet seen{&head};
    std::vector open{&head};
    while (!open.empty()) {
      const BasicBlock* block = open.back();
      open.pop_back();
      if (block == &end) return true;
      for (const BasicBlock* next : llvm::successors(block)) {
        const size_t at = place_.lookup(next);
        if (at <= place_.lookup(&head) || at > place_.lookup(&end)) continue;
        if (!next->getName().starts_with("cleanup") && seen.insert(next).second)
          open.push_back(next);
      }
    }
    return false;
  }
  /// The place of the first end of a loop behind this head that isn't the end of a loop in between.
  /// It is its own end, or the one of a loop around it: what only `return` leaves has none. (Loops
  /// that never go round have heads and ends too.)
  size_t end(size_t head) {
    if (const auto known = known_.find(head); known != known_.end()) return known->second;
    bool awaits_body = blocks_[head]->getName().starts_with("while.cond");
    size_t at = head + 1;
    while (at < blocks_.size() && !is_end(*blocks_[at])) {
      const bool is_body = awaits_body && blocks_[at]->getName().starts_with("while.body");
      if (is_head(*blocks_[at]) && !is_body) {
        const size_t inner = at;
        at = end(inner);
        if (at < blocks_.size() && is_end_of(*blocks_[inner], *blocks_[at])) ++at;
      } else {
        awaits_body &= !is_body;
        ++at;
      }
    }
    return known_[head] = at;
  }

  llvm::DominatorTree dominators_;
  Blocks blocks_;
  llvm::DenseMap<const BasicBlock*, size_t> place_;
  llvm::DenseMap<size_t, size_t> known_;
  llvm::DenseMap<const BasicBlock*, BasicBlock*> ends_;
};

/// A function's loops, as they stand in the text.
class Text {
 public:
  Text(llvm::Function& function, const Ends& ends)
      : dominators_(function), loops_(dominators_), ends_(ends) {
    for (BasicBlock& block : function) {
      place_[&block] = blocks_.size();
      blocks_.push_back(&block);
    }
  }

  /// Those that the text has, inner ones first.
  [[nodiscard]] std::vector<llvm::Loop*> loops() const {
    std::vector<llvm::Loop*> found;
    const auto outer_first = loops_.getLoopsInPreorder();
    for (llvm::Loop* loop : llvm::reverse(outer_first))
      if (ends_.has(*loop->getHeader())) found.push_back(loop);
    return found;
  }

  /// The blocks of a loop's text, in order; those that it goes round by are among them.
  [[nodiscard]] Blocks blocks(const llvm::Loop& loop) const {
    Blocks found;
    const BasicBlock* last = behind(loop);
    const size_t end = last ? place_.lookup(last) : blocks_.size();
    for (size_t at = place_.lookup(loop.getHeader()); at < end; ++at)
      if (is_behind(*loop.getHeader(), *blocks_[at])) found.push_back(blocks_[at]);
    return found;
  }

  /// The first block behind a loop's text; null if there is none.
  [[nodiscard]] BasicBlock* behind(const llvm::Loop& loop) const {
    return ends_.of(*loop.getHeader());
  }

  /// Whether it is reached, and only by way of the other.
  [[nodiscard]] bool is_behind(const BasicBlock& other, const BasicBlock& block) const {
    return dominators_.isReachableFromEntry(&block) && dominators_.dominates(&other, &block);
  }
  [[nodiscard]] const llvm::Loop* innermost(const BasicBlock& block) const {
    return loops_.getLoopFor(&block);
  }

 private:
  llvm::DominatorTree dominators_;
  llvm::LoopInfo loops_;
  const Ends& ends_;
  Blocks blocks_;
  llvm::DenseMap<const BasicBlock*, size_t> place_;
};

/// The ends of a loop's turns that are to be: `from` go on at `join` in the loop, or leave it.
struct Parting {
  BasicBlock* join;
  Blocks befores;  ///< those that lead to the join in the same turn
  Blocks from;
  bool goes_round = false;  ///< the join is the head
};

/// What stands in one loop's text, and what leaves it without having come to the end of the turn.
class Turns {
 public:
  Turns(const Text& text, const llvm::Loop& loop, Effects& effects)
      : text_(text), loop_(loop), effects_(effects), blocks_(text.blocks(loop)) {
    const auto meets = [&](const BasicBlock* block) { return effects.of(*block) == Seen::by_all; };
    if (llvm::none_of(blocks_, meets)) return;
    loop.getLoopLatches(latches_);
    find_arms();
    find_conditional_exits();
  }

  /// The loop, and what of its arms is to be in it.
  [[nodiscard]] const BlockSet& inside() const { return inside_; }

  [[nodiscard]] std::vector<Parting> partings() const {
    std::vector<Parting> found;
    for (BasicBlock* from : leaving_) {
      BasicBlock* join = find_join(*from);
      auto same = llvm::find_if(found, [&](const Parting& one) { return one.join == join; });
      if (same == found.end())
        same = found.insert(same, {join, befores(*join), {}, join == loop_.getHeader()});
      same->from.push_back(from);
    }
    return found;
  }

 private:
  /// Blocks that don't lead back to the head, up to the last one that others see.
  void find_arms() {
    inside_.insert(loop_.block_begin(), loop_.block_end());
    const auto is_arm = [&](const BasicBlock* block) { return inside_.contains(block); };
    Blocks arms;
    llvm::copy_if(blocks_, std::back_inserter(arms),
                  [&](const BasicBlock* block) { return !loop_.contains(block); });
    for (bool grows = true; grows;) {
      grows = false;
      for (BasicBlock* block : llvm::reverse(arms)) {
        if (inside_.contains(block)) continue;
        if (effects_.of(*block) != Seen::by_none || llvm::any_of(llvm::successors(block), is_arm))
          grows = inside_.insert(block).second;
      }
    }
    llvm::copy_if(arms, std::back_inserter(leaving_), is_arm);
  }

  /// Blocks behind something that others see and that not all do in a turn: they are in the loop
  /// for the sake of a condition, which may turn out to be none.
  void find_conditional_exits() {
    BlockSet behind;
    Blocks open;
    llvm::copy_if(blocks_, std::back_inserter(open), [&](const BasicBlock* block) {
      return is_conditional(*block) && effects_.of(*block) != Seen::by_none;
    });
    while (!open.empty()) {
      BasicBlock* block = open.back();
      open.pop_back();
      if (!is_conditional(*block) || !behind.insert(block).second) continue;
      for (BasicBlock* next : llvm::successors(block))
        if (next != loop_.getHeader()) open.push_back(next);
    }
    llvm::copy_if(blocks_, std::back_inserter(leaving_),
                  [&](const BasicBlock* block) { return behind.contains(block); });
  }

  [[nodiscard]] bool is_conditional(const BasicBlock& block) const {
    return loop_.contains(&block) && !llvm::all_of(latches_, [&](const BasicBlock* latch) {
             return text_.is_behind(block, *latch);
           });
  }

  /// What comes next in the text, in each turn and in no loop that is left with it: who goes on
  /// comes there whatever becomes of conditions, so that it stays in the loop with what leads to
  /// it. If nothing does, the head, for the next turn.
  [[nodiscard]] BasicBlock* find_join(const BasicBlock& from) const {
    const llvm::Loop* inner = text_.innermost(from);
    while (inner && inner->getParentLoop() != &loop_) inner = inner->getParentLoop();
    const auto after = std::find(blocks_.begin(), blocks_.end(), &from);
    const auto join = std::find_if(after + 1, blocks_.end(), [&](const BasicBlock* block) {
      return loop_.contains(block) && !is_conditional(*block) && !(inner && inner->contains(block));
    });
    return join != blocks_.end() ? *join : loop_.getHeader();
  }

  [[nodiscard]] Blocks befores(BasicBlock& join) const {
    if (&join == loop_.getHeader()) return {latches_.begin(), latches_.end()};
    Blocks found;
    for (BasicBlock* before : llvm::predecessors(&join))
      if (!text_.is_behind(join, *before) && !llvm::is_contained(found, before))
        found.push_back(before);
    return found;
  }

  const Text& text_;
  const llvm::Loop& loop_;
  Effects& effects_;
  Blocks blocks_;
  llvm::SmallVector<BasicBlock*> latches_;
  BlockSet inside_;
  Blocks leaving_;
};

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

/// Where these blocks leave the loop to.
Blocks find_targets(const Parting& parting, const BlockSet& inside) {
  Blocks targets;
  for (BasicBlock* from : parting.from) {
    for (BasicBlock* next : llvm::successors(from))
      if (!inside.contains(next) && !llvm::is_contained(targets, next)) targets.push_back(next);
  }
  return targets;
}

/// Leads what leaves the loop to these targets by a block in front of the join, which parts it from
/// what goes on. `place`: before which the block stands in the text. What is made is inside then.
void lead_to_join(const Parting& parting, const Blocks& targets, BasicBlock* place,
                  BlockSet& inside) {
  llvm::Function& function = *parting.join->getParent();
  llvm::IRBuilder<> builder(&function.getEntryBlock(), function.getEntryBlock().begin());
  llvm::Value* way = builder.CreateAlloca(builder.getInt32Ty(), nullptr, "way");
  auto* end = BasicBlock::Create(function.getContext(), "turn.end", &function, place);
  inside.insert(end);
  const auto make_way = [&](const char* name, unsigned number) {
    auto* block = BasicBlock::Create(function.getContext(), name, &function, end);
    builder.SetInsertPoint(block);
    builder.CreateStore(builder.getInt32(number), way);
    builder.CreateBr(end);
    inside.insert(block);
    return block;
  };
  BasicBlock* on = make_way("turn.on", 0);
  builder.SetInsertPoint(end);
  builder.SetCurrentDebugLocation(parting.from.front()->getTerminator()->getDebugLoc());
  llvm::SwitchInst* parts = builder.CreateSwitch(builder.CreateLoad(builder.getInt32Ty(), way),
                                                 parting.join, unsigned(targets.size()));
  builder.SetCurrentDebugLocation({});
  for (BasicBlock* before : parting.befores) {
    llvm::Instruction* branch = before->getTerminator();
    if (parting.goes_round) {
      if (llvm::MDNode* hints = branch->getMetadata(llvm::LLVMContext::MD_loop))
        parts->setMetadata(llvm::LLVMContext::MD_loop, hints);
      branch->setMetadata(llvm::LLVMContext::MD_loop, nullptr);
    }
    branch->replaceSuccessorWith(parting.join, on);
  }
  for (BasicBlock* target : targets) {
    const unsigned number = parts->getNumCases() + 1;
    BasicBlock* out = make_way("turn.out", number);
    for (BasicBlock* from : parting.from) from->getTerminator()->replaceSuccessorWith(target, out);
    parts->addCase(builder.getInt32(number), target);
  }
}

bool finish_one(llvm::Function& function, const Ends& ends, Effects& effects, BlockSet& finished) {
  const Text text(function, ends);
  for (const llvm::Loop* loop : text.loops()) {
    if (!finished.insert(loop->getHeader()).second) continue;
    const Turns turns(text, *loop, effects);
    BlockSet inside = turns.inside();
    bool has_changed = false;
    BasicBlock* behind = text.behind(*loop);
    for (const Parting& parting : turns.partings()) {
      for (BasicBlock* from : parting.from) {
        if (!llvm::isa<llvm::ReturnInst>(from->getTerminator())) continue;
        BasicBlock* rest = from->splitBasicBlock(from->getTerminator(), "return");
        if (behind) rest->moveBefore(behind);
      }
      const Blocks targets = find_targets(parting, inside);
      if (targets.empty()) continue;
      Blocks joins = targets;
      joins.push_back(parting.join);
      make_variables(function, inside, joins);
      lead_to_join(parting, targets, parting.goes_round ? behind : parting.join, inside);
      has_changed = true;
    }
    if (has_changed) {
      finished.erase(loop->getHeader());
      return true;
    }
  }
  return false;
}

}  // namespace

void finish_turns(llvm::Module& module) {
  Effects effects;
  for (llvm::Function& function : module) {
    if (function.size() < 2 || effects.of(function) != Seen::by_all) continue;
    const Ends ends(function);
    BlockSet finished;
    while (finish_one(function, ends, effects, finished)) {
    }
  }
}

}  // namespace anymetal::backend
