#pragma once

#include <llvm/ADT/DenseMap.h>
#include <llvm/ADT/DenseSet.h>
#include <llvm/ADT/SetVector.h>
#include <llvm/Analysis/LoopInfo.h>
#include <llvm/IR/IRBuilder.h>
#include <llvm/IR/IntrinsicInst.h>
#include <llvm/IR/NoFolder.h>

#include <map>
#include <optional>
#include <utility>
#include <vector>

namespace anymetal::backend::cpu {

/// Bits of a vector.
struct Slice {
  llvm::Value* value;
  unsigned from;  ///< a bit, counted from lane 0's lowest
  auto operator<=>(const Slice&) const = default;
};
using Slices = std::vector<Slice>;

unsigned lane_bits(const llvm::Value* value);
unsigned lane_count(const llvm::Value* value);
/// Of numbers.
bool is_fixed_vector(const llvm::Value* value);
/// A vector's first lane for all, of another number of lanes maybe.
bool is_broadcast(const llvm::Value* value);
/// Whether it does in each lane the same with what the operands have there.
bool is_lanewise(const llvm::Instruction& made);
/// Whether nobody but others that go, and `ends`, needs the instruction. `known`: answers so far.
bool goes(llvm::Instruction& made, llvm::DenseMap<llvm::Instruction*, bool>& known,
          const llvm::DenseSet<const llvm::Instruction*>& ends);

/// Makes vectors whose lanes are given one by one, where that takes no permutation: the lanes'
/// values are followed up to where they come from, and what computes them is done again in the
/// order in which they lie there.
class MemoryOrder {
 public:
  /// New operations stand before `before`.
  MemoryOrder(llvm::Instruction* before, unsigned lanes) : lanes_(lanes), builder_(before) {}

  /// A vector of these bits; null: there is none.
  llvm::Value* make(Slices slices, llvm::Type& type) { return make(std::move(slices), type, 0); }
  /// The same for a whole value, in pieces of `bits` a lane.
  std::optional<llvm::SmallVector<llvm::Value*, 2>> make_pieces(llvm::Value* value, unsigned bits);
  /// Where bits come from, through what only moves them. `value` null: zeros.
  Slice source(Slice slice, unsigned bits);
  /// These bits are had as `value`.
  void know(Slices slices, llvm::Type& type, llvm::Value* value) {
    known_[{std::move(slices), &type}] = value;
  }
  void set_place(llvm::Instruction* before) { builder_.SetInsertPoint(before); }
  bool has_moved() const { return has_moved_; }  ///< a permutation would fall out
  /// Operations that were done again.
  const llvm::SmallSetVector<llvm::Instruction*, 32>& computed() const { return computed_; }
  /// Moves new operations out of the loop that can stand before it.
  void hoist(const llvm::Loop* loop);
  /// Takes back all new operations.
  void forget();

 private:
  llvm::Value* make(Slices slices, llvm::Type& type, unsigned depth);
  llvm::Value* note(llvm::Value* value);
  llvm::Value* as(llvm::Value* value, llvm::Type& type, size_t count);
  llvm::Value* piece_of_one(const Slices& slices, llvm::Type& type);
  llvm::Value* operation(const Slices& slices, llvm::Type& type, unsigned depth);
  llvm::Value* emit(llvm::Instruction& first, llvm::ArrayRef<llvm::Value*> operands,
                    const Slices& slices);
  llvm::Value* intrinsic(const llvm::IntrinsicInst& call, llvm::Type& type,
                         llvm::ArrayRef<llvm::Value*> operands);

  const unsigned lanes_;
  llvm::IRBuilder<llvm::NoFolder> builder_;
  std::map<std::pair<Slices, llvm::Type*>, llvm::Value*> known_;
  llvm::SmallSetVector<llvm::Instruction*, 32> computed_;
  std::vector<llvm::Instruction*> made_;
  unsigned nodes_ = 0;
  bool has_moved_ = false;
};

}  // namespace anymetal::backend::cpu
