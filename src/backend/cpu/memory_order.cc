// Lanes of vectors, followed one by one: through what only moves bits (permutations, halves packed
// into words), and, if the operation is the same in all lanes, to its operands, until they are a
// piece of one value in its order, or the same for all.
#include "backend/cpu/memory_order.h"

#include <llvm/Analysis/ValueTracking.h>
#include <llvm/Analysis/VectorUtils.h>

namespace anymetal::backend::cpu {

namespace {

constexpr unsigned kMostNodes = 300;  ///< operations
constexpr unsigned kDeepest = 64;

/// By how many bits the operation shifts all lanes, if by a constant.
std::optional<unsigned> shift_of(const llvm::Instruction& shift) {
  const auto* by = llvm::dyn_cast<llvm::Constant>(shift.getOperand(1));
  const auto* same = by ? llvm::dyn_cast_or_null<llvm::ConstantInt>(by->getSplatValue()) : nullptr;
  if (!same || same->uge(lane_bits(&shift))) return std::nullopt;
  return unsigned(same->getZExtValue());
}

/// Whether these bits of a lane are 0 for what is packed beside them.
bool is_zero(const llvm::Instruction& made, unsigned low, unsigned bits) {
  if (made.getOpcode() == llvm::Instruction::ZExt) {
    const unsigned narrow = lane_bits(made.getOperand(0));
    return narrow >= 8 && low >= narrow;
  }
  const auto by =
      made.getOpcode() == llvm::Instruction::Shl ? shift_of(made) : std::optional<unsigned>();
  return by && low + bits <= *by;
}

/// Where bits of a lane come from, through an operation on them; `value` null: zeros.
std::optional<Slice> through(llvm::Instruction& made, unsigned lane, unsigned low, unsigned bits) {
  const unsigned each = lane_bits(&made);
  const auto in_lane = [&](unsigned operand, unsigned bit) -> std::optional<Slice> {
    llvm::Value* value = made.getOperand(operand);
    return Slice{value, lane * lane_bits(value) + bit};
  };
  switch (made.getOpcode()) {
    case llvm::Instruction::BitCast:
      if (!is_fixed_vector(made.getOperand(0))) return std::nullopt;
      return Slice{made.getOperand(0), lane * each + low};
    case llvm::Instruction::Trunc:
      return in_lane(0, low);
    case llvm::Instruction::ZExt: {
      const unsigned narrow = lane_bits(made.getOperand(0));
      if (narrow < 8) return std::nullopt;
      if (low >= narrow) return Slice{nullptr, 0};
      return low + bits <= narrow ? in_lane(0, low) : std::nullopt;
    }
    case llvm::Instruction::Shl: {
      const auto by = shift_of(made);
      if (!by) return std::nullopt;
      if (low + bits <= *by) return Slice{nullptr, 0};
      return low >= *by ? in_lane(0, low - *by) : std::nullopt;
    }
    case llvm::Instruction::LShr: {
      const auto by = shift_of(made);
      return by && low + *by + bits <= each ? in_lane(0, low + *by) : std::nullopt;
    }
    case llvm::Instruction::Or:
      for (unsigned side = 0; side < 2; ++side) {
        auto* other = llvm::dyn_cast<llvm::Instruction>(made.getOperand(1 - side));
        if (other && is_zero(*other, low, bits)) return in_lane(side, low);
      }
      return std::nullopt;
    default:
      return std::nullopt;
  }
}

bool is_alike(const llvm::Instruction& one, const llvm::Instruction& other) {
  if (!one.isSameOperationAs(&other, llvm::Instruction::CompareUsingScalarTypes)) return false;
  const auto* call = llvm::dyn_cast<llvm::IntrinsicInst>(&one);
  return !call || call->getIntrinsicID() == llvm::cast<llvm::IntrinsicInst>(other).getIntrinsicID();
}

llvm::Type* vector_of(llvm::Type& type, size_t count) {
  return llvm::FixedVectorType::get(&type, unsigned(count));
}

llvm::Value* constant(const Slices& slices, llvm::Type& type) {
  llvm::SmallVector<llvm::Constant*, 16> elements;
  for (const Slice& slice : slices) {
    const auto* all = llvm::dyn_cast<llvm::Constant>(slice.value);
    if (!all || all->getType()->getScalarType() != &type ||
        slice.from % type.getScalarSizeInBits() != 0)
      return nullptr;
    llvm::Constant* element = all->getAggregateElement(slice.from / type.getScalarSizeInBits());
    if (!element) return nullptr;
    elements.push_back(element);
  }
  return llvm::ConstantVector::get(elements);
}

llvm::Value* same_for_all(const Slices& slices, llvm::Type& type) {
  llvm::Value* one = nullptr;
  for (const Slice& slice : slices) {
    if (llvm::isa<llvm::Constant>(slice.value) || !is_fixed_vector(slice.value)) return nullptr;
    llvm::Value* each = llvm::getSplatValue(slice.value);
    if (!each && is_broadcast(slice.value)) each = slice.value;
    const bool is_meant = each && each->getType()->getScalarType() == &type;
    if (!is_meant || (one && each != one)) return nullptr;
    one = each;
  }
  llvm::Value* first = slices[0].value;
  if (first->getType() == vector_of(type, slices.size())) return first;
  return nullptr;
}

}  // namespace

bool is_broadcast(const llvm::Value* value) {
  const auto* shuffle = llvm::dyn_cast<llvm::ShuffleVectorInst>(value);
  return shuffle && llvm::all_of(shuffle->getShuffleMask(), [](int lane) { return lane == 0; });
}

unsigned lane_bits(const llvm::Value* value) {
  return value->getType()->getScalarSizeInBits();
}

/// Of numbers.
bool is_fixed_vector(const llvm::Value* value) {
  const auto* type = llvm::dyn_cast<llvm::FixedVectorType>(value->getType());
  return type && type->getScalarSizeInBits() != 0;
}

unsigned lane_count(const llvm::Value* value) {
  return llvm::cast<llvm::FixedVectorType>(value->getType())->getNumElements();
}

bool is_lanewise(const llvm::Instruction& made) {
  const auto* call = llvm::dyn_cast<llvm::IntrinsicInst>(&made);
  const bool computes = llvm::isa<llvm::BinaryOperator, llvm::UnaryOperator, llvm::CastInst,
                                  llvm::CmpInst, llvm::SelectInst>(made) ||
                        (call && (call->getIntrinsicID() == llvm::Intrinsic::ldexp ||
                                  llvm::isTriviallyVectorizable(call->getIntrinsicID())));
  if (!computes || !is_fixed_vector(&made)) return false;
  const unsigned operands = call ? call->arg_size() : made.getNumOperands();
  for (unsigned i = 0; i < operands; ++i) {
    if (!is_fixed_vector(made.getOperand(i)) || lane_count(made.getOperand(i)) != lane_count(&made))
      return false;
  }
  return true;
}

bool goes(llvm::Instruction& made, llvm::DenseMap<llvm::Instruction*, bool>& known,
          const llvm::DenseSet<const llvm::Instruction*>& ends) {
  const auto [found, is_new] = known.try_emplace(&made, false);  // a cycle stays
  if (!is_new) return found->second;
  const bool all = llvm::all_of(made.users(), [&](llvm::User* user) {
    auto* by = llvm::cast<llvm::Instruction>(user);
    if (ends.contains(by)) return true;
    return !by->mayHaveSideEffects() && !by->isTerminator() && !llvm::isa<llvm::PHINode>(by) &&
           goes(*by, known, ends);
  });
  return known[&made] = all;
}

void MemoryOrder::hoist(const llvm::Loop* loop) {
  llvm::BasicBlock* before = loop ? loop->getLoopPreheader() : nullptr;
  if (!before) return;
  for (llvm::Instruction* made : made_) {
    if (loop->contains(made) && loop->hasLoopInvariantOperands(made) &&
        llvm::isSafeToSpeculativelyExecute(made))
      made->moveBefore(before->getTerminator());
  }
}

void MemoryOrder::forget() {
  for (llvm::Instruction* made : llvm::reverse(made_)) made->eraseFromParent();
  made_.clear();
  known_.clear();
  computed_.clear();
  nodes_ = 0;
  has_moved_ = false;
}

std::optional<llvm::SmallVector<llvm::Value*, 2>> MemoryOrder::make_pieces(llvm::Value* value,
                                                                           unsigned bits) {
  const auto total = unsigned(value->getType()->getPrimitiveSizeInBits().getFixedValue());
  llvm::Type* type = bits == lane_bits(value) ? value->getType()->getScalarType()
                                              : llvm::IntegerType::get(value->getContext(), bits);
  llvm::SmallVector<llvm::Value*, 2> pieces;
  for (unsigned from = 0; from < total; from += lanes_ * bits) {
    Slices slices;
    for (unsigned at = from; at < std::min(total, from + lanes_ * bits); at += bits)
      slices.push_back({value, at});
    llvm::Value* piece = make(std::move(slices), *type);
    if (!piece) return std::nullopt;
    pieces.push_back(piece);
  }
  return pieces;
}

/// Where bits come from, through what only moves them. `value` null: zeros.
Slice MemoryOrder::source(Slice slice, unsigned bits) {
  while (true) {
    auto* made = llvm::dyn_cast<llvm::Instruction>(slice.value);
    if (!made || !is_fixed_vector(made)) return slice;
    const unsigned each = lane_bits(made), lane = slice.from / each, low = slice.from % each;
    if (low + bits > each) return slice;
    if (auto* shuffle = llvm::dyn_cast<llvm::ShuffleVectorInst>(made)) {
      if (is_broadcast(shuffle)) return slice;
      const int from = shuffle->getMaskValue(lane);
      if (from < 0) return slice;
      const unsigned count = lane_count(shuffle->getOperand(0));
      slice = {shuffle->getOperand(unsigned(from) / count), unsigned(from) % count * each + low};
      has_moved_ = true;
      continue;
    }
    const std::optional<Slice> next = through(*made, lane, low, bits);
    if (!next) return slice;
    if (!next->value) return *next;
    slice = *next;
  }
}

/// A vector of these bits, in new operations before the store; null: there is none.
llvm::Value* MemoryOrder::make(Slices slices, llvm::Type& type, unsigned depth) {
  const unsigned bits = type.getScalarSizeInBits();
  for (Slice& slice : slices) {
    slice = source(slice, bits);
    if (!slice.value) return nullptr;
  }
  const auto found = known_.find({slices, &type});
  if (found != known_.end()) return found->second;
  if (depth > kDeepest || ++nodes_ > kMostNodes) return nullptr;
  llvm::Value* value = constant(slices, type);
  if (!value) value = same_for_all(slices, type);
  if (!value) value = piece_of_one(slices, type);
  if (!value) value = operation(slices, type, depth);
  if (value) known_[{std::move(slices), &type}] = value;
  return value;
}

llvm::Value* MemoryOrder::note(llvm::Value* value) {
  auto* made = llvm::dyn_cast<llvm::Instruction>(value);
  if (made && (made_.empty() || made_.back() != made)) made_.push_back(made);
  return value;
}

llvm::Value* MemoryOrder::as(llvm::Value* value, llvm::Type& type, size_t count) {
  llvm::Type* wanted = vector_of(type, count);
  return value->getType() == wanted ? value : note(builder_.CreateBitCast(value, wanted));
}

llvm::Value* MemoryOrder::piece_of_one(const Slices& slices, llvm::Type& type) {
  const unsigned bits = type.getScalarSizeInBits();
  llvm::Value* one = slices[0].value;
  for (size_t i = 0; i < slices.size(); ++i) {
    if (slices[i].value != one || slices[i].from != slices[0].from + i * bits) return nullptr;
  }
  if (slices[0].from % bits != 0) return nullptr;
  const unsigned count = lane_count(one) * lane_bits(one) / bits;
  llvm::Value* all = as(one, type, count);
  if (count == slices.size()) return all;
  llvm::SmallVector<int, 16> order;
  for (size_t i = 0; i < slices.size(); ++i) order.push_back(int(slices[0].from / bits + i));
  return note(builder_.CreateShuffleVector(all, order));
}

llvm::Value* MemoryOrder::operation(const Slices& slices, llvm::Type& type, unsigned depth) {
  auto* first = llvm::dyn_cast<llvm::Instruction>(slices[0].value);
  if (!first || !is_lanewise(*first) || lane_bits(first) != type.getScalarSizeInBits())
    return nullptr;
  for (const Slice& slice : slices) {
    const auto* made = llvm::dyn_cast<llvm::Instruction>(slice.value);
    if (!made || slice.from % lane_bits(first) != 0 || !is_alike(*first, *made)) return nullptr;
  }
  const auto* call = llvm::dyn_cast<llvm::IntrinsicInst>(first);
  llvm::SmallVector<llvm::Value*, 3> operands;
  for (unsigned k = 0; k < (call ? call->arg_size() : first->getNumOperands()); ++k) {
    Slices from;
    llvm::Type* scalar = first->getOperand(k)->getType()->getScalarType();
    for (const Slice& slice : slices) {
      const unsigned lane = slice.from / lane_bits(first);
      from.push_back({llvm::cast<llvm::Instruction>(slice.value)->getOperand(k),
                      lane * scalar->getScalarSizeInBits()});
    }
    llvm::Value* operand = make(std::move(from), *scalar, depth + 1);
    if (!operand) return nullptr;
    operands.push_back(operand);
  }
  return as(emit(*first, operands, slices), type, slices.size());
}

llvm::Value* MemoryOrder::emit(llvm::Instruction& first, llvm::ArrayRef<llvm::Value*> operands,
                               const Slices& slices) {
  llvm::Type* type = vector_of(*first.getType()->getScalarType(), slices.size());
  llvm::Value* value = nullptr;
  if (const auto* call = llvm::dyn_cast<llvm::IntrinsicInst>(&first))
    value = intrinsic(*call, *type, operands);
  else if (const auto* cast = llvm::dyn_cast<llvm::CastInst>(&first))
    value = builder_.CreateCast(cast->getOpcode(), operands[0], type);
  else if (const auto* compare = llvm::dyn_cast<llvm::CmpInst>(&first))
    value = builder_.CreateCmp(compare->getPredicate(), operands[0], operands[1]);
  else if (llvm::isa<llvm::SelectInst>(first))
    value = builder_.CreateSelect(operands[0], operands[1], operands[2]);
  else
    value = builder_.CreateNAryOp(first.getOpcode(), operands);
  note(value);
  auto* made = llvm::dyn_cast<llvm::Instruction>(value);
  if (made && !made_.empty() && made_.back() == made) {
    made->copyIRFlags(&first);
    for (const Slice& slice : slices) made->andIRFlags(slice.value);
  }
  for (const Slice& slice : slices) computed_.insert(llvm::cast<llvm::Instruction>(slice.value));
  return value;
}

llvm::Value* MemoryOrder::intrinsic(const llvm::IntrinsicInst& call, llvm::Type& type,
                                    llvm::ArrayRef<llvm::Value*> operands) {
  // Which types are part of its name: fptosi.sat has that of its operand, too.
  const llvm::Intrinsic::ID id = call.getIntrinsicID();
  llvm::SmallVector<llvm::Type*, 2> overloads;
  if (llvm::isVectorIntrinsicWithOverloadTypeAtArg(id, -1)) overloads.push_back(&type);
  for (size_t i = 0; i < operands.size(); ++i) {
    if (llvm::isVectorIntrinsicWithOverloadTypeAtArg(id, int(i)) ||
        (id == llvm::Intrinsic::ldexp && i == 1))
      overloads.push_back(operands[i]->getType());
  }
  return builder_.CreateIntrinsic(id, overloads, operands);
}

}  // namespace anymetal::backend::cpu
