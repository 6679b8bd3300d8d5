// Where threads have neighbours of memory, four each say, what is loaded is permuted until lane i
// of a register is what thread i has. For much of what follows it doesn't matter which lane that
// is (cancel_permutations.cc follows stores; this, what is never stored as it was loaded):
//
// - A sum of all lanes, as of `simd_sum(x.x * y.x + x.y * y.y)`: the elements that it adds are
//   followed up to where they were loaded, and added as they lie there. Only where the language
//   allows other orders of additions (`reassoc`), since a lane's own sum becomes another.
//
// - What a loop carries, as of `o[j] = o[j] * f + e * values[j]`: as long as the same is done in
//   all lanes, lanes of all `o` may stand as those of `values` do, from the loop's first turn to
//   its last one; behind the loop they are permuted, once. No sum changes.
//
// The old operations must then be without users: nothing is computed twice, except before a loop.
#include "backend/cpu/reorder_lanes.h"

#include <llvm/ADT/MapVector.h>
#include <llvm/Analysis/LoopInfo.h>
#include <llvm/IR/Dominators.h>
#include <llvm/IR/InstIterator.h>
#include <llvm/IR/Instructions.h>
#include <llvm/IR/PatternMatch.h>
#include <llvm/Transforms/Utils/BasicBlockUtils.h>
#include <llvm/Transforms/Utils/Local.h>
#include <llvm/Transforms/Utils/LoopSimplify.h>

#include <algorithm>

#include "backend/cpu/memory_order.h"

namespace anymetal::backend::cpu {
namespace {

constexpr size_t kMostAdded = 512;  ///< elements of a sum
constexpr unsigned kDeepest = 16;

/// A lane of a vector.
struct Lane {
  llvm::Value* value;
  unsigned lane;
};

/// Where a lane's value was loaded: that of its first operand that was.
struct Place {
  llvm::Value* load;
  unsigned from;  ///< a bit
  unsigned bits;
};

/// Looks for places, once for each piece of a value: what is added to itself again and again has
/// exponentially many ways to its loads.
class Places {
 public:
  explicit Places(MemoryOrder& order) : order_(order) {}

  std::optional<Place> find(const Slice& of, unsigned bits, unsigned depth = 0) {
    const Slice slice = order_.source(of, bits);
    auto* made = llvm::dyn_cast_or_null<llvm::Instruction>(slice.value);
    if (!made || depth > kDeepest) return std::nullopt;
    if (llvm::isa<llvm::LoadInst>(made)) return Place{made, slice.from, bits};
    if (!is_lanewise(*made) || lane_bits(made) != bits) return std::nullopt;
    const std::pair<llvm::Value*, std::pair<unsigned, unsigned>> key(made, {slice.from, bits});
    const auto [known, is_new] = known_.try_emplace(key, std::nullopt);
    if (!is_new) return known->second;
    const auto* call = llvm::dyn_cast<llvm::CallBase>(made);
    for (unsigned k = 0; k < (call ? call->arg_size() : made->getNumOperands()); ++k) {
      llvm::Value* operand = made->getOperand(k);
      const unsigned each = lane_bits(operand);
      if (auto place = find({operand, slice.from / bits * each}, each, depth + 1)) {
        known_[key] = place;
        return place;
      }
    }
    return std::nullopt;
  }

  std::optional<Place> find(const Lane& lane) {
    const unsigned bits = lane_bits(lane.value);
    return find({lane.value, lane.lane * bits}, bits);
  }

 private:
  MemoryOrder& order_;
  llvm::DenseMap<std::pair<llvm::Value*, std::pair<unsigned, unsigned>>, std::optional<Place>>
      known_;
};

/// The lanes in registers' order of where they were loaded; empty if they don't fill registers.
class Registers {
 public:
  bool add(Places& places, const Lane& lane) {
    const auto place = places.find(lane);
    if (place) loads_[{place->load, place->bits}].push_back({place->from, lane});
    return place.has_value();
  }

  std::vector<std::vector<Lane>> sorted(unsigned lanes) {
    std::vector<std::vector<Lane>> registers;
    for (auto& [load, found] : loads_) {
      llvm::sort(found, [](const auto& a, const auto& b) { return a.first < b.first; });
      if (found.size() % lanes != 0) return {};
      for (size_t i = 0; i < found.size(); ++i) {
        if (i % lanes == 0)
          registers.emplace_back();
        else if (found[i].first != found[i - 1].first + load.second)
          return {};
        registers.back().push_back(found[i].second);
      }
    }
    return registers;
  }

