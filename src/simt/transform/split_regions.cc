// A barrier ends a region, and so do the header and the exits of a loop that holds one: each
// region is a piece of code with one entry, without a barrier in it, that all steps run one after
// the other before the next region begins. What a step needs later is kept in slots, an array with
// an element for each step; what is the same for all steps needs one. Where steps don't go from one
// region to the same next one, each goes its own way from barrier to barrier (make_rounds).
#include "simt/transform/split_regions.h"

#include <llvm/ADT/MapVector.h>
#include <llvm/ADT/SetVector.h>
#include <llvm/Analysis/LoopInfo.h>
#include <llvm/Analysis/PostDominators.h>
#include <llvm/IR/CFG.h>
#include <llvm/IR/Dominators.h>
#include <llvm/IR/IRBuilder.h>
#include <llvm/IR/InstIterator.h>
#include <llvm/Transforms/Utils/BasicBlockUtils.h>
#include <llvm/Transforms/Utils/Cloning.h>

#include <map>
#include <optional>
#include <set>
#include <vector>

#include "simt/analysis/control_flow.h"
#include "simt/analysis/guards.h"
#include "simt/analysis/uniformity.h"
#include "simt/analysis/ways.h"
#include "simt/threadgroup_frame.h"
#include "simt/transform/ended_steps.h"
#include "simt/transform/made_again.h"
#include "simt/transform/order_steps.h"
#include "simt/transform/repair_dominance.h"
#include "simt/transform/scratch.h"

namespace anymetal::simt {
namespace {

bool is_barrier(const llvm::Instruction& instruction) {
  return callee_name(&instruction) == "am.threadgroup_barrier";
}

class RegionSplitter {
 public:
  RegionSplitter(llvm::Function& function, const Geometry& geometry)
      : function_(function), geometry_(geometry), context_(function.getContext()) {}

  Result<uint32_t> run() {
    split_entry();
    ends_ = split_at_ends(function_);
    split_at_barriers();
    find_heads();
    isolate_heads();
    for (;;) {
      find_regions();
      uniformity_.emplace(function_);
      find_ways();
      llvm::BasicBlock* parting = find_parting();
      if (!parting) break;
      if (join_ways(*parting)) continue;
      parts_ = true;
      // Who waits at a barrier waits there itself: a gate is none.
      heads_.insert(joined_.begin(), joined_.end());
      close_heads();
      isolate_heads();
      find_regions();
      break;
    }
    place_slots(find_kept());
    widen_private_variables();
    parts_ ? make_rounds() : make_loops();
    return uint32_t(heads_.size());
  }

 private:
  using Ways = std::set<llvm::BasicBlock*>;

  [[nodiscard]] llvm::Argument* step() const { return function_.getArg(1); }

  /// Variables, members of the frame and what follows from them alone stay in a block of their own,
  /// which runs once.
  void split_entry() {
    body_ = &function_.getEntryBlock();
    entry_ = llvm::BasicBlock::Create(context_, "once", &function_, body_);
    llvm::Instruction* jump = llvm::BranchInst::Create(body_, entry_);
    for (llvm::Instruction& instruction : llvm::make_early_inc_range(*body_)) {
      if (runs_once(instruction)) instruction.moveBefore(jump);
    }
  }

  [[nodiscard]] bool runs_once(const llvm::Instruction& instruction) const {
    if (llvm::isa<llvm::AllocaInst>(instruction)) return true;
    if (instruction.isTerminator() || llvm::isa<llvm::PHINode>(instruction) ||
        instruction.mayHaveSideEffects() ||
        (instruction.mayReadFromMemory() &&
         !instruction.hasMetadata(llvm::LLVMContext::MD_invariant_load)))
      return false;
    // A load from a buffer runs only when its block does, so it is the frame's alone that move.
    if (const auto* load = llvm::dyn_cast<llvm::LoadInst>(&instruction)) {
      const llvm::Value* from = load->getPointerOperand()->stripInBoundsConstantOffsets();
      const auto* table = llvm::dyn_cast<llvm::LoadInst>(from);
      if (from != function_.getArg(0) &&
          !(table &&
            table->getPointerOperand()->stripInBoundsConstantOffsets() == function_.getArg(0)))
        return false;
    }
    return llvm::all_of(instruction.operands(), [&](const llvm::Use& operand) {
      if (operand == step()) return false;
      const auto* made = llvm::dyn_cast<llvm::Instruction>(operand);
      return !made || (made->getParent() == entry_ && !made->hasMetadata(kPrivateVariable));
    });
  }

