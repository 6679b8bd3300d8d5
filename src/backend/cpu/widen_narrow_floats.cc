// Why: LLVM 19 has vector code for conversions between half and float, and for half's four
// operations by way of float; comparisons, minima, square roots and roundings of vectors of halves
// go lane by lane, in hundreds of instructions. Of bfloats everything does, loads and selects
// included, with a call for each lane that is rounded. (Processors with AVX512-BF16 convert, but
// take denormals for zero: round_bfloats.cc asks for those.) All of it is a few instructions for a
// whole vector: a bfloat is the upper half of a float.
//
// How: each instruction that takes or gives a bfloat is replaced. Those that move values (phi,
// select, load, shuffle) do so with integers; those that compute get floats. A value is made a
// float anew for each use; EarlyCSE comes after. What isn't known here keeps its bfloats between
// two bitcasts.
//
// Rounding float's result to the narrow type is right for sums, products, quotients and roots: 24
// bits are more than twice the narrow ones and two (S. A. Figueroa, "When is double rounding
// innocuous?", 1995). fma and wide integers have been taken care of (round_once.h).
#include "backend/cpu/widen_narrow_floats.h"

#include <llvm/ADT/PostOrderIterator.h>
#include <llvm/IR/IRBuilder.h>
#include <llvm/IR/InstVisitor.h>
#include <llvm/IR/IntrinsicInst.h>

#include <vector>

namespace anymetal::backend::cpu {
namespace {

bool is_bfloat(const llvm::Type* type) {
  return type->getScalarType()->isBFloatTy();
}
bool is_half(const llvm::Type* type) {
  return type->getScalarType()->isHalfTy();
}
bool is_single(const llvm::Type* type) {
  return type->isFPOrFPVectorTy() || type->isIntOrIntVectorTy();
}

/// Intrinsics that do the same to any type of the size.
bool moves_values(llvm::Intrinsic::ID id) {
  switch (id) {
    case llvm::Intrinsic::masked_load:
    case llvm::Intrinsic::masked_store:
    case llvm::Intrinsic::masked_gather:
    case llvm::Intrinsic::masked_scatter:
    case llvm::Intrinsic::masked_expandload:
    case llvm::Intrinsic::masked_compressstore:
    case llvm::Intrinsic::vector_interleave2:
    case llvm::Intrinsic::vector_insert:
    case llvm::Intrinsic::vector_extract:
    case llvm::Intrinsic::vector_reverse:
      return true;
    default:
      return false;
  }
}

/// Intrinsics of which float's result, rounded, is the narrow type's.
bool computes_by_float(llvm::Intrinsic::ID id) {
  switch (id) {
    case llvm::Intrinsic::sqrt:
    case llvm::Intrinsic::floor:
    case llvm::Intrinsic::ceil:
    case llvm::Intrinsic::trunc:
    case llvm::Intrinsic::rint:
    case llvm::Intrinsic::nearbyint:
    case llvm::Intrinsic::round:
    case llvm::Intrinsic::roundeven:
    case llvm::Intrinsic::minnum:
    case llvm::Intrinsic::maxnum:
    case llvm::Intrinsic::minimum:
    case llvm::Intrinsic::maximum:
    case llvm::Intrinsic::canonicalize:
    case llvm::Intrinsic::fptosi_sat:
    case llvm::Intrinsic::fptoui_sat:
    case llvm::Intrinsic::vector_reduce_fmin:
    case llvm::Intrinsic::vector_reduce_fmax:
      return true;
    default:
      return false;
  }
}

class Widening : public llvm::InstVisitor<Widening> {
 public:
  Widening(llvm::Function& function, bool has_half_arithmetic)
      : function_(function),
        builder_(function.getContext()),
        has_half_arithmetic_(has_half_arithmetic) {}

  void run() {
    std::vector<llvm::Instruction*> all;
    // Definitions before their uses; phis have theirs filled in at the end.
    for (llvm::BasicBlock* block : llvm::ReversePostOrderTraversal<llvm::Function*>(&function_)) {
      for (llvm::Instruction& instruction : *block) all.push_back(&instruction);
    }
    for (llvm::Instruction* instruction : all) {
      if (!concerns(*instruction)) continue;
      builder_.SetInsertPoint(instruction);
      builder_.SetCurrentDebugLocation(instruction->getDebugLoc());
      builder_.clearFastMathFlags();
      visit(*instruction);
    }
    fill_phis();
    for (llvm::Instruction* instruction : replaced_)
      instruction->replaceAllUsesWith(llvm::PoisonValue::get(instruction->getType()));
    for (llvm::Instruction* instruction : replaced_) instruction->eraseFromParent();
  }

