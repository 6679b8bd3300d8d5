// An addition with a lock takes some 18 cycles on Zen 5, one without takes one. Whether a buffer is
// the thread's own is decided at the dispatch, so both forms are there:
//
//   if the frame says so
//     { the block from its first atomic operation to its last, without locks }
//   else { the block as it was }
#include "backend/cpu/own_accumulators.h"

#include <llvm/IR/IRBuilder.h>
#include <llvm/Transforms/Utils/LowerAtomic.h>

#include <algorithm>
#include <cstddef>
#include <vector>

#include "backend/cpu/frame_arguments.h"
#include "simt/threadgroup_frame.h"
#include "simt/transform/double_piece.h"

namespace anymetal::backend::cpu {
namespace {

constexpr unsigned kMostInstructions = 4000;  // which are there twice then

/// A block's operations on buffers that may be the thread's own.
struct Piece {
  std::vector<llvm::AtomicRMWInst*> operations;
  uint32_t arguments = 0;  ///< a bit for each
};

Piece find_piece(llvm::BasicBlock& block, std::span<const Accumulator> found) {
  Piece piece;
  for (llvm::Instruction& instruction : block) {
    auto* atomic = llvm::dyn_cast<llvm::AtomicRMWInst>(&instruction);
    const auto argument = atomic ? argument_of(atomic->getPointerOperand()) : std::nullopt;
    if (!argument || *argument >= 32 ||
        std::ranges::find(found, *argument, &Accumulator::argument) == found.end())
      continue;
    piece.operations.push_back(atomic);
    piece.arguments |= uint32_t{1} << *argument;
  }
  return piece;
}

/// Whether all of these are the thread's own in this dispatch.
llvm::Value* are_own(llvm::IRBuilder<>& builder, llvm::Function& threadgroup, uint32_t arguments) {
  llvm::Value* place = builder.CreateConstGEP1_64(builder.getInt8Ty(), threadgroup.getArg(0),
                                                  offsetof(simt::ThreadgroupFrame, own_arguments));
  llvm::LoadInst* bits = builder.CreateAlignedLoad(builder.getInt32Ty(), place, llvm::Align(4));
  bits->setMetadata(llvm::LLVMContext::MD_invariant_load,
                    llvm::MDNode::get(builder.getContext(), {}));
  llvm::Value* wanted = builder.getInt32(arguments);
  return builder.CreateICmpEQ(builder.CreateAnd(bits, wanted), wanted);
}

void separate(const Piece& piece) {
  llvm::AtomicRMWInst &first = *piece.operations.front(), &last = *piece.operations.back();
  llvm::ValueToValueMapTy copies;
  const simt::DoubledPiece doubled = simt::double_piece(
      first, last, {.original = "shared", .copy = ".own", .below = "added"}, copies);
  for (llvm::AtomicRMWInst* operation : piece.operations)
    llvm::lowerAtomicRMWInst(llvm::cast<llvm::AtomicRMWInst>(copies[operation]));
  llvm::IRBuilder<> builder(doubled.above);
  builder.SetCurrentDebugLocation(first.getDebugLoc());
  builder.CreateCondBr(are_own(builder, *doubled.above->getParent(), piece.arguments), doubled.copy,
                       doubled.original);
}

}  // namespace

unsigned own_accumulators(llvm::Function& threadgroup, std::span<const Accumulator> found) {
  if (found.empty()) return 0;
  std::vector<Piece> pieces;
  for (llvm::BasicBlock& block : threadgroup) {
    Piece piece = find_piece(block, found);
    if (!piece.operations.empty()) pieces.push_back(std::move(piece));
  }
  unsigned count = 0, instructions = 0;
  for (const Piece& piece : pieces) {
    instructions += unsigned(std::distance(piece.operations.front()->getIterator(),
                                           piece.operations.back()->getIterator())) +
                    1;
    if (instructions > kMostInstructions) break;
    separate(piece);
    count += unsigned(piece.operations.size());
  }
  return count;
}

}  // namespace anymetal::backend::cpu