 private:
  llvm::MapVector<std::pair<llvm::Value*, unsigned>, std::vector<std::pair<unsigned, Lane>>> loads_;
};

Slices slices_of(llvm::ArrayRef<Lane> lanes) {
  Slices slices;
  for (const Lane& lane : lanes) slices.push_back({lane.value, lane.lane * lane_bits(lane.value)});
  return slices;
}

/// Whether what was done again in this loop goes once `ends` no longer ask for it, and with it a
/// permutation.
bool all_go(llvm::ArrayRef<llvm::Instruction*> again, const llvm::Loop* loop,
            const llvm::DenseSet<const llvm::Instruction*>& ends) {
  llvm::DenseMap<llvm::Instruction*, bool> known;
  bool saves = false;
  for (llvm::Instruction* made : again) {
    if (loop && !loop->contains(made)) continue;
    if (!ends.contains(made) && !goes(*made, known, ends)) return false;
    for (llvm::Value* operand : made->operands()) {
      auto* shuffle = llvm::dyn_cast<llvm::ShuffleVectorInst>(operand);
      saves |= shuffle && !is_broadcast(shuffle) && goes(*shuffle, known, ends);
    }
  }
  return saves;
}

// Sums ------------------------------------------------------------------------------------------

/// Elements whose sum this lane is, through additions that may be done in any order.
class Sum {
 public:
  bool find(MemoryOrder& order, llvm::Value* value, unsigned lane) {
    const unsigned bits = lane_bits(value);
    Slices work{{value, lane * bits}};
    while (!work.empty()) {
      const Slice slice = order.source(work.back(), bits);
      work.pop_back();
      auto* made = llvm::dyn_cast_or_null<llvm::Instruction>(slice.value);
      if (!made || lane_bits(made) != bits || slice.from % bits != 0) return false;
      if (made->getOpcode() == llvm::Instruction::FAdd && is_fixed_vector(made) &&
          made->hasAllowReassoc()) {
        flags = additions.empty() ? made->getFastMathFlags() : flags & made->getFastMathFlags();
        additions.push_back(made);
        for (llvm::Value* operand : made->operands()) work.push_back({operand, slice.from});
      } else {
        elements.push_back({slice.value, slice.from / bits});
      }
      if (elements.size() + work.size() > kMostAdded) return false;
    }
    return !additions.empty();
  }

