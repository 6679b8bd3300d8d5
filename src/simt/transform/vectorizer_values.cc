// Values of lanes: from a shape to a scalar or a vector, masks, and what the frame holds.
#include <llvm/IR/Constants.h>

#include "simt/threadgroup_frame.h"
#include "simt/transform/vectorizer.h"

namespace anymetal::simt {

unsigned component_count(const llvm::Type* type) {
  if (const auto* vector = llvm::dyn_cast<llvm::FixedVectorType>(type))
    return vector->getNumElements();
  if (const auto* record = llvm::dyn_cast<llvm::StructType>(type)) return record->getNumElements();
  return 1;
}

llvm::Type* component_type(llvm::Type* type, unsigned component) {
  if (auto* record = llvm::dyn_cast<llvm::StructType>(type))
    return record->getElementType(component);
  return type->getScalarType();
}

llvm::Type* Vectorizer::lane_type(llvm::Type* type) const {
  return llvm::FixedVectorType::get(type, width_);
}

llvm::Value* Vectorizer::splat(llvm::Value* value) {
  return builder_.CreateVectorSplat(width_, value);
}

/// Lane 0's value.
llvm::Value* Vectorizer::scalar(const llvm::Value* value, unsigned chunk) {
  if (const auto* constant = llvm::dyn_cast<llvm::Constant>(value))
    return const_cast<llvm::Constant*>(constant);
  const auto found = values_.find(value);
  if (found == values_.end()) return llvm::PoisonValue::get(value->getType());  // failed before
  const Shape shape = shapes_.of(value);
  if (!shape.knows_chunks()) return found->second[chunk];
  llvm::Value* first = found->second[0];
  const int64_t distance = shape.chunk_offset(chunk);
  if (distance == 0) return first;
  if (first->getType()->isPointerTy())
    return builder_.CreateConstGEP1_64(builder_.getInt8Ty(), first, uint64_t(distance));
  return builder_.CreateAdd(first,
                            llvm::ConstantInt::get(first->getType(), uint64_t(distance), true));
}

/// The offsets of a pattern, as a constant vector.
llvm::Value* Vectorizer::iota(llvm::Type* element, const Shape& shape) const {
  llvm::SmallVector<llvm::Constant*, 16> offsets;
  for (unsigned lane = 0; lane < width_; ++lane) {
    offsets.push_back(
        llvm::ConstantInt::get(element, llvm::APInt(64, uint64_t(shape.offset(lane)), true)
                                            .sextOrTrunc(element->getIntegerBitWidth())));
  }
  return llvm::ConstantVector::get(offsets);
}

/// All lanes' values; of a vector or struct, those of one component.
llvm::Value* Vectorizer::vector(const llvm::Value* value, unsigned chunk, unsigned component) {
  llvm::Type* type = value->getType();
  const unsigned components = component_count(type);
  if (const auto* constant = llvm::dyn_cast<llvm::Constant>(value)) {
    auto* one = const_cast<llvm::Constant*>(constant);
    if (llvm::isa<llvm::FixedVectorType, llvm::StructType>(type))
      one = constant->getAggregateElement(component);
    return llvm::ConstantVector::getSplat(llvm::ElementCount::getFixed(width_), one);
  }
  const Shape shape = shapes_.of(value);
  if (shape.is_varying()) {
    const auto found = values_.find(value);
    if (found == values_.end())
      return llvm::PoisonValue::get(lane_type(component_type(type, component)));
    return found->second[chunk * components + component];
  }
  llvm::Value* base = scalar(value, chunk);
  if (llvm::isa<llvm::FixedVectorType>(type)) {
    base = builder_.CreateExtractElement(base, component);
  } else if (llvm::isa<llvm::StructType>(type)) {
    base = builder_.CreateExtractValue(base, component);
  }
  if (shape.is_flat()) return splat(base);
  if (type->isPointerTy())
    return builder_.CreateGEP(builder_.getInt8Ty(), base, iota(builder_.getInt64Ty(), shape));
  return builder_.CreateAdd(splat(base), iota(type, shape));
}

void Vectorizer::define(const llvm::Instruction& instruction, Values values) {
  values_[&instruction] = std::move(values);
}

llvm::Value* Vectorizer::all_lanes() const {
  return llvm::Constant::getAllOnesValue(lane_type(llvm::Type::getInt1Ty(context_)));
}

llvm::Value* Vectorizer::mask(unsigned chunk) {
  return mask_.empty() ? all_lanes() : mask_[chunk];
}

/// One bit for each lane.
llvm::Value* Vectorizer::mask_bits(llvm::Value* mask) {
  return builder_.CreateBitCast(mask, builder_.getIntNTy(width_));
}

llvm::Value* Vectorizer::any_lane(llvm::Value* mask) {
  llvm::Value* bits = mask_bits(mask);
  return builder_.CreateICmpNE(bits, llvm::Constant::getNullValue(bits->getType()));
}

llvm::Value* Vectorizer::any_lane(const Values& masks) {
  if (masks.empty()) return builder_.getTrue();
  llvm::Value* all = masks[0];
  for (llvm::Value* more : llvm::drop_begin(masks)) all = builder_.CreateOr(all, more);
  return any_lane(all);
}

llvm::Value* Vectorizer::and_mask(llvm::Value* mask, llvm::Value* condition) {
  const auto* constant = llvm::dyn_cast<llvm::Constant>(mask);
  if (constant && constant->isAllOnesValue()) return condition;
  return builder_.CreateAnd(mask, condition);
}

llvm::AllocaInst* Vectorizer::make_slot(llvm::Type* type, const llvm::Twine& name) {
  llvm::IRBuilder<>::InsertPointGuard guard(builder_);
  builder_.SetInsertPoint(entry_end_);
  builder_.SetCurrentDebugLocation({});
  llvm::AllocaInst* slot = builder_.CreateAlloca(type, nullptr, name);
  builder_.CreateStore(llvm::Constant::getNullValue(type), slot);
  return slot;
}

/// thread_index_in_threadgroup of the chunk's lane 0.
llvm::Value* Vectorizer::first_index(unsigned chunk) {
  llvm::Value* step = builder_.CreateMul(
      target_->getArg(1), builder_.getInt32(geometry_.threads_of_step()), "", true, true);
  return builder_.CreateAdd(step, builder_.getInt32(chunk * width_), "", true, true);
}

/// A member of the frame, loaded once.
llvm::Value* Vectorizer::load_frame(llvm::Type* type, size_t offset, const char* name) {
  llvm::Value*& value = frame_values_[{offset, type}];
  if (value) return value;
  llvm::IRBuilder<>::InsertPointGuard guard(builder_);
  builder_.SetInsertPoint(entry_end_);
  builder_.SetCurrentDebugLocation({});
  llvm::Value* place =
      builder_.CreateConstInBoundsGEP1_64(builder_.getInt8Ty(), target_->getArg(0), offset);
  llvm::LoadInst* load = builder_.CreateLoad(type, place, name);
  load->setMetadata(llvm::LLVMContext::MD_invariant_load, llvm::MDNode::get(context_, {}));
  return value = load;
}

void Vectorizer::fail(const llvm::Instruction& instruction, const std::string& what) {
  if (error_) return;
  std::string place;
  if (const llvm::DILocation* location = instruction.getDebugLoc().get()) {
    while (location->getInlinedAt()) location = location->getInlinedAt();
    place = " (" + location->getFilename().str() + ":" + std::to_string(location->getLine()) + ")";
  }
  error_ = unsupported_error("no form in vectors for " + what + place);
}

void Vectorizer::remark(const llvm::Instruction& instruction, std::string text) {
  // Calls are inlined: the innermost place that is the user's, since the outermost is the kernel's
  // first line for everything.
  const llvm::DILocation* location = instruction.getDebugLoc().get();
  while (location && location->getInlinedAt() && location->getFilename().starts_with("/anymetal"))
    location = location->getInlinedAt();
  if (!location) return;
  remarks_.push_back({location->getFilename().str(), location->getLine(), std::move(text)});
}

}  // namespace anymetal::simt
