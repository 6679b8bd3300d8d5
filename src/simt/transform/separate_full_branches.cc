// `if (i < n) y[i] = x[i];` and `if (i >= n) return;` part the lanes of the last step alone, but
// under masks each step pays: masked accesses of memory that isn't in a cache take up to three
// times as long as others on some processors, since nothing is fetched ahead for them. So
//
//   if all lanes of the step are here and the condition holds for each
//     { body }                               nothing is masked
//   else if (condition) { body }             under masks, as any
//
// where the question is a comparison of scalars: the condition is about indices that neighbours
// count on from. What follows both is there once.
//
// A loop that was counted out, `for (j = 0; j < 8; ++j) if (i + j < n) x[i + j] = 0;`, has such
// conditions in a row. Where they compare indices that are a constant apart with one limit, they
// are asked for together, and the copy is the whole row without branches: accesses that stood
// behind a condition each are neighbours there (join_neighbours.cc).
#include "simt/transform/separate_full_branches.h"

#include <llvm/Analysis/PostDominators.h>
#include <llvm/IR/IRBuilder.h>
#include <llvm/Transforms/Utils/BasicBlockUtils.h>
#include <llvm/Transforms/Utils/Cloning.h>
#include <llvm/Transforms/Utils/ValueMapper.h>

#include "simt/analysis/control_flow.h"
#include "simt/analysis/guards.h"
#include "simt/analysis/lane_distance.h"
#include "simt/analysis/questions.h"
#include "simt/analysis/shape_analysis.h"
#include "simt/transform/separate_full_turns.h"

namespace anymetal::simt {
namespace {

constexpr unsigned kMostInstructions = 500;
constexpr int kDeepest = 3;                   ///< conditions within conditions
constexpr const char* kAsked = "simt.asked";  ///< of a branch: its condition was, with others

/// What runs only if the branch goes this way, up to where its ways meet.
struct Body {
  llvm::SmallVector<llvm::BasicBlock*, 8> blocks;
  llvm::BasicBlock* meeting = nullptr;
  unsigned instructions = 0, accesses = 0;
};

/// A branch and the side of it that gets a copy.
struct Link {
  llvm::BranchInst* branch;
  unsigned way;
};

/// Branches in a row, each where the ways of the one before meet, with what is behind them.
struct Row {
  llvm::SmallVector<Link, 8> links;
  llvm::SmallVector<llvm::BasicBlock*, 16> blocks;  ///< bodies, and meetings but the last one
  llvm::BasicBlock* meeting = nullptr;              ///< the last one
  unsigned instructions = 0;

  [[nodiscard]] bool has(const llvm::BasicBlock* block) const {
    return block == links[0].branch->getParent() || llvm::is_contained(blocks, block);
  }
};

bool is_access_of_others(const llvm::Instruction& instruction) {
  const llvm::Value* pointer = llvm::getLoadStorePointerOperand(&instruction);
  return pointer && pointer->getType()->getPointerAddressSpace() != 0;
}

class Separation {
 public:
  Separation(llvm::Function& function, const Geometry& geometry)
      : function_(function),
        flow_(function, geometry),
        shapes_(analyse_shapes(function, flow_, geometry)),
        assumption_(find_assumption(function)),
        after_(function) {}

  bool run() {
    std::vector<Row> rows;
    llvm::SmallPtrSet<const llvm::BasicBlock*, 32> within;  // what is copied already
    for (llvm::BasicBlock* block : flow_.order()) {
      if (within.contains(block)) continue;
      auto* branch = llvm::dyn_cast<llvm::BranchInst>(block->getTerminator());
      if (!branch || !branch->isConditional() || !flow_.is_divergent(block) ||
          flow_.is_masked(block) || branch->hasMetadata(kAsked) || is_rest(*block) ||
          (assumption_ && !flow_.dominators().dominates(assumption_, block)))
        continue;
      const std::optional<unsigned> way = choose_way(*branch);
      if (!way) continue;
      rows.push_back(find_row({branch, *way}));
      within.insert(rows.back().blocks.begin(), rows.back().blocks.end());
    }
    for (const Row& row : rows) separate(row);
    return !rows.empty();
  }

 private:
  /// Whether it was asked for all lanes just before.
  static bool is_rest(const llvm::BasicBlock& block) {
    const llvm::BasicBlock* before = block.getSinglePredecessor();
    const auto* branch =
        before ? llvm::dyn_cast<llvm::BranchInst>(before->getTerminator()) : nullptr;
    return branch && branch->isConditional() && callee_name(branch->getCondition()) == kAllLanes &&
           branch->getSuccessor(1) == &block;
  }

  /// Loops that get full turns of their own (separate_full_turns.cc) need no copy.
  [[nodiscard]] bool has_full_turns(const llvm::BasicBlock* block) const {
    const llvm::Loop* loop = flow_.loop_of(block);
    return loop && parts_at_its_end(*loop, flow_, *shapes_);
  }