  void split_at_barriers() {
    std::vector<llvm::Instruction*> barriers;
    for (llvm::Instruction& instruction : llvm::instructions(function_)) {
      if (is_barrier(instruction)) barriers.push_back(&instruction);
    }
    for (llvm::Instruction* barrier : barriers) {
      llvm::BasicBlock* block = barrier->getParent();
      llvm::BasicBlock* after = block->splitBasicBlock(barrier->getNextNode(), "after.barrier");
      heads_.insert(after);
      meetings_.insert(after);
      with_barrier_.insert(block);
      barrier->eraseFromParent();
    }
  }

  void find_heads() {
    const llvm::DominatorTree dominators(function_);
    const llvm::LoopInfo loops(dominators);
    for (const llvm::Loop* loop : loops.getLoopsInPreorder()) {
      if (llvm::none_of(loop->blocks(),
                        [&](llvm::BasicBlock* block) { return with_barrier_.contains(block); }))
        continue;
      heads_.insert(loop->getHeader());
      llvm::SmallVector<llvm::BasicBlock*, 4> exits;
      loop->getUniqueExitBlocks(exits);
      heads_.insert(exits.begin(), exits.end());
    }
    heads_.insert(body_);
    close_heads();
  }

  /// What two regions lead to is a region of its own.
  void close_heads() {
    for (bool changed = true; changed;) {
      changed = false;
      find_regions();
      for (llvm::BasicBlock* block : shared_) changed |= heads_.insert(block);
    }
  }

  /// A head's phis are read from slots that its predecessors write: each needs a block for that
  /// alone.
  void isolate_heads() {
    for (llvm::BasicBlock* head : heads_) {
      if (head->phis().empty()) continue;
      const llvm::SetVector<llvm::BasicBlock*> before(llvm::pred_begin(head), llvm::pred_end(head));
      for (llvm::BasicBlock* block : before) {
        if (llvm::succ_size(block) > 1) llvm::SplitBlockPredecessors(head, {block}, ".edge");
      }
    }
  }

  void find_regions() {
    region_.clear();
    shared_.clear();
    for (llvm::BasicBlock* head : heads_) {
      llvm::SmallVector<llvm::BasicBlock*, 16> work{head};
      std::set<llvm::BasicBlock*> seen{head};
      while (!work.empty()) {
        llvm::BasicBlock* block = work.pop_back_val();
        const auto [found, is_new] = region_.try_emplace(block, head);
        if (!is_new && found->second != head) {
          shared_.insert(block);
          continue;
        }
        for (llvm::BasicBlock* next : llvm::successors(block)) {
          if (!heads_.contains(next) && seen.insert(next).second) work.push_back(next);
        }
      }
    }
  }

  /// The heads that each block leads to; null: the end. From the end on, since blocks mostly stand
  /// before those that they lead to.
  void find_ways() {
    ways_.clear();
    for (bool changed = true; changed;) {
      changed = false;
      for (llvm::BasicBlock& block : llvm::reverse(function_)) {
        if (&block == entry_) continue;
        Ways& mine = ways_[&block];
        const size_t before = mine.size();
        if (llvm::succ_empty(&block)) mine.insert(nullptr);
        for (llvm::BasicBlock* next : llvm::successors(&block)) {
          if (heads_.contains(next)) {
            mine.insert(next);
          } else if (next != &block) {
            const Ways& further = ways_[next];
            mine.insert(further.begin(), further.end());
          }
        }
        changed |= mine.size() != before;
      }
    }
  }

  Ways ways_through(llvm::BasicBlock* block) {
    return heads_.contains(block) ? Ways{block} : ways_[block];
  }

  /// Whether a way between the two leaves the region, as round a loop: who takes it comes to the
  /// other block later.
  [[nodiscard]] bool passes_head(const llvm::BasicBlock& from, const llvm::BasicBlock& to) const {
    return !find_before(from, &to, [this](const llvm::BasicBlock& block) {
              return heads_.contains(const_cast<llvm::BasicBlock*>(&block));
            }).empty();
  }

  /// All steps must go from a region to the same next one: a block where they don't. If they come
  /// together again before the region ends, what they do then counts.
  llvm::BasicBlock* find_parting() {
    const llvm::PostDominatorTree after(function_);
    for (llvm::BasicBlock& block : function_) {
      if (llvm::succ_size(&block) < 2 || !uniformity_->has_divergent_end(block)) continue;
      const auto* node = after.getNode(&block);
      llvm::BasicBlock* meeting = node && node->getIDom() ? node->getIDom()->getBlock() : nullptr;
      if (meeting && !heads_.contains(meeting) && region_of(meeting) == region_of(&block) &&
          !passes_head(block, *meeting))
        continue;
      std::set<Ways> different;
      for (llvm::BasicBlock* next : llvm::successors(&block)) different.insert(ways_through(next));
      if (different.size() > 1 || different.begin()->size() > 1) return &block;
    }
    return nullptr;
  }

