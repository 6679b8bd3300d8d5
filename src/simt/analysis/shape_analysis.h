// Shapes of all values of a function: what they start from (positions, arguments, memory) and how
// operations change them.
#pragma once

#include <llvm/ADT/DenseMap.h>
#include <llvm/ADT/DenseSet.h>
#include <llvm/IR/Instructions.h>
#include <llvm/IR/Operator.h>

#include <memory>

#include "simt/analysis/control_flow.h"
#include "simt/analysis/shape.h"

namespace anymetal::simt {

/// Divisions of neighbours by a number that they share, which have one quotient unless a multiple
/// of it lies among them.
using Divisions = llvm::DenseSet<const llvm::Instruction*>;

class ShapeAnalysis {
 public:
  /// `whole`: divisions that are assumed to have one quotient for all lanes of a chunk.
  ShapeAnalysis(llvm::Function& function, const ControlFlow& flow, const Geometry& geometry,
                const Divisions& whole = {});

  [[nodiscard]] Shape of(const llvm::Value* value) const;
  /// A conversion of an index that may be taken as signed: it feeds addresses alone, of elements of
  /// which no buffer has 2^31. So an index that wraps below 0 is outside either way.
  [[nodiscard]] bool is_signed_index(const llvm::Value* value) const {
    return signed_indices_.contains(value);
  }
  /// Variables whose elements of all lanes lie together: element k of lane l is at (k * chunk + l).
  /// Their value is the size of the elements in bytes.
  [[nodiscard]] uint64_t interleaved_bytes(const llvm::AllocaInst* variable) const {
    return interleaved_.lookup(variable);
  }
  /// How far a byte of the thread's memory is from the next one of the same thread: `chunk` in
  /// interleaved variables, else 1.
  [[nodiscard]] uint64_t scale(const llvm::Value* pointer) const;
  /// Of a whole division: whether all chunks of a step are assumed to have one quotient.
  [[nodiscard]] bool is_whole_in_step(const llvm::Instruction& division) const;
  [[nodiscard]] const Divisions& whole_divisions() const { return whole_; }
  [[nodiscard]] const llvm::DataLayout& layout() const { return layout_; }
  [[nodiscard]] const ControlFlow& flow() const { return flow_; }

 private:
  [[nodiscard]] Shape derive(const llvm::Instruction& instruction) const;
  [[nodiscard]] Shape of_phi(const llvm::PHINode& phi) const;
  [[nodiscard]] Shape of_binary(const llvm::BinaryOperator& operation) const;
  [[nodiscard]] Shape of_cast(const llvm::CastInst& cast) const;
  [[nodiscard]] Shape of_address(const llvm::GetElementPtrInst& address) const;
  [[nodiscard]] Shape of_call(const llvm::CallInst& call) const;
  [[nodiscard]] Shape of_variable(const llvm::AllocaInst& variable) const;
  [[nodiscard]] uint64_t stride_of(const llvm::GetElementPtrInst& address,
                                   const llvm::Value* index) const;
  void find_signed_indices(llvm::Function& function);
  void find_interleaved(llvm::Function& function);

  const llvm::DataLayout& layout_;
  const ControlFlow& flow_;
  const Geometry& geometry_;
  const Divisions whole_;
  llvm::DenseMap<const llvm::Value*, Shape> shapes_;
  llvm::DenseSet<const llvm::Value*> signed_indices_;
  llvm::DenseMap<const llvm::AllocaInst*, uint64_t> interleaved_;
};

/// The top of a function: nothing has happened yet that couldn't happen again. A check that sends
/// threads beyond the data home belongs to it, and so does the question whether it sends none.
struct Top {
  llvm::SmallVector<const llvm::BasicBlock*, 4> blocks;
  const llvm::Instruction* end;  ///< the first instruction behind it, in the last of the blocks
  /// If lanes may have gone another way before: the block behind which they haven't.
  const llvm::BasicBlock* scope = nullptr;

  [[nodiscard]] bool contains(const llvm::Instruction& instruction) const;
};
[[nodiscard]] Top find_top(const llvm::Function& function);

/// Those that are worth assuming it of, and whose operands are known at the top. `shapes` may be
/// under assumptions itself: a remainder is divided again.
[[nodiscard]] Divisions find_divisions(llvm::Function& function, const ShapeAnalysis& shapes);

/// The block behind whose kAssumesWhole divisions are whole; null if the function has none.
[[nodiscard]] llvm::BasicBlock* find_assumption(llvm::Function& function);

/// Shapes under the function's assumption, if it makes one.
[[nodiscard]] std::unique_ptr<const ShapeAnalysis> analyse_shapes(llvm::Function& function,
                                                                  const ControlFlow& flow,
                                                                  const Geometry& geometry);

}  // namespace anymetal::simt
