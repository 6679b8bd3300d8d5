// A loop that sums a row's elements and takes an exp of the sum, as attention does for each key, is
// one long chain from its loads to its stores: a hundred instructions, of which processors hold
// three or four turns at a time, so that they wait for results most of the time. Two or four turns
// at once have that many chains, and what is scalar in them, the exp, becomes lanes of one vector
// (join_scalars.cc).
//
// That is for loops of one block that only read and compute, with such scalars, which no later turn
// needs for its own ones (a sum of exp may go on; an exp of the sum so far may not). As long as
// enough turns are left the new block runs, behind it the old one. Nothing is added in another
// order, and nothing is read that wasn't read before.
#include "backend/cpu/join_turns.h"

#include <llvm/Analysis/LoopInfo.h>
#include <llvm/Analysis/ValueTracking.h>
#include <llvm/IR/Dominators.h>
#include <llvm/IR/IRBuilder.h>
#include <llvm/IR/IntrinsicInst.h>
#include <llvm/IR/PatternMatch.h>
#include <llvm/Transforms/Utils/BasicBlockUtils.h>
#include <llvm/Transforms/Utils/LoopUtils.h>
#include <llvm/Transforms/Utils/ValueMapper.h>

#include <optional>
#include <vector>

#include "backend/cpu/join_scalars.h"

namespace anymetal::backend::cpu {
namespace {

constexpr size_t kMostTogether = 600;  ///< instructions of the new block
constexpr size_t kMostBetween = 8;     ///< instructions on the way back

/// The question with which a loop goes on.
struct Question {
  llvm::PHINode* counter;
  llvm::BinaryOperator* next;  ///< the counter and `step`
  llvm::Value* limit;
  llvm::APInt step;
  llvm::CmpInst::Predicate predicate;  ///< next, limit: another turn
};

class Turns {
 public:
  Turns(llvm::Loop& loop, unsigned lanes)
      : loop_(loop),
        lanes_(lanes),
        before_(loop.getLoopPreheader()),
        block_(loop.getHeader()),
        latch_(loop.getLoopLatch()) {}

  bool run(llvm::DominatorTree& dominators, llvm::LoopInfo& loops) {
    if (!has_one_block() || !only_computes()) return false;
    question_ = find_question();
    if (!question_) return false;
    count_ = choose_count();
    if (count_ < 2) return false;
    put_into_one_block(dominators, loops);
    // Whatever is used behind the loop has a phi there.
    end_ = llvm::SplitBlockPredecessors(exit(), {block_}, ".end", &dominators, &loops);
    llvm::formLCSSA(loop_, dominators, &loops, nullptr);
    make();
    return true;
  }

 private:
  llvm::BranchInst* branch() const {
    return llvm::dyn_cast<llvm::BranchInst>(block_->getTerminator());
  }
  llvm::BasicBlock* exit() const {
    return branch()->getSuccessor(loop_.contains(branch()->getSuccessor(0)) ? 1 : 0);
  }

  /// Or nearly: a second one may stand on the way back.
  bool has_one_block() const {
    if (!before_ || !latch_ || loop_.getNumBlocks() > 2 || loop_.getExitingBlock() != block_ ||
        !branch() || !branch()->isConditional() ||
        !llvm::isa<llvm::BranchInst>(before_->getTerminator()) ||
        !llvm::cast<llvm::BranchInst>(before_->getTerminator())->isUnconditional())
      return false;
    if (latch_ == block_) return true;
    return latch_->getSinglePredecessor() == block_ && latch_->size() <= kMostBetween + 1 &&
           !llvm::isa<llvm::PHINode>(latch_->front()) &&
           llvm::all_of(*latch_, [](const llvm::Instruction& made) {
             return made.isTerminator() ||
                    (llvm::isSafeToSpeculativelyExecute(&made) && !made.mayReadOrWriteMemory());
           });
  }

  bool only_computes() const {
    return llvm::all_of(*block_, [](const llvm::Instruction& made) {
      if (llvm::isa<llvm::LoadInst>(made)) return !made.isVolatile() && !made.isAtomic();
      const auto* call = llvm::dyn_cast<llvm::IntrinsicInst>(&made);
      if (call && call->getIntrinsicID() == llvm::Intrinsic::prefetch) return true;
      return !made.mayReadOrWriteMemory() && !made.mayHaveSideEffects() &&
             !(llvm::isa<llvm::CallBase>(made) && !call);
    });
  }