  std::vector<Lane> elements;
  std::vector<llvm::Instruction*> additions;
  llvm::FastMathFlags flags;
};

std::vector<llvm::Instruction*> done_again(const MemoryOrder& order, const Sum& sum) {
  std::vector<llvm::Instruction*> all(order.computed().begin(), order.computed().end());
  all.insert(all.end(), sum.additions.begin(), sum.additions.end());
  return all;
}

/// Whether it asks for lane 0 alone, for itself or for all lanes.
bool takes_first(const llvm::User* user) {
  if (const auto* extract = llvm::dyn_cast<llvm::ExtractElementInst>(user))
    return llvm::PatternMatch::match(extract->getIndexOperand(), llvm::PatternMatch::m_Zero());
  return is_broadcast(user) &&
         llvm::isa<llvm::UndefValue>(llvm::cast<llvm::ShuffleVectorInst>(user)->getOperand(1));
}

/// Of which additions only lane 0 is asked for.
bool may_be_sum(const llvm::Instruction& made) {
  return made.getOpcode() == llvm::Instruction::FAdd && is_fixed_vector(&made) &&
         made.getType()->getScalarType()->isFloatTy() && made.hasAllowReassoc() &&
         !made.use_empty() && llvm::all_of(made.users(), takes_first);
}

bool reorder_sum(llvm::Instruction& all, const llvm::LoopInfo& loops, unsigned lanes) {
  llvm::Type* type = all.getType()->getScalarType();
  MemoryOrder order(&all, lanes);
  Sum sum;
  if (!sum.find(order, &all, 0)) return false;
  Registers registers;
  Places places(order);
  for (const Lane& element : sum.elements)
    if (!registers.add(places, element)) return false;
  const auto sorted = registers.sorted(lanes);
  if (sorted.empty()) return false;
  // As many sums side by side as there are registers in a simdgroup.
  llvm::SmallVector<llvm::Value*, 16> parts;
  for (const std::vector<Lane>& one : sorted) {
    llvm::Value* part = order.make(slices_of(one), *type);
    if (!part) {
      order.forget();
      return false;
    }
    parts.push_back(part);
  }
  llvm::Loop* loop = loops.getLoopFor(all.getParent());
  if (!order.has_moved() || !all_go(done_again(order, sum), loop, {&all})) {
    order.forget();
    return false;
  }
  llvm::IRBuilder<> builder(&all);
  // With `reassoc` LLVM would make one chain of multiply-adds of the two.
  sum.flags.setAllowReassoc(false);
  builder.setFastMathFlags(sum.flags);
  const size_t side_by_side = std::min<size_t>(parts.size(), 2);
  for (size_t i = side_by_side; i < parts.size(); ++i)
    parts[i % side_by_side] = builder.CreateFAdd(parts[i % side_by_side], parts[i]);
  llvm::Value* total = side_by_side == 1 ? parts[0] : builder.CreateFAdd(parts[0], parts[1]);
  for (unsigned half = lanes / 2; half >= 1; half /= 2) {
    llvm::SmallVector<int, 16> swapped;
    for (unsigned lane = 0; lane < lanes; ++lane) swapped.push_back(int(lane ^ half));
    total = builder.CreateFAdd(total, builder.CreateShuffleVector(total, swapped));
  }
  total = builder.CreateExtractElement(total, uint64_t{0});
  for (llvm::User* user : llvm::make_early_inc_range(all.users())) {
    llvm::Value* taken = total;
    if (const auto* wide = llvm::dyn_cast<llvm::FixedVectorType>(user->getType()))
      taken = builder.CreateVectorSplat(wide->getNumElements(), total);
    user->replaceAllUsesWith(taken);
    llvm::cast<llvm::Instruction>(user)->eraseFromParent();
  }
  llvm::RecursivelyDeleteTriviallyDeadInstructions(&all);
  order.hoist(loop);
  return true;
}

// Loops -----------------------------------------------------------------------------------------

/// A vector of lanes of others, where it needs permutations.
llvm::Value* gather_lanes(llvm::IRBuilder<>& builder, llvm::ArrayRef<Lane> lanes) {
  llvm::SmallVector<std::pair<llvm::Value*, llvm::SmallVector<int, 16>>, 8> parts;
  for (size_t i = 0; i < lanes.size(); ++i) {
    auto* found = llvm::find_if(parts, [&](const auto& p) { return p.first == lanes[i].value; });
    if (found == parts.end()) {
      parts.push_back({lanes[i].value, llvm::SmallVector<int, 16>(lanes.size(), -1)});
      found = &parts.back();
    }
    found->second[i] = int(lanes[i].lane);
  }
  while (parts.size() > 1) {
    decltype(parts) next;
    for (size_t i = 0; i + 1 < parts.size(); i += 2) {
      llvm::SmallVector<int, 16> order, own(lanes.size(), -1);
      for (size_t k = 0; k < lanes.size(); ++k) {
        const int low = parts[i].second[k], high = parts[i + 1].second[k];
        order.push_back(low >= 0 ? low : high >= 0 ? high + int(lanes.size()) : -1);
        if (order.back() >= 0) own[k] = int(k);
      }
      next.push_back({builder.CreateShuffleVector(parts[i].first, parts[i + 1].first, order), own});
    }
    if (parts.size() % 2 != 0) next.push_back(parts.back());
    parts = std::move(next);
  }
  return builder.CreateShuffleVector(parts[0].first, parts[0].second);
}

/// What a loop carries in vectors of one register.
class Carried {
 public:
  Carried(llvm::Loop& loop, unsigned lanes)
      : loop_(loop),
        lanes_(lanes),
        before_(loop.getLoopPreheader()),
        latch_(loop.getLoopLatch()),
        order_(loop.getHeader()->getFirstNonPHI(), lanes) {}