  void visitPHINode(llvm::PHINode& phi) {
    if (!is_bfloat(phi.getType())) return;
    auto* integers = builder_.CreatePHI(as_integer(phi.getType()), phi.getNumIncomingValues());
    phis_.push_back({&phi, integers});
    set(phi, integers);
  }

  void visitSelectInst(llvm::SelectInst& select) {
    if (!is_bfloat(select.getType())) return;
    set(select, builder_.CreateSelect(select.getCondition(), integer(select.getTrueValue()),
                                      integer(select.getFalseValue())));
  }

  void visitLoadInst(llvm::LoadInst& load) {
    if (!is_bfloat(load.getType())) return;
    auto* integers = builder_.CreateAlignedLoad(
        as_integer(load.getType()), load.getPointerOperand(), load.getAlign(), load.isVolatile());
    integers->setAtomic(load.getOrdering(), load.getSyncScopeID());
    integers->copyMetadata(load, {llvm::LLVMContext::MD_alias_scope, llvm::LLVMContext::MD_noalias,
                                  llvm::LLVMContext::MD_nontemporal});
    set(load, integers);
  }

  void visitStoreInst(llvm::StoreInst& store) {
    if (!is_bfloat(store.getValueOperand()->getType())) return;
    store.setOperand(0, integer(store.getValueOperand()));
  }

  void visitShuffleVectorInst(llvm::ShuffleVectorInst& shuffle) {
    if (!is_bfloat(shuffle.getType())) return;
    set(shuffle,
        builder_.CreateShuffleVector(integer(shuffle.getOperand(0)), integer(shuffle.getOperand(1)),
                                     shuffle.getShuffleMask()));
  }
  void visitInsertElementInst(llvm::InsertElementInst& insert) {
    if (!is_bfloat(insert.getType())) return;
    set(insert, builder_.CreateInsertElement(integer(insert.getOperand(0)),
                                             integer(insert.getOperand(1)), insert.getOperand(2)));
  }
  void visitExtractElementInst(llvm::ExtractElementInst& extract) {
    if (!is_bfloat(extract.getType())) return;
    set(extract,
        builder_.CreateExtractElement(integer(extract.getOperand(0)), extract.getOperand(1)));
  }
  void visitFreezeInst(llvm::FreezeInst& freeze) {
    if (is_bfloat(freeze.getType()))
      set(freeze, builder_.CreateFreeze(integer(freeze.getOperand(0))));
  }

  void visitBitCastInst(llvm::BitCastInst& cast) {
    if (is_bfloat(cast.getType())) {
      set(cast, builder_.CreateBitCast(cast.getOperand(0), as_integer(cast.getType())));
    } else if (is_bfloat(cast.getSrcTy())) {
      replace(cast, builder_.CreateBitCast(integer(cast.getOperand(0)), cast.getType()));
    }
  }

  void visitUnaryOperator(llvm::UnaryOperator& negation) {
    if (is_bfloat(negation.getType()))
      set(negation, builder_.CreateXor(integer(negation.getOperand(0)), sign(negation.getType())));
  }

  void visitBinaryOperator(llvm::BinaryOperator& operation) {
    if (!is_bfloat(operation.getType())) return;
    builder_.setFastMathFlags(operation.getFastMathFlags());
    finish(operation, builder_.CreateBinOp(operation.getOpcode(), wide(operation.getOperand(0)),
                                           wide(operation.getOperand(1))));
  }

  void visitFCmpInst(llvm::FCmpInst& comparison) {
    if (!is_narrow(comparison.getOperand(0)->getType())) return;
    builder_.setFastMathFlags(comparison.getFastMathFlags());
    replace(comparison,
            builder_.CreateFCmp(comparison.getPredicate(), wide(comparison.getOperand(0)),
                                wide(comparison.getOperand(1))));
  }