  std::optional<Question> find_question() const {
    using namespace llvm::PatternMatch;
    auto* compare = llvm::dyn_cast<llvm::ICmpInst>(branch()->getCondition());
    if (!compare) return std::nullopt;
    llvm::CmpInst::Predicate predicate = compare->getPredicate();
    llvm::Value *left = compare->getOperand(0), *right = compare->getOperand(1);
    if (loop_.isLoopInvariant(left)) {
      std::swap(left, right);
      predicate = llvm::CmpInst::getSwappedPredicate(predicate);
    }
    if (!loop_.contains(branch()->getSuccessor(0)))
      predicate = llvm::CmpInst::getInversePredicate(predicate);
    llvm::Value* from = nullptr;
    const llvm::APInt* step = nullptr;
    if (!loop_.isLoopInvariant(right) || !match(left, m_Add(m_Value(from), m_APInt(step))))
      return std::nullopt;
    auto* counter = llvm::dyn_cast<llvm::PHINode>(from);
    if (!counter || counter->getParent() != block_ ||
        counter->getIncomingValueForBlock(latch_) != left)
      return std::nullopt;
    const bool is_less =
        predicate == llvm::CmpInst::ICMP_SLT || predicate == llvm::CmpInst::ICMP_ULT;
    // Four steps of a narrow counter must fit.
    if (is_less ? !step->isStrictlyPositive() || step->getActiveBits() > 16 ||
                      step->getActiveBits() + 2 > step->getBitWidth()
                : predicate != llvm::CmpInst::ICMP_NE || !step->isOne())
      return std::nullopt;
    return Question{counter, llvm::cast<llvm::BinaryOperator>(left), right, *step, predicate};
  }

  /// Whether a later turn needs it for its own one.
  bool is_carried(const Cone& cone) const {
    const llvm::DenseSet<const llvm::Value*> members(cone.members.begin(), cone.members.end());
    llvm::DenseSet<const llvm::Value*> seen;
    llvm::SmallVector<const llvm::Value*, 16> work(cone.root->user_begin(), cone.root->user_end());
    while (!work.empty()) {
      const auto* made = llvm::cast<llvm::Instruction>(work.pop_back_val());
      if (!loop_.contains(made) || !seen.insert(made).second) continue;
      if (members.contains(made)) return true;
      work.append(made->user_begin(), made->user_end());
    }
    return false;
  }

  /// Turns that are worth to be one.
  unsigned choose_count() const {
    std::vector<Cone> cones = find_cones(*block_);
    llvm::sort(cones,
               [](const Cone& a, const Cone& b) { return a.members.size() > b.members.size(); });
    llvm::DenseSet<const llvm::Value*> members;
    unsigned found = 0;
    for (const Cone& cone : cones) {
      if (llvm::any_of(cone.members, [&](auto* made) { return members.contains(made); }) ||
          is_carried(cone))
        continue;
      members.insert(cone.members.begin(), cone.members.end());
      ++found;
    }
    if (found == 0) return 0;
    for (unsigned count = 4; count > 1; count /= 2)
      if (count * found <= lanes_ && count * block_->size() <= kMostTogether) return count;
    return 0;
  }

  void put_into_one_block(llvm::DominatorTree& dominators, llvm::LoopInfo& loops) {
    if (latch_ == block_) return;
    llvm::BranchInst* end = branch();
    for (llvm::Instruction& made : llvm::make_early_inc_range(*latch_))
      if (!made.isTerminator()) made.moveBefore(end);
    end->setSuccessor(end->getSuccessor(0) == latch_ ? 0 : 1, block_);
    block_->replacePhiUsesWith(latch_, block_);
    loops.removeBlock(latch_);
    dominators.eraseNode(latch_);
    latch_->eraseFromParent();
    latch_ = block_;
  }

  llvm::Value* at_start(llvm::PHINode& phi) const { return phi.getIncomingValueForBlock(before_); }
  llvm::Value* at_end(llvm::PHINode& phi) const { return phi.getIncomingValueForBlock(block_); }

  /// What the counter must be less than, for so many turns.
  llvm::Value* make_limit(llvm::IRBuilder<>& builder) const {
    if (question_->predicate == llvm::CmpInst::ICMP_NE) return question_->limit;
    const bool is_signed = question_->predicate == llvm::CmpInst::ICMP_SLT;
    const unsigned bits = question_->step.getBitWidth();
    const llvm::APInt least =
        is_signed ? llvm::APInt::getSignedMinValue(bits) : llvm::APInt::getZero(bits);
    const llvm::APInt way = question_->step * (count_ - 1);
    llvm::Type* type = question_->limit->getType();
    llvm::Value* has_room =
        builder.CreateICmp(is_signed ? llvm::CmpInst::ICMP_SGE : llvm::CmpInst::ICMP_UGE,
                           question_->limit, llvm::ConstantInt::get(type, least + way));
    return builder.CreateSelect(
        has_room, builder.CreateSub(question_->limit, llvm::ConstantInt::get(type, way)),
        llvm::ConstantInt::get(type, least));
  }

