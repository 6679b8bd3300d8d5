// Everything but memory and simdgroups: what stays scalar is cloned, the rest is done for all lanes
// of a chunk at once.
#include <llvm/Analysis/VectorUtils.h>
#include <llvm/IR/InstIterator.h>
#include <llvm/IR/Intrinsics.h>

#include "simt/analysis/guards.h"
#include "simt/analysis/matrices.h"
#include "simt/analysis/questions.h"
#include "simt/threadgroup_frame.h"
#include "simt/transform/join_threadgroups.h"
#include "simt/transform/split_regions.h"
#include "simt/transform/vectorizer.h"

namespace anymetal::simt {

namespace {

/// Instructions that stand for nothing in vectors.
bool is_silent(const llvm::Instruction& instruction) {
  if (llvm::isa<llvm::DbgInfoIntrinsic, llvm::AssumeInst>(instruction) ||
      callee_name(&instruction) == kAssumesWhole)
    return true;
  const auto* intrinsic = llvm::dyn_cast<llvm::IntrinsicInst>(&instruction);
  return intrinsic &&
         (intrinsic->isLifetimeStartOrEnd() ||
          intrinsic->getIntrinsicID() == llvm::Intrinsic::experimental_noalias_scope_decl);
}

}  // namespace

/// Who asks in a loop whether others have written, or writes for those who ask, does so in each of
/// its turns: what is made of it is a vector's access like others, which LLVM would take out.
void Vectorizer::keep_in_turn(llvm::Instruction& access) {
  if (!access.isVolatile() && !(access.isAtomic() && flow_.loop_of(access.getParent()))) return;
  builder_.CreateFence(llvm::AtomicOrdering::AcquireRelease, llvm::SyncScope::SingleThread);
}

void Vectorizer::emit(llvm::Instruction& instruction) {
  if (is_silent(instruction)) return;
  keep_packed(instruction);
  if (emit_neighbour(instruction)) return;
  if (auto* load = llvm::dyn_cast<llvm::LoadInst>(&instruction)) {
    keep_in_turn(*load);
    if (!load->isAtomic()) return emit_load(*load);
    return is_relaxed(*load) ? as_relaxed(*load, [&] { emit_load(*load); }) : emit_atomic(*load);
  }
  if (auto* store = llvm::dyn_cast<llvm::StoreInst>(&instruction)) {
    keep_in_turn(*store);
    if (!store->isAtomic()) return emit_store(*store);
    return is_relaxed(*store) ? as_relaxed(*store, [&] { emit_store(*store); })
                              : emit_atomic(*store);
  }
  if (llvm::isa<llvm::AtomicRMWInst, llvm::AtomicCmpXchgInst>(instruction)) {
    // Whose result nobody asks for gives nobody leave to read.
    if (!instruction.use_empty()) keep_in_turn(instruction);
    emit_atomic(instruction);
    if (!instruction.use_empty()) keep_in_turn(instruction);
    return;
  }
  if (auto* fence = llvm::dyn_cast<llvm::FenceInst>(&instruction)) {
    builder_.CreateFence(fence->getOrdering());
    return;
  }
  if (auto* variable = llvm::dyn_cast<llvm::AllocaInst>(&instruction))
    return emit_variable(*variable);
  if (auto* call = llvm::dyn_cast<llvm::CallInst>(&instruction)) return emit_call(*call);
  auto* extract = llvm::dyn_cast<llvm::ExtractValueInst>(&instruction);
  if (extract && is_matrix(extract->getAggregateOperand()->getType()))
    return emit_matrix_element(*extract);
  const Shape shape = shapes_.of(&instruction);
  if (shape.has_base()) {
    Values values;
    for (unsigned chunk = 0; chunk < scalar_count(shape); ++chunk)
      values.push_back(clone_scalar(instruction, chunk));
    return define(instruction, std::move(values));
  }
  emit_vector(instruction);
}

/// The lanes of a chunk have one quotient if lane 0's remainder is far enough from the divisor, and
/// lane 0 itself from where numbers wrap around.
/// The code parts here, at the end of the top.
void Vectorizer::check_divisions() {
  llvm::MapVector<std::pair<llvm::Value*, llvm::Value*>, bool> pairs;
  for (const llvm::Instruction& instruction : llvm::instructions(source_)) {
    if (shapes_.whole_divisions().contains(&instruction))
      pairs[{instruction.getOperand(0), instruction.getOperand(1)}] =
          shapes_.is_whole_in_step(instruction);
  }
  if (pairs.empty()) return;
  llvm::Value* assumed = builder_.getTrue();
  for (const auto& [pair, in_step] : pairs) {
    const Shape dividend = shapes_.of(pair.first);
    int64_t farthest = 0;
    for (unsigned lane = 0; lane < width_; ++lane)
      farthest = std::max(farthest, dividend.offset(lane));
    if (in_step) farthest += *llvm::max_element(dividend.chunk_offsets());
    for (unsigned chunk = 0; chunk < (in_step ? 1 : chunks_); ++chunk) {
      llvm::Value* divisor = scalar(pair.second, chunk);
      llvm::Value* zero = llvm::Constant::getNullValue(divisor->getType());
      llvm::Value* is_zero = builder_.CreateICmpEQ(divisor, zero);
      divisor =
          builder_.CreateSelect(is_zero, llvm::ConstantInt::get(divisor->getType(), 1), divisor);
      llvm::Value* first = scalar(pair.first, chunk);
      llvm::Value* remainder = builder_.CreateURem(first, divisor);
      llvm::Constant* distance = llvm::ConstantInt::get(divisor->getType(), uint64_t(farthest));
      llvm::Value* holds = builder_.CreateICmpUGT(builder_.CreateSub(divisor, remainder), distance);
      assumed = builder_.CreateAnd(assumed, holds);
      llvm::Value* last = llvm::ConstantExpr::getNot(distance);
      assumed = builder_.CreateAnd(assumed, builder_.CreateICmpULE(first, last));
    }
  }
  llvm::BasicBlock* on = llvm::BasicBlock::Create(context_, "whole", target_);
  llvm::BasicBlock* otherwise = llvm::BasicBlock::Create(context_, "not.whole", target_);
  assumption_ = builder_.CreateCondBr(assumed, on, otherwise);
  builder_.SetInsertPoint(otherwise);
  builder_.CreateRetVoid();
  builder_.SetInsertPoint(on);
}

/// The operation on lane 0's operands.
llvm::Value* Vectorizer::clone_scalar(llvm::Instruction& instruction, unsigned chunk) {
  if (shapes_.is_signed_index(&instruction) && !shapes_.of(&instruction).is_uniform())
    return builder_.CreateSExt(scalar(instruction.getOperand(0), chunk), instruction.getType());
  if (auto* address = llvm::dyn_cast<llvm::GetElementPtrInst>(&instruction)) {
    const uint64_t scale = shapes_.scale(address->getPointerOperand());
    if (scale != 1) {
      llvm::MapVector<llvm::Value*, llvm::APInt> variables;
      llvm::APInt constant(64, 0);
      address->collectOffset(layout_, 64, variables, constant);
      llvm::Value* offset = builder_.getInt64(constant.getZExtValue() * scale);
      for (auto& [index, size] : variables) {
        llvm::Value* part = builder_.CreateSExtOrTrunc(scalar(index, chunk), builder_.getInt64Ty());
        offset = builder_.CreateAdd(
            offset, builder_.CreateMul(part, builder_.getInt64(size.getZExtValue() * scale)));
      }
      return builder_.CreateGEP(builder_.getInt8Ty(), scalar(address->getPointerOperand(), chunk),
                                offset);
    }
  }
  const bool masked = has_mask();
  llvm::Instruction* copy = instruction.clone();
  const bool in_lane_0_only = !shapes_.of(&instruction).is_uniform();
  for (unsigned i = 0; i < instruction.getNumOperands(); ++i) {
    llvm::Value* operand = instruction.getOperand(i);
    if (!llvm::isa<llvm::Function>(operand)) copy->setOperand(i, scalar(operand, chunk));
  }
  copy->dropUnknownNonDebugMetadata();
  // LLVM's flags say it of lanes that come here or use it, and lane 0 may not be one of them.
  if (masked || in_lane_0_only) {
    // `or disjoint` is how sums of addresses are written; what it says of lane 0 holds for the
    // values that lane 0 would have.
    auto* disjoint = llvm::dyn_cast<llvm::PossiblyDisjointInst>(copy);
    if (disjoint && disjoint->isDisjoint()) {
      copy->deleteValue();
      return builder_.CreateAdd(scalar(instruction.getOperand(0), chunk),
                                scalar(instruction.getOperand(1), chunk));
    }
    copy->dropPoisonGeneratingFlags();
  }
  auto* division = llvm::dyn_cast<llvm::BinaryOperator>(copy);
  if (division && division->isIntDivRem() && (masked || in_lane_0_only) &&
      !llvm::isa<llvm::Constant>(division->getOperand(1))) {
    llvm::Value* divisor = builder_.CreateFreeze(division->getOperand(1));
    llvm::Value* bad =
        builder_.CreateICmpEQ(divisor, llvm::Constant::getNullValue(divisor->getType()));
    if (division->getOpcode() == llvm::Instruction::SDiv ||
        division->getOpcode() == llvm::Instruction::SRem) {
      bad = builder_.CreateOr(
          bad, builder_.CreateICmpEQ(divisor, llvm::Constant::getAllOnesValue(divisor->getType())));
      // x / -1 is -x and x % -1 is 0, for every x.
      llvm::Value* is_minus_one =
          builder_.CreateICmpEQ(divisor, llvm::Constant::getAllOnesValue(divisor->getType()));
      llvm::Value* dividend = division->getOperand(0);
      llvm::Value* special = division->getOpcode() == llvm::Instruction::SDiv
                                 ? builder_.CreateNeg(dividend)
                                 : llvm::Constant::getNullValue(dividend->getType());
      division->setOperand(
          1, builder_.CreateSelect(bad, llvm::ConstantInt::get(divisor->getType(), 1), divisor));
      builder_.Insert(copy);
      return builder_.CreateSelect(is_minus_one, special, copy);
    }
    division->setOperand(
        1, builder_.CreateSelect(bad, llvm::ConstantInt::get(divisor->getType(), 1), divisor));
  }
  return builder_.Insert(copy);
}

void Vectorizer::emit_variable(llvm::AllocaInst& variable) {
  if (variable.isArrayAllocation()) return fail(variable, "a variable of changing size");
  const uint64_t size = layout_.getTypeAllocSize(variable.getAllocatedType());
  llvm::IRBuilder<>::InsertPointGuard guard(builder_);
  builder_.SetInsertPoint(entry_end_);
  Values values;
  auto* type = llvm::ArrayType::get(builder_.getInt8Ty(), size * width_);
  for (unsigned chunk = 0; chunk < chunks_; ++chunk) {
    llvm::AllocaInst* storage = builder_.CreateAlloca(type, nullptr, variable.getName() + ".lanes");
    storage->setAlignment(llvm::Align(64));
    storage->setMetadata(kPrivateVariable, llvm::MDNode::get(context_, {}));
    values.push_back(storage);
  }
  define(variable, std::move(values));
}

void Vectorizer::emit_vector(llvm::Instruction& instruction) {
  if (llvm::isa<llvm::ExtractElementInst, llvm::InsertElementInst, llvm::ShuffleVectorInst,
                llvm::ExtractValueInst, llvm::InsertValueInst>(instruction))
    return emit_components(instruction);
  bool whole = component_count(instruction.getType()) == 1;
  for (const llvm::Use& operand : instruction.operands())
    whole &= component_count(operand->getType()) == 1;
  if (llvm::isa<llvm::BitCastInst>(instruction) &&
      (!whole || instruction.getType()->isVectorTy() ||
       instruction.getOperand(0)->getType()->isVectorTy()))
    return emit_bitcast(instruction);
  Values values;
  const unsigned components = component_count(instruction.getType());
  for (unsigned chunk = 0; chunk < chunks_; ++chunk) {
    if (components == 1 && whole) {
      values.push_back(emit_lanewise(instruction, chunk));
      continue;
    }
    if (!llvm::isa<llvm::SelectInst, llvm::FreezeInst>(instruction))
      return fail(instruction, std::string(instruction.getOpcodeName()) + " of vectors");
    for (unsigned component = 0; component < components; ++component) {
      if (auto* select = llvm::dyn_cast<llvm::SelectInst>(&instruction)) {
        const llvm::Value* condition = select->getCondition();
        values.push_back(builder_.CreateSelect(
            vector(condition, chunk, condition->getType()->isVectorTy() ? component : 0),
            vector(select->getTrueValue(), chunk, component),
            vector(select->getFalseValue(), chunk, component)));
      } else {
        values.push_back(
            builder_.CreateFreeze(vector(instruction.getOperand(0), chunk, component)));
      }
    }
  }
  define(instruction, std::move(values));
}

/// An operation on scalars, for a chunk.
llvm::Value* Vectorizer::emit_lanewise(llvm::Instruction& instruction, unsigned chunk) {
  const auto operand = [&](unsigned i) { return vector(instruction.getOperand(i), chunk); };
  llvm::Value* result = nullptr;
  if (auto* operation = llvm::dyn_cast<llvm::BinaryOperator>(&instruction)) {
    if (operation->isIntDivRem()) return emit_division(*operation, chunk);
    result = builder_.CreateBinOp(operation->getOpcode(), operand(0), operand(1));
  } else if (auto* unary = llvm::dyn_cast<llvm::UnaryOperator>(&instruction)) {
    result = builder_.CreateUnOp(unary->getOpcode(), operand(0));
  } else if (auto* compare = llvm::dyn_cast<llvm::CmpInst>(&instruction)) {
    result = builder_.CreateCmp(compare->getPredicate(), operand(0), operand(1));
  } else if (auto* cast = llvm::dyn_cast<llvm::CastInst>(&instruction)) {
    auto opcode = cast->getOpcode();
    if (opcode == llvm::Instruction::ZExt && shapes_.is_signed_index(cast))
      opcode = llvm::Instruction::SExt;
    result = builder_.CreateCast(opcode, operand(0), lane_type(cast->getType()));
  } else if (auto* select = llvm::dyn_cast<llvm::SelectInst>(&instruction)) {
    // A condition that lanes share chooses as a whole.
    llvm::Value* condition = shapes_.of(select->getCondition()).is_flat()
                                 ? scalar(select->getCondition(), chunk)
                                 : operand(0);
    result = builder_.CreateSelect(condition, operand(1), operand(2));
  } else if (llvm::isa<llvm::FreezeInst>(instruction)) {
    result = builder_.CreateFreeze(operand(0));
  } else if (auto* address = llvm::dyn_cast<llvm::GetElementPtrInst>(&instruction)) {
    const uint64_t scale = shapes_.scale(address->getPointerOperand());
    if (scale == 1) {
      llvm::SmallVector<llvm::Value*, 4> indices;
      const Shape base = shapes_.of(address->getPointerOperand());
      // A scalar base with varying offsets is what gathers like best.
      llvm::Value* pointer =
          base.is_flat() ? scalar(address->getPointerOperand(), chunk) : operand(0);
      for (const llvm::Use& index : address->indices()) {
        if (llvm::isa<llvm::Constant>(index)) {
          indices.push_back(index);
        } else {
          indices.push_back(vector(index, chunk));
        }
      }
      result = builder_.CreateGEP(address->getSourceElementType(), pointer, indices);
    } else {
      llvm::MapVector<llvm::Value*, llvm::APInt> variables;
      llvm::APInt constant(64, 0);
      address->collectOffset(layout_, 64, variables, constant);
      llvm::Value* offset = splat(builder_.getInt64(constant.getZExtValue() * scale));
      for (auto& [index, size] : variables) {
        llvm::Value* part =
            builder_.CreateSExtOrTrunc(vector(index, chunk), lane_type(builder_.getInt64Ty()));
        offset = builder_.CreateAdd(
            offset,
            builder_.CreateMul(part, splat(builder_.getInt64(size.getZExtValue() * scale))));
      }
      result = builder_.CreateGEP(builder_.getInt8Ty(), operand(0), offset);
    }
  } else {
    fail(instruction, instruction.getOpcodeName());
    return llvm::PoisonValue::get(lane_type(instruction.getType()));
  }
  if (auto* made = llvm::dyn_cast<llvm::Instruction>(result)) {
    if (llvm::isa<llvm::FPMathOperator>(made) && llvm::isa<llvm::FPMathOperator>(instruction)) {
      made->copyFastMathFlags(&instruction);
    } else if (!has_mask() && !llvm::isa<llvm::GetElementPtrInst, llvm::SelectInst>(made) &&
               made->getOpcode() == instruction.getOpcode()) {
      made->copyIRFlags(&instruction);
    }
  }
  return result;
}

/// Integer division: through floating point where its quotient is exact, since machines have no
/// such instruction for vectors. a/b, rounded, can't cross an integer: the nearest one that a/b
/// isn't is 1/b away or more, and the error is at most a/b 2^-53, which is less for a < 2^53.
llvm::Value* Vectorizer::emit_division(llvm::BinaryOperator& operation, unsigned chunk) {
  llvm::Value* a = vector(operation.getOperand(0), chunk);
  llvm::Value* b = vector(operation.getOperand(1), chunk);
  const auto opcode = operation.getOpcode();
  const bool is_signed = opcode == llvm::Instruction::SDiv || opcode == llvm::Instruction::SRem;
  const bool is_quotient = opcode == llvm::Instruction::SDiv || opcode == llvm::Instruction::UDiv;
  if (llvm::isa<llvm::Constant>(operation.getOperand(1))) return builder_.CreateBinOp(opcode, a, b);
  llvm::Type* type = a->getType();
  auto* one = llvm::ConstantInt::get(type, 1);
  if (has_mask()) b = builder_.CreateSelect(mask(chunk), b, one);
  const unsigned bits = type->getScalarSizeInBits();
  if (bits > 32) {
    // Lane by lane, as machines do it. To LLVM a vector of divisors with a zero in any lane is
    // undefined as a whole, also one that a select takes other lanes from.
    llvm::Value* result = llvm::PoisonValue::get(type);
    for (unsigned lane = 0; lane < width_; ++lane) {
      llvm::Value* one_of = builder_.CreateBinOp(opcode, builder_.CreateExtractElement(a, lane),
                                                 builder_.CreateExtractElement(b, lane));
      result = builder_.CreateInsertElement(result, one_of, lane);
    }
    return result;
  }
  llvm::Type* number = lane_type(bits <= 16 ? builder_.getFloatTy() : builder_.getDoubleTy());
  if (bits == 8 || bits == 16) {
    llvm::Type* wide = lane_type(builder_.getInt32Ty());
    a = is_signed ? builder_.CreateSExt(a, wide) : builder_.CreateZExt(a, wide);
    b = is_signed ? builder_.CreateSExt(b, wide) : builder_.CreateZExt(b, wide);
  }
  llvm::Value* quotient;
  if (is_signed || bits <= 16) {
    quotient = builder_.CreateFPToSI(
        builder_.CreateFDiv(builder_.CreateSIToFP(a, number), builder_.CreateSIToFP(b, number)),
        a->getType());
  } else {
    quotient = builder_.CreateFPToUI(
        builder_.CreateFDiv(builder_.CreateUIToFP(a, number), builder_.CreateUIToFP(b, number)),
        a->getType());
  }
  llvm::Value* result =
      is_quotient ? quotient : builder_.CreateSub(a, builder_.CreateMul(quotient, b));
  return builder_.CreateTrunc(result, type);
}

/// Between types of other lanes: all components of a lane side by side, and apart again.
void Vectorizer::emit_bitcast(llvm::Instruction& instruction) {
  llvm::Type* from = instruction.getOperand(0)->getType();
  llvm::Type* to = instruction.getType();
  const unsigned parts = component_count(from), results = component_count(to);
  Values values;
  for (unsigned chunk = 0; chunk < chunks_; ++chunk) {
    llvm::SmallVector<llvm::Value*, 8> pieces;
    for (unsigned part = 0; part < parts; ++part)
      pieces.push_back(vector(instruction.getOperand(0), chunk, part));
    llvm::Value* whole = concatenate(pieces);
    llvm::SmallVector<int, 64> order;
    for (unsigned lane = 0; lane < width_; ++lane) {
      for (unsigned part = 0; part < parts; ++part) order.push_back(int(part * width_ + lane));
    }
    whole = builder_.CreateShuffleVector(whole, order);
    whole = builder_.CreateBitCast(
        whole, llvm::FixedVectorType::get(to->getScalarType(), width_ * results));
    for (unsigned result = 0; result < results; ++result) {
      llvm::SmallVector<int, 16> lanes;
      for (unsigned lane = 0; lane < width_; ++lane) lanes.push_back(int(lane * results + result));
      values.push_back(builder_.CreateShuffleVector(whole, lanes));
    }
  }
  define(instruction, std::move(values));
}

void Vectorizer::emit_components(llvm::Instruction& instruction) {
  const unsigned components = component_count(instruction.getType());
  Values values;
  for (unsigned chunk = 0; chunk < chunks_; ++chunk) {
    if (auto* extract = llvm::dyn_cast<llvm::ExtractElementInst>(&instruction)) {
      const llvm::Value* whole = extract->getVectorOperand();
      if (auto* at = llvm::dyn_cast<llvm::ConstantInt>(extract->getIndexOperand())) {
        values.push_back(vector(whole, chunk, unsigned(at->getZExtValue())));
        continue;
      }
      llvm::Value* at = vector(extract->getIndexOperand(), chunk);
      llvm::Value* value = vector(whole, chunk, 0);
      for (unsigned component = 1; component < component_count(whole->getType()); ++component) {
        llvm::Value* here =
            builder_.CreateICmpEQ(at, llvm::ConstantInt::get(at->getType(), component));
        value = builder_.CreateSelect(here, vector(whole, chunk, component), value);
      }
      values.push_back(value);
    } else if (auto* insert = llvm::dyn_cast<llvm::InsertElementInst>(&instruction)) {
      auto* fixed = llvm::dyn_cast<llvm::ConstantInt>(insert->getOperand(2));
      for (unsigned component = 0; component < components; ++component) {
        llvm::Value* old = fixed && fixed->getZExtValue() == component
                               ? nullptr
                               : vector(insert->getOperand(0), chunk, component);
        if (!old) {
          values.push_back(vector(insert->getOperand(1), chunk));
        } else if (fixed) {
          values.push_back(old);
        } else {
          llvm::Value* at = vector(insert->getOperand(2), chunk);
          llvm::Value* here =
              builder_.CreateICmpEQ(at, llvm::ConstantInt::get(at->getType(), component));
          values.push_back(builder_.CreateSelect(here, vector(insert->getOperand(1), chunk), old));
        }
      }
    } else if (auto* shuffle = llvm::dyn_cast<llvm::ShuffleVectorInst>(&instruction)) {
      const unsigned first = component_count(shuffle->getOperand(0)->getType());
      for (const int from : shuffle->getShuffleMask()) {
        if (from < 0) {
          values.push_back(
              llvm::PoisonValue::get(lane_type(instruction.getType()->getScalarType())));
        } else {
          const bool is_first = unsigned(from) < first;
          values.push_back(vector(shuffle->getOperand(is_first ? 0 : 1), chunk,
                                  unsigned(from) - (is_first ? 0 : first)));
        }
      }
    } else if (auto* field = llvm::dyn_cast<llvm::ExtractValueInst>(&instruction)) {
      if (field->getNumIndices() != 1 || component_count(field->getType()) != 1)
        return fail(instruction, "structs of structs");
      values.push_back(vector(field->getAggregateOperand(), chunk, field->getIndices()[0]));
    } else {
      auto& put = llvm::cast<llvm::InsertValueInst>(instruction);
      if (put.getNumIndices() != 1 ||
          component_count(put.getInsertedValueOperand()->getType()) != 1)
        return fail(instruction, "structs of structs");
      for (unsigned component = 0; component < components; ++component) {
        values.push_back(put.getIndices()[0] == component
                             ? vector(put.getInsertedValueOperand(), chunk)
                             : vector(put.getAggregateOperand(), chunk, component));
      }
    }
  }
  define(instruction, std::move(values));
}

/// What the thread's code asks for still: sizes that are known are constants there already.
bool Vectorizer::emit_position(llvm::CallInst& call, llvm::StringRef name) {
  const auto triple = [&](llvm::StringRef member, size_t offset) -> bool {
    if (!name.starts_with(member) || name.size() != member.size() + 2 || name[member.size()] != '.')
      return false;
    const auto axis = size_t(name.back() - 'x');
    define(call, {load_frame(builder_.getInt32Ty(), offset + 4 * axis, "position")});
    return true;
  };
  if (triple("threadgroup_position_in_grid",
             offsetof(ThreadgroupFrame, threadgroup_position_in_grid)) ||
      triple("threads_per_grid", offsetof(ThreadgroupFrame, threads_per_grid)) ||
      triple("threadgroups_per_grid", offsetof(ThreadgroupFrame, threadgroups_per_grid)))
    return true;
  if (geometry_.is_partial && name.starts_with("threads_per_threadgroup.")) {
    // Of the axis that is cut, the last one with more than one thread.
    const unsigned size = geometry_.size[size_t(name.back() - 'x')];
    llvm::Value* active =
        load_frame(builder_.getInt32Ty(), offsetof(ThreadgroupFrame, active_threads), "active");
    define(call, {builder_.CreateUDiv(active, builder_.getInt32(geometry_.threads() / size))});
    return true;
  }
  const auto rule = find_position_rule(name, geometry_);
  if (!rule || rule->grid_axis >= 0) return false;
  const Shape shape = shapes_.of(&call);
  Values values;
  for (unsigned chunk = 0; chunk < scalar_count(shape); ++chunk) {
    llvm::Value* index = first_index(chunk);
    if (shape.is_varying())
      index =
          builder_.CreateAdd(splat(index), iota(builder_.getInt32Ty(), Shape::affine(width_, 1)));
    const auto number = [&](uint32_t value) {
      return llvm::ConstantInt::get(index->getType(), value);
    };
    if (rule->divisor != 1) index = builder_.CreateUDiv(index, number(rule->divisor));
    if (rule->modulus == 1)
      index = number(0);
    else if (rule->modulus != 0)
      index = builder_.CreateURem(index, number(rule->modulus));
    values.push_back(index);
  }
  define(call, std::move(values));
  return true;
}

void Vectorizer::emit_call(llvm::CallInst& call) {
  if (auto* intrinsic = llvm::dyn_cast<llvm::IntrinsicInst>(&call))
    return emit_intrinsic(*intrinsic);
  const llvm::StringRef name = callee_name(&call);
  if (name.starts_with(kGuarded)) {
    // Its access sees to it, and nothing else may use it.
    for (const llvm::User* user : call.users()) {
      const auto* access = llvm::dyn_cast<llvm::Instruction>(user);
      if (!access || !access->mayReadOrWriteMemory()) fail(call, "a guarded address");
    }
    return;
  }
  if (name == kInside) return emit_inside(call);
  if (name == kAllLanes) return emit_all_lanes(call);
  if (name == kToMatrix) return emit_to_matrix(call);
  if (name == kMultiplyAccumulate) return emit_products(call);
  if (name == kArgumentBytes) {
    const auto at = llvm::cast<llvm::ConstantInt>(call.getArgOperand(0))->getZExtValue();
    llvm::Value* arguments =
        load_frame(builder_.getPtrTy(), offsetof(ThreadgroupFrame, arguments), "arguments");
    llvm::LoadInst* bytes =
        builder_.CreateLoad(builder_.getInt64Ty(),
                            builder_.CreateConstInBoundsGEP1_64(
                                builder_.getInt8Ty(), arguments,
                                at * sizeof(FrameArgument) + offsetof(FrameArgument, size)),
                            "bytes");
    bytes->setMetadata(llvm::LLVMContext::MD_invariant_load, llvm::MDNode::get(context_, {}));
    return define(call, {bytes});
  }
  const bool asks_memory = name == kMemoryBase || name == kMemoryBytes;
  if (!name.starts_with("am.") && !(asks_memory && shapes_.of(&call).is_flat()))
    return emit_lane_calls(call);
  if (asks_memory) {
    Values values;
    for (unsigned chunk = 0; chunk < scalar_count(shapes_.of(&call)); ++chunk)
      values.push_back(clone_scalar(call, chunk));
    return define(call, std::move(values));
  }
  if (name == kThreadgroupTogether) {
    emit_position(call, name.drop_front(3));
    return;
  }
  const auto reference = builtins::find(name.str());
  if (!reference) return fail(call, "'" + name.str() + "'");
  using builtins::Group;
  switch (reference->builtin->group) {
    case Group::position:
      if (!emit_position(call, name.drop_front(3))) fail(call, "'" + name.str() + "'");
      return;
    case Group::barrier: {
      const llvm::StringRef what = name.drop_front(3);
      if (what == "threadgroup_barrier") {
        builder_.CreateCall(call.getCalledFunction(), {call.getArgOperand(0)});
      } else if (what == "atomic_thread_fence") {
        auto* order = llvm::dyn_cast<llvm::ConstantInt>(call.getArgOperand(1));
        if (!order || !order->isZero())
          builder_.CreateFence(llvm::AtomicOrdering::SequentiallyConsistent);
      }
      // Lanes of a simdgroup are in step as they are.
      return;
    }
    case Group::simdgroup:
    case Group::quadgroup:
      return emit_simdgroup(call, *reference);
    default:
      break;
  }
  const Shape shape = shapes_.of(&call);
  if (shape.has_base() && reference->builtin->memory == builtins::Memory::none) {
    Values values;
    for (unsigned chunk = 0; chunk < scalar_count(shape); ++chunk)
      values.push_back(clone_scalar(call, chunk));
    return define(call, std::move(values));
  }
  emit_lane_calls(call);
}

void Vectorizer::emit_intrinsic(llvm::IntrinsicInst& call) {
  const Shape shape = shapes_.of(&call);
  const llvm::Intrinsic::ID id = call.getIntrinsicID();
  if (id == llvm::Intrinsic::trap || id == llvm::Intrinsic::donothing) return;
  if (shape.has_base() && !call.mayReadOrWriteMemory()) {
    Values values;
    for (unsigned chunk = 0; chunk < scalar_count(shape); ++chunk)
      values.push_back(clone_scalar(call, chunk));
    return define(call, std::move(values));
  }
  const bool scalars = component_count(call.getType()) == 1 &&
                       llvm::all_of(call.args(), [](const llvm::Use& argument) {
                         return component_count(argument->getType()) == 1;
                       });
  const bool known = id == llvm::Intrinsic::fptosi_sat || id == llvm::Intrinsic::fptoui_sat ||
                     id == llvm::Intrinsic::ldexp || id == llvm::Intrinsic::is_fpclass ||
                     llvm::isTriviallyVectorizable(id);
  if (!scalars || !known) return emit_lane_calls(call);
  Values values;
  for (unsigned chunk = 0; chunk < chunks_; ++chunk) {
    llvm::SmallVector<llvm::Value*, 4> arguments;
    llvm::SmallVector<llvm::Type*, 4> types;
    if (id == llvm::Intrinsic::fptosi_sat || id == llvm::Intrinsic::fptoui_sat) {
      types = {lane_type(call.getType()), lane_type(call.getArgOperand(0)->getType())};
    } else if (llvm::isVectorIntrinsicWithOverloadTypeAtArg(id, -1)) {
      types.push_back(lane_type(call.getType()));
    }
    for (unsigned i = 0; i < call.arg_size(); ++i) {
      const bool stays = llvm::isVectorIntrinsicWithScalarOpAtArg(id, i) ||
                         (id == llvm::Intrinsic::is_fpclass && i == 1);
      arguments.push_back(stays ? scalar(call.getArgOperand(i), chunk)
                                : vector(call.getArgOperand(i), chunk));
      if (types.size() < 2 && llvm::isVectorIntrinsicWithOverloadTypeAtArg(id, int(i)) &&
          id != llvm::Intrinsic::fptosi_sat && id != llvm::Intrinsic::fptoui_sat)
        types.push_back(arguments.back()->getType());
    }
    if (id == llvm::Intrinsic::is_fpclass) types = {arguments[0]->getType()};
    if (id == llvm::Intrinsic::ldexp) types = {arguments[0]->getType(), arguments[1]->getType()};
    llvm::CallInst* made = builder_.CreateIntrinsic(id, types, arguments);
    if (llvm::isa<llvm::FPMathOperator>(made)) made->copyFastMathFlags(&call);
    values.push_back(made);
  }
  define(call, std::move(values));
}

/// A function of scalars, called for one lane after the other.
void Vectorizer::emit_lane_calls(llvm::CallInst& call) {
  llvm::Function* callee = call.getCalledFunction();
  if (!callee) return fail(call, "an indirect call");
  if (llvm::isa<llvm::MemIntrinsic>(call)) return fail(call, "a copy of memory");
  if (call.getType()->isStructTy()) return fail(call, "'" + callee->getName().str() + "'");
  remark(call, "'" + callee->getName().str() + "' is called lane by lane");
  const unsigned components = component_count(call.getType());
  const bool is_void = call.getType()->isVoidTy();
  Values values;
  for (unsigned chunk = 0; chunk < chunks_; ++chunk) {
    // Operands as vectors, outside of the loop over lanes.
    llvm::SmallVector<llvm::SmallVector<llvm::Value*, 4>, 8> operands;
    for (const llvm::Use& argument : call.args()) {
      auto& parts = operands.emplace_back();
      if (shapes_.of(argument).is_flat()) {
        parts.push_back(scalar(argument, chunk));
        continue;
      }
      for (unsigned component = 0; component < component_count(argument->getType()); ++component)
        parts.push_back(vector(argument, chunk, component));
    }
    llvm::Type* collected =
        is_void ? nullptr : llvm::FixedVectorType::get(call.getType()->getScalarType(), components);
    llvm::Value* results = for_each_lane(
        mask(chunk), collected, /*unrolls=*/false, [&](llvm::Value* lane) -> llvm::Value* {
          llvm::SmallVector<llvm::Value*, 8> arguments;
          for (unsigned i = 0; i < call.arg_size(); ++i) {
            llvm::Type* type = call.getArgOperand(i)->getType();
            if (shapes_.of(call.getArgOperand(i)).is_flat()) {
              arguments.push_back(operands[i][0]);
            } else if (component_count(type) == 1 && !type->isVectorTy()) {
              arguments.push_back(builder_.CreateExtractElement(operands[i][0], lane));
            } else {
              llvm::Value* whole = llvm::PoisonValue::get(type);
              for (unsigned component = 0; component < component_count(type); ++component) {
                whole = builder_.CreateInsertElement(
                    whole, builder_.CreateExtractElement(operands[i][component], lane), component);
              }
              arguments.push_back(whole);
            }
          }
          llvm::CallInst* made = builder_.CreateCall(callee, arguments);
          made->setAttributes(call.getAttributes());
          if (is_void) return nullptr;
          if (call.getType()->isVectorTy()) return made;
          return builder_.CreateInsertElement(llvm::PoisonValue::get(collected), made, uint64_t{0});
        });
    if (is_void) continue;
    // Lane after lane, each with its components.
    for (unsigned component = 0; component < components; ++component) {
      llvm::SmallVector<int, 16> lanes;
      for (unsigned lane = 0; lane < width_; ++lane)
        lanes.push_back(int(lane * components + component));
      values.push_back(builder_.CreateShuffleVector(results, lanes));
    }
  }
  if (!is_void) define(call, std::move(values));
}

}  // namespace anymetal::simt
