// `for (i = thread; i < n; i += threads)` parts the lanes of a step, but in its last turns only.
// Under masks all turns would pay for that: every access, and every sum, which is to be kept where
// a lane has left. So the loop is there twice:
//
//   if all lanes of the step are here
//     do { body } while all lanes go on      no lane is missing, nothing is masked
//     if none goes on, that was all; else those that do run on in
//   do { body } while lanes go on            under masks, as any loop
//
// "All lanes" is the call simt.all_lanes, the same for the whole step; for indices it is a
// comparison of scalars. What stands behind it has all lanes, however it came to be masked before
// (ControlFlow::is_masked).
//
// Only the latch may part lanes: whoever leaves earlier would have to enter the second loop in its
// middle. Where lanes part by what they computed, turns with all lanes are few, and the copy isn't
// worth its code.
#include "simt/transform/separate_full_turns.h"

#include <llvm/IR/IRBuilder.h>
#include <llvm/Transforms/Utils/Cloning.h>
#include <llvm/Transforms/Utils/ValueMapper.h>

#include <optional>

#include "simt/analysis/control_flow.h"
#include "simt/analysis/guards.h"
#include "simt/analysis/shape_analysis.h"

namespace anymetal::simt {

bool parts_at_its_end(const llvm::Loop& loop, const ControlFlow& flow,
                      const ShapeAnalysis& shapes) {
  llvm::BasicBlock* latch = loop.getLoopLatch();
  if (!latch || !loop.getLoopPreheader() || loop.getExitingBlock() != latch ||
      !flow.is_divergent(latch))
    return false;
  const auto* branch = llvm::cast<llvm::BranchInst>(latch->getTerminator());
  const auto* compare = llvm::dyn_cast<llvm::ICmpInst>(branch->getCondition());
  if (!compare || !compare->getOperand(0)->getType()->isIntegerTy() ||
      !llvm::all_of(compare->operands(),
                    [&](const llvm::Use& operand) { return shapes.of(operand).has_base(); }))
    return false;
  return llvm::none_of(loop.blocks(), [&](llvm::BasicBlock* block) {
    return flow.has_barrier(block) || llvm::isa<llvm::UnreachableInst>(block->getTerminator());
  });
}

namespace {

class Separation {
 public:
  Separation(llvm::Function& function, const llvm::Loop& loop, const llvm::LoopInfo& loops)
      : function_(function),
        loops_(loops),
        outer_(loop.getParentLoop()),
        before_(loop.getLoopPreheader()),
        header_(loop.getHeader()),
        latch_(loop.getLoopLatch()),
        exit_(loop.getExitBlock()),
        blocks_(loop.blocks().begin(), loop.blocks().end()) {}

  void run() {
    copy_blocks();
    llvm::LLVMContext& context = function_.getContext();
    auto* entry = llvm::BasicBlock::Create(context, "all.here", &function_, header_);
    auto* rest = llvm::BasicBlock::Create(context, "some.left", &function_, header_);
    if (llvm::BranchInst* guard = find_guard()) {
      // Whoever the guard lets in could be all; asked there, it is a comparison of scalars.
      llvm::BasicBlock* all = guard->getParent();
      llvm::BasicBlock* some = all->splitBasicBlock(guard, "some.here");
      find_counter(*guard);
      jump_if_all(*all, guard->getCondition(), *entry, *some);
    } else {
      jump_if_all(*before_, llvm::ConstantInt::getTrue(context), *entry, *header_);
    }
    llvm::IRBuilder<>(entry).CreateBr(copied(header_));
    leave_copy(*rest);
    enter_loop(*entry);
    for (llvm::BasicBlock* block : blocks_) copied(block)->moveBefore(rest);
  }

 private:
  /// The branch around the loop, by an index like the loop's own; not one that leaves another loop
  /// for this one.
  llvm::BranchInst* find_guard() {
    llvm::BasicBlock* block = before_->getSinglePredecessor();
    if (!block || before_->size() != 1 || loops_.getLoopFor(block) != outer_) return nullptr;
    auto* branch = llvm::dyn_cast<llvm::BranchInst>(block->getTerminator());
    if (!branch || !branch->isConditional() || branch->getSuccessor(0) != before_ ||
        branch->getSuccessor(1) == before_ || !llvm::isa<llvm::ICmpInst>(branch->getCondition()))
      return nullptr;
    return branch;
  }

