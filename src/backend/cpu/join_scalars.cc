// What all lanes share is computed once, by scalar instructions: as an exp of the sum of a row or
// of a score, which takes as many of them as one of sixteen lanes. Attention computes two for each
// key, a third of its loop. So scalars of a block that are computed in the same way, and neither of
// which needs the other, become lanes of one vector: what they begin with is put together, and the
// results are taken out. Lanes are computed as scalars are, so that results are the same bit for
// bit.
//
// What is computed alike is found by form, not by name: math functions are code like any other here
// (math.md). From a scalar on, what it is computed by belongs to it as far as nobody else wants
// that (its cone); where two cones have the same operations in the same places, they are one
// computation of other operands.
//
// All operands of the last one must be there, so what follows from the first one waits: it is moved
// behind, if it only computes.
#include "backend/cpu/join_scalars.h"

#include <llvm/ADT/DenseMap.h>
#include <llvm/ADT/DenseSet.h>
#include <llvm/Analysis/VectorUtils.h>
#include <llvm/IR/IRBuilder.h>
#include <llvm/IR/IntrinsicInst.h>
#include <llvm/IR/PatternMatch.h>

#include <algorithm>
#include <map>
#include <memory>
#include <optional>

namespace anymetal::backend::cpu {
namespace {

constexpr size_t kFewest = 8, kMost = 64;  // instructions of a cone
constexpr size_t kLargestBlock = 4000;
// Each choice of a group looks at all that are alike: more of them are taken in parts.
constexpr size_t kMostAlike = 256;
// And each look walks back through the block.
constexpr unsigned kMostTries = 8, kMostWalks = 4000;

bool is_word(const llvm::Type* type) {
  return type->isFloatTy() || type->isIntegerTy(32) || type->isIntegerTy(1);
}

/// Whether it has a form that does the same to each lane of a vector.
bool is_joinable(const llvm::Instruction& made) {
  if (!is_word(made.getType())) return false;
  const auto* call = llvm::dyn_cast<llvm::IntrinsicInst>(&made);
  if (call) {
    const llvm::Intrinsic::ID id = call->getIntrinsicID();
    if (id != llvm::Intrinsic::ldexp && !llvm::isTriviallyVectorizable(id)) return false;
    for (unsigned i = 0; i < call->arg_size(); ++i)
      if (llvm::isVectorIntrinsicWithScalarOpAtArg(id, i)) return false;
  } else if (!llvm::isa<llvm::BinaryOperator, llvm::UnaryOperator, llvm::CastInst, llvm::CmpInst,
                        llvm::SelectInst>(made)) {
    return false;
  }
  // Quotients of integers have no vector form.
  if (made.isIntDivRem()) return false;
  const unsigned operands = call ? call->arg_size() : made.getNumOperands();
  for (unsigned i = 0; i < operands; ++i)
    if (!is_word(made.getOperand(i)->getType())) return false;
  return true;
}

unsigned operand_count(const llvm::Instruction& made) {
  const auto* call = llvm::dyn_cast<llvm::CallBase>(&made);
  return call ? call->arg_size() : made.getNumOperands();
}

void grow(Cone& cone) {
  llvm::DenseSet<const llvm::User*> inside{cone.root};
  const llvm::BasicBlock* block = cone.root->getParent();
  cone.members.push_back(cone.root);
  for (size_t at = 0; at < cone.members.size() && cone.members.size() < kMost; ++at) {
    llvm::Instruction* made = cone.members[at];
    for (unsigned i = 0; i < operand_count(*made); ++i) {
      auto* operand = llvm::dyn_cast<llvm::Instruction>(made->getOperand(i));
      // The last of its users to come takes it in.
      if (!operand || operand->getParent() != block || inside.contains(operand) ||
          !is_joinable(*operand) ||
          !llvm::all_of(operand->users(), [&](auto* user) { return inside.contains(user); }))
        continue;
      inside.insert(operand);
      cone.members.push_back(operand);
    }
  }
}

/// What each member does and with what, in numbers; and what that begins with.
void describe(Cone& cone) {
  cone.form.clear();
  cone.leaves.clear();
  llvm::DenseMap<const llvm::Value*, uint64_t> numbers;
  for (llvm::Instruction* made : cone.members) numbers[made] = numbers.size();
  constexpr uint64_t kIsLeaf = uint64_t(1) << 32;
  for (const llvm::Instruction* made : cone.members) {
    const auto* call = llvm::dyn_cast<llvm::IntrinsicInst>(made);
    const auto* compare = llvm::dyn_cast<llvm::CmpInst>(made);
    cone.form.push_back(made->getOpcode());
    cone.form.push_back(call ? call->getIntrinsicID() : compare ? compare->getPredicate() : 0);
    cone.form.push_back(reinterpret_cast<uintptr_t>(made->getType()));
    for (unsigned i = 0; i < operand_count(*made); ++i) {
      llvm::Value* operand = made->getOperand(i);
      if (llvm::isa<llvm::Constant>(operand)) {
        cone.form.push_back(reinterpret_cast<uintptr_t>(operand));
        continue;
      }
      const auto [found, is_new] = numbers.try_emplace(operand, kIsLeaf + cone.leaves.size());
      if (is_new) cone.leaves.push_back(operand);
      cone.form.push_back(found->second);
    }
  }
}

bool is_worth_a_lane(const Cone& cone) {
  return cone.members.size() >= kFewest && llvm::all_of(cone.leaves, [](const llvm::Value* leaf) {
           return leaf->getType()->isFloatTy();
         });
}

/// A block while cones of it are joined.
class Joining {
 public:
  Joining(llvm::BasicBlock& block, unsigned lanes) : block_(block), lanes_(lanes) {}