  /// False: it stays as it is.
  bool reorder(llvm::DominatorTree& dominators, llvm::LoopInfo& loops) {
    if (!before_ || !latch_ || !find_registers()) return false;
    if (make_new() && order_.has_moved() && old_go()) {
      finish(dominators, loops);
      return true;
    }
    for (llvm::PHINode* phi : new_) {
      phi->replaceAllUsesWith(llvm::PoisonValue::get(phi->getType()));
      phi->eraseFromParent();
    }
    order_.forget();
    return false;
  }

 private:
  llvm::Value* next_of(const llvm::Value* phi) const {
    return llvm::cast<llvm::PHINode>(phi)->getIncomingValueForBlock(latch_);
  }

  bool find_registers() {
    Registers registers;
    Places places(order_);
    llvm::Type* type = nullptr;
    for (llvm::PHINode& phi : loop_.getHeader()->phis()) {
      auto* next = llvm::dyn_cast<llvm::Instruction>(next_of(&phi));
      if (!is_fixed_vector(&phi) || lane_count(&phi) != lanes_ || !next || !is_lanewise(*next) ||
          !loop_.contains(next) || lane_bits(&phi) != 32)
        continue;
      if (type && type != phi.getType()) continue;
      if (!is_moved(*next, places)) continue;
      if (computes_ && computes_ != next->getParent()) return false;
      computes_ = next->getParent();
      for (unsigned lane = 0; lane < lanes_; ++lane)
        if (!registers.add(places, {next, lane})) return false;
      phi_of_[next] = &phi;
      type = phi.getType();
      old_.push_back(&phi);
    }
    if (old_.empty() || phi_of_.size() != old_.size()) return false;
    for (const std::vector<Lane>& one : registers.sorted(lanes_)) {
      sorted_.emplace_back();
      for (const Lane& lane : one) sorted_.back().push_back({phi_of_[lane.value], lane.lane});
    }
    return sorted_.size() == old_.size();
  }

  /// Whether its lanes were loaded otherwise than in their order.
  [[nodiscard]] bool is_moved(llvm::Instruction& next, Places& places) const {
    std::optional<Place> first;
    for (unsigned lane = 0; lane < lanes_; ++lane) {
      const auto place = places.find({&next, lane});
      if (!place) return false;
      if (!first) first = place;
      if (place->load != first->load || place->from != first->from + lane * place->bits)
        return true;
    }
    return false;
  }

  bool make_new() {
    llvm::Type* type = old_[0]->getType();
    std::vector<llvm::Value*> begun;
    order_.set_place(before_->getTerminator());
    for (const std::vector<Lane>& one : sorted_) {
      std::vector<Lane> lanes = one;
      for (Lane& lane : lanes)
        lane.value = llvm::cast<llvm::PHINode>(lane.value)->getIncomingValueForBlock(before_);
      begun.push_back(order_.make(slices_of(lanes), *type->getScalarType()));
      if (!begun.back()) return false;
    }
    for (size_t i = 0; i < sorted_.size(); ++i) {
      llvm::PHINode* phi = llvm::PHINode::Create(type, 2, "", loop_.getHeader()->begin());
      phi->addIncoming(begun[i], before_);
      order_.know(slices_of(sorted_[i]), *type->getScalarType(), phi);
      new_.push_back(phi);
    }
    // Where the old ones are, so that whoever they reach is reached.
    order_.set_place(computes_->getTerminator());
    for (const std::vector<Lane>& one : sorted_) {
      std::vector<Lane> lanes = one;
      for (Lane& lane : lanes) lane.value = next_of(lane.value);
      next_.push_back(order_.make(slices_of(lanes), *type->getScalarType()));
      if (!next_.back()) return false;
    }
    return true;
  }

  /// Behind the loop anybody may use what was carried, in the loop nobody else.
  bool old_go() {
    llvm::DenseSet<const llvm::Instruction*> ends(old_.begin(), old_.end());
    for (llvm::PHINode* phi : old_) {
      for (llvm::Value* value : {static_cast<llvm::Value*>(phi), next_of(phi)})
        for (llvm::User* user : value->users())
          if (!loop_.contains(llvm::cast<llvm::Instruction>(user))) {
            ends.insert(llvm::cast<llvm::Instruction>(user));
            is_used_behind_ = true;
          }
    }
    if (is_used_behind_ && (!loop_.getExitingBlock() || !loop_.getExitBlock())) return false;
    llvm::DenseMap<llvm::Instruction*, bool> known;
    return all_go(order_.computed().getArrayRef(), &loop_, ends) &&
           llvm::all_of(old_, [&](llvm::PHINode* phi) {
             return llvm::all_of(phi->users(), [&](llvm::User* user) {
               auto* by = llvm::cast<llvm::Instruction>(user);
               return ends.contains(by) || goes(*by, known, ends);
             });
           });
  }