  /// Where steps part for two regions of which the first leads to the second alone, as over a part
  /// that only steps with lanes have to do: all go to the first, and those that meant the second
  /// leave it at once.
  bool join_ways(llvm::BasicBlock& parting) {
    const Ways& ways = ways_[&parting];
    if (ways.size() != 2 || ways.contains(nullptr)) return false;
    llvm::BasicBlock *first = *ways.begin(), *second = *std::next(ways.begin());
    if (ways_[first] != Ways{second}) std::swap(first, second);
    if (ways_[first] != Ways{second} || ways_[second] == Ways{first}) return false;
    const llvm::BasicBlock* region = region_of(&parting);
    std::vector<llvm::BasicBlock*> in, over;  // blocks on the edges to the one and the other
    for (llvm::BasicBlock* before : predecessors_of(first))
      in.push_back(llvm::SplitEdge(before, first));
    for (llvm::BasicBlock* before : predecessors_of(second)) {
      if (region_of(before) == region) over.push_back(llvm::SplitEdge(before, second));
    }
    llvm::BasicBlock* gate = llvm::BasicBlock::Create(context_, "gate", &function_, first);
    llvm::IRBuilder<> builder(gate);
    const auto edges = unsigned(in.size() + over.size());
    llvm::PHINode* enters = builder.CreatePHI(builder.getInt1Ty(), edges, "enters");
    for (llvm::BasicBlock* edge : in) enters->addIncoming(builder.getTrue(), edge);
    for (llvm::BasicBlock* edge : over) enters->addIncoming(builder.getFalse(), edge);
    for (llvm::PHINode& phi : llvm::make_early_inc_range(first->phis())) {
      phi.moveBefore(*gate, gate->end());
      for (llvm::BasicBlock* edge : over)
        phi.addIncoming(llvm::PoisonValue::get(phi.getType()), edge);
    }
    for (llvm::PHINode& phi : second->phis()) {
      llvm::PHINode* passed = builder.CreatePHI(phi.getType(), edges);
      for (llvm::BasicBlock* edge : in)
        passed->addIncoming(llvm::PoisonValue::get(phi.getType()), edge);
      for (llvm::BasicBlock* edge : over)
        passed->addIncoming(phi.removeIncomingValue(edge, false), edge);
      phi.addIncoming(passed, gate);
    }
    for (llvm::BasicBlock* edge : in) edge->getTerminator()->setSuccessor(0, gate);
    for (llvm::BasicBlock* edge : over) edge->getTerminator()->setSuccessor(0, gate);
    builder.CreateCondBr(enters, first, second);
    heads_.remove(first);
    heads_.insert(gate);
    joined_.insert(first);
    repair_dominance(function_);
    isolate_heads();
    return true;
  }

  static std::vector<llvm::BasicBlock*> predecessors_of(llvm::BasicBlock* block) {
    const llvm::SetVector<llvm::BasicBlock*> before(llvm::pred_begin(block), llvm::pred_end(block));
    return {before.begin(), before.end()};
  }

  [[nodiscard]] llvm::BasicBlock* region_of(llvm::BasicBlock* block) const {
    return region_.lookup(block);
  }

  /// Where a use reads its value.
  static llvm::BasicBlock* block_of(const llvm::Use& use) {
    auto* user = llvm::cast<llvm::Instruction>(use.getUser());
    if (auto* phi = llvm::dyn_cast<llvm::PHINode>(user)) return phi->getIncomingBlock(use);
    return user->getParent();
  }

  struct Slot {
    llvm::AllocaInst* memory = nullptr;
    bool one_for_all = false;
  };

  Slot make_slot(llvm::Type* type, bool one_for_all, const llvm::Twine& name) {
    llvm::IRBuilder<> builder(entry_->getTerminator());
    llvm::Type* stored = one_for_all ? type : llvm::ArrayType::get(type, geometry_.steps());
    llvm::AllocaInst* memory = builder.CreateAlloca(stored, nullptr, name);
    if (!one_for_all) memory->setMetadata(kSlot, llvm::MDNode::get(context_, {}));
    return {memory, one_for_all};
  }

  llvm::Value* address(llvm::IRBuilder<>& builder, const Slot& slot) {
    if (slot.one_for_all) return slot.memory;
    return builder.CreateInBoundsGEP(
        slot.memory->getAllocatedType(), slot.memory,
        {builder.getInt32(0), builder.CreateZExt(step(), builder.getInt64Ty())});
  }

  /// What steps, of which one comes after the other, may read differently from one place.
  static bool is_read_anew(const llvm::Value* value) {
    const auto* made = llvm::dyn_cast<llvm::Instruction>(value);
    if (!made) return false;
    const auto* load = llvm::dyn_cast<llvm::LoadInst>(made);
    return (load && !load->isSimple()) ||
           (made->hasMetadata(kRelaxed) && made->mayReadFromMemory());
  }

