#include "simt/transform/known_before.h"

#include <llvm/ADT/STLExtras.h>

namespace anymetal::simt {
namespace {

using Test = llvm::function_ref<bool(const llvm::Instruction&)>;

constexpr int kDeepest = 16;

bool is_there(const llvm::Value* value, const llvm::Instruction& place) {
  const auto* made = llvm::dyn_cast<llvm::Instruction>(value);
  return !made || made->getParent() != place.getParent() || made->comesBefore(&place);
}

bool is_known(const llvm::Value* value, const llvm::Instruction& place, Test may_move, int depth) {
  if (is_there(value, place)) return true;
  const auto& made = *llvm::cast<llvm::Instruction>(value);
  return depth < kDeepest && may_move(made) &&
         llvm::all_of(
             made.operands(),
             [&](const llvm::Use& operand) {
               return is_known(operand, place, may_move, depth + 1);
             });
}

}  // namespace

bool is_known_before(const llvm::Value* value, const llvm::Instruction& place, Test may_move) {
  return is_known(value, place, may_move, 0);
}

void move_before(llvm::Value* value, llvm::Instruction& place) {
  if (is_there(value, place)) return;
  auto& made = *llvm::cast<llvm::Instruction>(value);
  for (llvm::Use& operand : made.operands()) move_before(operand, place);
  made.moveBefore(&place);
}

}  // namespace anymetal::simt
