// A thread's float4 is four registers for 16 lanes: vectors of x, y, z, w. What comes from memory
// is permuted to get there, and permuted back to be stored. Where each of the four goes through the
// same operations with the same operands, as in `y[i] = x[i] * scale`, nobody needs that order:
//
//   x0, x1, x2, x3  = load        what is stored as register 0 comes, element by element, from
//   p0, p1, p2, p3  = permuted    operations on elements of the p, which are elements of the x:
//   m0 = p0 * s, m1 = p1 * s ...  those of x0, in their order. So
//   y0, ... = m permuted          y0 = x0 * s.
//
// For each store the lanes of its value are followed up to where they come from: through what only
// moves bits (permutations, halves packed into words), and, if the operation is the same in all
// lanes, to its operands, until they are a piece of one value in its order, or the same for all.
// The old operations must then be without users: nothing is computed twice.
//
// LLVM's VectorCombine has such a fold (from a permutation up, foldShuffleToIdentity); it gives up
// where a value has several users, and all values here have as many as there are registers.
#include "backend/cpu/cancel_permutations.h"

#include <llvm/Analysis/VectorUtils.h>
#include <llvm/IR/IRBuilder.h>
#include <llvm/Transforms/Utils/Local.h>

#include <cstddef>
#include <memory>
#include <vector>

#include "backend/cpu/memory_order.h"

namespace anymetal::backend::cpu {
namespace {

/// The computation of one store's value.
class Rewriting {
 public:
  Rewriting(llvm::StoreInst& store, unsigned lanes) : store(store), order(&store, lanes) {}

  llvm::StoreInst& store;
  MemoryOrder order;
  llvm::SmallVector<llvm::Value*, 2> pieces;  ///< what is to be stored, from its start

  /// False: the value can't be had in the order of memory.
  bool run() {
    for (unsigned bits = lane_bits(store.getValueOperand()); bits >= 16; bits /= 2) {
      auto made = order.make_pieces(store.getValueOperand(), bits);
      if (made && order.has_moved()) {
        pieces = std::move(*made);
        return true;
      }
      order.forget();
    }
    return false;
  }
};

/// Whether the value looks like the end of a permutation.
bool may_be_permuted(const llvm::StoreInst& store) {
  const llvm::Value* value = store.getValueOperand();
  return store.isSimple() && is_fixed_vector(value) &&
         llvm::isa<llvm::ShuffleVectorInst, llvm::BinaryOperator, llvm::BitCastInst>(value);
}

/// Takes out what would be computed twice.
void keep_those_that_pay(std::vector<std::unique_ptr<Rewriting>>& rewritings) {
  for (bool changed = true; changed;) {
    changed = false;
    llvm::DenseSet<const llvm::Instruction*> stores;
    for (const auto& rewriting : rewritings) stores.insert(&rewriting->store);
    llvm::DenseMap<llvm::Instruction*, bool> known;
    for (size_t i = rewritings.size(); i-- > 0;) {
      if (llvm::all_of(rewritings[i]->order.computed(),
                       [&](llvm::Instruction* made) { return goes(*made, known, stores); }))
        continue;
      rewritings[i]->order.forget();
      rewritings.erase(rewritings.begin() + std::ptrdiff_t(i));
      changed = true;
    }
  }
}

void replace(Rewriting& rewriting) {
  llvm::StoreInst& store = rewriting.store;
  llvm::IRBuilder<> builder(&store);
  // One store still: those of whole lines may go past the caches.
  llvm::Value* whole = rewriting.pieces.size() == 1
                           ? rewriting.pieces[0]
                           : llvm::concatenateVectors(builder, rewriting.pieces);
  builder.CreateAlignedStore(whole, store.getPointerOperand(), store.getAlign());
  llvm::Value* old = store.getValueOperand();
  store.eraseFromParent();
  llvm::RecursivelyDeleteTriviallyDeadInstructions(old);
}

}  // namespace

unsigned cancel_permutations(llvm::Function& threadgroup, unsigned lanes) {
  unsigned count = 0;
  for (llvm::BasicBlock& block : threadgroup) {
    std::vector<llvm::StoreInst*> stores;
    for (llvm::Instruction& instruction : block) {
      auto* store = llvm::dyn_cast<llvm::StoreInst>(&instruction);
      if (store && may_be_permuted(*store)) stores.push_back(store);
    }
    std::vector<std::unique_ptr<Rewriting>> rewritings;
    for (llvm::StoreInst* store : stores) {
      auto rewriting = std::make_unique<Rewriting>(*store, lanes);
      if (rewriting->run()) rewritings.push_back(std::move(rewriting));
    }
    keep_those_that_pay(rewritings);
    for (const auto& rewriting : rewritings) replace(*rewriting);
    count += unsigned(rewritings.size());
  }
  return count;
}

}  // namespace anymetal::backend::cpu