  /// The variable that the loop counts with, if it grows by a constant from below the limit. Full
  /// turns then end before it could wrap around, so that LLVM sees that they end: of others each
  /// turn asks whether it is to stop.
  void find_counter(const llvm::BranchInst& guard) {
    const auto* latch = llvm::cast<llvm::BranchInst>(latch_->getTerminator());
    const std::optional<Ascent> on =
        find_ascent(latch->getCondition(), latch->getSuccessor(0) != header_);
    const std::optional<Ascent> in = find_ascent(guard.getCondition(), false);
    if (!on || !in || on->is_signed != in->is_signed) return;
    auto* next = llvm::dyn_cast<llvm::BinaryOperator>(on->index);
    if (!next || next->getOpcode() != llvm::Instruction::Add) return;
    auto* counter = llvm::dyn_cast<llvm::PHINode>(next->getOperand(0));
    const auto* step = llvm::dyn_cast<llvm::ConstantInt>(next->getOperand(1));
    if (!counter || !step || counter->getParent() != header_ ||
        counter->getIncomingValueForBlock(latch_) != next ||
        counter->getIncomingValueForBlock(before_) != in->index ||
        !step->getValue().isStrictlyPositive())
      return;
    const unsigned bits = step->getBitWidth();
    const llvm::APInt top =
        on->is_signed ? llvm::APInt::getSignedMaxValue(bits) : llvm::APInt::getMaxValue(bits);
    top_ = llvm::ConstantInt::get(function_.getContext(), top - step->getValue());
    auto* copy = llvm::cast<llvm::BinaryOperator>(copied(next));
    if (on->is_signed)
      copy->setHasNoSignedWrap();
    else
      copy->setHasNoUnsignedWrap();
  }

  /// index < limit, or <=.
  struct Ascent {
    llvm::Value *index, *limit;
    bool is_signed;
    llvm::CmpInst::Predicate predicate;
  };
  static std::optional<Ascent> find_ascent(llvm::Value* condition, bool is_negated) {
    const auto* compare = llvm::cast<llvm::ICmpInst>(condition);
    auto predicate = is_negated ? compare->getInversePredicate() : compare->getPredicate();
    llvm::Value *index = compare->getOperand(0), *limit = compare->getOperand(1);
    if (llvm::ICmpInst::isGT(predicate) || llvm::ICmpInst::isGE(predicate)) {
      predicate = llvm::CmpInst::getSwappedPredicate(predicate);
      std::swap(index, limit);
    }
    if (!llvm::ICmpInst::isLT(predicate) && !llvm::ICmpInst::isLE(predicate)) return std::nullopt;
    return Ascent{index, limit, llvm::CmpInst::isSigned(predicate), predicate};
  }

  /// Whether all lanes go on, and none so far that the counter could wrap around.
  llvm::Value* ask_for_turn(llvm::IRBuilder<>& builder, llvm::Value* condition) {
    if (top_) {
      const Ascent ascent = *find_ascent(condition, false);
      llvm::Value* limit = builder.CreateBinaryIntrinsic(
          ascent.is_signed ? llvm::Intrinsic::smin : llvm::Intrinsic::umin, ascent.limit, top_);
      condition = builder.CreateICmp(ascent.predicate, ascent.index, limit);
    }
    return ask_all_lanes(builder, condition);
  }

  void jump_if_all(llvm::BasicBlock& from, llvm::Value* condition, llvm::BasicBlock& all,
                   llvm::BasicBlock& some) {
    from.getTerminator()->eraseFromParent();
    llvm::IRBuilder<> builder(&from);
    builder.CreateCondBr(ask_for_turn(builder, condition), &all, &some);
  }

  llvm::BasicBlock* copied(llvm::BasicBlock* block) {
    return llvm::cast<llvm::BasicBlock>(copies_[block]);
  }

  llvm::Value* copied(llvm::Value* value) {
    const auto found = copies_.find(value);
    return found == copies_.end() ? value : static_cast<llvm::Value*>(found->second);
  }