  void finish(llvm::DominatorTree& dominators, llvm::LoopInfo& loops) {
    for (size_t i = 0; i < new_.size(); ++i) new_[i]->addIncoming(next_[i], latch_);
    if (is_used_behind_) permute_behind(dominators, loops);
    std::vector<llvm::WeakTrackingVH> nexts;
    for (llvm::PHINode* phi : old_) nexts.emplace_back(next_of(phi));
    for (llvm::PHINode* phi : old_) {
      phi->replaceAllUsesWith(llvm::PoisonValue::get(phi->getType()));
      phi->eraseFromParent();
    }
    for (llvm::WeakTrackingVH& next : nexts)
      if (next) llvm::RecursivelyDeleteTriviallyDeadInstructions(next);
    order_.hoist(&loop_);
  }

  void permute_behind(llvm::DominatorTree& dominators, llvm::LoopInfo& loops) {
    llvm::BasicBlock *from = loop_.getExitingBlock(), *to = loop_.getExitBlock();
    if (to->getSinglePredecessor()) llvm::FoldSingleEntryPHINodes(to);
    llvm::BasicBlock* between = llvm::SplitEdge(from, to, &dominators, &loops);
    llvm::FoldSingleEntryPHINodes(between);
    llvm::IRBuilder<> builder(between->getTerminator());
    for (llvm::PHINode* phi : old_) {
      for (const bool is_next : {false, true}) {
        llvm::Value* value = is_next ? next_of(phi) : phi;
        const auto is_behind = [&](const llvm::Use& use) {
          return !loop_.contains(llvm::cast<llvm::Instruction>(use.getUser()));
        };
        if (llvm::none_of(value->uses(), is_behind)) continue;
        std::vector<Lane> lanes(lanes_);
        for (size_t i = 0; i < sorted_.size(); ++i)
          for (unsigned lane = 0; lane < lanes_; ++lane)
            if (sorted_[i][lane].value == phi)
              lanes[sorted_[i][lane].lane] = {is_next ? next_[i] : new_[i], lane};
        value->replaceUsesWithIf(gather_lanes(builder, lanes),
                                 [&](llvm::Use& use) { return is_behind(use); });
      }
    }
  }

  llvm::Loop& loop_;
  const unsigned lanes_;
  llvm::BasicBlock *before_, *latch_;
  llvm::BasicBlock* computes_ = nullptr;  ///< where next values are
  MemoryOrder order_;
  llvm::DenseMap<llvm::Value*, llvm::PHINode*> phi_of_;
  llvm::SmallVector<llvm::PHINode*, 16> old_;
  std::vector<std::vector<Lane>> sorted_;  ///< lanes of the old variables in those of the new ones
  std::vector<llvm::PHINode*> new_;
  std::vector<llvm::Value*> next_;
  bool is_used_behind_ = false;
};

}  // namespace

unsigned reorder_lanes(llvm::Function& threadgroup, unsigned lanes) {
  llvm::DominatorTree dominators(threadgroup);
  llvm::LoopInfo loops(dominators);
  for (llvm::Loop* loop : loops.getTopLevelLoops())
    llvm::simplifyLoop(loop, &dominators, &loops, nullptr, nullptr, nullptr,
                       /*PreserveLCSSA=*/false);
  std::vector<llvm::WeakVH> sums;
  for (llvm::Instruction& instruction : llvm::instructions(threadgroup))
    if (may_be_sum(instruction)) sums.emplace_back(&instruction);
  unsigned count = 0;
  for (const llvm::WeakVH& sum : sums)
    if (sum) count += reorder_sum(llvm::cast<llvm::Instruction>(*sum), loops, lanes);
  for (llvm::Loop* loop : loops.getLoopsInPreorder())
    if (loop->isInnermost()) count += Carried(*loop, lanes).reorder(dominators, loops);
  return count;
}

}  // namespace anymetal::backend::cpu
