// Matrices in memory: pairs of a lane's accesses that together are rows or columns of a matrix; and
// copies of whole vectors from lane to lane.
#pragma once

#include <llvm/ADT/DenseMap.h>
#include <llvm/ADT/SmallVector.h>
#include <llvm/IR/Instructions.h>

#include <memory>

#include "simt/analysis/control_flow.h"
#include "simt/analysis/geometry.h"
#include "simt/analysis/lane_distance.h"
#include "simt/analysis/shape_analysis.h"

namespace anymetal::simt {

/// Elements of a matrix that lie side by side.
struct MatrixPiece {
  unsigned access;  ///< 0 or 1: by which of a lane's two addresses it is found,
  unsigned lane;    ///< and by whose
  int64_t offset;   ///< bytes from there
  llvm::SmallVector<unsigned, 16> places;  ///< of its elements, row * 8 + column
};

/// Where a matrix lies in memory: pieces of one length.
struct MatrixPlace {
  const llvm::Instruction* accesses[2];  ///< loads or stores of each lane's elements
  const llvm::Value* pointers[2];        ///< without guards
  const llvm::Value* insides[2];         ///< when they may happen; null: always
  llvm::Type* element;
  llvm::Align align;
  unsigned length;  ///< of a piece, 4, 8 or 16
  llvm::SmallVector<MatrixPiece, 16> pieces;
};

/// The lanes of a chunk that one vector access serves.
struct LaneRun {
  unsigned first, count;
};

/// What is known of one kernel's accesses. Looks only at code without masks.
class MatrixAccesses {
 public:
  MatrixAccesses(const llvm::Function& entry, const ShapeAnalysis& shapes, const ControlFlow& flow,
                 const Geometry& geometry);

  /// Where the two elements of simt.to_matrix come from, if they are loads, nothing is written in
  /// between, and their addresses make pieces; else null.
  [[nodiscard]] const MatrixPlace* loaded(const llvm::CallInst* to_matrix) const;
  [[nodiscard]] bool is_place_of_loads(const llvm::Instruction& instruction) const {
    const auto* call = llvm::dyn_cast<llvm::CallInst>(&instruction);
    return call && loaded_.contains(call);
  }
  /// Whether nobody needs what lanes load, since it is loaded as matrices or copied.
  [[nodiscard]] bool is_absorbed(const llvm::LoadInst* load) const {
    return absorbed_.contains(load);
  }
  /// Where this store and the one before it put two elements of a matrix; null if they don't.
  [[nodiscard]] const MatrixPlace* stored(const llvm::StoreInst* second) const;
  [[nodiscard]] const llvm::StoreInst* first_store(const llvm::StoreInst* second) const {
    return first_stores_.lookup(second);
  }
  [[nodiscard]] bool is_first_store(const llvm::StoreInst* store) const {
    return pending_stores_.contains(store);
  }
  /// The load whose value this store copies, each lane some words; null if it isn't that.
  [[nodiscard]] const llvm::LoadInst* copied(const llvm::StoreInst* store) const {
    return copies_.lookup(store);
  }
  /// Lanes beside each other whose parts of a copy are.
  [[nodiscard]] llvm::SmallVector<LaneRun, 16> copy_runs(const llvm::StoreInst& store) const;

 private:
  void find_loaded(const llvm::CallInst& to_matrix);
  void find_stored(const llvm::StoreInst& first, const llvm::StoreInst& second);
  void find_copy(const llvm::StoreInst& store);
  void find_absorbed(const llvm::Function& entry);
  [[nodiscard]] bool find_pieces(MatrixPlace& place) const;

  const ShapeAnalysis& shapes_;
  const ControlFlow& flow_;
  const Geometry& geometry_;
  mutable LaneDistance distance_;
  llvm::DenseMap<const llvm::CallInst*, std::unique_ptr<MatrixPlace>> loaded_;
  llvm::DenseMap<const llvm::StoreInst*, std::unique_ptr<MatrixPlace>> stored_;
  llvm::DenseMap<const llvm::StoreInst*, const llvm::StoreInst*> first_stores_;
  llvm::DenseSet<const llvm::StoreInst*> pending_stores_;
  llvm::DenseMap<const llvm::StoreInst*, const llvm::LoadInst*> copies_;
  llvm::DenseSet<const llvm::LoadInst*> absorbed_;
};

/// Products that are made at once, since they share an operand and none needs another's result: the
/// last of them, and all.
using ProductGroups =
    llvm::DenseMap<const llvm::CallInst*, llvm::SmallVector<const llvm::CallInst*, 4>>;
[[nodiscard]] ProductGroups find_product_groups(const llvm::Function& entry, unsigned most);

}  // namespace anymetal::simt