  /// What is the same for all steps where values are kept from region to region: none of what they
  /// read from atomic variables, though where threads meet all must have read the same.
  const Uniformity& find_kept() {
    const bool any =
        llvm::any_of(llvm::instructions(function_),
                     [](llvm::Instruction& instruction) { return is_read_anew(&instruction); });
    if (any) kept_.emplace(function_, is_read_anew);
    return any ? *kept_ : *uniformity_;
  }

  /// Blocks of loops that steps may leave in different turns.
  std::set<const llvm::BasicBlock*> find_parted(const Uniformity& uniformity) {
    std::set<const llvm::BasicBlock*> parted;
    const llvm::DominatorTree dominators(function_);
    const llvm::LoopInfo loops(dominators);
    for (const llvm::Loop* loop : loops.getLoopsInPreorder()) {
      const bool parts = llvm::any_of(loop->blocks(), [&](llvm::BasicBlock* block) {
        return llvm::succ_size(block) > 1 && uniformity.has_divergent_end(*block);
      });
      if (!parts) continue;
      if (llvm::any_of(loop->blocks(),
                       [&](llvm::BasicBlock* block) { return heads_.contains(block); }))
        continue;
      parted.insert(loop->block_begin(), loop->block_end());
    }
    return parted;
  }

  void place_slots(const Uniformity& uniformity) {
    // Everything is asked before anything changes.
    std::vector<llvm::PHINode*> phis;
    std::set<const llvm::Value*> head_phis;
    for (llvm::BasicBlock* head : heads_) {
      for (llvm::PHINode& phi : head->phis()) {
        phis.push_back(&phi);
        head_phis.insert(&phi);
      }
    }
    std::vector<llvm::Instruction*> values;
    const std::set<const llvm::BasicBlock*> parted = find_parted(uniformity);
    for (llvm::Instruction& instruction : llvm::instructions(function_)) {
      if (instruction.getParent() == entry_ || instruction.getType()->isVoidTy()) continue;
      same_[&instruction] = !parts_ && uniformity.is_uniform_everywhere(&instruction) &&
                            !parted.contains(instruction.getParent());
      if (!head_phis.contains(&instruction)) values.push_back(&instruction);
    }
    spread_differences();
    share_slots(phis, head_phis);
    for (llvm::PHINode* phi : phis)
      slots_[phi] = make_slot(phi->getType(), same_.lookup(phi), phi->getName() + ".carried");
    for (auto& [value, phi] : shared_with_) slots_[value] = slots_[phi];
    // Edges write what the phis of the next head become.
    for (llvm::PHINode* phi : phis) {
      for (unsigned i = 0; i < phi->getNumIncomingValues(); ++i) {
        llvm::Value* incoming = phi->getIncomingValue(i);
        auto* made = llvm::dyn_cast<llvm::Instruction>(incoming);
        if (made && shared_with_.count(made) && shared_with_[made] == phi) continue;
        if (llvm::isa<llvm::UndefValue>(incoming)) continue;
        llvm::IRBuilder<> builder(phi->getIncomingBlock(i)->getTerminator());
        builder.CreateStore(incoming, address(builder, slots_[phi]));
      }
    }
    for (llvm::PHINode* phi : phis) {
      llvm::LoadInst* load = read_slot(phi->getParent(), phi->getType(), slots_[phi]);
      load->takeName(phi);
      phi->replaceAllUsesWith(load);
      slots_[load] = slots_[phi];
      is_phi_load_.insert(load);
      values.push_back(load);
      same_[load] = same_.lookup(phi);
    }
    for (llvm::Instruction* value : values) carry(value);
    for (llvm::PHINode* phi : phis) {
      slots_.erase(phi);
      phi->eraseFromParent();
    }
  }

  /// What a loop that steps leave in different turns has made isn't the same for all of them, and
  /// so what it becomes behind the loop, where nothing else flows into it, isn't either.
  void spread_differences() {
    for (bool changed = true; changed;) {
      changed = false;
      for (llvm::Instruction& instruction : llvm::instructions(function_)) {
        auto* phi = llvm::dyn_cast<llvm::PHINode>(&instruction);
        if (!phi || !same_.lookup(phi)) continue;
        const bool differs = llvm::any_of(phi->incoming_values(), [&](const llvm::Value* value) {
          const auto* made = llvm::dyn_cast<llvm::Instruction>(value);
          return made && made->getParent() != entry_ && !same_.lookup(made);
        });
        if (!differs) continue;
        same_[phi] = false;
        changed = true;
      }
    }
  }