  /// The side of the branch that is worth a copy; none: neither.
  std::optional<unsigned> choose_way(const llvm::BranchInst& branch) {
    std::optional<unsigned> best;
    unsigned most = 0;
    for (unsigned way = 0; way < 2; ++way) {
      if (!has_scalar_answers(*branch.getCondition(), way == 1)) continue;
      const Body body = find_body(branch, way);
      if (body.accesses <= most || body.instructions > kMostInstructions) continue;
      most = body.accesses;
      best = way;
    }
    return best;
  }

  [[nodiscard]] bool has_scalar_answers(const llvm::Value& condition, bool negated) const {
    return llvm::all_of(find_questions(&condition, negated), [&](const Question& question) {
      return has_scalar_answer(question, *shapes_);
    });
  }

  /// Without accesses: there is none that could be copied.
  [[nodiscard]] Body find_body(const llvm::BranchInst& branch, unsigned way) const {
    llvm::BasicBlock *from = const_cast<llvm::BasicBlock*>(branch.getParent()),
                     *first = branch.getSuccessor(way);
    const auto* node = after_.getNode(from);
    Body body;
    body.meeting = node && node->getIDom() ? node->getIDom()->getBlock() : nullptr;
    if (!body.meeting || first == body.meeting || first->getSinglePredecessor() != from) return {};
    llvm::SmallVector<llvm::BasicBlock*, 16> work{first};
    llvm::SmallPtrSet<const llvm::BasicBlock*, 16> seen{first};
    while (!work.empty()) {
      llvm::BasicBlock* block = work.pop_back_val();
      if (block == from || flow_.has_barrier(block) || block->isEHPad() ||
          !flow_.dominators().dominates(first, block))
        return {};
      body.blocks.push_back(block);
      body.instructions += unsigned(block->size());
      if (body.instructions > kMostInstructions) return {};
      if (!has_full_turns(block))
        body.accesses += unsigned(llvm::count_if(*block, is_access_of_others));
      for (llvm::BasicBlock* next : llvm::successors(block)) {
        if (next != body.meeting && seen.insert(next).second) work.push_back(next);
      }
    }
    return body;
  }

  /// The branch alone, or with those behind it that ask the same of neighbours.
  [[nodiscard]] Row find_row(Link first) const {
    Row row;
    const auto add = [&](Link link, const Body& body) {
      row.links.push_back(link);
      row.blocks.append(body.blocks.begin(), body.blocks.end());
      row.instructions += body.instructions;
      row.meeting = body.meeting;
    };
    add(first, find_body(*first.branch, first.way));
    while (true) {
      llvm::BasicBlock* block = row.meeting;
      auto* branch = llvm::dyn_cast<llvm::BranchInst>(block->getTerminator());
      if (!branch || !branch->isConditional() || !flow_.is_divergent(block) ||
          flow_.is_masked(block) || flow_.has_barrier(block) || !comes_from(*block, row))
        break;
      const Link next{branch, first.way};
      const Body body = find_body(*branch, next.way);
      if (body.accesses == 0 || !asks_alike(first, next) || !can_be_asked_before(next, row) ||
          row.instructions + body.instructions + block->size() > kMostInstructions ||
          body.meeting == row.links[0].branch->getParent() || row.has(body.meeting))
        break;
      row.blocks.push_back(block);
      row.instructions += unsigned(block->size());
      add(next, body);
    }
    // What was computed in between must be the same thing to all that follows.
    while (row.links.size() > 1 && !comes_from(*row.meeting, row)) drop_last(row);
    return row;
  }

  static bool comes_from(llvm::BasicBlock& block, const Row& row) {
    return llvm::all_of(llvm::predecessors(&block),
                        [&](const llvm::BasicBlock* before) { return row.has(before); });
  }

  void drop_last(Row& row) const {
    const Link last = row.links.pop_back_val();
    row.meeting = last.branch->getParent();
    while (row.blocks.back() != row.meeting) row.blocks.pop_back();
    row.blocks.pop_back();
  }

  /// Whether both compare with the same, indices that are a constant apart.
  [[nodiscard]] bool asks_alike(Link one, Link other) const {
    const auto a = find_questions(one.branch->getCondition(), one.way == 1);
    const auto b = find_questions(other.branch->getCondition(), other.way == 1);
    if (a.size() != b.size()) return false;
    for (size_t i = 0; i < a.size(); ++i) {
      if (a[i].value == b[i].value && a[i].negated == b[i].negated) continue;
      const auto* first = llvm::dyn_cast<llvm::ICmpInst>(a[i].value);
      const auto* second = llvm::dyn_cast<llvm::ICmpInst>(b[i].value);
      if (!first || !second || a[i].negated != b[i].negated ||
          first->getPredicate() != second->getPredicate() || !has_scalar_answer(b[i], *shapes_))
        return false;
      for (unsigned side = 0; side < 2; ++side) {
        if (!LaneDistance::between_values(first->getOperand(side), second->getOperand(side)))
          return false;
      }
    }
    return true;
  }

