#include "backend/define_behaviour.h"

#include <llvm/IR/IRBuilder.h>
#include <llvm/IR/InstIterator.h>
#include <llvm/IR/IntrinsicInst.h>
#include <llvm/IR/Intrinsics.h>
#include <llvm/IR/Module.h>
#include <llvm/IR/Operator.h>
#include <llvm/Transforms/Utils/Local.h>

#include <vector>

#include "backend/round_once.h"

namespace anymetal::backend {
namespace {

using llvm::dyn_cast;
using llvm::isa;

/// Marks instructions that were defined in a callee: doing it again would only make more code.
constexpr const char* kDefined = "am.defined";

void mark(llvm::Instruction& instruction) {
  instruction.setMetadata(kDefined, llvm::MDNode::get(instruction.getContext(), {}));
}

/// x / 0 is x, x % 0 is 0, INT_MIN / -1 is INT_MIN, INT_MIN % -1 is 0: in each case what a division
/// by 1 gives. Metal leaves all of them undefined; x86 would raise SIGFPE.
void define_division(llvm::BinaryOperator& division) {
  llvm::IRBuilder<> builder(&division);
  llvm::Value* dividend = division.getOperand(0);
  llvm::Value* divisor = division.getOperand(1);
  llvm::Type* type = division.getType();
  if (auto* constant = dyn_cast<llvm::ConstantInt>(divisor)) {
    if (!constant->isZero() && !constant->isMinusOne()) return;
  }
  llvm::Value* bad = builder.CreateICmpEQ(divisor, llvm::Constant::getNullValue(type));
  const auto opcode = division.getOpcode();
  if (opcode == llvm::Instruction::SDiv || opcode == llvm::Instruction::SRem) {
    const unsigned bits = type->getScalarSizeInBits();
    llvm::Value* least = llvm::ConstantInt::get(type, llvm::APInt::getSignedMinValue(bits));
    llvm::Value* overflow =
        builder.CreateAnd(builder.CreateICmpEQ(dividend, least),
                          builder.CreateICmpEQ(divisor, llvm::Constant::getAllOnesValue(type)));
    bad = builder.CreateOr(bad, overflow);
  }
  division.setOperand(1, builder.CreateSelect(bad, llvm::ConstantInt::get(type, 1), divisor));
}

/// The amount is taken modulo the width, as Metal's specification says.
void define_shift(llvm::BinaryOperator& shift) {
  llvm::IRBuilder<> builder(&shift);
  const uint64_t bits = shift.getType()->getScalarSizeInBits();
  llvm::Value* amount = shift.getOperand(1);
  if (auto* constant = dyn_cast<llvm::ConstantInt>(amount)) {
    if (constant->getValue().ult(bits)) return;
  }
  llvm::Value* masked =
      (bits & (bits - 1)) == 0
          ? builder.CreateAnd(amount, llvm::ConstantInt::get(shift.getType(), bits - 1))
          : builder.CreateURem(amount, llvm::ConstantInt::get(shift.getType(), bits));
  shift.setOperand(1, masked);
}

/// Saturates, NaN gives 0: what Apple's GPUs do.
llvm::Value* define_conversion(llvm::CastInst& cast) {
  llvm::IRBuilder<> builder(&cast);
  const auto id =
      isa<llvm::FPToSIInst>(cast) ? llvm::Intrinsic::fptosi_sat : llvm::Intrinsic::fptoui_sat;
  return builder.CreateIntrinsic(id, {cast.getType(), cast.getSrcTy()}, {cast.getOperand(0)});
}

/// The index of an element of a vector is taken modulo the number of elements.
void define_element(llvm::Instruction& instruction, unsigned operand, llvm::Type* vector) {
  llvm::Value* index = instruction.getOperand(operand);
  const uint64_t count = llvm::cast<llvm::FixedVectorType>(vector)->getNumElements();
  if (auto* constant = dyn_cast<llvm::ConstantInt>(index)) {
    if (constant->getValue().ult(count)) return;
  }
  llvm::IRBuilder<> builder(&instruction);
  llvm::Value* wide = builder.CreateZExtOrTrunc(index, builder.getInt32Ty());
  instruction.setOperand(operand, builder.CreateURem(wide, builder.getInt32(uint32_t(count))));
}

/// Without it a load through a pointer cast to a wider type could fault. Atomics keep theirs: they
/// are checked.
void define_alignment(llvm::Instruction& instruction) {
  if (auto* load = dyn_cast<llvm::LoadInst>(&instruction); load && !load->isAtomic()) {
    load->setAlignment(llvm::Align(1));
  } else if (auto* store = dyn_cast<llvm::StoreInst>(&instruction); store && !store->isAtomic()) {
    store->setAlignment(llvm::Align(1));
  } else if (auto* transfer = dyn_cast<llvm::MemTransferInst>(&instruction)) {
    transfer->setDestAlignment(llvm::Align(1));
    transfer->setSourceAlignment(llvm::Align(1));
  } else if (auto* set = dyn_cast<llvm::MemSetInst>(&instruction)) {
    set->setDestAlignment(llvm::Align(1));
  }
}

/// Whether the call is only a hint, or the death of the process.
bool is_hint_or_trap(const llvm::IntrinsicInst& call) {
  switch (call.getIntrinsicID()) {
    case llvm::Intrinsic::lifetime_start:  // would make the variable's zeros undefined again
    case llvm::Intrinsic::lifetime_end:
    case llvm::Intrinsic::assume:
    case llvm::Intrinsic::trap:
    case llvm::Intrinsic::debugtrap:
    case llvm::Intrinsic::ubsantrap:
    case llvm::Intrinsic::experimental_noalias_scope_decl:
    case llvm::Intrinsic::invariant_start:
    case llvm::Intrinsic::invariant_end:
      return true;
    default:
      return llvm::isa<llvm::DbgInfoIntrinsic>(call);
  }
}

void define_intrinsic(llvm::IntrinsicInst& call) {
  switch (call.getIntrinsicID()) {
    case llvm::Intrinsic::ctlz:
    case llvm::Intrinsic::cttz:
    case llvm::Intrinsic::abs:  // the second operand says that one input gives poison
      call.setArgOperand(1, llvm::ConstantInt::getFalse(call.getContext()));
      break;
    default:
      break;
  }
}

/// A vector of three with its padding, as one of four; null: another type.
llvm::Type* as_vector_of_four(llvm::Type* type) {
  auto* all = dyn_cast<llvm::StructType>(type);
  if (!all || all->getNumElements() != 4) return nullptr;
  llvm::Type* element = all->getElementType(0);
  const bool is_vector = !element->isAggregateType() && all->getElementType(1) == element &&
                         all->getElementType(2) == element && all->getElementType(3)->isArrayTy() &&
                         all->getElementType(3)->getArrayElementType()->isIntegerTy(8) &&
                         all->getElementType(3)->getArrayNumElements() * 8 ==
                             element->getPrimitiveSizeInBits().getFixedValue();
  return is_vector ? llvm::FixedVectorType::get(element, 4) : nullptr;
}

/// Padding by itself would make bytes of the whole for SROA, and for lanes.
void store_zeros(llvm::IRBuilder<>& builder, llvm::Value* place, llvm::Type* type) {
  if (llvm::Type* vector = as_vector_of_four(type)) {
    builder.CreateAlignedStore(llvm::Constant::getNullValue(vector), place, llvm::Align(1));
  } else if (auto* all = dyn_cast<llvm::StructType>(type)) {
    for (unsigned i = 0; i < all->getNumElements(); ++i)
      store_zeros(builder, builder.CreateStructGEP(all, place, i), all->getElementType(i));
  } else if (type->isArrayTy()) {
    for (uint64_t i = 0; i < type->getArrayNumElements(); ++i)
      store_zeros(builder, builder.CreateConstGEP2_64(type, place, 0, i),
                  type->getArrayElementType());
  } else {
    builder.CreateAlignedStore(llvm::Constant::getNullValue(type), place, llvm::Align(1));
  }
}

/// Variables start at zero, those of a callee with each call: an undefined value could make LLVM
/// drop whatever depends on it.
void clear_variables(llvm::Function& entry) {
  const llvm::DataLayout& layout = entry.getParent()->getDataLayout();
  for (llvm::Instruction& instruction : llvm::make_early_inc_range(entry.getEntryBlock())) {
    auto* variable = dyn_cast<llvm::AllocaInst>(&instruction);
    if (!variable || variable->hasMetadata(kDefined)) continue;
    mark(*variable);
    llvm::IRBuilder<> builder(variable->getNextNode());
    const uint64_t bytes = layout.getTypeAllocSize(variable->getAllocatedType());
    if (bytes <= 64) {
      store_zeros(builder, variable, variable->getAllocatedType());
    } else {
      builder.CreateMemSet(variable, builder.getInt8(0), bytes, variable->getAlign());
    }
  }
}

/// Ends the thread where control can't go: at the end of a function that should have returned a
/// value.
void define_unreachable(llvm::Function& entry) {
  for (llvm::BasicBlock& block : entry) {
    if (auto* end = dyn_cast<llvm::UnreachableInst>(block.getTerminator())) {
      llvm::IRBuilder<> builder(end);
      builder.CreateRetVoid();
      end->eraseFromParent();
    }
  }
}

/// Without a value, the instruction stays.
void replace(llvm::Instruction& instruction, llvm::Value* value) {
  if (!value) return;
  instruction.replaceAllUsesWith(value);
  instruction.eraseFromParent();
}

/// The same address, of which nothing is said: that an index leads from one place of an object to
/// another would say where null can't lead. Null: nothing was said.
llvm::Constant* define_address(llvm::Constant* constant) {
  auto* expression = dyn_cast<llvm::ConstantExpr>(constant);
  if (!expression || !isa<llvm::GEPOperator, llvm::AddrSpaceCastOperator>(expression))
    return nullptr;
  llvm::Constant* from = define_address(expression->getOperand(0));
  const auto* address = dyn_cast<llvm::GEPOperator>(expression);
  if (!from && !(address && address->hasPoisonGeneratingFlags())) return nullptr;
  if (!from) from = expression->getOperand(0);
  if (!address) return llvm::ConstantExpr::getAddrSpaceCast(from, expression->getType());
  llvm::SmallVector<llvm::Constant*, 4> indices;
  for (llvm::Value* index : llvm::drop_begin(expression->operands()))
    indices.push_back(llvm::cast<llvm::Constant>(index));
  return llvm::ConstantExpr::getGetElementPtr(address->getSourceElementType(), from, indices);
}

/// What Clang's own folding of constants left undefined (`int(NAN)`, `1 / 0`, `1 << 40`) is zero.
void define_constants(llvm::Instruction& instruction) {
  for (llvm::Use& operand : instruction.operands()) {
    auto* constant = dyn_cast<llvm::Constant>(operand.get());
    if (!constant) continue;
    llvm::Type* type = constant->getType();
    if (isa<llvm::UndefValue>(constant)) {
      operand.set(llvm::Constant::getNullValue(type));
    } else if (constant->containsUndefOrPoisonElement()) {
      operand.set(llvm::Constant::replaceUndefsWith(
          constant, llvm::Constant::getNullValue(type->getScalarType())));
    } else if (llvm::Constant* address = define_address(constant)) {
      operand.set(address);
    }
  }
}

/// Of what is said about a loop, how far it is to be unrolled stays; that it ends some time
/// doesn't.
llvm::MDNode* find_unrolling(const llvm::Instruction& instruction) {
  const llvm::MDNode* loop = instruction.getMetadata(llvm::LLVMContext::MD_loop);
  if (!loop) return nullptr;
  llvm::SmallVector<llvm::Metadata*, 4> kept = {nullptr};  // the node itself
  for (const llvm::MDOperand& operand : llvm::drop_begin(loop->operands())) {
    auto* hint = dyn_cast<llvm::MDNode>(operand);
    auto* name = hint && hint->getNumOperands() != 0 ? dyn_cast<llvm::MDString>(hint->getOperand(0))
                                                     : nullptr;
    if (name && name->getString().starts_with("llvm.loop.unroll.")) kept.push_back(hint);
  }
  if (kept.size() == 1) return nullptr;
  llvm::MDNode* rest = llvm::MDNode::getDistinct(instruction.getContext(), kept);
  rest->replaceOperandWith(0, rest);
  return rest;
}

void define_instruction(llvm::Instruction& instruction) {
  if (instruction.hasMetadata(kDefined)) return;
  define_constants(instruction);
  llvm::MDNode* unrolling = find_unrolling(instruction);
  instruction.dropUBImplyingAttrsAndMetadata();
  instruction.dropPoisonGeneratingAnnotations();
  instruction.setMetadata(llvm::LLVMContext::MD_alias_scope, nullptr);
  instruction.setMetadata(llvm::LLVMContext::MD_noalias, nullptr);
  instruction.setMetadata(llvm::LLVMContext::MD_loop, unrolling);
  define_alignment(instruction);
  switch (instruction.getOpcode()) {
    case llvm::Instruction::SDiv:
    case llvm::Instruction::UDiv:
    case llvm::Instruction::SRem:
    case llvm::Instruction::URem:
      mark(instruction);
      return define_division(llvm::cast<llvm::BinaryOperator>(instruction));
    case llvm::Instruction::Shl:
    case llvm::Instruction::LShr:
    case llvm::Instruction::AShr:
      mark(instruction);
      return define_shift(llvm::cast<llvm::BinaryOperator>(instruction));
    case llvm::Instruction::FPToSI:
    case llvm::Instruction::FPToUI:
      return replace(instruction, define_conversion(llvm::cast<llvm::CastInst>(instruction)));
    case llvm::Instruction::SIToFP:
    case llvm::Instruction::UIToFP:
      return replace(instruction, conversion_rounded_once(llvm::cast<llvm::CastInst>(instruction)));
    case llvm::Instruction::ExtractElement:
      mark(instruction);
      return define_element(instruction, 1, instruction.getOperand(0)->getType());
    case llvm::Instruction::InsertElement:
      mark(instruction);
      return define_element(instruction, 2, instruction.getType());
    default:
      break;
  }
  if (auto* call = dyn_cast<llvm::IntrinsicInst>(&instruction)) {
    if (is_hint_or_trap(*call)) {
      call->eraseFromParent();
    } else if (call->getIntrinsicID() == llvm::Intrinsic::fma) {
      replace(*call, fma_rounded_once(*call));
    } else {
      define_intrinsic(*call);
    }
  }
}

}  // namespace

void define_callee(llvm::Function& function) {
  // Where it leads, nothing is, as outside of any object; whoever goes there goes on.
  function.addFnAttr(llvm::Attribute::NullPointerIsValid);
  std::vector<llvm::Instruction*> all;
  for (llvm::Instruction& instruction : llvm::instructions(function)) {
    instruction.dropDbgRecords();
    all.push_back(&instruction);
  }
  for (llvm::Instruction* instruction : all) define_instruction(*instruction);
  clear_variables(function);
  function.removeFnAttr(llvm::Attribute::MustProgress);
  function.removeFnAttr(llvm::Attribute::WillReturn);
  llvm::removeUnreachableBlocks(function);
}

void define_behaviour(llvm::Function& entry) {
  define_callee(entry);
  define_unreachable(entry);
}

}  // namespace anymetal::backend
