#include "simt/analysis/control_flow.h"

#include <llvm/IR/InstIterator.h>

#include <algorithm>

#include "builtins/builtins.h"
#include "simt/analysis/guards.h"
#include "simt/analysis/matrices.h"
#include "simt/analysis/ways.h"

namespace anymetal::simt {

llvm::StringRef callee_name(const llvm::Value* value) {
  if (const auto* call = llvm::dyn_cast_or_null<llvm::CallBase>(value)) {
    if (const llvm::Function* callee = call->getCalledFunction()) return callee->getName();
  }
  return {};
}

GuardedPointer strip_guard(const llvm::Value* pointer) {
  if (!callee_name(pointer).starts_with(kGuarded)) return {pointer, nullptr};
  const auto* call = llvm::cast<llvm::CallInst>(pointer);
  return {call->getArgOperand(0), call->getArgOperand(1)};
}

llvm::CallInst* ask_all_lanes(llvm::IRBuilder<>& builder, llvm::Value* condition) {
  llvm::FunctionCallee all_lanes = builder.GetInsertBlock()->getModule()->getOrInsertFunction(
      kAllLanes, builder.getInt1Ty(), builder.getInt1Ty());
  auto* callee = llvm::cast<llvm::Function>(all_lanes.getCallee());
  callee->setDoesNotThrow();
  callee->setDoesNotAccessMemory();
  callee->setWillReturn();
  callee->setConvergent();
  return builder.CreateCall(all_lanes, {condition});
}

namespace {

bool differs_between_lanes(const llvm::Value* value, const Geometry& geometry) {
  if (llvm::isa<llvm::AtomicRMWInst, llvm::AtomicCmpXchgInst, llvm::AllocaInst>(value)) return true;
  const llvm::StringRef name = callee_name(value);
  if (name == kToMatrix || name == kMultiplyAccumulate) return true;
  if (!name.starts_with("am.")) return false;
  if (const auto rule = find_position_rule(name.drop_front(3), geometry))
    return !position_shape(*rule, geometry).is_uniform();
  const auto reference = builtins::find(name.str());
  if (!reference) return true;
  switch (reference->builtin->uniformity) {
    case builtins::Uniformity::varying:
      return true;
    case builtins::Uniformity::simdgroup:
      return geometry.together != 1;
    default:
      return reference->builtin->memory == builtins::Memory::texture;
  }
}

/// `t / 32` and the like: the quotient of a position, which a step has one of.
bool is_position_of_step(const llvm::Value* value, const Geometry& geometry) {
  const auto* quotient = llvm::dyn_cast<llvm::BinaryOperator>(value);
  if (!quotient) return false;
  const auto* number = llvm::dyn_cast<llvm::ConstantInt>(quotient->getOperand(1));
  const bool shifts = quotient->getOpcode() == llvm::Instruction::LShr;
  if (!number || number->getValue().uge(shifts ? 31 : 1u << 31) ||
      (!shifts && quotient->getOpcode() != llvm::Instruction::UDiv))
    return false;
  const uint64_t by = shifts ? uint64_t{1} << number->getZExtValue() : number->getZExtValue();
  const llvm::Value* dividend = quotient->getOperand(0);
  if (const auto* wide = llvm::dyn_cast<llvm::ZExtInst>(dividend)) dividend = wide->getOperand(0);
  const llvm::StringRef name = callee_name(dividend);
  if (!name.starts_with("am.")) return false;
  auto rule = find_position_rule(name.drop_front(3), geometry);
  if (!rule || rule->grid_axis >= 0 || (rule->modulus != 0 && rule->modulus % by != 0) ||
      rule->divisor * by > UINT32_MAX)
    return false;
  rule->divisor *= uint32_t(by);
  rule->modulus /= uint32_t(by);
  return position_shape(*rule, geometry).is_uniform();
}

bool is_same_in_lanes(const llvm::Value* value, const Geometry& geometry) {
  if (is_position_of_step(value, geometry)) return true;
  const llvm::StringRef name = callee_name(value);
  if (name == kAllLanes) return true;
  if (!name.starts_with("am.")) return false;
  if (const auto rule = find_position_rule(name.drop_front(3), geometry))
    return position_shape(*rule, geometry).is_uniform();
  const auto reference = builtins::find(name.str());
  return reference && reference->builtin->uniformity == builtins::Uniformity::simdgroup &&
         geometry.together == 1;
}

}  // namespace

ControlFlow::ControlFlow(llvm::Function& function, const Geometry& geometry)
    : geometry_(geometry),
      dominators_(function),
      post_dominators_(function),
      loops_(dominators_),
      uniformity_(std::make_unique<Uniformity>(
          function,
          [this](const llvm::Value* value) { return differs_between_lanes(value, geometry_); },
          [this](const llvm::Value* value) { return is_same_in_lanes(value, geometry_); })) {
  find_barriers(function);
  lay_out(nullptr, &function.getEntryBlock(), order_);
  for (unsigned i = 0; i < order_.size(); ++i) index_[order_[i]] = i;
  find_full_blocks();
  find_divergence();
  find_leaders();
}

bool ControlFlow::is_uniform(const llvm::Instruction* instruction) const {
  return uniformity_->is_uniform(instruction);
}

/// Reverse postorder of the blocks of `loop`, each loop in it as if it were one block. Ways that no
/// barrier stands on come first: lanes that end by one wait for nobody then.
void ControlFlow::lay_out(llvm::Loop* loop, llvm::BasicBlock* entry,
                          std::vector<llvm::BasicBlock*>& out) {
  const auto inner_loop = [&](llvm::BasicBlock* block) -> llvm::Loop* {
    llvm::Loop* found = loops_.getLoopFor(block);
    if (found == loop) return nullptr;
    while (found && found->getParentLoop() != loop) found = found->getParentLoop();
    return found;
  };
  const auto targets = [&](llvm::BasicBlock* block) {
    llvm::SmallVector<llvm::BasicBlock*, 4> all, found, behind;
    if (llvm::Loop* inner = inner_loop(block))
      inner->getUniqueExitBlocks(all);
    else
      all.append(llvm::succ_begin(block), llvm::succ_end(block));
    for (llvm::BasicBlock* target : all) {
      if (!loop || (target != loop->getHeader() && loop->contains(target)))
        (to_barrier_.contains(target) ? behind : found).push_back(target);
    }
    found.append(behind);
    return found;
  };
  // Without recursion over blocks: kernels may have tens of thousands.
  struct Visit {
    llvm::BasicBlock* block;
    llvm::SmallVector<llvm::BasicBlock*, 4> left;
  };
  std::vector<Visit> stack;
  std::vector<llvm::BasicBlock*> postorder;
  llvm::DenseSet<llvm::BasicBlock*> seen{entry};
  stack.push_back({entry, targets(entry)});
  while (!stack.empty()) {
    Visit& visit = stack.back();
    if (visit.left.empty()) {
      postorder.push_back(visit.block);
      stack.pop_back();
      continue;
    }
    llvm::BasicBlock* next = visit.left.pop_back_val();
    if (seen.insert(next).second) stack.push_back({next, targets(next)});
  }
  for (auto block = postorder.rbegin(); block != postorder.rend(); ++block) {
    if (llvm::Loop* inner = inner_loop(*block))
      lay_out(inner, *block, out);
    else
      out.push_back(*block);
  }
}

/// The blocks that lanes may be in while others, which left `branch` in the other direction, are
/// elsewhere: all from its targets up to where every way comes together again.
llvm::DenseSet<llvm::BasicBlock*> ControlFlow::influence(llvm::BasicBlock* branch,
                                                         bool over_back_edges) const {
  const auto* node = post_dominators_.getNode(branch);
  llvm::BasicBlock* join = node && node->getIDom() ? node->getIDom()->getBlock() : nullptr;
  llvm::Loop* loop = loops_.getLoopFor(branch);
  llvm::DenseSet<llvm::BasicBlock*> found;
  llvm::SmallVector<llvm::BasicBlock*, 16> work;
  // A join that is reached by going round a loop joins nothing within an iteration.
  bool joins_later = false;
  const auto visit = [&](llvm::BasicBlock* block) {
    if (block == join) return;
    for (llvm::Loop* around = loop; around; around = around->getParentLoop()) {
      if (around->getHeader() != block) continue;
      joins_later |= join && around->contains(join);
      if (!over_back_edges) return;
    }
    if (found.insert(block).second) work.push_back(block);
  };
  const auto search = [&] {
    for (llvm::BasicBlock* target : llvm::successors(branch)) visit(target);
    while (!work.empty()) {
      for (llvm::BasicBlock* target : llvm::successors(work.pop_back_val())) visit(target);
    }
  };
  search();
  if (joins_later) {
    join = nullptr;
    found.clear();
    search();
  }
  return found;
}

/// Blocks that are come to only when simt.all_lanes has said so.
void ControlFlow::find_full_blocks() {
  for (llvm::BasicBlock* block : order_) {
    const auto* branch = llvm::dyn_cast<llvm::BranchInst>(block->getTerminator());
    if (branch && branch->isConditional() && callee_name(branch->getCondition()) == kAllLanes &&
        branch->getSuccessor(0)->getSinglePredecessor())
      full_.push_back(branch->getSuccessor(0));
  }
}

/// Whether all lanes come to `block` together, though some of them may have left `branch` in
/// another direction; no branch: though some may not be there at all.
bool ControlFlow::is_full(const llvm::BasicBlock* block, const llvm::BasicBlock* branch) const {
  return llvm::any_of(full_, [&](const llvm::BasicBlock* entry) {
    return dominators_.dominates(entry, block) && !(branch && dominators_.dominates(entry, branch));
  });
}

void ControlFlow::find_divergence() {
  std::vector<llvm::BasicBlock*> work;
  for (llvm::BasicBlock* block : order_) {
    auto* branch = llvm::dyn_cast<llvm::BranchInst>(block->getTerminator());
    if (branch && branch->isConditional() && uniformity_->has_divergent_end(*block)) {
      divergent_.insert(block);
      work.push_back(block);
    }
  }
  while (!work.empty()) {
    llvm::BasicBlock* branch = work.back();
    work.pop_back();
    for (llvm::BasicBlock* block : influence(branch, true)) {
      if (!is_full(block, branch)) masked_.insert(block);
    }
    // Whoever leaves a loop from where only some lanes are leaves the others behind; and once lanes
    // leave in different iterations, every way out has to wait for all.
    llvm::SmallVector<llvm::Loop*, 4> left;
    for (llvm::BasicBlock* block : influence(branch, false)) {
      for (llvm::Loop* loop = loops_.getLoopFor(block); loop; loop = loop->getParentLoop())
        if (loop->contains(branch) && loop->isLoopExiting(block)) left.push_back(loop);
    }
    for (llvm::Loop* loop = loops_.getLoopFor(branch); loop; loop = loop->getParentLoop())
      if (loop->isLoopExiting(branch)) left.push_back(loop);
    for (llvm::Loop* loop : left) {
      llvm::SmallVector<llvm::BasicBlock*, 8> exiting;
      loop->getExitingBlocks(exiting);
      for (llvm::BasicBlock* block : exiting) {
        auto* jump = llvm::dyn_cast<llvm::BranchInst>(block->getTerminator());
        if (!jump || !jump->isConditional() || !divergent_.insert(block).second) continue;
        // Who leaves here waits for lanes that left before: whether all do is a mask like others.
        const auto full = llvm::find(full_, jump->getSuccessor(0));
        if (full == full_.end()) {
          work.push_back(block);
          continue;
        }
        full_.erase(full);
        llvm::copy_if(order_, std::back_inserter(work),
                      [&](const llvm::BasicBlock* parts) { return divergent_.contains(parts); });
      }
    }
  }
  if (!geometry_.is_full()) {
    for (llvm::BasicBlock* block : order_) {
      if (!is_full(block, nullptr)) masked_.insert(block);
    }
  }
}

/// Whether every way from `from` comes to `to` before it goes round a loop that holds both.
bool ControlFlow::always_reaches(llvm::BasicBlock* from, llvm::BasicBlock* to) const {
  return post_dominators_.dominates(to, from) && find_headers_before(loops_, *from, to).empty();
}

void ControlFlow::find_leaders() {
  for (llvm::BasicBlock* block : order_) {
    leader_[block] = block;
    const auto* node = dominators_.getNode(block);
    if (!node || !node->getIDom()) continue;
    llvm::BasicBlock* before = node->getIDom()->getBlock();
    if (masked_.contains(block) && masked_.contains(before) &&
        loops_.getLoopFor(before) == loops_.getLoopFor(block) && always_reaches(before, block))
      leader_[block] = before;
  }
}

void ControlFlow::find_barriers(llvm::Function& function) {
  llvm::SmallVector<llvm::BasicBlock*, 8> work;
  for (llvm::Instruction& instruction : llvm::instructions(function)) {
    if (callee_name(&instruction) == "am.threadgroup_barrier" &&
        with_barrier_.insert(instruction.getParent()).second)
      work.push_back(instruction.getParent());
  }
  to_barrier_.insert(work.begin(), work.end());
  while (!work.empty()) {
    for (llvm::BasicBlock* before : llvm::predecessors(work.pop_back_val()))
      if (to_barrier_.insert(before).second) work.push_back(before);
  }
}

bool ControlFlow::parts_before_barrier(llvm::BasicBlock* block) const {
  return uniformity_->has_divergent_end(*block) &&
         llvm::any_of(influence(block, /*over_back_edges=*/true),
                      [&](const llvm::BasicBlock* other) { return has_barrier(other); });
}

bool ControlFlow::parts_to_barriers(llvm::BasicBlock* block) const {
  if (!uniformity_->has_divergent_end(*block)) return false;
  const auto* node = post_dominators_.getNode(block);
  const llvm::BasicBlock* join = node && node->getIDom() ? node->getIDom()->getBlock() : nullptr;
  const auto counts = [&](const llvm::BasicBlock& other) { return has_barrier(&other); };
  return llvm::all_of(llvm::successors(block), [&](const llvm::BasicBlock* way) {
    return way != join && (has_barrier(way) || !find_before(*way, join, counts).empty());
  });
}

bool ControlFlow::comes_one_way(const llvm::BasicBlock* block) const {
  const auto* node = dominators_.getNode(block);
  if (!node || !node->getIDom()) return false;
  const llvm::BasicBlock* origin = node->getIDom()->getBlock();
  // Of each branch that parts lanes between there and here: to how many ways in does it lead?
  llvm::DenseMap<const llvm::BasicBlock*, unsigned> ways;
  for (const llvm::BasicBlock* before : llvm::predecessors(block)) {
    llvm::SmallVector<const llvm::BasicBlock*, 16> work{before};
    llvm::DenseSet<const llvm::BasicBlock*> seen{before};
    while (!work.empty()) {
      const llvm::BasicBlock* at = work.pop_back_val();
      if (divergent_.contains(at) && ++ways[at] > 1) return false;
      // Lanes that leave a loop at different times wait for each other.
      for (llvm::Loop* loop = loops_.getLoopFor(at); loop; loop = loop->getParentLoop())
        if (!loop->contains(block) && has_divergent_exit(loop)) return false;
      if (at == origin) continue;
      for (const llvm::BasicBlock* more : llvm::predecessors(at)) {
        if (more != block && seen.insert(more).second) work.push_back(more);
      }
    }
  }
  return true;
}

bool ControlFlow::has_divergent_exit(const llvm::Loop* loop) const {
  llvm::SmallVector<llvm::BasicBlock*, 8> exiting;
  loop->getExitingBlocks(exiting);
  return llvm::any_of(exiting, [&](llvm::BasicBlock* block) { return divergent_.contains(block); });
}

}  // namespace anymetal::simt