  [[nodiscard]] bool can_be_asked_before(Link link, const Row& row) const {
    return is_known_before(link.branch->getCondition(), row, 0);
  }

  /// Whether the value is there before the row, or can be computed there.
  [[nodiscard]] bool is_known_before(const llvm::Value* value, const Row& row, int depth) const {
    constexpr int kDeepest = 12;
    const auto* made = llvm::dyn_cast<llvm::Instruction>(value);
    if (!made || flow_.dominators().dominates(made, row.links[0].branch)) return true;
    const bool computes = llvm::isa<llvm::BinaryOperator, llvm::CmpInst, llvm::CastInst,
                                    llvm::SelectInst, llvm::FreezeInst>(made);
    return computes && depth < kDeepest && !made->isIntDivRem() &&
           llvm::all_of(
               made->operands(),
               [&](const llvm::Use& operand) { return is_known_before(operand, row, depth + 1); });
  }

  void move_before(llvm::Value* value, llvm::Instruction& place) const {
    auto* made = llvm::dyn_cast<llvm::Instruction>(value);
    if (!made || flow_.dominators().dominates(made, &place)) return;
    for (llvm::Use& operand : made->operands()) move_before(operand, place);
    made->moveBefore(&place);
  }

  void separate(const Row& row) {
    llvm::BranchInst& branch = *row.links[0].branch;
    for (const Link& link : llvm::drop_begin(row.links)) {
      move_before(link.branch->getCondition(), branch);
      link.branch->setMetadata(kAsked, llvm::MDNode::get(function_.getContext(), {}));
    }
    llvm::BasicBlock* all = branch.getParent();
    llvm::BasicBlock* some = all->splitBasicBlock(&branch, "some.here");
    llvm::ValueToValueMapTy copies;
    for (llvm::BasicBlock* block : row.blocks)
      copies[block] = llvm::CloneBasicBlock(block, copies, ".all", &function_);
    for (llvm::BasicBlock* block : row.blocks) {
      auto* copy = llvm::cast<llvm::BasicBlock>(copies[block]);
      for (llvm::Instruction& instruction : *copy) {
        llvm::RemapInstruction(&instruction, copies,
                               llvm::RF_NoModuleLevelChanges | llvm::RF_IgnoreMissingLocals);
      }
      copy->moveBefore(some);
    }
    llvm::BasicBlock* entry = branch.getSuccessor(row.links[0].way);
    auto* first = llvm::cast<llvm::BasicBlock>(copies[entry]);
    for (llvm::PHINode& phi : first->phis()) phi.replaceIncomingBlockWith(some, all);
    join_values(row, copies);
    go_on_in_copy(row, *some, copies);
    all->getTerminator()->eraseFromParent();
    llvm::IRBuilder<> builder(all);
    builder.SetCurrentDebugLocation(branch.getDebugLoc());
    builder.CreateCondBr(ask_all_lanes(builder, condition_of(row, builder)), first, some);
    for (llvm::BasicBlock* block : row.blocks) {
      if (auto* copy = llvm::dyn_cast_or_null<llvm::BasicBlock>(copies[block]))
        llvm::MergeBlockIntoPredecessor(copy);
    }
  }

  /// Of several indices with zeros where they differ the greatest stands for all.
  static llvm::Value* condition_of(const Row& row, llvm::IRBuilder<>& builder) {
    llvm::Value* all = nullptr;
    for (const Link& link : row.links) {
      llvm::Value* condition = link.branch->getCondition();
      const auto is_stronger = [&](const Link& other) { return holds_with(link, other); };
      if (llvm::any_of(row.links, is_stronger)) continue;
      if (link.way == 1) condition = builder.CreateNot(condition);
      all = all ? builder.CreateLogicalAnd(all, condition) : condition;
    }
    return all;
  }

  /// Whether one condition follows from another: (base | 1) < n from (base | 7) < n.
  static bool holds_with(const Link& weaker, const Link& stronger) {
    const auto* one = llvm::dyn_cast<llvm::ICmpInst>(weaker.branch->getCondition());
    const auto* other = llvm::dyn_cast<llvm::ICmpInst>(stronger.branch->getCondition());
    if (!one || !other || one->getPredicate() != other->getPredicate()) return false;
    auto predicate = weaker.way == 1 ? one->getInversePredicate() : one->getPredicate();
    for (unsigned side = 0; side < 2; ++side) {
      const bool is_ascending = llvm::ICmpInst::isLT(predicate) || llvm::ICmpInst::isLE(predicate);
      const auto [base, bits] = base_and_bits(one->getOperand(side));
      const auto [other_base, other_bits] = base_and_bits(other->getOperand(side));
      if (is_ascending && one->getOperand(1 - side) == other->getOperand(1 - side) &&
          base == other_base && bits != other_bits && (bits | other_bits) == other_bits)
        return true;
      predicate = llvm::ICmpInst::getSwappedPredicate(predicate);
    }
    return false;
  }

