// A thread's accesses of neighbouring elements, `v[j] = x[4 * thread + j]` with j counted out, are
// one access of all lanes' elements, in wide registers: each of them alone is elements far apart.
#pragma once

#include <llvm/ADT/DenseMap.h>
#include <llvm/ADT/SmallVector.h>
#include <llvm/IR/Instructions.h>

#include "simt/analysis/control_flow.h"
#include "simt/analysis/geometry.h"
#include "simt/analysis/shape_analysis.h"

namespace anymetal::simt {

/// Loads or stores of one thread, one behind the other in a block.
struct Neighbours {
  struct Member {
    llvm::Instruction* access;
    const llvm::Value* pointer;  ///< without its guard
    const llvm::Value* inside;   ///< its guard; may be null
    int64_t offset;              ///< bytes from the one that lies first in memory
  };
  llvm::SmallVector<Member, 8> members;  ///< in the order of the block
  unsigned first = 0;                    ///< the one that lies first in memory
  int64_t stride = 0;                    ///< bytes from a lane's to the next lane's
  bool anywhere = false;                 ///< lanes' lie anywhere; each has as many as a register
  unsigned unit = 0;  ///< bytes of the elements that registers are taken apart into
  int64_t bytes = 0;  ///< from the first one's start to the last one's end

  /// Units between lanes.
  [[nodiscard]] unsigned factor() const { return unsigned(stride / unit); }
};

/// Of what a thread's piece of memory may be made where those of its neighbours lie anywhere, or
/// where it is made of several types: words, halves of them and bytes.
[[nodiscard]] bool is_piece_element(const llvm::Type* type);

/// By the last access of each group, where its code stands.
using NeighbourGroups = llvm::DenseMap<const llvm::Instruction*, Neighbours>;

/// Finds them, and moves those of a group together, loads up and stores down. Nothing else changes,
/// so what is known of shapes and of control flow stays true.
[[nodiscard]] NeighbourGroups join_neighbours(llvm::Function& function, const ShapeAnalysis& shapes,
                                              const ControlFlow& flow, const Geometry& geometry);

}  // namespace anymetal::simt