  unsigned run() {
    std::vector<Cone> cones = find_cones(block_);
    std::map<std::vector<uint64_t>, std::vector<size_t>> alike;
    for (size_t i = 0; i < cones.size(); ++i) alike[cones[i].form].push_back(i);
    std::vector<std::vector<size_t>> groups;
    for (auto& [form, group] : alike)
      if (group.size() > 1) groups.push_back(std::move(group));
    // Large ones first, for small ones are part of them; else as they stand, and not by addresses.
    llvm::sort(groups, [&](const auto& a, const auto& b) {
      const size_t left = cones[a[0]].members.size(), right = cones[b[0]].members.size();
      return left != right ? left > right : a[0] < b[0];
    });
    unsigned count = 0;
    for (const std::vector<size_t>& group : groups) {
      for (size_t begin = 0; begin < group.size(); begin += kMostAlike) {
        Group left;
        for (size_t i = begin; i < std::min(begin + kMostAlike, group.size()); ++i)
          left.push_back(&cones[group[i]]);
        while (join_some(left)) ++count;
      }
    }
    return count;
  }

 private:
  using Group = std::vector<Cone*>;

  bool is_there(const Cone& cone) const {
    return llvm::none_of(cone.members, [&](auto* made) { return gone_.contains(made); });
  }

  /// Takes a group out of these; false: there is none.
  bool join_some(Group& left) {
    unsigned tries = 0;
    llvm::erase_if(left, [&](const Cone* cone) { return !is_there(*cone); });
    // What they begin with may come from a vector by now.
    for (Cone* cone : left) describe(*cone);
    while (left.size() > 1 && ++tries <= kMostTries) {
      Group group, rest;
      for (Cone* cone : left)
        (group.size() < lanes_ && walks_ < kMostWalks && is_apart(*cone, group) ? group : rest)
            .push_back(cone);
      for (; group.size() > 1; group.pop_back()) {
        if (!pays(group)) continue;
        if (const auto moved = find_moved(group)) {
          join(group, *moved);
          return true;
        }
      }
      left.erase(left.begin());
    }
    return false;
  }

  /// Whether it neither needs one of these nor shares something with them.
  bool is_apart(const Cone& cone, const Group& group) const {
    if (group.empty()) return true;
    ++walks_;
    llvm::DenseSet<const llvm::Value*> others;
    for (const Cone* other : group) others.insert(other->members.begin(), other->members.end());
    if (llvm::any_of(cone.members, [&](auto* made) { return others.contains(made); })) return false;
    const llvm::Instruction* first = group[0]->root;
    for (const Cone* other : group)
      if (other->root->comesBefore(first)) first = other->root;
    llvm::DenseSet<const llvm::Value*> seen;
    llvm::SmallVector<const llvm::Value*, 16> work(cone.leaves.begin(), cone.leaves.end());
    while (!work.empty()) {
      const auto* made = llvm::dyn_cast<llvm::Instruction>(work.pop_back_val());
      if (!made || made->getParent() != &block_ || llvm::isa<llvm::PHINode>(made) ||
          made->comesBefore(first) || !seen.insert(made).second)
        continue;
      if (others.contains(made)) return false;
      work.append(made->op_begin(), made->op_end());
    }
    return true;
  }

  bool is_shared(const Group& group, size_t leaf) const {
    return llvm::all_of(
        group, [&](const Cone* cone) { return cone->leaves[leaf] == group[0]->leaves[leaf]; });
  }