  /// Whether so many turns are left.
  llvm::Value* ask(llvm::IRBuilder<>& builder, llvm::Value* counter, llvm::Value* limit) const {
    if (question_->predicate != llvm::CmpInst::ICMP_NE)
      return builder.CreateICmp(question_->predicate, counter, limit);
    llvm::Value* left = builder.CreateSub(limit, counter);
    return builder.CreateICmpUGT(left, llvm::ConstantInt::get(left->getType(), count_ - 1));
  }

  void make() {
    llvm::Function* function = block_->getParent();
    auto* together = llvm::BasicBlock::Create(block_->getContext(), "turns", function, block_);
    auto* rest = llvm::BasicBlock::Create(block_->getContext(), "turns.left", function, block_);
    llvm::IRBuilder<> builder(before_->getTerminator());
    llvm::Value* limit = make_limit(builder);
    builder.CreateCondBr(ask(builder, at_start(*question_->counter), limit), together, block_);
    before_->getTerminator()->eraseFromParent();

    builder.SetInsertPoint(together);
    llvm::ValueToValueMapTy now;
    std::vector<std::pair<llvm::PHINode*, llvm::PHINode*>> phis;
    for (llvm::PHINode& phi : block_->phis()) {
      llvm::PHINode* made = builder.CreatePHI(phi.getType(), 2);
      made->addIncoming(at_start(phi), before_);
      phis.emplace_back(&phi, made);
      now[&phi] = made;
    }
    llvm::DenseMap<llvm::Value*, llvm::Value*> last;
    for (unsigned turn = 0; turn < count_; ++turn) {
      for (const auto& [phi, made] : phis) last[phi] = now[phi];
      make_turn(*together, now);
    }
    const auto value = [&](llvm::Value* of) {
      const auto found = now.find(of);
      return found == now.end() ? of : static_cast<llvm::Value*>(found->second);
    };
    // The last turn has left what each variable is next.
    for (const auto& [phi, made] : phis) made->addIncoming(value(phi), together);
    builder.SetInsertPoint(together);
    builder.CreateCondBr(ask(builder, value(question_->counter), limit), together, rest);
    builder.SetInsertPoint(rest);
    llvm::Instruction* end = branch()->clone();
    end->setOperand(0, value(branch()->getCondition()));
    end->insertInto(rest, rest->end());
    for (const auto& [phi, made] : phis) phi->addIncoming(value(phi), rest);
    for (llvm::PHINode& phi : end_->phis()) {
      llvm::Value* used = phi.getIncomingValueForBlock(block_);
      const auto was = last.find(used);
      phi.addIncoming(was == last.end() ? value(used) : was->second, rest);
    }
  }

  /// One turn more at the end of the block; `now` is what each value of the loop is in it, and then
  /// for its variables what they are in the next one.
  void make_turn(llvm::BasicBlock& together, llvm::ValueToValueMapTy& now) const {
    for (llvm::Instruction& made : *block_) {
      if (llvm::isa<llvm::PHINode>(made) || made.isTerminator()) continue;
      llvm::Instruction* copy = made.clone();
      copy->insertInto(&together, together.end());
      llvm::RemapInstruction(copy, now,
                             llvm::RF_NoModuleLevelChanges | llvm::RF_IgnoreMissingLocals);
      now[&made] = copy;
    }
    std::vector<std::pair<llvm::PHINode*, llvm::Value*>> next;
    for (llvm::PHINode& phi : block_->phis()) {
      const auto found = now.find(at_end(phi));
      next.emplace_back(
          &phi, found == now.end() ? at_end(phi) : static_cast<llvm::Value*>(found->second));
    }
    for (const auto& [phi, value] : next) now[phi] = value;
  }

  llvm::Loop& loop_;
  const unsigned lanes_;
  llvm::BasicBlock *before_, *block_, *latch_;
  llvm::BasicBlock* end_ = nullptr;
  std::optional<Question> question_;
  unsigned count_ = 0;
};

}  // namespace

unsigned join_turns(llvm::Function& threadgroup, unsigned lanes) {
  unsigned count = 0;
  // Analyses are made anew behind each change: few loops are changed.
  for (bool changed = true; changed;) {
    changed = false;
    llvm::DominatorTree dominators(threadgroup);
    llvm::LoopInfo loops(dominators);
    for (llvm::Loop* loop : loops.getLoopsInPreorder()) {
      if (!loop->isInnermost() || !Turns(*loop, lanes).run(dominators, loops)) continue;
      changed = true;
      ++count;
      break;
    }
  }
  return count;
}

}  // namespace anymetal::backend::cpu