  void visitCastInst(llvm::CastInst& cast) {
    llvm::Value* operand = cast.getOperand(0);
    if (is_bfloat(cast.getSrcTy())) {
      llvm::Value* floats = wide(operand);
      // From bfloat to bfloat there is no cast but the bitcast.
      replace(cast, floats->getType() == cast.getType()
                        ? floats
                        : builder_.CreateCast(cast.getOpcode() == llvm::Instruction::FPExt
                                                  ? llvm::Instruction::FPExt
                                                  : cast.getOpcode(),
                                              floats, cast.getType()));
    } else if (is_bfloat(cast.getDestTy())) {
      llvm::Type* floats = as_float(cast.getType());
      finish(cast, operand->getType() == floats
                       ? operand
                       : builder_.CreateCast(cast.getOpcode(), operand, floats));
    }
  }

  void visitCallInst(llvm::CallInst& call) {
    const llvm::Intrinsic::ID id = call.getIntrinsicID();
    if (moves_values(id) && touches_bfloat(call)) return move(call);
    if (id == llvm::Intrinsic::fabs && is_bfloat(call.getType()))
      return set(call, builder_.CreateAnd(integer(call.getArgOperand(0)),
                                          builder_.CreateNot(sign(call.getType()))));
    if (id == llvm::Intrinsic::copysign && is_bfloat(call.getType())) {
      llvm::Value* of_sign =
          builder_.CreateAnd(integer(call.getArgOperand(1)), sign(call.getType()));
      llvm::Value* rest = builder_.CreateAnd(integer(call.getArgOperand(0)),
                                             builder_.CreateNot(sign(call.getType())));
      return set(call, builder_.CreateOr(of_sign, rest));
    }
    if (computes_by_float(id) && is_narrow(call.getArgOperand(0)->getType())) return compute(call);
    visitInstruction(call);
  }

  /// What isn't known keeps its type.
  void visitInstruction(llvm::Instruction& instruction) {
    for (llvm::Use& operand : instruction.operands()) {
      const auto known = integers_.find(operand.get());
      if (known != integers_.end())
        operand.set(builder_.CreateBitCast(known->second, operand->getType()));
    }
  }

 private:
  bool is_narrow(const llvm::Type* type) const {
    return is_bfloat(type) || (is_half(type) && !has_half_arithmetic_);
  }
  static bool touches_bfloat(const llvm::Instruction& instruction) {
    return is_bfloat(instruction.getType()) ||
           llvm::any_of(instruction.operands(),
                        [](const llvm::Use& operand) { return is_bfloat(operand->getType()); });
  }
  bool concerns(const llvm::Instruction& instruction) const {
    return is_narrow(instruction.getType()) ||
           llvm::any_of(instruction.operands(),
                        [this](const llvm::Use& operand) { return is_narrow(operand->getType()); });
  }

  static llvm::Type* as_integer(llvm::Type* type) {
    return type->getWithNewType(llvm::Type::getInt16Ty(type->getContext()));
  }
  static llvm::Type* as_float(llvm::Type* type) {
    return type->getWithNewType(llvm::Type::getFloatTy(type->getContext()));
  }
  static llvm::Constant* sign(llvm::Type* type) {
    return llvm::ConstantInt::get(as_integer(type), 0x8000);
  }

  /// The bits of a bfloat.
  llvm::Value* integer(llvm::Value* value) {
    llvm::Type* type = as_integer(value->getType());
    if (auto* constant = llvm::dyn_cast<llvm::Constant>(value))
      return llvm::ConstantExpr::getBitCast(constant, type);
    const auto known = integers_.find(value);
    return known != integers_.end() ? known->second : builder_.CreateBitCast(value, type);
  }

  /// The float of the same value.
  llvm::Value* wide(llvm::Value* value) {
    llvm::Type* floats = as_float(value->getType());
    if (!is_bfloat(value->getType())) return builder_.CreateFPExt(value, floats);
    llvm::Type* bits = floats->getWithNewType(builder_.getInt32Ty());
    llvm::Value* shifted = builder_.CreateShl(builder_.CreateZExt(integer(value), bits), 16);
    return builder_.CreateBitCast(shifted, floats);
  }

