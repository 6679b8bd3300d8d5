// Atomic operations of all lanes. Where lanes share an address and nobody asks for what was there,
// one operation for all; loads and stores side by side are vectors; everything else goes lane by
// lane. In threadgroup memory, which one core runs on, nothing is locked.
#include <llvm/IR/Intrinsics.h>

#include "ir/thread_ir.h"
#include "simt/analysis/guards.h"
#include "simt/transform/vectorizer.h"

namespace anymetal::simt {

namespace {

/// What an atomic operation makes of the old value and the operand.
llvm::Value* apply(llvm::IRBuilder<>& builder, llvm::AtomicRMWInst::BinOp operation,
                   llvm::Value* old, llvm::Value* operand) {
  using Op = llvm::AtomicRMWInst;
  switch (operation) {
    case Op::Xchg:
      return operand;
    case Op::Add:
      return builder.CreateAdd(old, operand);
    case Op::Sub:
      return builder.CreateSub(old, operand);
    case Op::And:
      return builder.CreateAnd(old, operand);
    case Op::Or:
      return builder.CreateOr(old, operand);
    case Op::Xor:
      return builder.CreateXor(old, operand);
    case Op::Max:
      return builder.CreateBinaryIntrinsic(llvm::Intrinsic::smax, old, operand);
    case Op::Min:
      return builder.CreateBinaryIntrinsic(llvm::Intrinsic::smin, old, operand);
    case Op::UMax:
      return builder.CreateBinaryIntrinsic(llvm::Intrinsic::umax, old, operand);
    case Op::UMin:
      return builder.CreateBinaryIntrinsic(llvm::Intrinsic::umin, old, operand);
    case Op::FAdd:
      return builder.CreateFAdd(old, operand);
    case Op::FSub:
      return builder.CreateFSub(old, operand);
    case Op::FMax:
      return builder.CreateMaxNum(old, operand);
    case Op::FMin:
      return builder.CreateMinNum(old, operand);
    default:
      return nullptr;
  }
}

/// Of operations whose order doesn't matter; nullptr for others.
llvm::Constant* identity(llvm::AtomicRMWInst::BinOp operation, llvm::Type* type) {
  using Op = llvm::AtomicRMWInst;
  const unsigned bits = type->getScalarSizeInBits();
  switch (operation) {
    case Op::Add:
    case Op::Sub:
    case Op::Or:
    case Op::Xor:
    case Op::UMax:
      return llvm::Constant::getNullValue(type);
    case Op::And:
    case Op::UMin:
      return llvm::Constant::getAllOnesValue(type);
    case Op::Max:
      return llvm::ConstantInt::get(type, llvm::APInt::getSignedMinValue(bits));
    case Op::Min:
      return llvm::ConstantInt::get(type, llvm::APInt::getSignedMaxValue(bits));
    case Op::FAdd:
      return llvm::ConstantFP::getNegativeZero(type);
    default:
      return nullptr;
  }
}

/// Of an atomic operation in threadgroup memory, which one core's loads and stores can do: no other
/// step comes between these two (order_steps.cc).
void keep_together(llvm::LoadInst* load, llvm::StoreInst* store) {
  load->setAtomic(llvm::AtomicOrdering::Unordered);
  store->setAtomic(llvm::AtomicOrdering::Unordered);
}

/// How operands of several lanes become one.
llvm::AtomicRMWInst::BinOp joining(llvm::AtomicRMWInst::BinOp operation) {
  return operation == llvm::AtomicRMWInst::Sub ? llvm::AtomicRMWInst::Add : operation;
}

}  // namespace

/// All lanes of a chunk to one place, and nobody asks for the old values: one operation.
bool Vectorizer::emit_reduced_atomic(llvm::AtomicRMWInst& atomic) {
  const auto [pointer, inside] = strip_guard(atomic.getPointerOperand());
  if (!atomic.use_empty() || !shapes_.of(pointer).is_flat()) return false;
  llvm::Type* type = atomic.getType();
  llvm::Constant* nothing = identity(atomic.getOperation(), type);
  if (!nothing || type->isPointerTy()) return false;
  const auto join = joining(atomic.getOperation());
  const auto reduce = [&](llvm::Value* lanes) {
    for (unsigned half = width_ / 2; half >= 1; half /= 2) {
      llvm::SmallVector<int, 16> low, high;
      for (unsigned lane = 0; lane < half; ++lane) {
        low.push_back(int(lane));
        high.push_back(int(lane + half));
      }
      lanes = apply(builder_, join, builder_.CreateShuffleVector(lanes, low),
                    builder_.CreateShuffleVector(lanes, high));
    }
    return builder_.CreateExtractElement(lanes, uint64_t{0});
  };
  const auto write = [&](llvm::Value* to, llvm::Value* operand, llvm::Value* any) {
    to = safe_pointer(to, any, true);
    if (atomic.getPointerAddressSpace() == kThreadgroupSpace) {
      llvm::LoadInst* old = builder_.CreateAlignedLoad(type, to, atomic.getAlign());
      keep_together(
          old, builder_.CreateAlignedStore(apply(builder_, atomic.getOperation(), old, operand), to,
                                           atomic.getAlign()));
    } else {
      builder_.CreateAtomicRMW(atomic.getOperation(), to, operand, atomic.getAlign(),
                               atomic.getOrdering());
    }
  };
  llvm::Value* all = nullptr;
  const bool one_place = shapes_.of(pointer).is_uniform();
  for (unsigned chunk = 0; chunk < chunks_; ++chunk) {
    llvm::Value* operand = vector(atomic.getValOperand(), chunk);
    if (has_mask()) operand = builder_.CreateSelect(mask(chunk), operand, splat(nothing));
    if (one_place)
      all = all ? apply(builder_, join, all, operand) : operand;
    else
      write(scalar(pointer, chunk), reduce(operand), access_any(inside, chunk));
  }
  // An atomic that no lane asks for would still be one that others wait for.
  if (one_place) {
    llvm::Value* any = any_lane(mask_);
    if (inside) any = builder_.CreateAnd(any, scalar(inside, 0));
    write(scalar(pointer, 0), reduce(all), any);
  }
  return true;
}

/// Atomic loads and stores without an order, of lanes side by side: a vector's, since no processor
/// tears the words of one.
bool Vectorizer::is_relaxed(const llvm::Instruction& access) const {
  const auto* load = llvm::dyn_cast<llvm::LoadInst>(&access);
  const auto ordering =
      load ? load->getOrdering() : llvm::cast<llvm::StoreInst>(access).getOrdering();
  llvm::Type* type = llvm::getLoadStoreType(const_cast<llvm::Instruction*>(&access));
  const uint64_t bytes = layout_.getTypeStoreSize(type);
  const auto* pointer = strip_guard(llvm::getLoadStorePointerOperand(&access)).pointer;
  return !llvm::isStrongerThanMonotonic(ordering) && (bytes == 4 || bytes == 8) &&
         !type->isPointerTy() && shapes_.scale(pointer) == 1 &&
         shapes_.of(pointer).has_stride(int64_t(bytes)) &&
         (llvm::isa<llvm::StoreInst>(access) || shapes_.of(&access).is_varying());
}

/// What is made has no order between steps (order_steps.cc).
void Vectorizer::as_relaxed(llvm::Instruction& access, llvm::function_ref<void()> emit) {
  const unsigned kind = context_.getMDKindID(kRelaxed);
  access.setMetadata(kind, llvm::MDNode::get(context_, {}));
  builder_.CollectMetadataToCopy(&access, {kind});
  emit();
  access.setMetadata(kind, nullptr);
  builder_.CollectMetadataToCopy(&access, {kind});
}

/// Whether it reads the same right before `user`: both stand in one block, without a mask, and what
/// is written in between is threadgroup memory.
bool Vectorizer::may_load_again(const llvm::LoadInst& load, const llvm::Instruction& user) const {
  if (has_mask() || load.getParent() != user.getParent() || !load.isSimple() ||
      accesses_.is_absorbed(&load) || strip_guard(load.getPointerOperand()).inside)
    return false;
  const unsigned space = load.getPointerAddressSpace();
  if (space != kDeviceSpace && space != kConstantSpace) return false;
  for (const llvm::Instruction* at = load.getNextNode(); at && at != &user;
       at = at->getNextNode()) {
    if (!at->mayWriteToMemory()) continue;
    const llvm::Value* to = llvm::isa<llvm::StoreInst, llvm::AtomicRMWInst>(at)
                                ? at->getOperand(llvm::isa<llvm::StoreInst>(at) ? 1 : 0)
                                : nullptr;
    if (!to || to->getType()->getPointerAddressSpace() != kThreadgroupSpace) return false;
  }
  return true;
}

/// One lane's value as scalars from memory on: a load, a bit or two, an address. Null if that would
/// take more than a lane of a vector takes, two instructions or three.
llvm::Value* Vectorizer::lane_by_scalars(const llvm::Value* value, unsigned chunk, unsigned lane,
                                         const llvm::Instruction& user, unsigned depth) {
  const Shape shape = shapes_.of(value);
  if (shape.has_base()) {
    llvm::Value* base = scalar(value, chunk);
    if (shape.offset(lane) == 0) return base;
    if (value->getType()->isPointerTy())
      return builder_.CreateConstGEP1_64(builder_.getInt8Ty(), base, uint64_t(shape.offset(lane)));
    return builder_.CreateAdd(
        base, llvm::ConstantInt::get(base->getType(), uint64_t(shape.offset(lane)), true));
  }
  const auto* made = llvm::dyn_cast<llvm::Instruction>(value);
  constexpr unsigned kDeepest = 4;
  if (!made || depth > kDeepest) return nullptr;
  // An element of a thread's own vector, too.
  const auto* element = llvm::dyn_cast<llvm::ExtractElementInst>(made);
  const auto* index =
      element ? llvm::dyn_cast<llvm::ConstantInt>(element->getIndexOperand()) : nullptr;
  const llvm::Value* whole = index ? element->getVectorOperand() : made;
  if (const auto* load = llvm::dyn_cast<llvm::LoadInst>(whole)) {
    if (!made->getType()->isIntegerTy() || !shapes_.of(load->getPointerOperand()).has_base() ||
        shapes_.scale(load->getPointerOperand()) != 1 || !may_load_again(*load, user))
      return nullptr;
    llvm::Value* from = lane_by_scalars(load->getPointerOperand(), chunk, lane, user, depth + 1);
    const uint64_t distance =
        index ? index->getZExtValue() * layout_.getTypeStoreSize(made->getType()) : 0;
    if (distance != 0) from = builder_.CreateConstGEP1_64(builder_.getInt8Ty(), from, distance);
    return builder_.CreateAlignedLoad(made->getType(), from,
                                      llvm::commonAlignment(load->getAlign(), distance));
  }
  if (const auto* address = llvm::dyn_cast<llvm::GetElementPtrInst>(made))
    return lane_address(*address, chunk, lane, user, depth);
  if (!llvm::isa<llvm::BinaryOperator, llvm::ZExtInst, llvm::SExtInst, llvm::TruncInst>(made) ||
      made->isIntDivRem() || made->getType()->isFloatingPointTy())
    return nullptr;
  llvm::SmallVector<llvm::Value*, 4> operands;
  for (const llvm::Use& operand : made->operands()) {
    llvm::Value* one = lane_by_scalars(operand, chunk, lane, user, depth + 1);
    if (!one) return nullptr;
    operands.push_back(one);
  }
  llvm::Instruction* copy = made->clone();
  for (unsigned i = 0; i < operands.size(); ++i) copy->setOperand(i, operands[i]);
  return builder_.Insert(copy);
}

/// In threadgroup memory, in words: rows and columns that were taken out of one number come
/// together again.
llvm::Value* Vectorizer::lane_address(const llvm::GetElementPtrInst& address, unsigned chunk,
                                      unsigned lane, const llvm::Instruction& user,
                                      unsigned depth) {
  const llvm::Value* base = address.getPointerOperand();
  llvm::MapVector<llvm::Value*, llvm::APInt> variables;
  llvm::APInt constant(64, 0);
  if (address.getAddressSpace() != kThreadgroupSpace ||
      !address.collectOffset(layout_, 64, variables, constant))
    return nullptr;
  // As in narrow_pointers.
  while (const auto* step = llvm::dyn_cast<llvm::GetElementPtrInst>(base)) {
    if (!step->collectOffset(layout_, 64, variables, constant)) return nullptr;
    base = step->getPointerOperand();
  }
  if (!shapes_.of(base).is_flat()) return nullptr;
  llvm::Value* offset = builder_.getInt32(uint32_t(constant.getZExtValue()));
  for (const auto& [index, size] : variables) {
    llvm::Value* part = lane_by_scalars(index, chunk, lane, user, depth + 1);
    if (!part) return nullptr;
    part = builder_.CreateSExtOrTrunc(part, builder_.getInt32Ty());
    offset = builder_.CreateAdd(
        offset, builder_.CreateMul(part, builder_.getInt32(uint32_t(size.getZExtValue()))));
  }
  return builder_.CreateGEP(builder_.getInt8Ty(), scalar(base, chunk),
                            builder_.CreateSExt(offset, builder_.getInt64Ty()));
}

void Vectorizer::emit_atomic(llvm::Instruction& instruction) {
  auto* operation = llvm::dyn_cast<llvm::AtomicRMWInst>(&instruction);
  if (operation && emit_reduced_atomic(*operation)) return;
  const unsigned pointer_operand = llvm::isa<llvm::StoreInst>(instruction) ? 1 : 0;
  const auto [pointer, inside] = strip_guard(instruction.getOperand(pointer_operand));
  const Shape shape = shapes_.of(&instruction);
  const bool in_threadgroup = pointer->getType()->getPointerAddressSpace() == kThreadgroupSpace;
  Values values;
  if (auto* load = llvm::dyn_cast<llvm::LoadInst>(&instruction); load && shape.has_base()) {
    for (unsigned chunk = 0; chunk < scalar_count(shape); ++chunk) {
      llvm::Value* from = scalar(pointer, chunk);
      from = safe_pointer(from, shape.is_uniform() ? access_any(inside) : access_any(inside, chunk),
                          false);
      auto* made = builder_.CreateAlignedLoad(load->getType(), from, load->getAlign());
      if (in_threadgroup)
        made->setAtomic(llvm::AtomicOrdering::Unordered);
      else
        made->setAtomic(load->getOrdering(), load->getSyncScopeID());
      values.push_back(made);
    }
    return define(instruction, std::move(values));
  }
  if (!in_threadgroup || operation || llvm::isa<llvm::AtomicCmpXchgInst>(instruction))
    remark(instruction, "atomics run lane by lane");
  for (unsigned chunk = 0; chunk < chunks_; ++chunk) {
    llvm::SmallVector<llvm::Value*, 4> operands;
    for (const llvm::Use& operand : instruction.operands())
      operands.push_back(vector(strip_guard(operand).pointer, chunk));
    const NarrowPointers narrow =
        shapes_.of(pointer).has_base() ? NarrowPointers() : narrow_pointers(pointer, chunk);
    const auto lane_of = [&](unsigned operand, llvm::Value* lane) -> llvm::Value* {
      const llvm::Value* value = instruction.getOperand(operand);
      if (const auto* number = llvm::dyn_cast<llvm::ConstantInt>(lane);
          number && in_threadgroup && operand == pointer_operand && !inside) {
        if (llvm::Value* at =
                lane_by_scalars(pointer, chunk, unsigned(number->getZExtValue()), instruction, 0))
          return at;
      }
      if (operand == pointer_operand && narrow.base) {
        llvm::Value* offset = builder_.CreateExtractElement(narrow.offsets, lane);
        return builder_.CreateGEP(builder_.getInt8Ty(), narrow.base,
                                  builder_.CreateSExt(offset, builder_.getInt64Ty()));
      }
      if (operand == pointer_operand) return lane_pointer(pointer, chunk, lane);
      if (shapes_.of(value).is_flat()) return scalar(value, chunk);
      return builder_.CreateExtractElement(operands[operand], lane);
    };
    llvm::Type* type = instruction.getType();
    if (auto* exchange = llvm::dyn_cast<llvm::AtomicCmpXchgInst>(&instruction))
      type = exchange->getCompareOperand()->getType();
    llvm::Type* collected =
        type->isVoidTy() || instruction.use_empty() ? nullptr : llvm::FixedVectorType::get(type, 1);
    llvm::Value* results = for_each_lane(
        access_mask(inside, chunk), collected, /*unrolls=*/true,
        [&](llvm::Value* lane) -> llvm::Value* {
          llvm::Value* at = lane_of(pointer_operand, lane);
          if (auto* load = llvm::dyn_cast<llvm::LoadInst>(&instruction)) {
            auto* made = builder_.CreateAlignedLoad(load->getType(), at, load->getAlign());
            made->setAtomic(load->getOrdering(), load->getSyncScopeID());
            return made;
          }
          if (auto* store = llvm::dyn_cast<llvm::StoreInst>(&instruction)) {
            auto* made = builder_.CreateAlignedStore(lane_of(0, lane), at, store->getAlign());
            made->setAtomic(store->getOrdering(), store->getSyncScopeID());
            return nullptr;
          }
          if (operation) {
            llvm::Value* operand = lane_of(1, lane);
            if (in_threadgroup) {
              // One core runs the whole threadgroup.
              llvm::LoadInst* old =
                  builder_.CreateAlignedLoad(operand->getType(), at, operation->getAlign());
              if (llvm::Value* made = apply(builder_, operation->getOperation(), old, operand)) {
                keep_together(old, builder_.CreateAlignedStore(made, at, operation->getAlign()));
                return old;
              }
            }
            return builder_.CreateAtomicRMW(operation->getOperation(), at, operand,
                                            operation->getAlign(), operation->getOrdering());
          }
          auto& exchange = llvm::cast<llvm::AtomicCmpXchgInst>(instruction);
          llvm::Value* made = builder_.CreateAtomicCmpXchg(
              at, lane_of(1, lane), lane_of(2, lane), exchange.getAlign(),
              exchange.getSuccessOrdering(), exchange.getFailureOrdering());
          return builder_.CreateExtractValue(made, 0);
        });
    if (!collected) continue;
    // Others' results stay in memory from the time before.
    if (inside) {
      results = builder_.CreateSelect(vector(inside, chunk), results,
                                      llvm::Constant::getNullValue(results->getType()));
    }
    values.push_back(results);
    // Exchanges never fail for nothing here, so what was found says whether it was done.
    if (llvm::isa<llvm::AtomicCmpXchgInst>(instruction))
      values.push_back(builder_.CreateICmpEQ(results, operands[1]));
  }
  if (!values.empty()) define(instruction, std::move(values));
}

}  // namespace anymetal::simt