  /// A loop's variable and its next value can have one slot, if nobody needs the old value after
  /// the new one is there. One next value: of two the slot would hold the one that was made last.
  /// Not where other ways meet: behind those the value may be needed beside what came.
  void share_slots(const std::vector<llvm::PHINode*>& phis,
                   const std::set<const llvm::Value*>& head_phis) {
    const llvm::DominatorTree dominators(function_);
    const llvm::LoopInfo loops(dominators);
    for (llvm::PHINode* phi : phis) {
      const llvm::Loop* loop = loops.getLoopFor(phi->getParent());
      if (same_.lookup(phi) || !loop || loop->getHeader() != phi->getParent()) continue;
      std::set<llvm::BasicBlock*> used_in;
      for (const llvm::Use& use : phi->uses()) used_in.insert(region_of(block_of(use)));
      used_in.erase(region_of(phi->getParent()));
      for (llvm::Value* incoming : phi->incoming_values()) {
        auto* value = llvm::dyn_cast<llvm::Instruction>(incoming);
        if (!value || value->getParent() == entry_ || same_.lookup(value) ||
            shared_with_.count(value) || head_phis.contains(value) ||
            !loop->contains(value->getParent()))
          continue;
        llvm::BasicBlock* made_in = region_of(value->getParent());
        if (loops.getLoopFor(made_in) != loop) continue;
        if (llvm::all_of(used_in, [&](llvm::BasicBlock* head) { return head == made_in; })) {
          shared_with_[value] = phi;
          break;
        }
      }
    }
  }

  /// Stores a value where it is made, and loads it at the head of every other region that uses it.
  void carry(llvm::Instruction* value) {
    llvm::MapVector<llvm::BasicBlock*, std::vector<llvm::Use*>> elsewhere;
    for (llvm::Use& use : value->uses()) {
      llvm::BasicBlock* block = block_of(use);
      if (auto* phi = llvm::dyn_cast<llvm::PHINode>(use.getUser());
          phi && heads_.contains(phi->getParent()))
        continue;  // about to go
      if (region_of(block) != region_of(value->getParent()))
        elsewhere[region_of(block)].push_back(&use);
    }
    const bool is_shared = shared_with_.count(value) != 0;
    if (elsewhere.empty() && !is_shared) return;
    if (!is_shared && !is_phi_load_.contains(value) &&
        (made_again_.is_cheap(*value) || made_again_.is_better(*value))) {
      for (auto& [head, uses] : elsewhere) {
        llvm::Value* again = compute_again(value, *head);
        for (llvm::Use* use : uses) use->set(again);
      }
      return;
    }
    const Slot& slot = keep(value);
    for (auto& [head, uses] : elsewhere) {
      llvm::LoadInst* load = read_slot(head, value->getType(), slot);
      for (llvm::Use* use : uses) use->set(load);
    }
  }

  /// The slot of a value, which is stored there once it is made.
  const Slot& keep(llvm::Instruction* value) {
    if (is_kept_.contains(value)) return slots_[value];
    is_kept_.insert(value);
    if (!slots_.count(value))
      slots_[value] = make_slot(value->getType(), same_.lookup(value), value->getName() + ".kept");
    const Slot& slot = slots_[value];
    if (is_phi_load_.contains(value)) return slot;
    llvm::BasicBlock::iterator after = llvm::isa<llvm::PHINode>(value)
                                           ? value->getParent()->getFirstInsertionPt()
                                           : std::next(value->getIterator());
    llvm::IRBuilder<> builder(value->getParent(), after);
    builder.CreateStore(value, address(builder, slot));
    return slot;
  }

  llvm::LoadInst* read_slot(llvm::BasicBlock* head, llvm::Type* type, const Slot& slot) {
    llvm::IRBuilder<> builder(&*head->getFirstInsertionPt());
    llvm::LoadInst* load = builder.CreateLoad(type, address(builder, slot));
    // What all steps share is read before the first of them can write it for the next round.
    if (slot.one_for_all) read_once_.emplace_back(load, head);
    return load;
  }

  llvm::Value* compute_again(llvm::Value* value, llvm::BasicBlock& head) {
    auto* made = llvm::dyn_cast<llvm::Instruction>(value);
    if (!made || made->getParent() == entry_) return value;
    if (const auto found = again_.find({value, &head}); found != again_.end()) return found->second;
    if (made_again_.is_shared_by_steps(*made) && !made_again_.is_cheap(*made)) {
      return again_[{value, &head}] = read_slot(&head, made->getType(), keep(made));
    }
    llvm::Instruction* copy = made->clone();
    for (llvm::Use& operand : copy->operands()) operand.set(compute_again(operand, head));
    // Behind what it is computed from: each copy goes to the end of those at the head.
    llvm::Instruction*& last = last_copy_[&head];
    if (last)
      copy->insertAfter(last);
    else
      copy->insertBefore(head.getFirstInsertionPt());
    last = copy;
    return again_[{value, &head}] = copy;
  }

