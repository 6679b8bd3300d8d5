// Rounding to a wider type first and to the narrow one afterwards goes wrong where the first result
// is half way between two narrow values and the exact one isn't. Rounding the first time *to odd*
// doesn't: what is inexact gets an odd last bit, so it is never taken for a tie, provided that the
// wider type has two bits more (S. Boldo, G. Melquiond, "Emulation of FMA and correctly rounded
// sums", 2008). So a sum of two doubles is rounded to odd as double, that as float, and LLVM's own
// last step to half or bfloat rounds to nearest.
#include "backend/round_once.h"

#include <llvm/IR/IRBuilder.h>
#include <llvm/IR/Intrinsics.h>

namespace anymetal::backend {
namespace {

class OddRounding {
 public:
  explicit OddRounding(llvm::Instruction& before) : builder_(&before) {
    // What is here must not be reassociated, whatever the text allows.
    builder_.clearFastMathFlags();
  }

  /// a + b to nearest, then its last bit made odd if that isn't exact.
  llvm::Value* sum(llvm::Value* a, llvm::Value* b) {
    llvm::Value* s = builder_.CreateFAdd(a, b);
    // The error of the sum, exactly (D. Knuth's TwoSum).
    llvm::Value* b_part = builder_.CreateFSub(s, a);
    llvm::Value* a_part = builder_.CreateFSub(s, b_part);
    llvm::Value* error =
        builder_.CreateFAdd(builder_.CreateFSub(a, a_part), builder_.CreateFSub(b, b_part));
    // Ordered: with infinities the error is NaN, and the sum stays.
    llvm::Value* inexact = builder_.CreateFCmpONE(error, zero(error));
    llvm::Value* bits = as_integer(s);
    llvm::Value* grows = builder_.CreateICmpSGE(builder_.CreateXor(bits, as_integer(error)),
                                                llvm::ConstantInt::get(bits->getType(), 0));
    return made_odd(s, inexact, grows);
  }

  llvm::Value* to_float(llvm::Value* x) {
    llvm::Value* narrow = builder_.CreateFPTrunc(x, of_shape(x, builder_.getFloatTy()));
    llvm::Value* back = builder_.CreateFPExt(narrow, x->getType());
    llvm::Value* inexact = builder_.CreateFCmpONE(back, x);
    llvm::Value* grows = builder_.CreateFCmpOLT(magnitude(back), magnitude(x));
    return made_odd(narrow, inexact, grows);
  }

  llvm::Value* to_double(llvm::Value* x) {
    return builder_.CreateFPExt(x, of_shape(x, builder_.getDoubleTy()));
  }

  llvm::IRBuilder<>& builder() { return builder_; }

  static llvm::Type* of_shape(llvm::Value* x, llvm::Type* element) {
    return x->getType()->getWithNewType(element);
  }

 private:
  llvm::Value* as_integer(llvm::Value* x) {
    const unsigned bits = x->getType()->getScalarSizeInBits();
    return builder_.CreateBitCast(x, of_shape(x, builder_.getIntNTy(bits)));
  }
  llvm::Value* magnitude(llvm::Value* x) {
    return builder_.CreateUnaryIntrinsic(llvm::Intrinsic::fabs, x);
  }
  static llvm::Value* zero(llvm::Value* x) { return llvm::Constant::getNullValue(x->getType()); }

  /// Moves an inexact even x by one unit, away from zero if `grows`: the patterns of one sign are
  /// in the order of the values.
  llvm::Value* made_odd(llvm::Value* x, llvm::Value* inexact, llvm::Value* grows) {
    llvm::Value* bits = as_integer(x);
    auto* one = llvm::ConstantInt::get(bits->getType(), 1);
    llvm::Value* even = builder_.CreateICmpEQ(builder_.CreateAnd(bits, one), zero(bits));
    llvm::Value* moved =
        builder_.CreateSelect(grows, builder_.CreateAdd(bits, one), builder_.CreateSub(bits, one));
    llvm::Value* chosen = builder_.CreateSelect(builder_.CreateAnd(inexact, even), moved, bits);
    return builder_.CreateBitCast(chosen, x->getType());
  }

  llvm::IRBuilder<> builder_;
};

}  // namespace

llvm::Value* fma_rounded_once(llvm::IntrinsicInst& fma) {
  llvm::Type* element = fma.getType()->getScalarType();
  if (!element->isHalfTy() && !element->isBFloatTy()) return nullptr;
  OddRounding odd(fma);
  // A product of two has 22 bits at most: exact in double.
  llvm::Value* product = odd.builder().CreateFMul(odd.to_double(fma.getArgOperand(0)),
                                                  odd.to_double(fma.getArgOperand(1)));
  llvm::Value* sum = odd.sum(product, odd.to_double(fma.getArgOperand(2)));
  return odd.builder().CreateFPTrunc(odd.to_float(sum), fma.getType());
}

llvm::Value* conversion_rounded_once(llvm::CastInst& conversion) {
  llvm::Value* x = conversion.getOperand(0);
  const unsigned bits = x->getType()->getScalarSizeInBits();
  if (!conversion.getType()->getScalarType()->isBFloatTy() || bits <= 24) return nullptr;
  OddRounding odd(conversion);
  llvm::IRBuilder<>& builder = odd.builder();
  llvm::Type* wide = OddRounding::of_shape(x, builder.getDoubleTy());
  const bool is_signed = conversion.getOpcode() == llvm::Instruction::SIToFP;
  llvm::Value* exact = nullptr;
  if (bits <= 53) {
    exact = is_signed ? builder.CreateSIToFP(x, wide) : builder.CreateUIToFP(x, wide);
  } else {
    // Two halves, each exact.
    auto* shift = llvm::ConstantInt::get(x->getType(), 32);
    llvm::Value* high = is_signed ? builder.CreateAShr(x, shift) : builder.CreateLShr(x, shift);
    llvm::Value* low = builder.CreateAnd(x, llvm::ConstantInt::get(x->getType(), 0xffffffff));
    high = is_signed ? builder.CreateSIToFP(high, wide) : builder.CreateUIToFP(high, wide);
    exact = odd.sum(builder.CreateFMul(high, llvm::ConstantFP::get(wide, 0x1p32)),
                    builder.CreateUIToFP(low, wide));
  }
  return builder.CreateFPTrunc(odd.to_float(exact), conversion.getType());
}

}  // namespace anymetal::backend
