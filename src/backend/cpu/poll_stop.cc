#include "backend/cpu/poll_stop.h"

#include <llvm/ADT/DepthFirstIterator.h>
#include <llvm/Analysis/CycleAnalysis.h>
#include <llvm/Analysis/LoopInfo.h>
#include <llvm/Analysis/ScalarEvolution.h>
#include <llvm/Analysis/ScalarEvolutionExpressions.h>
#include <llvm/IR/CFG.h>
#include <llvm/IR/IRBuilder.h>
#include <llvm/IR/MDBuilder.h>

#include <algorithm>
#include <cstddef>
#include <set>

#include "simt/threadgroup_frame.h"

namespace anymetal::backend::cpu {
namespace {

/// Of the loop and all within it, at most; kMany if there may be more than that.
constexpr uint64_t kMany = uint64_t{1} << 20;
uint64_t count_turns(llvm::ScalarEvolution& evolution, const llvm::Loop& loop) {
  const auto* again =
      llvm::dyn_cast<llvm::SCEVConstant>(evolution.getConstantMaxBackedgeTakenCount(&loop));
  if (!again || again->getAPInt().uge(kMany)) return kMany;
  uint64_t within = 1;
  for (const llvm::Loop* inner : loop.getSubLoops())
    within = std::min(within + count_turns(evolution, *inner), kMany);
  return std::min((again->getAPInt().getZExtValue() + 1) * within, kMany);
}

/// Whether the loop's own end can be waited for: with a counter of 64 bits it may take for ever.
bool ends_by_itself(llvm::ScalarEvolution& evolution, const llvm::Loop& loop) {
  constexpr uint64_t kMostTurns = uint64_t{1} << 32;
  const llvm::SCEV* turns = evolution.getSymbolicMaxBackedgeTakenCount(&loop);
  return !llvm::isa<llvm::SCEVCouldNotCompute>(turns) &&
         evolution.getUnsignedRangeMax(turns).ule(kMostTurns);
}

/// Blocks that cycles go through which are no loops, as they have several entries: steps that each
/// wait at a barrier of its own go on in the midst of the kernel's loops (simt/split_regions.cc).
void find_heads_of_others(const llvm::CycleInfo& cycles, std::set<llvm::BasicBlock*>& heads) {
  for (const llvm::Cycle* outermost : cycles.toplevel_cycles()) {
    for (const llvm::Cycle* cycle : llvm::depth_first(outermost))
      if (!cycle->isReducible()) heads.insert(cycle->getHeader());
  }
}

/// Blocks from which all other loops go round again.
std::set<llvm::BasicBlock*> find_latches(llvm::Function& function, LlvmPasses& passes) {
  auto& loops = passes.functions().getResult<llvm::LoopAnalysis>(function);
  auto& evolution = passes.functions().getResult<llvm::ScalarEvolutionAnalysis>(function);
  std::set<llvm::BasicBlock*> latches;
  for (llvm::Loop* loop : loops.getLoopsInPreorder()) {
    // Counted loops within counted loops can take hours; asking in the outer one is enough.
    if (ends_by_itself(evolution, *loop) &&
        (loop->isInnermost() || count_turns(evolution, *loop) < kMany))
      continue;
    llvm::SmallVector<llvm::BasicBlock*, 4> found;
    loop->getLoopLatches(found);
    latches.insert(found.begin(), found.end());
  }
  find_heads_of_others(passes.functions().getResult<llvm::CycleAnalysis>(function), latches);
  return latches;
}

}  // namespace

void poll_stop(llvm::Function& threadgroup, LlvmPasses& passes) {
  passes.clear();
  const std::set<llvm::BasicBlock*> latches = find_latches(threadgroup, passes);
  passes.clear();
  if (latches.empty()) return;
  llvm::LLVMContext& context = threadgroup.getContext();
  llvm::IRBuilder<> builder(&*threadgroup.getEntryBlock().getFirstInsertionPt());
  llvm::LoadInst* flag = builder.CreateLoad(
      builder.getPtrTy(),
      builder.CreateConstInBoundsGEP1_64(builder.getInt8Ty(), threadgroup.getArg(0),
                                         offsetof(simt::ThreadgroupFrame, stop)),
      "stop");
  flag->setMetadata(llvm::LLVMContext::MD_invariant_load, llvm::MDNode::get(context, {}));
  auto* stopped = llvm::BasicBlock::Create(context, "stopped", &threadgroup);
  llvm::ReturnInst::Create(context, stopped);
  for (llvm::BasicBlock* latch : latches) {
    // A loop of one block asks at its beginning: LLVM moves sums that the next turn needs behind
    // the question, away from the products that they add, which then wait in memory.
    const bool is_loop = llvm::is_contained(llvm::successors(latch), latch);
    llvm::BasicBlock* rest =
        latch->splitBasicBlock(is_loop ? &*latch->getFirstInsertionPt() : latch->getTerminator());
    latch->getTerminator()->eraseFromParent();
    builder.SetInsertPoint(latch);
    llvm::LoadInst* value = builder.CreateAlignedLoad(builder.getInt32Ty(), flag, llvm::Align(4));
    value->setAtomic(llvm::AtomicOrdering::Monotonic);
    builder.CreateCondBr(builder.CreateIsNotNull(value), stopped, rest,
                         llvm::MDBuilder(context).createBranchWeights(1, 1u << 20));
  }
}

}  // namespace anymetal::backend::cpu
