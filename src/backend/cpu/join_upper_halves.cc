// A register of floats that are rounded to bfloat is shifted, made narrow (two operations of the
// processor's) and stored as half a register. Of two such registers whose results lie side by side
// one permutation of 16-bit lanes takes all upper halves, and the store is of a whole line.
#include "backend/cpu/join_upper_halves.h"

#include <llvm/IR/IRBuilder.h>
#include <llvm/IR/Instructions.h>
#include <llvm/IR/Module.h>
#include <llvm/IR/PatternMatch.h>
#include <llvm/Transforms/Utils/Local.h>

#include <utility>
#include <vector>

namespace anymetal::backend::cpu {
namespace {

/// The words whose upper halves are stored; null: it stores something else.
llvm::Value* words_of(const llvm::StoreInst& store, unsigned lanes) {
  using llvm::PatternMatch::m_LShr;
  using llvm::PatternMatch::m_OneUse;
  using llvm::PatternMatch::m_SpecificInt;
  using llvm::PatternMatch::m_Trunc;
  using llvm::PatternMatch::m_Value;
  llvm::Value* words = nullptr;
  if (!store.isSimple() ||
      !llvm::PatternMatch::match(store.getValueOperand(),
                                 m_OneUse(m_Trunc(m_LShr(m_Value(words), m_SpecificInt(16))))))
    return nullptr;
  const auto* type = llvm::dyn_cast<llvm::FixedVectorType>(words->getType());
  const bool is_meant = type && type->getNumElements() == lanes &&
                        type->getScalarSizeInBits() == 32 &&
                        store.getValueOperand()->getType()->getScalarSizeInBits() == 16;
  return is_meant ? words : nullptr;
}

/// Whether `next` stores right behind `store`.
bool is_next_to(const llvm::StoreInst& store, const llvm::StoreInst& next, unsigned bytes) {
  const llvm::Value *first = store.getPointerOperand(), *second = next.getPointerOperand();
  if (first->getType() != second->getType()) return false;
  const llvm::DataLayout& layout = store.getModule()->getDataLayout();
  llvm::APInt from(layout.getIndexTypeSizeInBits(first->getType()), 0), to = from;
  first = first->stripAndAccumulateConstantOffsets(layout, from, /*AllowNonInbounds=*/true);
  second = second->stripAndAccumulateConstantOffsets(layout, to, /*AllowNonInbounds=*/true);
  return first == second && to - from == bytes;
}

void join(llvm::StoreInst& store, llvm::StoreInst& next, unsigned lanes) {
  llvm::IRBuilder<> builder(&next);
  auto* halves = llvm::FixedVectorType::get(builder.getInt16Ty(), lanes * 2);
  llvm::SmallVector<int, 32> odd;
  for (unsigned lane = 0; lane < lanes * 2; ++lane) odd.push_back(int(2 * lane + 1));
  llvm::Value* both =
      builder.CreateShuffleVector(builder.CreateBitCast(words_of(store, lanes), halves),
                                  builder.CreateBitCast(words_of(next, lanes), halves), odd);
  builder.CreateAlignedStore(both, store.getPointerOperand(), store.getAlign());
  for (llvm::StoreInst* old : {&store, &next}) {
    llvm::Value* value = old->getValueOperand();
    old->eraseFromParent();
    llvm::RecursivelyDeleteTriviallyDeadInstructions(value);
  }
}

}  // namespace

unsigned join_upper_halves(llvm::Function& threadgroup, unsigned lanes) {
  std::vector<std::pair<llvm::StoreInst*, llvm::StoreInst*>> found;
  for (llvm::BasicBlock& block : threadgroup) {
    llvm::StoreInst* before = nullptr;
    for (llvm::Instruction& instruction : block) {
      auto* store = llvm::dyn_cast<llvm::StoreInst>(&instruction);
      if (!store || !words_of(*store, lanes)) {
        // Nobody may see or change memory between the two.
        if (instruction.mayReadOrWriteMemory()) before = nullptr;
        continue;
      }
      if (before && is_next_to(*before, *store, lanes * 2)) {
        found.emplace_back(before, store);
        before = nullptr;
      } else {
        before = store;
      }
    }
  }
  for (const auto& [store, next] : found) join(*store, *next, lanes);
  return unsigned(found.size());
}

}  // namespace anymetal::backend::cpu
