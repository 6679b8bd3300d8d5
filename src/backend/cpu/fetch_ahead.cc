// A loop down a column of a matrix, or over every 32nd key of an attention, reads a piece of each
// row. Processors fetch ahead what lies side by side, within a page; a row further on they don't
// see coming, and each turn waits for memory. Nor do they see far where a turn has many
// instructions, as with elements that are permuted: what is in their queues is all that they wait
// for at a time. But the loop knows: its next address is this one and a number that stays the same.
// So each such load asks for what a later turn reads, as many instructions ahead as memory takes to
// answer, and a page at least; a store, for what a later turn writes. Behind the end nothing is
// wrong: asking for memory that isn't there does nothing.
//
// Where lanes are read one by one, as the indices of atomics are, their loads count as one.
//
// Turns that are less than 1 KB apart are left to the processor: asking there made copies slower.
// So is a loop that reads so many lines with so few instructions that the processor's queues hold
// more loads than can be on their way at a time: with 16 lines a turn of 130 instructions, in rows
// 16 KB apart, an attention took 1.13 times as long with requests for the next turn, 1.2 for the
// one behind it and 1.38 for the fifth. (Rows a power of two apart share a few sets of the first
// cache, too.) A column of a matrix, 16 lines of 45 instructions, took as long with and without.
#include "backend/cpu/fetch_ahead.h"

#include <llvm/Analysis/LoopInfo.h>
#include <llvm/Analysis/ScalarEvolution.h>
#include <llvm/Analysis/ScalarEvolutionExpressions.h>
#include <llvm/IR/IRBuilder.h>
#include <llvm/Transforms/Utils/LoopSimplify.h>
#include <llvm/Transforms/Utils/ScalarEvolutionExpander.h>

#include <algorithm>
#include <vector>

#include "ir/thread_ir.h"

namespace anymetal::backend::cpu {
namespace {

constexpr uint64_t kLine = 64;
constexpr uint64_t kLeastStep = 1024;
constexpr uint64_t kBytesAhead = 4096;
// Of lanes that are read one by one: such turns are quick for their many instructions. Of 4, 16,
// 24, 32 and 64 KB this was best.
constexpr uint64_t kBytesAheadOfLanes = 32768;
constexpr unsigned kInstructionsAhead = 600;  // some 100 ns
constexpr unsigned kMostTurns = 16;
constexpr unsigned kMostInLoop = 64;
constexpr unsigned kMostFound = 4 * kMostInLoop;  // alone or not
constexpr uint64_t kMuchOfALine = 32;
constexpr size_t kManyLines = 16;         // a turn
constexpr uint64_t kInQueues = 448;       // instructions
constexpr uint64_t kMostOnTheirWay = 48;  // lines

/// The first of those within a line.
struct Access {
  llvm::Instruction* instruction;
  const llvm::SCEV *address, *step;
  uint64_t bytes;  ///< of all of them
};

unsigned count_instructions(const llvm::Loop& loop) {
  unsigned count = 0;
  for (const llvm::BasicBlock* block : loop.blocks()) count += unsigned(block->size());
  return count;
}

class Fetching {
 public:
  Fetching(llvm::Function& function, LlvmPasses& passes)
      : loops_(passes.functions().getResult<llvm::LoopAnalysis>(function)),
        evolution_(passes.functions().getResult<llvm::ScalarEvolutionAnalysis>(function)),
        expander_(evolution_, function.getDataLayout(), "ahead") {}

  unsigned run() {
    unsigned count = 0;
    for (const llvm::Loop* loop : loops_.getLoopsInPreorder()) count += fetch(*loop);
    return count;
  }

