// `uint(i) < size_t(n)` compares 64 bits: two registers for each chunk, and an index of which
// nobody knows whether it has wrapped around before it was widened, so that scalars can't be asked
// for all lanes. With a limit that lanes share, the same is
//
//   n > 0 and i <= least(n - 1, greatest 32-bit number)
//
// where all but one comparison of 32 bits is computed once.
#include "simt/transform/narrow_comparisons.h"

#include <llvm/IR/IRBuilder.h>
#include <llvm/IR/InstIterator.h>
#include <llvm/IR/Instructions.h>
#include <llvm/IR/Intrinsics.h>

#include "simt/analysis/control_flow.h"

namespace anymetal::simt {
namespace {

using llvm::CmpInst;

struct Comparison {
  llvm::ICmpInst* compare;
  llvm::CastInst* index;
  llvm::Value* limit;
  CmpInst::Predicate predicate;  ///< index ? limit
};

/// What it does for narrow integers is simple enough, and no conversion is lossy beyond 64 bits.
bool is_widened_index(const llvm::Value* value) {
  return llvm::isa<llvm::ZExtInst, llvm::SExtInst>(value) && value->getType()->isIntegerTy(64) &&
         llvm::cast<llvm::CastInst>(value)->getOperand(0)->getType()->isIntegerTy(32);
}

bool is_same(const llvm::Value* value, const ControlFlow& flow) {
  const auto* made = llvm::dyn_cast<llvm::Instruction>(value);
  return !made || flow.is_uniform(made);
}

std::optional<Comparison> match(llvm::ICmpInst& compare, const ControlFlow& flow) {
  if (compare.isEquality() || !compare.getOperand(0)->getType()->isIntegerTy(64))
    return std::nullopt;
  for (unsigned side = 0; side < 2; ++side) {
    llvm::Value *index = compare.getOperand(side), *limit = compare.getOperand(1 - side);
    if (!is_widened_index(index) || is_same(index, flow) || !is_same(limit, flow)) continue;
    const CmpInst::Predicate predicate =
        side == 0 ? compare.getPredicate() : compare.getSwappedPredicate();
    // A negative index as a number without a sign: rare, and another interval.
    if (llvm::isa<llvm::SExtInst>(index) && CmpInst::isUnsigned(predicate)) return std::nullopt;
    return Comparison{&compare, llvm::cast<llvm::CastInst>(index), limit, predicate};
  }
  return std::nullopt;
}

/// index <= limit as above; `is_less`: index < limit.
llvm::Value* compare_narrow(llvm::IRBuilder<>& builder, const Comparison& at, bool is_less) {
  llvm::Type* narrow = at.index->getOperand(0)->getType();
  const bool has_sign = llvm::isa<llvm::SExtInst>(at.index);
  const bool limit_has_sign = CmpInst::isSigned(at.predicate);
  const auto wide = [&](const llvm::APInt& value) {
    return builder.getInt(has_sign ? value.sext(64) : value.zext(64));
  };
  llvm::Value* least =
      wide(has_sign ? llvm::APInt::getSignedMinValue(32) : llvm::APInt::getMinValue(32));
  llvm::Value* most =
      wide(has_sign ? llvm::APInt::getSignedMaxValue(32) : llvm::APInt::getMaxValue(32));
  // Whether any index is below the limit; then it can be one less.
  llvm::Value* some =
      builder.CreateICmp(is_less ? (limit_has_sign ? CmpInst::ICMP_SGT : CmpInst::ICMP_UGT)
                                 : (limit_has_sign ? CmpInst::ICMP_SGE : CmpInst::ICMP_UGE),
                         at.limit, least);
  llvm::Value* last = is_less ? builder.CreateSub(at.limit, builder.getInt64(1)) : at.limit;
  last = builder.CreateBinaryIntrinsic(
      limit_has_sign ? llvm::Intrinsic::smin : llvm::Intrinsic::umin, last, most);
  llvm::Value* holds =
      builder.CreateICmp(has_sign ? CmpInst::ICMP_SLE : CmpInst::ICMP_ULE, at.index->getOperand(0),
                         builder.CreateTrunc(last, narrow));
  return builder.CreateAnd(some, holds);
}

/// !(some and index <= last), so that whoever takes conditions apart finds `or`.
llvm::Value* negate(llvm::IRBuilder<>& builder, llvm::Value* both) {
  auto* made = llvm::dyn_cast<llvm::BinaryOperator>(both);
  if (!made) return builder.CreateNot(both);  // the limit is a constant
  const auto inverse = [&](llvm::Value* value) -> llvm::Value* {
    auto* compare = llvm::dyn_cast<llvm::ICmpInst>(value);
    if (!compare) return builder.CreateNot(value);
    return builder.CreateICmp(compare->getInversePredicate(), compare->getOperand(0),
                              compare->getOperand(1));
  };
  return builder.CreateOr(inverse(made->getOperand(0)), inverse(made->getOperand(1)));
}

void narrow(const Comparison& at) {
  llvm::IRBuilder<> builder(at.compare);
  const bool is_below = llvm::ICmpInst::isLT(at.predicate) || llvm::ICmpInst::isLE(at.predicate);
  Comparison below = at;
  if (!is_below) below.predicate = CmpInst::getInversePredicate(at.predicate);
  llvm::Value* holds = compare_narrow(builder, below, llvm::ICmpInst::isLT(below.predicate));
  if (!is_below) holds = negate(builder, holds);
  at.compare->replaceAllUsesWith(holds);
  at.compare->eraseFromParent();
  if (at.index->use_empty()) at.index->eraseFromParent();
}

}  // namespace

unsigned narrow_comparisons(llvm::Function& function, const Geometry& geometry) {
  llvm::SmallVector<Comparison, 8> found;
  {
    const ControlFlow flow(function, geometry);
    for (llvm::Instruction& instruction : llvm::instructions(function)) {
      auto* compare = llvm::dyn_cast<llvm::ICmpInst>(&instruction);
      if (!compare) continue;
      if (const auto comparison = match(*compare, flow)) found.push_back(*comparison);
    }
  }
  for (const Comparison& each : found) narrow(each);
  return unsigned(found.size());
}

}  // namespace anymetal::simt
