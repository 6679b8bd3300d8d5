// `T k[4][8]; for (t..) for (j..) k[t][j] = ...; for (t..) { score += q[j] * k[t][j]; ... }`: an
// array that is indexed by a loop's counter lies in memory as long as one of its loops stays one,
// and is written and read there lane by lane. As values it is in registers, and what was loaded
// into it needn't stand in the order of threads (reorder_lanes.cc). LLVM unrolls what has at most
// some 300 instructions then; for these loops it pays further.
#include "backend/cpu/unroll_arrays.h"

#include <llvm/Analysis/LoopInfo.h>
#include <llvm/Analysis/ScalarEvolution.h>
#include <llvm/Analysis/ValueTracking.h>
#include <llvm/IR/InstIterator.h>
#include <llvm/IR/Instructions.h>
#include <llvm/Transforms/Utils/LoopUtils.h>

namespace anymetal::backend::cpu {
namespace {

constexpr uint64_t kMostTurns = 16;
constexpr uint64_t kMostInstructions = 1000;

/// Instructions of the loop if all loops in it are unrolled.
std::optional<uint64_t> unrolled_size(const llvm::Loop& loop, llvm::ScalarEvolution& evolution) {
  const unsigned turns = evolution.getSmallConstantTripCount(&loop);
  if (turns == 0 || turns > kMostTurns) return std::nullopt;
  uint64_t size = 0;
  for (const llvm::BasicBlock* block : loop.blocks()) {
    const bool is_own = llvm::none_of(
        loop.getSubLoops(), [&](const llvm::Loop* inner) { return inner->contains(block); });
    if (is_own) size += block->size();
  }
  for (const llvm::Loop* inner : loop.getSubLoops()) {
    const auto inside = unrolled_size(*inner, evolution);
    if (!inside) return std::nullopt;
    size += *inside;
  }
  return size * turns;
}

/// Whether the loop's counter is an index of an array of the thread's.
bool indexes_array(const llvm::Loop& loop, llvm::ScalarEvolution& evolution) {
  return llvm::any_of(loop.blocks(), [&](llvm::BasicBlock* block) {
    return llvm::any_of(*block, [&](llvm::Instruction& instruction) {
      llvm::Value* pointer = llvm::getLoadStorePointerOperand(&instruction);
      return pointer && llvm::isa<llvm::AllocaInst>(llvm::getUnderlyingObject(pointer, 0)) &&
             !evolution.isLoopInvariant(evolution.getSCEV(pointer), &loop);
    });
  });
}

}  // namespace

llvm::PreservedAnalyses UnrollArrays::run(llvm::Function& entry,
                                          llvm::FunctionAnalysisManager& analyses) {
  const llvm::LoopInfo& loops = analyses.getResult<llvm::LoopAnalysis>(entry);
  auto& evolution = analyses.getResult<llvm::ScalarEvolutionAnalysis>(entry);
  for (llvm::Loop* loop : loops.getLoopsInPreorder()) {
    const auto size = unrolled_size(*loop, evolution);
    if (size && *size <= kMostInstructions && indexes_array(*loop, evolution) &&
        !llvm::findStringMetadataForLoop(loop, "llvm.loop.unroll.disable"))
      llvm::addStringMetadataToLoop(loop, "llvm.loop.unroll.full", 1);
  }
  return llvm::PreservedAnalyses::all();
}

}  // namespace anymetal::backend::cpu
