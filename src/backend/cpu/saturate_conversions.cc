#include "backend/cpu/saturate_conversions.h"

#include <llvm/ADT/STLExtras.h>
#include <llvm/IR/IRBuilder.h>
#include <llvm/IR/InstIterator.h>
#include <llvm/IR/IntrinsicInst.h>

#include <cmath>

namespace anymetal::backend::cpu {
namespace {

constexpr unsigned kWord = 32;

bool converts_vector(const llvm::IntrinsicInst& call) {
  const llvm::Type* from = call.getArgOperand(0)->getType()->getScalarType();
  return call.getType()->isVectorTy() && (from->isFloatTy() || from->isHalfTy()) &&
         call.getType()->getScalarSizeInBits() >= 8;
}

llvm::Value* convert(llvm::IntrinsicInst& call) {
  llvm::IRBuilder<> builder(&call);
  const bool is_signed = call.getIntrinsicID() == llvm::Intrinsic::fptosi_sat;
  auto* type = llvm::cast<llvm::VectorType>(call.getType());
  const unsigned bits = type->getScalarSizeInBits();
  llvm::Value* x =
      builder.CreateFPExt(call.getArgOperand(0), llvm::VectorType::get(builder.getFloatTy(), type));
  const auto number = [&](double value) { return llvm::ConstantFP::get(x->getType(), value); };
  const double above = std::ldexp(1.0, int(is_signed ? bits - 1 : bits));
  const double least = is_signed ? -above : 0.0;
  // What is cut off towards zero may be below. Of 32 bits and more the number before isn't a float.
  const bool is_float_below = bits < kWord || !is_signed;
  llvm::Value* not_above = builder.CreateFCmpOLT(x, number(above));
  llvm::Value* not_below = is_float_below ? builder.CreateFCmpOGT(x, number(least - 1))
                                          : builder.CreateFCmpOGE(x, number(least));
  llvm::Value* inside =
      builder.CreateSelect(builder.CreateAnd(not_above, not_below), x, number(0.0));
  // Narrow ones by way of a word, where all are.
  auto* word = bits < kWord ? llvm::VectorType::get(builder.getInt32Ty(), type) : type;
  llvm::Value* result = is_signed || bits < kWord ? builder.CreateFPToSI(inside, word)
                                                  : builder.CreateFPToUI(inside, word);
  result = builder.CreateTrunc(result, type);
  const auto all = [&](const llvm::APInt& value) { return llvm::ConstantInt::get(type, value); };
  result = builder.CreateSelect(
      builder.CreateFCmpOGE(x, number(above)),
      all(is_signed ? llvm::APInt::getSignedMaxValue(bits) : llvm::APInt::getMaxValue(bits)),
      result);
  if (!is_signed) return result;
  llvm::Value* below = is_float_below ? builder.CreateFCmpOLE(x, number(least - 1))
                                      : builder.CreateFCmpOLT(x, number(least));
  return builder.CreateSelect(below, all(llvm::APInt::getSignedMinValue(bits)), result);
}

}  // namespace

void saturate_conversions(llvm::Function& function) {
  for (llvm::Instruction& instruction : llvm::make_early_inc_range(llvm::instructions(function))) {
    auto* call = llvm::dyn_cast<llvm::IntrinsicInst>(&instruction);
    if (!call || (call->getIntrinsicID() != llvm::Intrinsic::fptosi_sat &&
                  call->getIntrinsicID() != llvm::Intrinsic::fptoui_sat))
      continue;
    if (!converts_vector(*call)) continue;
    call->replaceAllUsesWith(convert(*call));
    call->eraseFromParent();
  }
}

}  // namespace anymetal::backend::cpu