  /// A float's bits as a bfloat's: to nearest even; NaN stays NaN.
  llvm::Value* rounded(llvm::Value* value) {
    llvm::Type* type = value->getType()->getWithNewType(builder_.getInt32Ty());
    const auto number = [&](uint32_t n) { return llvm::ConstantInt::get(type, n); };
    llvm::Value* bits = builder_.CreateBitCast(value, type);
    llvm::Value* is_odd = builder_.CreateAnd(builder_.CreateLShr(bits, number(16)), number(1));
    llvm::Value* sum = builder_.CreateAdd(builder_.CreateAdd(bits, number(0x7fff)), is_odd);
    llvm::Value* quiet = builder_.CreateOr(bits, number(0x400000));
    builder_.clearFastMathFlags();
    llvm::Value* is_number = builder_.CreateFCmpORD(value, value);
    // Shifted last, for whoever takes upper halves otherwise (join_upper_halves.h).
    llvm::Value* chosen = builder_.CreateSelect(is_number, sum, quiet);
    return builder_.CreateTrunc(builder_.CreateLShr(chosen, number(16)),
                                as_integer(value->getType()));
  }

  /// The instruction's value has these bits.
  void set(llvm::Instruction& instruction, llvm::Value* integers) {
    integers_[&instruction] = integers;
    replaced_.push_back(&instruction);
  }
  /// The instruction's value, which is no bfloat, is this one.
  void replace(llvm::Instruction& instruction, llvm::Value* value) {
    instruction.replaceAllUsesWith(value);
    replaced_.push_back(&instruction);
  }
  /// Its value is this float's, rounded.
  void finish(llvm::Instruction& instruction, llvm::Value* value) {
    if (is_bfloat(instruction.getType())) {
      set(instruction, rounded(value));
    } else {
      replace(instruction, builder_.CreateFPTrunc(value, instruction.getType()));
    }
  }

  /// The same intrinsic for other types.
  llvm::CallInst* call_with(llvm::CallInst& call, llvm::Type* (*type)(llvm::Type*),
                            llvm::Value* (Widening::*operand)(llvm::Value*), bool halves) {
    const auto is_meant = [&](const llvm::Type* t) {
      return is_single(t) && (is_bfloat(t) || (halves && is_half(t)));
    };
    llvm::SmallVector<llvm::Type*, 4> types;
    llvm::Intrinsic::getIntrinsicSignature(call.getCalledFunction(), types);
    for (llvm::Type*& one : types) {
      if (is_meant(one)) one = type(one);
    }
    llvm::Function* callee =
        llvm::Intrinsic::getDeclaration(function_.getParent(), call.getIntrinsicID(), types);
    std::vector<llvm::Value*> operands;
    for (llvm::Value* one : call.args())
      operands.push_back(is_meant(one->getType()) ? (this->*operand)(one) : one);
    llvm::CallInst* result = builder_.CreateCall(callee, operands);
    if (llvm::isa<llvm::FPMathOperator>(call) && llvm::isa<llvm::FPMathOperator>(result))
      result->setFastMathFlags(call.getFastMathFlags());
    return result;
  }

  void move(llvm::CallInst& call) {
    llvm::CallInst* result = call_with(call, as_integer, &Widening::integer, false);
    result->setAttributes(call.getAttributes());
    if (is_bfloat(call.getType())) {
      set(call, result);
    } else {
      replace(call, result);
    }
  }
  void compute(llvm::CallInst& call) {
    llvm::CallInst* result = call_with(call, as_float, &Widening::wide, true);
    if (call.getType()->isFPOrFPVectorTy()) {
      finish(call, result);
    } else {
      replace(call, result);
    }
  }

  void fill_phis() {
    for (const auto& [phi, integers] : phis_) {
      for (unsigned i = 0; i < phi->getNumIncomingValues(); ++i) {
        llvm::BasicBlock* from = phi->getIncomingBlock(i);
        builder_.SetInsertPoint(from->getTerminator());
        integers->addIncoming(integer(phi->getIncomingValue(i)), from);
      }
    }
  }

  llvm::Function& function_;
  llvm::IRBuilder<> builder_;
  bool has_half_arithmetic_;
  llvm::DenseMap<llvm::Value*, llvm::Value*> integers_;
  std::vector<std::pair<llvm::PHINode*, llvm::PHINode*>> phis_;
  std::vector<llvm::Instruction*> replaced_;
};

}  // namespace

void widen_narrow_floats(llvm::Function& function, bool has_half_arithmetic) {
  Widening(function, has_half_arithmetic).run();
}

}  // namespace anymetal::backend::cpu
