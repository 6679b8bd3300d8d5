#include "simt/transform/made_again.h"

#include "simt/transform/split_regions.h"

namespace anymetal::simt {

bool MadeAgain::is_cheap(const llvm::Value* value, int depth, bool asks) const {
  const auto* made = llvm::dyn_cast<llvm::Instruction>(value);
  if (!made) return true;
  if (made->getParent() == once_) return !made->hasMetadata(kPrivateVariable);
  if (asks && depth > 0 && is_shared_by_steps(*made)) return true;
  if (depth > 6) return false;
  if (!llvm::isa<llvm::BinaryOperator, llvm::CastInst, llvm::GetElementPtrInst,
                 llvm::InsertElementInst, llvm::ShuffleVectorInst, llvm::ICmpInst,
                 llvm::FreezeInst>(made))
    return false;
  const auto* operation = llvm::dyn_cast<llvm::BinaryOperator>(made);
  if (operation && operation->isIntDivRem() && !llvm::isa<llvm::Constant>(operation->getOperand(1)))
    return false;
  return llvm::all_of(made->operands(),
                      [&](const llvm::Use& operand) { return is_cheap(operand, depth + 1, asks); });
}

bool MadeAgain::is_better(const llvm::Instruction& value) const {
  constexpr unsigned kFewOperations = 4;
  const llvm::Type* type = value.getType();
  if (!type->isIntOrIntVectorTy(1) && !(type->isVectorTy() && type->isIntOrIntVectorTy() &&
                                        count_operations(&value, kFewOperations) <= kFewOperations))
    return false;
  return is_cheap(&value, 0, /*asks=*/true);
}

/// Of what is_cheap follows, without what becomes part of other instructions; any number beyond
/// `most` if there are more.
unsigned MadeAgain::count_operations(const llvm::Value* value, unsigned most) const {
  const auto* made = llvm::dyn_cast<llvm::Instruction>(value);
  if (!made || made->getParent() == once_ || is_shared_by_steps(*made)) return 0;
  if (llvm::isa<llvm::PHINode, llvm::LoadInst, llvm::CallInst>(made)) return most + 1;
  unsigned count = llvm::isa<llvm::InsertElementInst, llvm::ShuffleVectorInst>(made) ? 0 : 1;
  for (const llvm::Use& operand : made->operands()) {
    if (count > most) break;
    count += count_operations(operand, most - count);
  }
  return count;
}

}  // namespace anymetal::simt
