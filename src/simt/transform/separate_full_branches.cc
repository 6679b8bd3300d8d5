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
#include "simt/transform/separate_full_branches.h"

#include <llvm/Analysis/PostDominators.h>
#include <llvm/IR/IRBuilder.h>
#include <llvm/Transforms/Utils/Cloning.h>
#include <llvm/Transforms/Utils/ValueMapper.h>

#include "simt/analysis/control_flow.h"
#include "simt/analysis/guards.h"
#include "simt/analysis/questions.h"
#include "simt/analysis/shape_analysis.h"
#include "simt/transform/separate_full_turns.h"

namespace anymetal::simt {
namespace {

constexpr unsigned kMostInstructions = 500;
constexpr int kDeepest = 3;  ///< conditions within conditions

/// What runs only if the branch goes this way, up to where its ways meet.
struct Body {
  llvm::SmallVector<llvm::BasicBlock*, 8> blocks;
  llvm::BasicBlock* meeting = nullptr;
  unsigned instructions = 0, accesses = 0;
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
    std::vector<std::pair<llvm::BranchInst*, unsigned>> found;
    llvm::SmallPtrSet<const llvm::BasicBlock*, 32> within;  // bodies that are copied already
    for (llvm::BasicBlock* block : flow_.order()) {
      if (within.contains(block)) continue;
      auto* branch = llvm::dyn_cast<llvm::BranchInst>(block->getTerminator());
      if (!branch || !branch->isConditional() || !flow_.is_divergent(block) ||
          flow_.is_masked(block) || is_rest(*block) ||
          (assumption_ && !flow_.dominators().dominates(assumption_, block)))
        continue;
      const std::optional<unsigned> way = choose_way(*branch);
      if (!way) continue;
      const Body body = find_body(*branch, *way);
      within.insert(body.blocks.begin(), body.blocks.end());
      found.emplace_back(branch, *way);
      bodies_.push_back(body);
    }
    for (size_t i = 0; i < found.size(); ++i)
      separate(*found[i].first, found[i].second, bodies_[i]);
    return !found.empty();
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

  void separate(llvm::BranchInst& branch, unsigned way, const Body& body) {
    llvm::BasicBlock* all = branch.getParent();
    llvm::BasicBlock* some = all->splitBasicBlock(&branch, "some.here");
    llvm::ValueToValueMapTy copies;
    for (llvm::BasicBlock* block : body.blocks)
      copies[block] = llvm::CloneBasicBlock(block, copies, ".all", &function_);
    const auto copied = [&](llvm::Value* value) {
      const auto found = copies.find(value);
      return found == copies.end() ? value : static_cast<llvm::Value*>(found->second);
    };
    for (llvm::BasicBlock* block : body.blocks) {
      auto* copy = llvm::cast<llvm::BasicBlock>(copies[block]);
      for (llvm::Instruction& instruction : *copy) {
        llvm::RemapInstruction(&instruction, copies,
                               llvm::RF_NoModuleLevelChanges | llvm::RF_IgnoreMissingLocals);
      }
      copy->moveBefore(some);
    }
    auto* first = llvm::cast<llvm::BasicBlock>(copied(branch.getSuccessor(way)));
    for (llvm::PHINode& phi : first->phis()) phi.replaceIncomingBlockWith(some, all);
    for (llvm::PHINode& phi : body.meeting->phis()) {
      for (llvm::BasicBlock* block : body.blocks) {
        const int at = phi.getBasicBlockIndex(block);
        if (at >= 0)
          phi.addIncoming(copied(phi.getIncomingValue(unsigned(at))),
                          llvm::cast<llvm::BasicBlock>(copied(block)));
      }
    }
    all->getTerminator()->eraseFromParent();
    llvm::IRBuilder<> builder(all);
    builder.SetCurrentDebugLocation(branch.getDebugLoc());
    llvm::Value* condition = branch.getCondition();
    if (way == 1) condition = builder.CreateNot(condition);
    builder.CreateCondBr(ask_all_lanes(builder, condition), first, some);
  }

  llvm::Function& function_;
  const ControlFlow flow_;
  const std::unique_ptr<const ShapeAnalysis> shapes_;
  llvm::BasicBlock* const assumption_;  ///< branches before it are done with
  const llvm::PostDominatorTree after_;
  std::vector<Body> bodies_;
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