  /// Instructions that go, against those that put lanes together and take them apart.
  bool pays(const Group& group) const {
    const size_t others = group.size() - 1;
    size_t costs = others;
    for (size_t leaf = 0; leaf < group[0]->leaves.size(); ++leaf)
      costs += is_shared(group, leaf) ? 1 : others;
    return others * group[0]->members.size() >= 2 * costs;
  }

  /// The place where all that they are computed from is there.
  llvm::Instruction* find_place(const Group& group) const {
    llvm::Instruction* place = &*block_.getFirstInsertionPt();
    for (const Cone* cone : group)
      for (llvm::Value* leaf : cone->leaves) {
        auto* made = llvm::dyn_cast<llvm::Instruction>(leaf);
        if (!made || made->getParent() != &block_ || llvm::isa<llvm::PHINode>(made)) continue;
        if (!made->comesBefore(place)) place = made->getNextNode();
      }
    return place;
  }

  /// What uses results before that place, directly or not; none: it can't be moved.
  std::optional<std::vector<llvm::Instruction*>> find_moved(const Group& group) const {
    llvm::DenseSet<const llvm::Value*> roots, members, later;
    for (const Cone* cone : group) {
      roots.insert(cone->root);
      members.insert(cone->members.begin(), cone->members.end());
    }
    std::vector<llvm::Instruction*> moved;
    const llvm::Instruction* place = find_place(group);
    for (auto at = block_.getFirstInsertionPt(); &*at != place; ++at) {
      if (members.contains(&*at)) continue;
      const bool follows = llvm::any_of(at->operands(), [&](const llvm::Use& use) {
        return roots.contains(use.get()) || later.contains(use.get());
      });
      if (!follows) continue;
      if (at->mayReadOrWriteMemory() || at->mayHaveSideEffects() || at->isTerminator())
        return std::nullopt;
      later.insert(&*at);
      moved.push_back(&*at);
    }
    // One that needs what waits for another one would have to wait for itself.
    for (const Cone* cone : group)
      for (const llvm::Value* leaf : cone->leaves)
        if (roots.contains(leaf) || later.contains(leaf)) return std::nullopt;
    return moved;
  }

  llvm::Type* vector_of(llvm::Type* type) const { return llvm::FixedVectorType::get(type, width_); }

  llvm::Value* put_together(llvm::IRBuilder<>& builder, const Group& group, size_t leaf) const {
    if (is_shared(group, leaf)) return builder.CreateVectorSplat(width_, group[0]->leaves[leaf]);
    llvm::Value* all = llvm::PoisonValue::get(vector_of(group[0]->leaves[leaf]->getType()));
    for (size_t lane = 0; lane < group.size(); ++lane)
      all = builder.CreateInsertElement(all, group[lane]->leaves[leaf], uint64_t(lane));
    return all;
  }

  llvm::Value* compute(llvm::IRBuilder<>& builder, const llvm::Instruction& made,
                       llvm::ArrayRef<llvm::Value*> operands) const {
    llvm::Type* type = vector_of(made.getType());
    if (const auto* call = llvm::dyn_cast<llvm::IntrinsicInst>(&made)) {
      const llvm::Intrinsic::ID id = call->getIntrinsicID();
      llvm::SmallVector<llvm::Type*, 2> overloads;
      if (llvm::isVectorIntrinsicWithOverloadTypeAtArg(id, -1)) overloads.push_back(type);
      for (size_t i = 0; i < operands.size(); ++i)
        if (llvm::isVectorIntrinsicWithOverloadTypeAtArg(id, int(i)) ||
            (id == llvm::Intrinsic::ldexp && i == 1))
          overloads.push_back(operands[i]->getType());
      return builder.CreateIntrinsic(id, overloads, operands);
    }
    if (const auto* cast = llvm::dyn_cast<llvm::CastInst>(&made))
      return builder.CreateCast(cast->getOpcode(), operands[0], type);
    if (const auto* compare = llvm::dyn_cast<llvm::CmpInst>(&made))
      return builder.CreateCmp(compare->getPredicate(), operands[0], operands[1]);
    if (llvm::isa<llvm::SelectInst>(made))
      return builder.CreateSelect(operands[0], operands[1], operands[2]);
    return builder.CreateNAryOp(made.getOpcode(), operands);
  }