  void copy_blocks() {
    for (llvm::BasicBlock* block : blocks_)
      copies_[block] = llvm::CloneBasicBlock(block, copies_, ".all", &function_);
    for (llvm::BasicBlock* block : blocks_) {
      for (llvm::Instruction& instruction : *copied(block)) {
        llvm::RemapInstruction(&instruction, copies_,
                               llvm::RF_NoModuleLevelChanges | llvm::RF_IgnoreMissingLocals);
      }
    }
  }

  /// The copy goes round while all lanes do; then each goes its own way.
  void leave_copy(llvm::BasicBlock& rest) {
    llvm::BasicBlock* latch = copied(latch_);
    auto* branch = llvm::cast<llvm::BranchInst>(latch->getTerminator());
    llvm::IRBuilder<> builder(branch);
    builder.SetCurrentDebugLocation(branch->getDebugLoc());
    const bool stays_if_true = branch->getSuccessor(0) == copied(header_);
    llvm::Value* stays = branch->getCondition();
    if (!stays_if_true) stays = negation(builder, stays);
    builder.CreateCondBr(ask_for_turn(builder, stays), copied(header_), &rest);
    branch->eraseFromParent();
    // Mostly none goes on, and then nobody has to know which.
    auto* some =
        llvm::BasicBlock::Create(function_.getContext(), "some.go.on", &function_, header_);
    builder.SetInsertPoint(&rest);
    builder.CreateCondBr(ask_all_lanes(builder, negation(builder, stays)), exit_, some);
    builder.SetInsertPoint(some);
    builder.CreateCondBr(stays, header_, exit_);
    for (llvm::PHINode& phi : exit_->phis()) {
      llvm::Value* left = copied(phi.getIncomingValueForBlock(latch_));
      phi.addIncoming(left, &rest);
      phi.addIncoming(left, some);
    }
    after_ = some;
  }

  static llvm::Value* negation(llvm::IRBuilder<>& builder, llvm::Value* condition) {
    auto* compare = llvm::cast<llvm::ICmpInst>(condition);
    return builder.CreateICmp(compare->getInversePredicate(), compare->getOperand(0),
                              compare->getOperand(1));
  }

  /// The loop goes on with what the copy's variables would have become.
  void enter_loop(llvm::BasicBlock& entry) {
    for (llvm::PHINode& phi : header_->phis()) {
      phi.addIncoming(copied(phi.getIncomingValueForBlock(latch_)), after_);
      auto* twin = llvm::cast<llvm::PHINode>(copied(&phi));
      twin->replaceIncomingBlockWith(before_, &entry);
    }
  }

  llvm::Function& function_;
  const llvm::LoopInfo& loops_;
  const llvm::Loop* outer_;
  llvm::BasicBlock *before_, *header_, *latch_, *exit_;
  llvm::ConstantInt* top_ = nullptr;   ///< the counter's limit, if it is one
  llvm::BasicBlock* after_ = nullptr;  ///< from here lanes that go on run on in the loop
  llvm::SmallVector<llvm::BasicBlock*, 8> blocks_;
  llvm::ValueToValueMapTy copies_;
};

unsigned count_instructions(const llvm::Loop& loop) {
  unsigned count = 0;
  for (const llvm::BasicBlock* block : loop.blocks()) count += unsigned(block->size());
  return count;
}

}  // namespace

bool separate_full_turns(llvm::Function& function, const Geometry& geometry) {
  constexpr unsigned kMostInstructions = 600;
  const ControlFlow flow(function, geometry);
  std::vector<const llvm::Loop*> found;
  const ShapeAnalysis shapes(function, flow, geometry);
  for (const llvm::Loop* loop : flow.loops().getLoopsInPreorder()) {
    // A copy of a loop with loops in it would be a copy of their copies, too.
    if (loop->isInnermost() && parts_at_its_end(*loop, flow, shapes) &&
        count_instructions(*loop) <= kMostInstructions)
      found.push_back(loop);
  }
  for (const llvm::Loop* loop : found) Separation(function, *loop, flow.loops()).run();
  return !found.empty();
}

}  // namespace anymetal::simt
