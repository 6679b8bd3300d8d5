// A running maximum begins with a number and stays one: max(NaN, x) is x. The machine's instruction
// gives its second operand if either is a NaN, so with the running maximum there it does what
// maxnum does, and the comparison and the blend that LLVM puts behind it for other cases aren't
// needed.
//
// Which values are never NaN is the greatest set in which each follows from the others: loops'
// variables prove each other. It is sound by induction over what has been computed.
#include "backend/cpu/simplify_extrema.h"

#include <llvm/ADT/DenseSet.h>
#include <llvm/IR/Constants.h>
#include <llvm/IR/IRBuilder.h>
#include <llvm/IR/InstIterator.h>
#include <llvm/IR/IntrinsicInst.h>

#include <vector>

namespace anymetal::backend::cpu {
namespace {

bool is_extremum(const llvm::Instruction& instruction) {
  const auto* call = llvm::dyn_cast<llvm::IntrinsicInst>(&instruction);
  return call && (call->getIntrinsicID() == llvm::Intrinsic::maxnum ||
                  call->getIntrinsicID() == llvm::Intrinsic::minnum);
}

bool is_number(const llvm::Constant& constant) {
  if (const auto* value = llvm::dyn_cast<llvm::ConstantFP>(&constant)) return !value->isNaN();
  if (llvm::isa<llvm::ConstantAggregateZero, llvm::PoisonValue>(constant)) return true;
  const auto* type = llvm::dyn_cast<llvm::FixedVectorType>(constant.getType());
  if (!type) return false;
  for (unsigned i = 0; i < type->getNumElements(); ++i) {
    const llvm::Constant* element = constant.getAggregateElement(i);
    if (!element || !is_number(*element)) return false;
  }
  return true;
}

class Numbers {
 public:
  explicit Numbers(llvm::Function& function) {
    for (llvm::Instruction& instruction : llvm::instructions(function)) {
      if (instruction.getType()->isFPOrFPVectorTy()) numbers_.insert(&instruction);
    }
    for (bool changed = true; changed;) {
      changed = false;
      for (llvm::Instruction& instruction : llvm::instructions(function)) {
        if (numbers_.contains(&instruction) && !follows(instruction)) {
          numbers_.erase(&instruction);
          changed = true;
        }
      }
    }
  }

  [[nodiscard]] bool contains(const llvm::Value* value) const {
    if (const auto* constant = llvm::dyn_cast<llvm::Constant>(value)) return is_number(*constant);
    return numbers_.contains(value);
  }

 private:
  [[nodiscard]] bool follows(const llvm::Instruction& instruction) const {
    const auto all = [&](llvm::ArrayRef<const llvm::Value*> values) {
      return llvm::all_of(values, [&](const llvm::Value* value) { return contains(value); });
    };
    if (const auto* phi = llvm::dyn_cast<llvm::PHINode>(&instruction)) {
      return llvm::all_of(phi->incoming_values(),
                          [&](const llvm::Use& incoming) { return contains(incoming); });
    }
    if (is_extremum(instruction))
      return contains(instruction.getOperand(0)) || contains(instruction.getOperand(1));
    switch (instruction.getOpcode()) {
      case llvm::Instruction::Select:
        return all({instruction.getOperand(1), instruction.getOperand(2)});
      case llvm::Instruction::ShuffleVector:
      case llvm::Instruction::InsertElement:
        return all({instruction.getOperand(0), instruction.getOperand(1)});
      case llvm::Instruction::ExtractElement:
      case llvm::Instruction::FNeg:
      case llvm::Instruction::FPExt:
      case llvm::Instruction::FPTrunc:
        return contains(instruction.getOperand(0));
      case llvm::Instruction::SIToFP:
      case llvm::Instruction::UIToFP:
        return true;
      default:
        return false;
    }
  }

  llvm::DenseSet<const llvm::Value*> numbers_;
};

}  // namespace

void simplify_extrema(llvm::Function& function) {
  std::vector<llvm::IntrinsicInst*> found;
  for (llvm::Instruction& instruction : llvm::instructions(function)) {
    if (is_extremum(instruction)) found.push_back(llvm::cast<llvm::IntrinsicInst>(&instruction));
  }
  if (found.empty()) return;
  const Numbers numbers(function);
  std::vector<std::pair<llvm::IntrinsicInst*, bool>> changes;  // whether the second is the number
  for (llvm::IntrinsicInst* call : found) {
    if (numbers.contains(call->getArgOperand(1)))
      changes.emplace_back(call, true);
    else if (numbers.contains(call->getArgOperand(0)))
      changes.emplace_back(call, false);
  }
  for (const auto& [call, second] : changes) {
    llvm::Value* x = call->getArgOperand(second ? 0 : 1);
    llvm::Value* number = call->getArgOperand(second ? 1 : 0);
    llvm::IRBuilder<> builder(call);
    llvm::Value* before = call->getIntrinsicID() == llvm::Intrinsic::maxnum
                              ? builder.CreateFCmpOGT(x, number)
                              : builder.CreateFCmpOLT(x, number);
    llvm::Value* made = builder.CreateSelect(before, x, number);
    made->takeName(call);
    call->replaceAllUsesWith(made);
    call->eraseFromParent();
  }
}

}  // namespace anymetal::backend::cpu