  static std::pair<const llvm::Value*, uint64_t> base_and_bits(const llvm::Value* index) {
    const auto* both = llvm::dyn_cast<llvm::PossiblyDisjointInst>(index);
    const auto* bits = both ? llvm::dyn_cast<llvm::ConstantInt>(both->getOperand(1)) : nullptr;
    if (!bits || !both->isDisjoint() || bits->isNegative()) return {index, 0};
    return {both->getOperand(0), bits->getZExtValue()};
  }

  /// What comes to the meeting from the row comes from the copy, too, and so does what was made
  /// between the branches.
  static void join_values(const Row& row, llvm::ValueToValueMapTy& copies) {
    const auto copied = [&](llvm::Value* value) {
      const auto found = copies.find(value);
      return found == copies.end() ? value : static_cast<llvm::Value*>(found->second);
    };
    const llvm::BasicBlock* last = row.links.back().branch->getParent();
    llvm::SmallVector<llvm::BasicBlock*, 8> before, from;  // the copy comes from the latter
    for (llvm::BasicBlock* block : llvm::predecessors(row.meeting)) {
      if (row.has(block)) before.push_back(block);
      if (block != last && llvm::is_contained(row.blocks, block)) from.push_back(block);
    }
    for (llvm::PHINode& phi : row.meeting->phis()) {
      for (llvm::BasicBlock* block : from)
        phi.addIncoming(copied(phi.getIncomingValueForBlock(block)),
                        llvm::cast<llvm::BasicBlock>(copied(block)));
    }
    for (const Link& link : llvm::drop_begin(row.links)) {
      for (llvm::Instruction& instruction : *link.branch->getParent()) {
        llvm::SmallVector<llvm::Use*, 8> outside;
        for (llvm::Use& use : instruction.uses()) {
          const auto* user = llvm::cast<llvm::Instruction>(use.getUser());
          const auto* phi = llvm::dyn_cast<llvm::PHINode>(user);
          const llvm::BasicBlock* block = phi ? phi->getIncomingBlock(use) : user->getParent();
          if (!row.has(block)) outside.push_back(&use);
        }
        if (outside.empty()) continue;
        auto* either = llvm::PHINode::Create(instruction.getType(), unsigned(before.size() * 2),
                                             instruction.getName(), row.meeting->begin());
        if (llvm::isa<llvm::FPMathOperator>(instruction) && llvm::isa<llvm::FPMathOperator>(either))
          either->setFastMathFlags(instruction.getFastMathFlags());
        for (llvm::BasicBlock* block : before) either->addIncoming(&instruction, block);
        for (llvm::BasicBlock* block : from)
          either->addIncoming(copied(&instruction), llvm::cast<llvm::BasicBlock>(copied(block)));
        for (llvm::Use* use : outside) use->set(either);
      }
    }
  }

  /// In the copy each condition holds.
  static void go_on_in_copy(const Row& row, const llvm::BasicBlock& some,
                            llvm::ValueToValueMapTy& copies) {
    const llvm::BasicBlock* from = &some;
    for (const Link& link : llvm::drop_begin(row.links)) {
      auto* meeting = llvm::cast<llvm::BasicBlock>(copies[link.branch->getParent()]);
      // Nobody comes past the body before it.
      for (llvm::PHINode& phi : llvm::make_early_inc_range(meeting->phis())) {
        const int at = phi.getBasicBlockIndex(from);
        if (at >= 0) phi.removeIncomingValue(unsigned(at), false);
      }
      auto* branch = llvm::cast<llvm::BranchInst>(meeting->getTerminator());
      llvm::BranchInst::Create(branch->getSuccessor(link.way), branch->getIterator());
      branch->eraseFromParent();
      from = meeting;
    }
  }

  llvm::Function& function_;
  const ControlFlow flow_;
  const std::unique_ptr<const ShapeAnalysis> shapes_;
  llvm::BasicBlock* const assumption_;  ///< branches before it are done with
  const llvm::PostDominatorTree after_;
};

}  // namespace

bool separate_full_branches(llvm::Function& function, const Geometry& geometry) {
  bool changed = false;
  for (int depth = 0; depth < kDeepest; ++depth) {
    if (!Separation(function, geometry).run()) break;
    changed = true;
  }
  return changed;
}

}  // namespace anymetal::simt
