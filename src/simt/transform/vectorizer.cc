// Control flow under masks. Blocks are laid out in an order in which, back edges aside, every block
// stands behind all that lead to it. A block that lanes may come to at different times has a mask,
// to which every edge adds the lanes that took it. At a divergent branch nobody jumps: lanes wait
// for two blocks, and the code goes on with the one that stands first; the other stays pending and
// its turn comes in order. So the code visits every block that a lane waits for, perhaps some that
// none waits for, and those must do no harm: what is costly or could do harm is jumped over when
// its mask is empty, and the rest writes nothing under an empty mask.
//
// The method is partial linearisation (S. Moll, S. Hack, "Partial Control-Flow Linearization",
// PLDI 2018), with masks in variables and values repaired afterwards (repair_dominance.cc).
#include "simt/transform/vectorizer.h"

#include <llvm/IR/CFG.h>
#include <llvm/IR/MDBuilder.h>
#include <llvm/IR/Verifier.h>

#include "simt/analysis/guards.h"
#include "simt/analysis/matrices.h"
#include "simt/threadgroup_frame.h"

namespace anymetal::simt {

Vectorizer::Vectorizer(llvm::Function& source, const Geometry& geometry, const ControlFlow& flow,
                       const ShapeAnalysis& shapes, NeighbourGroups neighbours)
    : source_(source),
      module_(*source.getParent()),
      context_(source.getContext()),
      layout_(source.getDataLayout()),
      geometry_(geometry),
      flow_(flow),
      shapes_(shapes),
      chunks_(geometry.chunks()),
      width_(geometry.chunk),
      builder_(context_),
      accesses_(source, shapes, flow, geometry),
      product_groups_(find_product_groups(source, geometry.chunk == 16 ? 4 : 2)),
      neighbours_(std::move(neighbours)),
      top_end_(find_top(source).end) {
  find_neighbours();
}

Result<llvm::Function*> Vectorizer::run() {
  make_function();
  make_slots();
  find_cleared_phis();
  for (llvm::BasicBlock* block : flow_.order()) emit_block(*block);
  if (error_) return *error_;
  builder_.SetInsertPoint(start_);
  builder_.SetCurrentDebugLocation({});
  make_first_masks();
  builder_.CreateBr(blocks_.lookup(&source_.getEntryBlock()));
  builder_.SetInsertPoint(entry_end_);
  builder_.CreateBr(start_);
  entry_end_->eraseFromParent();
  return target_;
}

void Vectorizer::make_function() {
  auto* type = llvm::FunctionType::get(
      llvm::Type::getVoidTy(context_),
      {llvm::PointerType::get(context_, 0), llvm::Type::getInt32Ty(context_)}, false);
  target_ = llvm::Function::Create(type, llvm::Function::ExternalLinkage, kThreadgroupFunctionName,
                                   &module_);
  target_->addFnAttr(llvm::Attribute::NoUnwind);
  target_->getArg(0)->setName("frame");
  target_->addParamAttr(0, llvm::Attribute::NoAlias);
  target_->addParamAttr(0, llvm::Attribute::ReadOnly);
  target_->getArg(1)->setName("step");
  target_->setSubprogram(source_.getSubprogram());
  entry_ = llvm::BasicBlock::Create(context_, "entry", target_);
  entry_end_ = new llvm::UnreachableInst(context_, entry_);
  start_ = llvm::BasicBlock::Create(context_, "start", target_);
  for (llvm::BasicBlock* block : flow_.order())
    blocks_[block] = llvm::BasicBlock::Create(context_, block->getName(), target_);
  builder_.SetInsertPoint(entry_end_);
  auto* word = llvm::ArrayType::get(builder_.getInt64Ty(), 16);
  const llvm::Align alignment(128);  // an access may be aligned like any vector or row
  nowhere_ = builder_.CreateAlloca(word, nullptr, "nowhere");
  nowhere_->setAlignment(alignment);
  zeros_ = new llvm::GlobalVariable(module_, word, /*isConstant=*/true,
                                    llvm::GlobalValue::InternalLinkage,
                                    llvm::Constant::getNullValue(word), "zeros");
  zeros_->setAlignment(alignment);
  if (source_.arg_size() == 0) return;
  llvm::Value* arguments =
      load_frame(builder_.getPtrTy(), offsetof(ThreadgroupFrame, arguments), "arguments");
  builder_.SetInsertPoint(entry_end_);
  for (llvm::Argument& argument : source_.args()) {
    llvm::Value* slot = builder_.CreateConstInBoundsGEP1_64(
        builder_.getInt8Ty(), arguments, argument.getArgNo() * sizeof(FrameArgument));
    llvm::LoadInst* pointer = builder_.CreateLoad(argument.getType(), slot, argument.getName());
    pointer->setMetadata(llvm::LLVMContext::MD_invariant_load, llvm::MDNode::get(context_, {}));
    values_[&argument] = {pointer};
  }
}

void Vectorizer::make_slots() {
  builder_.SetInsertPoint(entry_end_);
  for (llvm::BasicBlock* block : flow_.order()) {
    if (flow_.is_masked(block)) {
      auto& slots = mask_slots_[block];
      for (unsigned chunk = 0; chunk < chunks_; ++chunk) {
        slots.push_back(make_slot(lane_type(builder_.getInt1Ty()), block->getName() + ".mask"));
      }
      if (flow_.leader(block) != block) led_[flow_.leader(block)].push_back(block);
    }
    for (llvm::PHINode& phi : block->phis()) {
      auto& slots = phi_slots_[&phi].slots;
      const Shape shape = shapes_.of(&phi);
      if (shape.is_varying()) {
        for (unsigned chunk = 0; chunk < chunks_; ++chunk) {
          for (unsigned component = 0; component < component_count(phi.getType()); ++component)
            slots.push_back(make_slot(lane_type(component_type(phi.getType(), component)),
                                      phi.getName() + ".slot"));
        }
      } else {
        for (unsigned chunk = 0; chunk < scalar_count(shape); ++chunk)
          slots.push_back(make_slot(phi.getType(), phi.getName() + ".slot"));
      }
    }
  }
}

/// Lanes that exist wait for the first block.
void Vectorizer::make_first_masks() {
  if (geometry_.is_full()) return;
  llvm::Value* threads =
      geometry_.is_partial
          ? load_frame(builder_.getInt32Ty(), offsetof(ThreadgroupFrame, active_threads), "active")
          : builder_.getInt32(geometry_.threads());
  for (unsigned chunk = 0; chunk < chunks_; ++chunk) {
    llvm::Value* index = builder_.CreateAdd(splat(first_index(chunk)),
                                            iota(builder_.getInt32Ty(), Shape::affine(width_, 1)));
    builder_.CreateStore(builder_.CreateICmpULT(index, splat(threads)),
                         mask_slots_[&source_.getEntryBlock()][chunk]);
  }
}

void Vectorizer::load_masks(llvm::BasicBlock& block) {
  mask_.clear();
  if (!flow_.is_masked(&block)) return;
  for (llvm::AllocaInst* slot : mask_slots_[&block]) {
    mask_.push_back(builder_.CreateLoad(slot->getAllocatedType(), slot, "mask"));
    builder_.CreateStore(llvm::Constant::getNullValue(slot->getAllocatedType()), slot);
  }
  const auto led = led_.find(&block);
  if (led == led_.end()) return;
  for (llvm::BasicBlock* other : led->second) {
    for (unsigned chunk = 0; chunk < chunks_; ++chunk)
      builder_.CreateStore(mask_[chunk], mask_slots_[other][chunk]);
  }
}

void Vectorizer::load_phis(llvm::BasicBlock& block) {
  for (llvm::PHINode& phi : block.phis()) {
    Values values;
    for (llvm::AllocaInst* slot : phi_slots_[&phi].slots)
      values.push_back(builder_.CreateLoad(slot->getAllocatedType(), slot, phi.getName()));
    define(phi, std::move(values));
  }
}

/// Blends of lanes that come to a block by different ways begin with zeros in each turn of a loop.
/// What lanes had there in the turn before would else be kept for those that don't come.
void Vectorizer::clear_phis(llvm::BasicBlock& block) {
  for (const llvm::BasicBlock* masked : cleared_masks_.lookup(&block)) {
    for (llvm::AllocaInst* slot : mask_slots_[masked])
      builder_.CreateStore(llvm::Constant::getNullValue(slot->getAllocatedType()), slot);
  }
  const auto cleared = cleared_.find(&block);
  if (cleared == cleared_.end()) return;
  for (const llvm::PHINode* phi : cleared->second) {
    for (llvm::AllocaInst* slot : phi_slots_[phi].slots)
      builder_.CreateStore(llvm::Constant::getNullValue(slot->getAllocatedType()), slot);
  }
}

/// All lanes that come to a phi come through the block that dominates it, once in a turn if both
/// are in one loop.
void Vectorizer::find_cleared_phis() {
  for (llvm::BasicBlock* block : flow_.order()) {
    const llvm::Loop* loop = flow_.loop_of(block);
    const auto* node = flow_.dominators().getNode(block);
    if (!loop || loop->getHeader() == block || !node || !node->getIDom()) continue;
    const llvm::BasicBlock* before = node->getIDom()->getBlock();
    if (flow_.loop_of(before) != loop) continue;
    // Empty already, as nobody could tell where a way goes around the block.
    if (flow_.is_masked(block) && flow_.leader(block) == block)
      cleared_masks_[before].push_back(block);
    for (llvm::PHINode& phi : block->phis()) {
      if (shapes_.of(&phi).is_varying()) cleared_[before].push_back(&phi);
    }
  }
}

void Vectorizer::emit_block(llvm::BasicBlock& block) {
  builder_.SetInsertPoint(blocks_[&block]);
  builder_.SetCurrentDebugLocation({});
  packed_.clear();
  is_unwritten_ = false;
  load_masks(block);
  load_phis(block);
  clear_phis(block);
  maybe_empty_ = may_be_empty(block);
  for (llvm::Instruction& instruction : block) {
    if (&instruction == top_end_) check_divisions();
    if (llvm::isa<llvm::PHINode>(instruction) || instruction.isTerminator()) continue;
    builder_.SetCurrentDebugLocation(instruction.getDebugLoc());
    emit(instruction);
    if (error_) return;
  }
  emit_terminator(block);
}

bool Vectorizer::is_back_edge(const llvm::BasicBlock& from, const llvm::BasicBlock& to) const {
  const llvm::Loop* loop = flow_.loops().getLoopFor(&to);
  return loop && loop->getHeader() == &to && loop->contains(&from);
}

/// Whether it pays, or is necessary, to ask for lanes before the block.
bool Vectorizer::is_costly(const llvm::BasicBlock& block) const {
  constexpr unsigned kCheap = 12;
  return cost_of(block) > kCheap;
}

/// The same of all that only lanes come to that wait for `block`, up to the next one that others
/// wait for.
bool Vectorizer::is_costly(unsigned block, unsigned next) const {
  constexpr uint64_t kCheap = 24;
  if (is_costly(*flow_.order()[block])) return true;
  uint64_t cost = 0;
  for (unsigned index = block; index < next && cost <= kCheap; ++index)
    cost += cost_of(*flow_.order()[index]);
  return cost > kCheap;
}

/// About how many instructions a block becomes for each chunk.
unsigned Vectorizer::cost_of(const llvm::BasicBlock& block) const {
  constexpr unsigned kHigh = 1000;
  const llvm::Instruction* end = block.getTerminator();
  // Loops are entered with a lane at least.
  for (const llvm::BasicBlock* next : llvm::successors(&block)) {
    if (flow_.loops().isLoopHeader(next) && !is_back_edge(block, *next)) return kHigh;
  }
  unsigned cost = 0;
  for (const llvm::Instruction& instruction : block) {
    if (&instruction == end) break;
    if (llvm::isa<llvm::CallInst>(instruction)) {
      if (callee_name(&instruction).starts_with("simt.")) {
        cost += 1;
        continue;
      }
      if (llvm::isa<llvm::IntrinsicInst>(instruction)) {
        cost += 1;
        continue;
      }
      return kHigh;
    }
    if (instruction.isAtomic()) return kHigh;
    if (instruction.mayReadOrWriteMemory()) cost += 4;
    if (const auto* operation = llvm::dyn_cast<llvm::BinaryOperator>(&instruction)) {
      if (operation->isIntDivRem()) cost += 8;
      if (operation->getOpcode() == llvm::Instruction::FDiv) cost += 6;
    }
    cost += 1;
  }
  return cost;
}

/// Whether there may be a barrier between `block` and the next of `others`.
bool Vectorizer::before_barrier(unsigned block, const Pending& others) const {
  if (!flow_.has_barriers() || others.empty()) return false;
  for (unsigned index = block; index < *others.begin(); ++index) {
    if (flow_.has_barrier(flow_.order()[index])) return true;
  }
  return false;
}

bool Vectorizer::ends(unsigned block) const {
  return llvm::isa<llvm::ReturnInst>(flow_.order()[block]->front());
}

bool Vectorizer::may_be_empty(const llvm::BasicBlock& block) const {
  if (!flow_.is_masked(&block)) return false;
  if (!flow_.has_barriers()) return !is_costly(block);
  return !before_barrier(flow_.index(&block), pending_.lookup(&block));
}

/// And those where lanes may wait that have left the loops around `block` before: whoever goes on
/// behind a loop, and not round it, passes its other exits.
Vectorizer::Pending Vectorizer::with_exits(const llvm::BasicBlock& block, Pending pending) const {
  if (pending.empty()) return pending;
  for (const llvm::Loop* loop = flow_.loops().getLoopFor(&block);
       loop && !loop->contains(flow_.order()[*pending.rbegin()]); loop = loop->getParentLoop()) {
    if (!flow_.has_divergent_exit(loop)) continue;
    llvm::SmallVector<llvm::BasicBlock*, 4> exits;
    loop->getUniqueExitBlocks(exits);
    for (const llvm::BasicBlock* exit : exits) pending.insert(flow_.index(exit));
  }
  return pending;
}

/// Code that goes on with the first of the pending blocks that a lane waits for. `certain`: one
/// for which lanes are known to wait.
llvm::BasicBlock* Vectorizer::go_to(Pending pending, std::optional<unsigned> certain) {
  const unsigned first = *pending.begin();
  pending.erase(pending.begin());
  llvm::BasicBlock* block = flow_.order()[first];
  pending_[block].insert(pending.begin(), pending.end());
  if (pending.empty() || certain == first || !flow_.is_masked(block)) return blocks_[block];
  if (before_barrier(first, pending)) {
    // No step comes to a barrier without lanes; whoever has returned needs no way around it.
    if (llvm::all_of(pending, [this](unsigned other) { return ends(other); }))
      return go_on_or_end(*block);
  } else if (!is_costly(first, *pending.begin())) {
    return blocks_[block];
  }
  llvm::BasicBlock* ask = llvm::BasicBlock::Create(context_, "ask", target_);
  llvm::BasicBlock* otherwise = go_to(pending, certain);
  llvm::IRBuilder<>::InsertPointGuard guard(builder_);
  builder_.SetInsertPoint(ask);
  Values masks;
  for (llvm::AllocaInst* slot : mask_slots_[block])
    masks.push_back(builder_.CreateLoad(slot->getAllocatedType(), slot));
  builder_.CreateCondBr(any_lane(masks), blocks_[block], otherwise);
  return ask;
}

/// Code that goes on with `block` unless all lanes of the step have returned. Not a way to the
/// kernel's end, for then steps would part: most kernels that lanes leave early are such.
llvm::BasicBlock* Vectorizer::go_on_or_end(llvm::BasicBlock& block) {
  llvm::BasicBlock* ask = llvm::BasicBlock::Create(context_, "ask.end", target_);
  llvm::IRBuilder<>::InsertPointGuard guard(builder_);
  builder_.SetInsertPoint(ask);
  Values masks;
  for (llvm::AllocaInst* slot : mask_slots_[&block])
    masks.push_back(builder_.CreateLoad(slot->getAllocatedType(), slot));
  auto* type = llvm::FunctionType::get(builder_.getVoidTy(), {builder_.getInt1Ty()}, false);
  llvm::FunctionCallee end = module_.getOrInsertFunction(kEndsStep, type);
  auto* callee = llvm::cast<llvm::Function>(end.getCallee());
  callee->setDoesNotThrow();
  callee->setOnlyAccessesInaccessibleMemory();
  builder_.CreateCall(end, {builder_.CreateNot(any_lane(masks))});
  builder_.CreateBr(blocks_[&block]);
  return ask;
}

/// What an edge tells the block behind it: which lanes come, and the values of its phis. `mask` is
/// empty if all lanes do. `splits_lanes`: others may come to the same block another way.
void Vectorizer::emit_edge(llvm::BasicBlock& from, llvm::BasicBlock& to, const Values& mask,
                           bool splits_lanes) {
  const bool back = is_back_edge(from, to);
  if (flow_.is_masked(&to) && flow_.leader(&to) == &to) {
    auto& slots = mask_slots_[&to];
    for (unsigned chunk = 0; chunk < chunks_; ++chunk) {
      llvm::Value* lanes = mask.empty() ? all_lanes() : mask[chunk];
      if (!back && !mask.empty()) {
        llvm::Value* others = builder_.CreateLoad(slots[chunk]->getAllocatedType(), slots[chunk]);
        lanes = builder_.CreateOr(others, lanes);
      }
      builder_.CreateStore(lanes, slots[chunk]);
    }
  }
  if (to.phis().empty()) return;
  llvm::Value* any = nullptr;
  const bool blends = !mask.empty() && !back;
  for (llvm::PHINode& phi : to.phis()) {
    const llvm::Value* incoming = phi.getIncomingValueForBlock(&from);
    auto& slots = phi_slots_[&phi].slots;
    const Shape shape = shapes_.of(&phi);
    const unsigned components = component_count(phi.getType());
    for (unsigned index = 0; index < slots.size(); ++index) {
      llvm::AllocaInst* slot = slots[index];
      if (shape.is_varying()) {
        const unsigned chunk = index / components;
        llvm::Value* value = vector(incoming, chunk, index % components);
        if (blends && !llvm::isa<llvm::UndefValue>(incoming)) {
          llvm::Value* others = builder_.CreateLoad(slot->getAllocatedType(), slot);
          llvm::Value* lanes = is_matrix(phi.getType()) ? matrix_mask(mask, index) : mask[chunk];
          value = builder_.CreateSelect(lanes, value, others);
        } else if (blends) {
          continue;
        }
        builder_.CreateStore(value, slot);
        continue;
      }
      // Whoever comes this way doesn't want it; others, who came by another way, may.
      if (llvm::isa<llvm::UndefValue>(incoming)) continue;
      llvm::Value* value = scalar(incoming, index);
      if (blends && (splits_lanes || maybe_empty_)) {
        if (!any) any = any_lane(mask);
        llvm::Value* others = builder_.CreateLoad(slot->getAllocatedType(), slot);
        value = builder_.CreateSelect(any, value, others);
      }
      builder_.CreateStore(value, slot);
    }
  }
}

void Vectorizer::emit_terminator(llvm::BasicBlock& block) {
  llvm::Instruction* end = block.getTerminator();
  builder_.SetCurrentDebugLocation({});
  if (llvm::isa<llvm::ReturnInst>(end)) {
    builder_.CreateRetVoid();
    return;
  }
  if (llvm::isa<llvm::UnreachableInst>(end)) {
    // Nobody comes here; lanes that are elsewhere go on.
    const Pending pending = with_exits(block, pending_.lookup(&block));
    if (pending.empty())
      builder_.CreateRetVoid();
    else
      builder_.CreateBr(go_to(pending, std::nullopt));
    return;
  }
  auto* branch = llvm::dyn_cast<llvm::BranchInst>(end);
  if (!branch) return fail(*end, "this kind of jump");
  if (branch->isConditional() && branch->getSuccessor(0) == branch->getSuccessor(1))
    return fail(*end, "a branch with one target");
  if (flow_.is_divergent(&block))
    emit_divergent_branch(block, *branch);
  else
    emit_uniform_branch(block, *branch);
}

/// Goes round the loop again if a lane wants to, else on with whatever lanes wait for.
void Vectorizer::emit_back_edge(llvm::BasicBlock& from, llvm::BasicBlock& header,
                                const Values& mask, Pending pending) {
  const llvm::Loop* loop = flow_.loop_of(&header);
  emit_edge(from, header, mask, false);
  if (mask.empty() || !flow_.has_divergent_exit(loop)) {
    builder_.CreateBr(blocks_[&header]);
    return;
  }
  llvm::SmallVector<llvm::BasicBlock*, 4> exits;
  loop->getUniqueExitBlocks(exits);
  for (llvm::BasicBlock* exit : exits) pending.insert(flow_.index(exit));
  llvm::Value* any = any_lane(mask);
  builder_.CreateCondBr(any, blocks_[&header], go_to(with_exits(from, pending), std::nullopt));
}

void Vectorizer::emit_uniform_branch(llvm::BasicBlock& block, llvm::BranchInst& branch) {
  const Pending pending = pending_.lookup(&block);
  const auto leave = [&](llvm::BasicBlock& target) {
    if (is_back_edge(block, target)) return emit_back_edge(block, target, mask_, pending);
    emit_edge(block, target, mask_, false);
    Pending waiting = pending;
    waiting.insert(flow_.index(&target));
    const auto certain =
        maybe_empty_ ? std::nullopt : std::optional<unsigned>(flow_.index(&target));
    builder_.CreateBr(go_to(with_exits(block, waiting), certain));
  };
  if (!branch.isConditional()) return leave(*branch.getSuccessor(0));
  llvm::Value* condition = scalar(branch.getCondition(), 0);
  llvm::BasicBlock* ways[2];
  for (llvm::BasicBlock*& way : ways) way = llvm::BasicBlock::Create(context_, "way", target_);
  if (maybe_empty_ && !llvm::isa<llvm::Constant>(condition)) {
    condition = builder_.CreateFreeze(condition);
  }
  // Where all lanes are asked for, registers are for the way that they take: what is spilled and
  // what stands apart from the loop belongs to the other.
  constexpr uint32_t kOften = 1000;
  builder_.CreateCondBr(condition, ways[0], ways[1],
                        callee_name(branch.getCondition()) == kAllLanes
                            ? llvm::MDBuilder(context_).createBranchWeights(kOften, 1)
                            : nullptr);
  for (unsigned i = 0; i < 2; ++i) {
    builder_.SetInsertPoint(ways[i]);
    leave(*branch.getSuccessor(i));
  }
}

void Vectorizer::emit_divergent_branch(llvm::BasicBlock& block, llvm::BranchInst& branch) {
  Values masks[2];
  for (unsigned chunk = 0; chunk < chunks_; ++chunk) {
    llvm::Value* condition = vector(branch.getCondition(), chunk);
    if (!llvm::isa<llvm::Constant>(condition)) condition = builder_.CreateFreeze(condition);
    masks[0].push_back(and_mask(mask(chunk), condition));
    masks[1].push_back(and_mask(mask(chunk), builder_.CreateNot(condition)));
  }
  llvm::BasicBlock* targets[2] = {branch.getSuccessor(0), branch.getSuccessor(1)};
  Pending waiting = pending_.lookup(&block);
  std::optional<unsigned> back;
  for (unsigned i = 0; i < 2; ++i) {
    if (is_back_edge(block, *targets[i]))
      back = i;
    else
      emit_edge(block, *targets[i], masks[i], true);
  }
  if (back) {
    waiting.insert(flow_.index(targets[1 - *back]));
    return emit_back_edge(block, *targets[*back], masks[*back], waiting);
  }
  for (llvm::BasicBlock* target : targets) waiting.insert(flow_.index(target));
  builder_.CreateBr(go_to(with_exits(block, waiting), std::nullopt));
}

}  // namespace anymetal::simt