  /// Each step has its own, unless nothing is carried from region to region.
  void widen_private_variables() {
    if (heads_.size() == 1) return;
    std::vector<llvm::AllocaInst*> variables;
    for (llvm::Instruction& instruction : *entry_) {
      auto* variable = llvm::dyn_cast<llvm::AllocaInst>(&instruction);
      if (variable && variable->hasMetadata(kPrivateVariable)) variables.push_back(variable);
    }
    for (llvm::AllocaInst* variable : variables) {
      llvm::IRBuilder<> builder(variable);
      auto* type = llvm::ArrayType::get(variable->getAllocatedType(), geometry_.steps());
      llvm::AllocaInst* wide = builder.CreateAlloca(type, nullptr, variable->getName());
      wide->setAlignment(variable->getAlign());
      llvm::SmallVector<llvm::Use*, 16> uses;
      for (llvm::Use& use : variable->uses()) uses.push_back(&use);
      for (llvm::Use* use : uses) {
        auto* user = llvm::cast<llvm::Instruction>(use->getUser());
        llvm::Instruction* before = user;
        if (auto* phi = llvm::dyn_cast<llvm::PHINode>(user))
          before = phi->getIncomingBlock(*use)->getTerminator();
        llvm::IRBuilder<> at(before);
        use->set(at.CreateInBoundsGEP(type, wide,
                                      {at.getInt32(0), at.CreateZExt(step(), at.getInt64Ty())}));
      }
      variable->eraseFromParent();
    }
  }

  /// How many steps there are: of a threadgroup at the grid's end, fewer.
  llvm::Value* count_steps(llvm::IRBuilder<>& prologue) {
    if (!geometry_.is_partial) return prologue.getInt32(geometry_.steps());
    llvm::Value* active = prologue.CreateLoad(
        prologue.getInt32Ty(),
        prologue.CreateConstInBoundsGEP1_64(prologue.getInt8Ty(), function_.getArg(0),
                                            offsetof(ThreadgroupFrame, active_threads)));
    return prologue.CreateUDiv(
        prologue.CreateAdd(active, prologue.getInt32(geometry_.threads_of_step() - 1)),
        prologue.getInt32(geometry_.threads_of_step()));
  }

  /// The step is read from a variable wherever it is asked for.
  void count_in(llvm::AllocaInst* counter) {
    llvm::SmallVector<llvm::Use*, 32> uses;
    for (llvm::Use& use : step()->uses()) uses.push_back(&use);
    for (llvm::Use* use : uses) {
      auto* user = llvm::cast<llvm::Instruction>(use->getUser());
      llvm::Instruction* before = user;
      if (auto* phi = llvm::dyn_cast<llvm::PHINode>(user))
        before = phi->getIncomingBlock(*use)->getTerminator();
      llvm::IRBuilder<> builder(before);
      use->set(builder.CreateLoad(builder.getInt32Ty(), counter, "step"));
    }
  }