  llvm::Value* join_members(llvm::IRBuilder<>& builder, const Group& group) const {
    const Cone& first = *group[0];
    llvm::DenseMap<const llvm::Value*, llvm::Value*> vectors;
    for (size_t leaf = 0; leaf < first.leaves.size(); ++leaf)
      vectors[first.leaves[leaf]] = put_together(builder, group, leaf);
    std::vector<size_t> order(first.members.size());
    for (size_t i = 0; i < order.size(); ++i) order[i] = i;
    llvm::sort(order,
               [&](size_t a, size_t b) { return first.members[a]->comesBefore(first.members[b]); });
    for (const size_t i : order) {
      llvm::Instruction* made = first.members[i];
      llvm::SmallVector<llvm::Value*, 3> operands;
      for (unsigned k = 0; k < operand_count(*made); ++k) {
        llvm::Value* operand = made->getOperand(k);
        auto* constant = llvm::dyn_cast<llvm::Constant>(operand);
        operands.push_back(constant ? llvm::ConstantVector::getSplat(
                                          llvm::ElementCount::getFixed(width_), constant)
                                    : vectors.lookup(operand));
      }
      llvm::Value* vector = compute(builder, *made, operands);
      if (auto* computed = llvm::dyn_cast<llvm::Instruction>(vector)) {
        computed->copyIRFlags(made);
        for (const Cone* cone : group) computed->andIRFlags(cone->members[i]);
      }
      vectors[made] = vector;
    }
    return vectors.lookup(first.root);
  }

  /// Those who spread a scalar over a vector take it from the lane.
  static void spread(llvm::IRBuilder<>& builder, llvm::Instruction& root, llvm::Value* all,
                     unsigned lane) {
    using namespace llvm::PatternMatch;
    for (llvm::User* user : llvm::make_early_inc_range(root.users())) {
      if (!match(user, m_InsertElt(m_Poison(), m_Specific(&root), m_ZeroInt()))) continue;
      for (llvm::User* next : llvm::make_early_inc_range(user->users())) {
        auto* splat = llvm::dyn_cast<llvm::ShuffleVectorInst>(next);
        if (!splat || splat->getOperand(0) != user || !splat->isZeroEltSplat()) continue;
        const llvm::SmallVector<int, 16> mask(splat->getShuffleMask().size(), int(lane));
        splat->replaceAllUsesWith(builder.CreateShuffleVector(all, mask));
      }
    }
  }

  void join(const Group& group, llvm::ArrayRef<llvm::Instruction*> moved) {
    width_ = std::max(4u, unsigned(llvm::PowerOf2Ceil(group.size())));
    llvm::Instruction* place = find_place(group);
    for (llvm::Instruction* one : moved) one->moveBefore(place);
    llvm::IRBuilder<> builder(moved.empty() ? place : moved[0]);
    llvm::Value* all = join_members(builder, group);
    for (size_t lane = 0; lane < group.size(); ++lane) {
      llvm::Instruction* root = group[lane]->root;
      spread(builder, *root, all, unsigned(lane));
      root->replaceAllUsesWith(builder.CreateExtractElement(all, uint64_t(lane)));
      // Their names are asked for until the block is done.
      gone_.insert(group[lane]->members.begin(), group[lane]->members.end());
    }
    for (const Cone* cone : group) {
      for (llvm::Instruction* made : cone->members) made->dropAllReferences();
      for (llvm::Instruction* made : cone->members) made->removeFromParent();
      for (llvm::Instruction* made : cone->members) erased_.emplace_back(made);
    }
  }

  struct Drop {
    void operator()(llvm::Instruction* made) const { made->deleteValue(); }
  };

  llvm::BasicBlock& block_;
  const unsigned lanes_;
  unsigned width_ = 0;  ///< of the vectors that are being made
  mutable unsigned walks_ = 0;
  llvm::DenseSet<const llvm::Instruction*> gone_;
  std::vector<std::unique_ptr<llvm::Instruction, Drop>> erased_;
};

}  // namespace

std::vector<Cone> find_cones(llvm::BasicBlock& block) {
  std::vector<Cone> cones;
  if (block.size() > kLargestBlock) return cones;
  for (llvm::Instruction& made : block) {
    if (!made.getType()->isFloatTy() || !is_joinable(made) || made.use_empty()) continue;
    Cone cone{.root = &made, .members = {}, .leaves = {}, .form = {}};
    grow(cone);
    if (cone.members.size() < kFewest) continue;
    describe(cone);
    if (is_worth_a_lane(cone)) cones.push_back(std::move(cone));
  }
  return cones;
}

unsigned join_scalars(llvm::Function& threadgroup, unsigned lanes) {
  unsigned count = 0;
  for (llvm::BasicBlock& block : threadgroup) count += Joining(block, lanes).run();
  return count;
}

}  // namespace anymetal::backend::cpu