 private:
  unsigned fetch(const llvm::Loop& loop) {
    if (!loop.getLoopPreheader()) return 0;
    std::vector<Access> found;
    for (llvm::BasicBlock* block : loop.blocks()) {
      if (loops_.getLoopFor(block) != &loop) continue;
      for (llvm::Instruction& instruction : *block) {
        if (llvm::getLoadStorePointerOperand(&instruction) && !instruction.isVolatile() &&
            !instruction.isAtomic())
          look_at(instruction, loop, found);
      }
    }
    // Lanes that are read one by one count where together they take much of a line.
    llvm::erase_if(found, [](const Access& access) {
      return !llvm::getLoadStoreType(access.instruction)->isVectorTy() &&
             access.bytes < kMuchOfALine;
    });
    if (found.empty() || found.size() > kMostInLoop) return 0;
    const unsigned size = count_instructions(loop);
    const bool is_in_queues =
        found.size() >= kManyLines && kInQueues * found.size() >= kMostOnTheirWay * size;
    if (is_in_queues && llvm::none_of(found, has_known_step)) return 0;
    for (const Access& access : found) ask(access, turns_ahead(access, size), loop);
    return unsigned(found.size());
  }

  static uint64_t distance_of(const llvm::SCEVConstant& number) {
    return number.getAPInt().abs().getZExtValue();
  }

  void look_at(llvm::Instruction& instruction, const llvm::Loop& loop, std::vector<Access>& found) {
    llvm::Value* pointer = llvm::getLoadStorePointerOperand(&instruction);
    if (pointer->getType()->getPointerAddressSpace() != kDeviceSpace || found.size() > kMostFound)
      return;
    const auto* address = llvm::dyn_cast<llvm::SCEVAddRecExpr>(evolution_.getSCEV(pointer));
    if (!address || address->getLoop() != &loop || !address->isAffine()) return;
    const llvm::SCEV* step = address->getStepRecurrence(evolution_);
    const auto* number = llvm::dyn_cast<llvm::SCEVConstant>(step);
    if (number && distance_of(*number) < kLeastStep) return;
    const uint64_t bytes = instruction.getModule()->getDataLayout().getTypeStoreSize(
        llvm::getLoadStoreType(&instruction));
    for (Access& other : found) {
      const auto* apart =
          llvm::dyn_cast<llvm::SCEVConstant>(evolution_.getMinusSCEV(address, other.address));
      if (!apart || distance_of(*apart) >= kLine) continue;
      other.bytes += bytes;
      return;
    }
    if (expander_.isSafeToExpandAt(step, loop.getLoopPreheader()->getTerminator()))
      found.push_back({&instruction, address, step, bytes});
  }

  static bool has_known_step(const Access& access) {
    return llvm::isa<llvm::SCEVConstant>(access.step);
  }

  static unsigned turns_ahead(const Access& access, unsigned size) {
    const unsigned turns = std::clamp(kInstructionsAhead / size, 1u, kMostTurns);
    const auto* number = llvm::dyn_cast<llvm::SCEVConstant>(access.step);
    const uint64_t ahead =
        llvm::getLoadStoreType(access.instruction)->isVectorTy() ? kBytesAhead : kBytesAheadOfLanes;
    return number ? std::max(turns, unsigned(ahead / distance_of(*number))) : turns;
  }

  void ask(const Access& access, unsigned turns, const llvm::Loop& loop) {
    llvm::Instruction* end = loop.getLoopPreheader()->getTerminator();
    llvm::Value* step = expander_.expandCodeFor(access.step, access.step->getType(), end);
    llvm::Value* distance =
        llvm::IRBuilder<>(end).CreateMul(step, llvm::ConstantInt::get(step->getType(), turns));
    llvm::IRBuilder<> builder(access.instruction);
    llvm::Value* ahead = builder.CreateGEP(
        builder.getInt8Ty(), llvm::getLoadStorePointerOperand(access.instruction), distance);
    const bool writes = llvm::isa<llvm::StoreInst>(access.instruction);
    constexpr unsigned kIntoAllCaches = 3, kData = 1;
    builder.CreateIntrinsic(llvm::Intrinsic::prefetch, {ahead->getType()},
                            {ahead, builder.getInt32(writes), builder.getInt32(kIntoAllCaches),
                             builder.getInt32(kData)});
  }

  llvm::LoopInfo& loops_;
  llvm::ScalarEvolution& evolution_;
  llvm::SCEVExpander expander_;
};

}  // namespace

unsigned fetch_ahead(llvm::Function& threadgroup, LlvmPasses& passes) {
  passes.run(threadgroup, llvm::LoopSimplifyPass());
  return Fetching(threadgroup, passes).run();
}

}  // namespace anymetal::backend::cpu