  /// Where steps go different ways from barrier to barrier, each remembers where it waits. In a
  /// round each goes on from there to its next barrier or to its end; who has ended waits no more.
  /// Nothing is the same for all steps then: they may be in different turns of a loop.
  void make_rounds() {
    llvm::IRBuilder<> prologue(entry_->getTerminator());
    auto* word = prologue.getInt32Ty();
    llvm::AllocaInst* counter = prologue.CreateAlloca(word, nullptr, "step");
    llvm::AllocaInst* waits = prologue.CreateAlloca(word, nullptr, "waits");
    auto* places_type = llvm::ArrayType::get(word, geometry_.steps());
    llvm::AllocaInst* places = prologue.CreateAlloca(places_type, nullptr, "places");
    prologue.CreateStore(llvm::Constant::getNullValue(places_type), places);
    llvm::Value* steps = count_steps(prologue);
    count_in(counter);
    const auto place = [&](llvm::IRBuilder<>& builder, llvm::Value* which) {
      return builder.CreateInBoundsGEP(places_type, places, {builder.getInt32(0), which});
    };
    const auto make_block = [&](const char* name) {
      return llvm::BasicBlock::Create(context_, name, &function_);
    };
    llvm::BasicBlock *round = make_block("round"), *next = make_block("next.step"),
                     *after = make_block("after.step"), *end = make_block("end");
    llvm::IRBuilder<> builder(round);
    builder.CreateStore(builder.getInt32(0), counter);
    builder.CreateStore(builder.getInt32(0), waits);
    builder.CreateBr(next);
    builder.SetInsertPoint(next);
    llvm::Value* at = builder.CreateLoad(
        word, place(builder, builder.CreateLoad(word, counter, "step")), "place");
    llvm::SwitchInst* go_on = builder.CreateSwitch(at, after);
    builder.SetInsertPoint(after);
    llvm::Value* following =
        builder.CreateAdd(builder.CreateLoad(word, counter), builder.getInt32(1), "", true, true);
    builder.CreateStore(following, counter);
    llvm::BasicBlock* last = make_block("last.step");
    builder.CreateCondBr(builder.CreateICmpULT(following, steps), next, last);
    builder.SetInsertPoint(last);
    builder.CreateCondBr(builder.CreateICmpNE(builder.CreateLoad(word, waits), builder.getInt32(0)),
                         round, end);
    llvm::IRBuilder<>(end).CreateRetVoid();
    llvm::DenseMap<llvm::BasicBlock*, llvm::ConstantInt*> numbers;
    const auto number = [&](llvm::BasicBlock* head) {
      llvm::ConstantInt*& one = numbers[head];
      if (!one) {
        one = builder.getInt32(uint32_t(numbers.size() - 1));
        go_on->addCase(one, head);
      }
      return one;
    };
    number(body_);
    const auto leave_for = [&](llvm::BasicBlock* head) {
      llvm::BasicBlock* leaving = make_block(head ? "wait" : "done");
      llvm::IRBuilder<> at_end(leaving);
      at_end.CreateStore(head ? number(head) : at_end.getInt32(UINT32_MAX),
                         place(at_end, at_end.CreateLoad(word, counter, "step")));
      if (head) at_end.CreateStore(at_end.getInt32(1), waits);
      at_end.CreateBr(after);
      return leaving;
    };
    std::vector<llvm::BasicBlock*> blocks;
    for (llvm::BasicBlock& block : function_) {
      if (region_.count(&block)) blocks.push_back(&block);
    }
    for (llvm::BasicBlock* block : blocks) {
      llvm::Instruction* jump = block->getTerminator();
      if (llvm::isa<llvm::ReturnInst>(jump)) {
        llvm::BranchInst::Create(leave_for(nullptr), jump->getIterator());
        jump->eraseFromParent();
        continue;
      }
      for (unsigned i = 0; i < jump->getNumSuccessors(); ++i) {
        llvm::BasicBlock* target = jump->getSuccessor(i);
        if (meetings_.contains(target)) jump->setSuccessor(i, leave_for(target));
      }
    }
    for (llvm::CallInst* call : ends_) branch_to_end(*call, leave_for(nullptr));
    entry_->getTerminator()->setSuccessor(0, round);
  }

  void make_loops() {
    llvm::IRBuilder<> prologue(entry_->getTerminator());
    llvm::AllocaInst* counter = prologue.CreateAlloca(prologue.getInt32Ty(), nullptr, "step");
    llvm::Value* steps = count_steps(prologue);
    count_in(counter);
    const auto make_block = [&](const char* name, llvm::BasicBlock* before = nullptr) {
      return llvm::BasicBlock::Create(context_, name, &function_, before);
    };
    llvm::BasicBlock* end = make_block("end");
    llvm::IRBuilder<>(end).CreateRetVoid();
    llvm::DenseMap<llvm::BasicBlock*, llvm::BasicBlock*> starts;
    for (llvm::BasicBlock* head : heads_) {
      starts[head] = make_block("region", head);
      llvm::IRBuilder<> builder(starts[head]);
      builder.CreateStore(builder.getInt32(0), counter);
      builder.CreateBr(head);
    }
    for (auto& [load, head] : read_once_) load->moveBefore(starts[head]->getTerminator());
    std::optional<EndedSteps> ended;
    if (!ends_.empty()) ended.emplace(prologue, geometry_, counter, steps);
    const auto make_latch = [&](llvm::BasicBlock* head, llvm::BasicBlock* next) {
      auto* latch = make_block("next.step");
      llvm::IRBuilder<> builder(latch);
      llvm::Value* following = builder.CreateAdd(builder.CreateLoad(builder.getInt32Ty(), counter),
                                                 builder.getInt32(1), "", true, true);
      builder.CreateStore(following, counter);
      builder.CreateCondBr(builder.CreateICmpULT(following, steps), head, next);
      return latch;
    };
    std::vector<llvm::BasicBlock*> blocks;
    for (llvm::BasicBlock& block : function_) {
      if (region_.count(&block)) blocks.push_back(&block);
    }
    std::map<std::pair<llvm::BasicBlock*, llvm::BasicBlock*>, llvm::BasicBlock*> latches;
    for (llvm::BasicBlock* block : blocks) {
      llvm::Instruction* jump = block->getTerminator();
      const auto latch_to = [&](llvm::BasicBlock* next) {
        llvm::BasicBlock*& latch = latches[{ended ? region_of(block) : block, next}];
        if (!latch && ended)
          latch = ended->make_way(region_of(block), next ? starts[next] : end);
        else if (!latch)
          latch = make_latch(region_of(block), next ? starts[next] : end);
        return latch;
      };
      if (llvm::isa<llvm::ReturnInst>(jump)) {
        llvm::BranchInst::Create(latch_to(nullptr), jump->getIterator());
        jump->eraseFromParent();
        continue;
      }
      for (unsigned i = 0; i < jump->getNumSuccessors(); ++i) {
        llvm::BasicBlock* next = jump->getSuccessor(i);
        if (heads_.contains(next)) jump->setSuccessor(i, latch_to(next));
      }
    }
    if (ended) {
      for (llvm::BasicBlock* head : heads_) {
        llvm::BasicBlock* step = make_block("step", head);
        llvm::BasicBlock* decision = make_block("decision");
        llvm::BasicBlock* latch = make_latch(step, decision);
        ended->emit_region(head, *starts[head], *step, *latch, *decision, *end);
      }
      for (llvm::CallInst* call : ends_)
        branch_to_end(*call, ended->make_end(region_of(call->getParent())));
    }
    entry_->getTerminator()->setSuccessor(0, starts[body_]);
  }

