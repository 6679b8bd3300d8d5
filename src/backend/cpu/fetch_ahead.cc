// A loop down a column of a matrix, or over every 32nd key of an attention, reads a piece of each
// row. Processors fetch ahead what lies side by side, within a page; a row further on they don't
// see coming, and each turn waits for memory. Nor do they see far where a turn has many
// instructions, as with elements that are permuted: what is in their queues is all that they wait
// for at a time. But the loop knows: its next address is this one and a number that stays the same.
// So each such load asks for what a later turn reads, as many instructions ahead as memory takes to
// answer, and a page at least; a store, for what a later turn writes. Behind the end nothing is
// wrong: asking for memory that isn't there does nothing.
//
// An index of 32 bits that is widened for an address goes as far each turn as it does before: that
// it might wrap around is no harm here.
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

#include <llvm/ADT/DenseMap.h>
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
constexpr unsigned kMostDepth = 8;  // of an address's expression
constexpr unsigned kMostInLoop = 64;
constexpr unsigned kMostFound = 4 * kMostInLoop;  // alone or not
constexpr uint64_t kMuchOfALine = 32;
constexpr size_t kManyLines = 16;  // a turn
// A turn of many lines asks for the second cache: rows a power of two apart share a set or two of
// the first one, of twelve lines each, and what is asked for would drive out what is in use.
constexpr unsigned kFromSecondCacheOn = 2, kIntoAllCaches = 3;
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
    distances_.clear();
    moved_.clear();
    const unsigned caches = found.size() >= kManyLines ? kFromSecondCacheOn : kIntoAllCaches;
    for (const Access& access : found) ask(access, turns_ahead(access, size), loop, caches);
    return unsigned(found.size());
  }

  static uint64_t distance_of(const llvm::SCEVConstant& number) {
    return number.getAPInt().abs().getZExtValue();
  }

  /// How far the address goes in a turn; null: not known. An index of 32 bits might wrap around
  /// before it is widened, and then the wrong memory is asked for, which does no harm.
  const llvm::SCEV* step_of(const llvm::SCEV* value, const llvm::Loop& loop, unsigned depth) {
    if (evolution_.isLoopInvariant(value, &loop))
      return evolution_.getZero(evolution_.getEffectiveSCEVType(value->getType()));
    if (depth == 0) return nullptr;
    if (const auto* turns = llvm::dyn_cast<llvm::SCEVAddRecExpr>(value)) {
      const bool is_known = turns->getLoop() == &loop && turns->isAffine();
      return is_known ? turns->getStepRecurrence(evolution_) : nullptr;
    }
    if (const auto* sum = llvm::dyn_cast<llvm::SCEVAddExpr>(value)) {
      llvm::SmallVector<const llvm::SCEV*, 4> steps;
      for (const llvm::SCEV* part : sum->operands()) {
        steps.push_back(step_of(part, loop, depth - 1));
        if (!steps.back()) return nullptr;
      }
      return evolution_.getAddExpr(steps);
    }
    if (const auto* product = llvm::dyn_cast<llvm::SCEVMulExpr>(value)) {
      if (product->getNumOperands() != 2) return nullptr;
      const llvm::SCEV *factor = product->getOperand(0), *other = product->getOperand(1);
      if (!evolution_.isLoopInvariant(factor, &loop)) std::swap(factor, other);
      const llvm::SCEV* step = step_of(other, loop, depth - 1);
      if (!step || !evolution_.isLoopInvariant(factor, &loop)) return nullptr;
      return evolution_.getMulExpr(factor, step);
    }
    const auto* wide = llvm::dyn_cast<llvm::SCEVIntegralCastExpr>(value);
    if (!wide || llvm::isa<llvm::SCEVTruncateExpr>(value)) return nullptr;
    const llvm::SCEV* step = step_of(wide->getOperand(), loop, depth - 1);
    return step ? evolution_.getSignExtendExpr(step, value->getType()) : nullptr;
  }

  void look_at(llvm::Instruction& instruction, const llvm::Loop& loop, std::vector<Access>& found) {
    llvm::Value* pointer = llvm::getLoadStorePointerOperand(&instruction);
    if (pointer->getType()->getPointerAddressSpace() != kDeviceSpace || found.size() > kMostFound)
      return;
    const llvm::SCEV* address = evolution_.getSCEV(pointer);
    const llvm::SCEV* step = step_of(address, loop, kMostDepth);
    if (!step || step->isZero()) return;
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

  void ask(const Access& access, unsigned turns, const llvm::Loop& loop, unsigned caches) {
    llvm::Value*& distance = distances_[{access.step, turns}];
    if (!distance) {
      llvm::Instruction* end = loop.getLoopPreheader()->getTerminator();
      llvm::Value* step = expander_.expandCodeFor(access.step, access.step->getType(), end);
      distance =
          llvm::IRBuilder<>(end).CreateMul(step, llvm::ConstantInt::get(step->getType(), turns));
    }
    llvm::Value* pointer = llvm::getLoadStorePointerOperand(access.instruction);
    llvm::Value* ahead = move(pointer, distance, loop, access.instruction);
    llvm::IRBuilder<> builder(access.instruction);
    const bool writes = llvm::isa<llvm::StoreInst>(access.instruction);
    constexpr unsigned kData = 1;
    builder.CreateIntrinsic(
        llvm::Intrinsic::prefetch, {ahead->getType()},
        {ahead, builder.getInt32(writes), builder.getInt32(caches), builder.getInt32(kData)});
  }

  /// The pointer and a distance. What the loop's pointers have in common is moved once, before the
  /// loop if that can be: then the request has its address in itself, as the access has.
  llvm::Value* move(llvm::Value* pointer, llvm::Value* distance, const llvm::Loop& loop,
                    llvm::Instruction* before) {
    auto* address = llvm::dyn_cast<llvm::GetElementPtrInst>(pointer);
    if (address && (loop.isLoopInvariant(address->getPointerOperand()) ||
                    llvm::all_of(address->indices(), [&](const llvm::Use& index) {
                      return loop.isLoopInvariant(index);
                    }))) {
      llvm::Value*& base = moved_[{address->getPointerOperand(), distance}];
      if (!base) base = move_base(*address->getPointerOperand(), *distance, loop);
      auto* ahead = llvm::cast<llvm::GetElementPtrInst>(address->clone());
      ahead->setOperand(llvm::GetElementPtrInst::getPointerOperandIndex(), base);
      ahead->setNoWrapFlags(llvm::GEPNoWrapFlags::none());
      ahead->insertBefore(before);
      return ahead;
    }
    llvm::IRBuilder<> builder(before);
    return builder.CreateGEP(builder.getInt8Ty(), pointer, distance);
  }

  static llvm::Value* move_base(llvm::Value& base, llvm::Value& distance, const llvm::Loop& loop) {
    llvm::Instruction* place = loop.getLoopPreheader()->getTerminator();
    if (!loop.isLoopInvariant(&base))
      place = &*llvm::cast<llvm::Instruction>(base).getInsertionPointAfterDef().value();
    llvm::IRBuilder<> builder(place);
    return builder.CreateGEP(builder.getInt8Ty(), &base, &distance);
  }

  llvm::LoopInfo& loops_;
  llvm::ScalarEvolution& evolution_;
  llvm::SCEVExpander expander_;
  // Of the loop at hand.
  llvm::DenseMap<std::pair<const llvm::SCEV*, unsigned>, llvm::Value*> distances_;
  llvm::DenseMap<std::pair<llvm::Value*, llvm::Value*>, llvm::Value*> moved_;
};

}  // namespace

unsigned fetch_ahead(llvm::Function& threadgroup, LlvmPasses& passes) {
  passes.run(threadgroup, llvm::LoopSimplifyPass());
  return Fetching(threadgroup, passes).run();
}

}  // namespace anymetal::backend::cpu
