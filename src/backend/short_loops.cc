// The loop's counter is followed turn by turn, as a thread would: that takes any way to count
// (`s >>= 1`, a `short` that is widened), and nothing has to be assumed about overflow.
#include "backend/short_loops.h"

#include <llvm/ADT/APInt.h>
#include <llvm/IR/Constants.h>
#include <llvm/IR/Instructions.h>

namespace anymetal::backend {
namespace {

using llvm::APInt;
using llvm::dyn_cast;

constexpr int kDepth = 8;  // of an expression

/// The counter that a condition depends on, if it depends on nothing else that changes.
const llvm::PHINode* counter_of(const llvm::Value* value, const llvm::Loop& loop, int depth = 0) {
  const auto* instruction = dyn_cast<llvm::Instruction>(value);
  if (!instruction || depth > kDepth) return nullptr;
  if (const auto* phi = dyn_cast<llvm::PHINode>(instruction))
    return phi->getParent() == loop.getHeader() && phi->getType()->isIntegerTy() ? phi : nullptr;
  const llvm::PHINode* counter = nullptr;
  for (const llvm::Value* operand : instruction->operands()) {
    if (llvm::isa<llvm::Constant>(operand)) continue;
    const llvm::PHINode* found = counter_of(operand, loop, depth + 1);
    if (!found || (counter && counter != found)) return nullptr;
    counter = found;
  }
  return counter;
}

/// What it is where the counter is `now`.
std::optional<APInt> evaluate(const llvm::Value* value, const llvm::PHINode* counter,
                              const APInt& now, int depth = 0) {
  if (value == counter) return now;
  if (const auto* constant = dyn_cast<llvm::ConstantInt>(value)) return constant->getValue();
  const auto* instruction = dyn_cast<llvm::Instruction>(value);
  if (!instruction || depth > kDepth || instruction->getNumOperands() == 0) return std::nullopt;
  const auto a = evaluate(instruction->getOperand(0), counter, now, depth + 1);
  if (!a) return std::nullopt;
  if (llvm::isa<llvm::CastInst>(instruction)) {
    if (!instruction->getType()->isIntegerTy()) return std::nullopt;
    const unsigned bits = instruction->getType()->getIntegerBitWidth();
    if (instruction->getOpcode() == llvm::Instruction::SExt) return a->sext(bits);
    if (instruction->getOpcode() == llvm::Instruction::ZExt) return a->zext(bits);
    if (instruction->getOpcode() == llvm::Instruction::Trunc) return a->trunc(bits);
    return std::nullopt;
  }
  if (instruction->getNumOperands() != 2) return std::nullopt;
  const auto b = evaluate(instruction->getOperand(1), counter, now, depth + 1);
  if (!b) return std::nullopt;
  if (const auto* compare = dyn_cast<llvm::ICmpInst>(instruction))
    return APInt(1, llvm::ICmpInst::compare(*a, *b, compare->getPredicate()) ? 1 : 0);
  switch (instruction->getOpcode()) {
    case llvm::Instruction::Add:
      return *a + *b;
    case llvm::Instruction::Sub:
      return *a - *b;
    case llvm::Instruction::Mul:
      return *a * *b;
    case llvm::Instruction::And:
      return *a & *b;
    case llvm::Instruction::Shl:
      return b->ult(a->getBitWidth()) ? std::optional(a->shl(*b)) : std::nullopt;
    case llvm::Instruction::LShr:
      return b->ult(a->getBitWidth()) ? std::optional(a->lshr(*b)) : std::nullopt;
    case llvm::Instruction::AShr:
      return b->ult(a->getBitWidth()) ? std::optional(a->ashr(*b)) : std::nullopt;
    default:
      return std::nullopt;
  }
}

/// Turns until the branch at the end of `block`, which each turn passes, leaves the loop.
std::optional<unsigned> turns_until(const llvm::Loop& loop, const llvm::BasicBlock& block,
                                    const llvm::BasicBlock& latch, unsigned limit) {
  const auto* branch = dyn_cast<llvm::BranchInst>(block.getTerminator());
  if (!branch || !branch->isConditional()) return std::nullopt;
  const bool stays_if_true = loop.contains(branch->getSuccessor(0));
  if (stays_if_true == loop.contains(branch->getSuccessor(1))) return std::nullopt;
  const llvm::PHINode* counter = counter_of(branch->getCondition(), loop);
  if (!counter || counter->getNumIncomingValues() != 2) return std::nullopt;
  const int back = counter->getBasicBlockIndex(&latch);
  if (back < 0) return std::nullopt;
  const auto* start = dyn_cast<llvm::ConstantInt>(counter->getIncomingValue(back == 0 ? 1 : 0));
  if (!start) return std::nullopt;
  APInt now = start->getValue();
  for (unsigned turns = 0; turns <= limit; ++turns) {
    const auto condition = evaluate(branch->getCondition(), counter, now);
    if (!condition) return std::nullopt;
    if (condition->getBoolValue() != stays_if_true) return turns;
    const auto next = evaluate(counter->getIncomingValue(back), counter, now);
    if (!next) return std::nullopt;
    now = *next;
  }
  return std::nullopt;
}

}  // namespace

std::optional<unsigned> most_turns(const llvm::Loop& loop, unsigned limit) {
  const llvm::BasicBlock* latch = loop.getLoopLatch();
  if (!latch) return std::nullopt;
  if (const auto turns = turns_until(loop, *loop.getHeader(), *latch, limit)) return turns;
  return latch == loop.getHeader() ? std::nullopt : turns_until(loop, *latch, *latch, limit);
}

}  // namespace anymetal::backend