  llvm::Function& function_;
  const Geometry& geometry_;
  llvm::LLVMContext& context_;
  llvm::BasicBlock* entry_ = nullptr;
  llvm::BasicBlock* body_ = nullptr;
  llvm::SetVector<llvm::BasicBlock*> heads_;
  std::set<llvm::BasicBlock*> with_barrier_, shared_;
  std::set<llvm::BasicBlock*> meetings_;  ///< the heads that stand behind barriers
  std::set<llvm::BasicBlock*> joined_;    ///< heads that gates stand for
  std::vector<llvm::CallInst*> ends_;     ///< of steps without lanes
  bool parts_ = false;                    ///< steps come to barriers by different ways
  llvm::DenseMap<llvm::BasicBlock*, llvm::BasicBlock*> region_;
  std::optional<Uniformity> uniformity_, kept_;
  std::map<llvm::BasicBlock*, Ways> ways_;
  std::map<llvm::Value*, Slot> slots_;
  std::map<llvm::Instruction*, llvm::PHINode*> shared_with_;
  std::set<llvm::Instruction*> is_phi_load_;
  std::vector<std::pair<llvm::LoadInst*, llvm::BasicBlock*>> read_once_;
  std::map<std::pair<llvm::Value*, llvm::BasicBlock*>, llvm::Value*> again_;
  llvm::DenseMap<const llvm::Instruction*, bool> same_;  ///< for all steps
  MadeAgain made_again_{entry_, same_};
  std::set<llvm::Instruction*> is_kept_;
  std::map<llvm::BasicBlock*, llvm::Instruction*> last_copy_;
};

/// The same function without its second parameter.
llvm::Function* drop_step(llvm::Function& function) {
  auto* type =
      llvm::FunctionType::get(function.getReturnType(), {function.getArg(0)->getType()}, false);
  auto* made = llvm::Function::Create(type, function.getLinkage(), "", function.getParent());
  made->takeName(&function);
  made->splice(made->begin(), &function);
  made->addFnAttr(llvm::Attribute::NoUnwind);
  made->addParamAttr(0, llvm::Attribute::NoAlias);
  made->addParamAttr(0, llvm::Attribute::ReadOnly);
  function.getArg(0)->replaceAllUsesWith(made->getArg(0));
  made->getArg(0)->setName("frame");
  llvm::DISubprogram* program = function.getSubprogram();
  function.setSubprogram(nullptr);
  made->setSubprogram(program);
  function.eraseFromParent();
  return made;
}

}  // namespace

Result<uint32_t> split_regions(llvm::Function*& function, const Geometry& geometry) {
  uint32_t regions = 1;
  if (geometry.steps() == 1) {
    // One step runs as it is, and meets nobody.
    std::vector<llvm::Instruction*> barriers;
    for (llvm::Instruction& instruction : llvm::instructions(*function)) {
      if (is_barrier(instruction)) barriers.push_back(&instruction);
    }
    for (llvm::Instruction* barrier : barriers) barrier->eraseFromParent();
    for (llvm::CallInst* call : split_at_ends(*function)) {
      auto* end = llvm::BasicBlock::Create(function->getContext(), "ended", function);
      llvm::ReturnInst::Create(function->getContext(), end);
      branch_to_end(*call, end);
    }
    function->getArg(1)->replaceAllUsesWith(
        llvm::ConstantInt::get(function->getArg(1)->getType(), 0));
  } else {
    order_steps(*function);
    ANYMETAL_ASSIGN_OR_RETURN(regions, RegionSplitter(*function, geometry).run());
    llvm::DominatorTree dominators(*function);
  }
  function = drop_step(*function);
  return regions;
}

}  // namespace anymetal::simt
