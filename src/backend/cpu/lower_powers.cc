// Why: exp and its like end with p 2^n. Without an instruction for that, 2^n is made from the bits
// of n in two factors, so that a result that is denormal is rounded once: nine instructions of 23.
// AVX-512 has one (vscalefps), for an n that is a float. LLVM 19 makes a call for each lane of
// llvm.ldexp, and has nothing better for scalars.
//
// How: n comes as bits of a float to which 1.5 * 2^23 was added. That sum less the number is n as a
// float, which the functions need themselves for what is left of the operand (as a sum, which is
// how LLVM writes it).
#include "backend/cpu/lower_powers.h"

#include <llvm/IR/IRBuilder.h>
#include <llvm/IR/InstIterator.h>
#include <llvm/IR/IntrinsicInst.h>
#include <llvm/IR/IntrinsicsX86.h>
#include <llvm/IR/PatternMatch.h>

#include <vector>

namespace anymetal::backend::cpu {
namespace {

constexpr uint32_t kRounderBits = 0x4b400000;  // of 1.5 * 2^23
constexpr float kRounder = 0x1.8p23f;

/// The float whose last bits n is; null: n was made otherwise.
llvm::Value* find_sum(llvm::Value* n, const llvm::Type* type) {
  using namespace llvm::PatternMatch;
  llvm::Value* sum = nullptr;
  return match(n, m_Add(m_BitCast(m_Value(sum)), m_SpecificInt(uint32_t(0) - kRounderBits))) &&
                 sum->getType() == type
             ? sum
             : nullptr;
}

llvm::Value* scale(llvm::IRBuilder<>& builder, llvm::Value* p, llvm::Value* n) {
  llvm::Type* type = p->getType();
  llvm::Value* sum = find_sum(n, type);
  llvm::Value* power = sum ? builder.CreateFAdd(sum, llvm::ConstantFP::get(type, -kRounder))
                           : builder.CreateSIToFP(n, type);
  const auto* vector = llvm::dyn_cast<llvm::FixedVectorType>(type);
  constexpr int kNearest = 4;  // the rounding of the thread's environment
  if (vector && vector->getNumElements() == 16) {
    return builder.CreateIntrinsic(llvm::Intrinsic::x86_avx512_mask_scalef_ps_512, {},
                                   {p, power, llvm::Constant::getNullValue(type),
                                    builder.getInt16(0xffff), builder.getInt32(kNearest)});
  }
  if (vector) {
    return builder.CreateIntrinsic(
        vector->getNumElements() == 8 ? llvm::Intrinsic::x86_avx512_mask_scalef_ps_256
                                      : llvm::Intrinsic::x86_avx512_mask_scalef_ps_128,
        {}, {p, power, llvm::Constant::getNullValue(type), builder.getInt8(0xff)});
  }
  auto* four = llvm::FixedVectorType::get(type, 4);
  const auto first = [&](llvm::Value* value) {
    return builder.CreateInsertElement(llvm::PoisonValue::get(four), value, uint64_t{0});
  };
  llvm::Value* scaled =
      builder.CreateIntrinsic(llvm::Intrinsic::x86_avx512_mask_scalef_ss, {},
                              {first(p), first(power), llvm::Constant::getNullValue(four),
                               builder.getInt8(1), builder.getInt32(kNearest)});
  return builder.CreateExtractElement(scaled, uint64_t{0});
}

/// Whether the machine has an instruction for as many.
bool has_form(const llvm::Type* type) {
  const auto* vector = llvm::dyn_cast<llvm::FixedVectorType>(type);
  const unsigned count = vector ? vector->getNumElements() : 1;
  return count == 1 || count == 4 || count == 8 || count == 16;
}

llvm::Value* multiply_twice(llvm::IRBuilder<>& builder, llvm::Value* p, llvm::Value* n) {
  // The number has zeros where exponents go.
  if (llvm::Value* sum = find_sum(n, p->getType())) n = builder.CreateBitCast(sum, n->getType());
  const auto number = [&](uint32_t value) { return llvm::ConstantInt::get(n->getType(), value); };
  const auto power = [&](llvm::Value* exponent) {
    llvm::Value* bits = builder.CreateAdd(builder.CreateShl(exponent, 23), number(0x3f800000));
    return builder.CreateBitCast(bits, p->getType());
  };
  llvm::Value* first = builder.CreateLShr(n, 1);
  return builder.CreateFMul(builder.CreateFMul(p, power(first)),
                            power(builder.CreateSub(n, first)));
}

}  // namespace

void lower_powers(llvm::Function& function, bool has_scalef) {
  std::vector<llvm::IntrinsicInst*> found;
  for (llvm::Instruction& instruction : llvm::instructions(function)) {
    auto* call = llvm::dyn_cast<llvm::IntrinsicInst>(&instruction);
    if (call && call->getIntrinsicID() == llvm::Intrinsic::ldexp &&
        call->getType()->getScalarType()->isFloatTy() &&
        call->getArgOperand(1)->getType()->getScalarType()->isIntegerTy(32))
      found.push_back(call);
  }
  for (llvm::IntrinsicInst* call : found) {
    llvm::IRBuilder<> builder(call);
    llvm::Value *p = call->getArgOperand(0), *n = call->getArgOperand(1);
    llvm::Value* made =
        has_scalef && has_form(p->getType()) ? scale(builder, p, n) : multiply_twice(builder, p, n);
    call->replaceAllUsesWith(made);
    call->eraseFromParent();
  }
}

}  // namespace anymetal::backend::cpu
