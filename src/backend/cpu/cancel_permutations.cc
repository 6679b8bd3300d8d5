// A thread's float4 is four registers for 16 lanes: vectors of x, y, z, w. What comes from memory
// is permuted to get there, and permuted back to be stored. Where each of the four goes through the
// same operations with the same operands, as in `y[i] = x[i] * scale`, nobody needs that order:
//
//   x0, x1, x2, x3  = load        what is stored as register 0 comes, element by element, from
//   p0, p1, p2, p3  = permuted    operations on elements of the p, which are elements of the x:
//   m0 = p0 * s, m1 = p1 * s ...  those of x0, in their order. So
//   y0, ... = m permuted          y0 = x0 * s.
//
// For each store the lanes of its value are followed up to where they come from: through what only
// moves bits (permutations, halves packed into words), and, if the operation is the same in all
// lanes, to its operands, until they are a piece of one value in its order, or the same for all.
// The old operations must then be without users: nothing is computed twice.
//
// LLVM's VectorCombine has such a fold (from a permutation up, foldShuffleToIdentity); it gives up
// where a value has several users, and all values here have as many as there are registers.
#include "backend/cpu/cancel_permutations.h"

#include <llvm/ADT/SetVector.h>
#include <llvm/Analysis/VectorUtils.h>
#include <llvm/IR/IRBuilder.h>
#include <llvm/IR/IntrinsicInst.h>
#include <llvm/IR/NoFolder.h>
#include <llvm/Transforms/Utils/Local.h>

#include <map>
#include <memory>
#include <optional>
#include <vector>

namespace anymetal::backend::cpu {
namespace {

constexpr unsigned kMostNodes = 300;  ///< operations of a store's value
constexpr unsigned kDeepest = 64;

/// Bits of a vector.
struct Slice {
  llvm::Value* value;
  unsigned from;  ///< a bit, counted from lane 0's lowest
  auto operator<=>(const Slice&) const = default;
};
using Slices = std::vector<Slice>;

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

/// By how many bits the operation shifts all lanes, if by a constant.
std::optional<unsigned> shift_of(const llvm::Instruction& shift) {
  const auto* by = llvm::dyn_cast<llvm::Constant>(shift.getOperand(1));
  const auto* same = by ? llvm::dyn_cast_or_null<llvm::ConstantInt>(by->getSplatValue()) : nullptr;
  if (!same || same->uge(lane_bits(&shift))) return std::nullopt;
  return unsigned(same->getZExtValue());
}

/// The computation of one store's value.
class Rewriting {
 public:
  Rewriting(llvm::StoreInst& store, unsigned lanes)
      : store(store), lanes_(lanes), builder_(&store) {}

  llvm::StoreInst& store;
  llvm::SmallVector<llvm::Value*, 2> pieces;              ///< what is to be stored, from its start
  llvm::SmallSetVector<llvm::Instruction*, 32> computed;  ///< operations that are to go

  /// False: the value can't be had in the order of memory.
  bool run() {
    llvm::Value* value = store.getValueOperand();
    const auto total = unsigned(value->getType()->getPrimitiveSizeInBits().getFixedValue());
    for (unsigned bits = lane_bits(value); bits >= 16; bits /= 2) {
      if (make_pieces(value, total, bits) && has_moved_) return true;
      forget();
    }
    return false;
  }

  void forget() {
    for (llvm::Instruction* made : llvm::reverse(made_)) made->eraseFromParent();
    made_.clear();
    known_.clear();
    pieces.clear();
    computed.clear();
    nodes_ = 0;
    has_moved_ = false;
  }

 private:
  bool make_pieces(llvm::Value* value, unsigned total, unsigned bits) {
    llvm::Type* type = bits == lane_bits(value) ? value->getType()->getScalarType()
                                                : llvm::IntegerType::get(value->getContext(), bits);
    for (unsigned from = 0; from < total; from += lanes_ * bits) {
      Slices slices;
      for (unsigned at = from; at < std::min(total, from + lanes_ * bits); at += bits)
        slices.push_back({value, at});
      llvm::Value* piece = make(std::move(slices), *type, 0);
      if (!piece) return false;
      pieces.push_back(piece);
    }
    return true;
  }

  /// Where bits come from, through what only moves them. `value` null: zeros.
  Slice source(Slice slice, unsigned bits) {
    while (true) {
      auto* made = llvm::dyn_cast<llvm::Instruction>(slice.value);
      if (!made || !is_fixed_vector(made)) return slice;
      const unsigned each = lane_bits(made), lane = slice.from / each, low = slice.from % each;
      if (low + bits > each) return slice;
      if (auto* shuffle = llvm::dyn_cast<llvm::ShuffleVectorInst>(made)) {
        if (shuffle->isZeroEltSplat()) return slice;
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

  /// The same for operations on the bits of a lane.
  static std::optional<Slice> through(llvm::Instruction& made, unsigned lane, unsigned low,
                                      unsigned bits) {
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
          const auto beside = other ? through(*other, lane, low, bits) : std::nullopt;
          if (beside && !beside->value) return in_lane(side, low);
        }
        return std::nullopt;
      default:
        return std::nullopt;
    }
  }

  /// A vector of these bits, in new operations before the store; null: there is none.
  llvm::Value* make(Slices slices, llvm::Type& type, unsigned depth) {
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

  llvm::Type* vector_of(llvm::Type& type, size_t count) const {
    return llvm::FixedVectorType::get(&type, unsigned(count));
  }

  llvm::Value* note(llvm::Value* value) {
    auto* made = llvm::dyn_cast<llvm::Instruction>(value);
    if (made && (made_.empty() || made_.back() != made)) made_.push_back(made);
    return value;
  }

  llvm::Value* as(llvm::Value* value, llvm::Type& type, size_t count) {
    llvm::Type* wanted = vector_of(type, count);
    return value->getType() == wanted ? value : note(builder_.CreateBitCast(value, wanted));
  }

  llvm::Value* constant(const Slices& slices, llvm::Type& type) const {
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
      llvm::Value* each = llvm::isa<llvm::Constant>(slice.value) || !is_fixed_vector(slice.value)
                              ? nullptr
                              : llvm::getSplatValue(slice.value);
      if (!each || each->getType() != &type || (one && each != one)) return nullptr;
      one = each;
    }
    llvm::Value* first = slices[0].value;
    if (first->getType() == vector_of(type, slices.size())) return first;
    return nullptr;
  }

  llvm::Value* piece_of_one(const Slices& slices, llvm::Type& type) {
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

  /// Whether it does in each lane the same with what the operands have there.
  static bool is_lanewise(const llvm::Instruction& made) {
    const auto* call = llvm::dyn_cast<llvm::IntrinsicInst>(&made);
    const bool computes = llvm::isa<llvm::BinaryOperator, llvm::UnaryOperator, llvm::CastInst,
                                    llvm::CmpInst, llvm::SelectInst>(made) ||
                          (call && (call->getIntrinsicID() == llvm::Intrinsic::ldexp ||
                                    llvm::isTriviallyVectorizable(call->getIntrinsicID())));
    if (!computes || !is_fixed_vector(&made)) return false;
    const unsigned operands = call ? call->arg_size() : made.getNumOperands();
    for (unsigned i = 0; i < operands; ++i) {
      if (!is_fixed_vector(made.getOperand(i)) ||
          lane_count(made.getOperand(i)) != lane_count(&made))
        return false;
    }
    return true;
  }

  static bool is_alike(const llvm::Instruction& one, const llvm::Instruction& other) {
    if (!one.isSameOperationAs(&other, llvm::Instruction::CompareUsingScalarTypes)) return false;
    const auto* call = llvm::dyn_cast<llvm::IntrinsicInst>(&one);
    return !call ||
           call->getIntrinsicID() == llvm::cast<llvm::IntrinsicInst>(other).getIntrinsicID();
  }

  llvm::Value* operation(const Slices& slices, llvm::Type& type, unsigned depth) {
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

  llvm::Value* emit(llvm::Instruction& first, llvm::ArrayRef<llvm::Value*> operands,
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
    for (const Slice& slice : slices) computed.insert(llvm::cast<llvm::Instruction>(slice.value));
    return value;
  }

  llvm::Value* intrinsic(const llvm::IntrinsicInst& call, llvm::Type& type,
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

  const unsigned lanes_;
  llvm::IRBuilder<llvm::NoFolder> builder_;
  std::map<std::pair<Slices, llvm::Type*>, llvm::Value*> known_;
  std::vector<llvm::Instruction*> made_;
  unsigned nodes_ = 0;
  bool has_moved_ = false;  ///< a permutation would fall out
};

/// Whether the value looks like the end of a permutation.
bool may_be_permuted(const llvm::StoreInst& store) {
  const llvm::Value* value = store.getValueOperand();
  return store.isSimple() && is_fixed_vector(value) &&
         llvm::isa<llvm::ShuffleVectorInst, llvm::BinaryOperator, llvm::BitCastInst>(value);
}

/// Whether nobody but others that go needs the instruction.
bool goes(llvm::Instruction& made, llvm::DenseMap<llvm::Instruction*, bool>& known,
          const llvm::DenseSet<const llvm::Instruction*>& stores) {
  const auto [found, is_new] = known.try_emplace(&made, false);  // a cycle stays
  if (!is_new) return found->second;
  const bool all = llvm::all_of(made.users(), [&](llvm::User* user) {
    auto* by = llvm::cast<llvm::Instruction>(user);
    if (llvm::isa<llvm::StoreInst>(by)) return stores.contains(by);
    return !by->mayHaveSideEffects() && !by->isTerminator() && !llvm::isa<llvm::PHINode>(by) &&
           goes(*by, known, stores);
  });
  return known[&made] = all;
}

/// Takes out what would be computed twice.
void keep_those_that_pay(std::vector<std::unique_ptr<Rewriting>>& rewritings) {
  for (bool changed = true; changed;) {
    changed = false;
    llvm::DenseSet<const llvm::Instruction*> stores;
    for (const auto& rewriting : rewritings) stores.insert(&rewriting->store);
    llvm::DenseMap<llvm::Instruction*, bool> known;
    for (size_t i = rewritings.size(); i-- > 0;) {
      if (llvm::all_of(rewritings[i]->computed,
                       [&](llvm::Instruction* made) { return goes(*made, known, stores); }))
        continue;
      rewritings[i]->forget();
      rewritings.erase(rewritings.begin() + std::ptrdiff_t(i));
      changed = true;
    }
  }
}

void replace(Rewriting& rewriting) {
  llvm::StoreInst& store = rewriting.store;
  llvm::IRBuilder<> builder(&store);
  // One store still: those of whole lines may go past the caches.
  llvm::Value* whole = rewriting.pieces.size() == 1
                           ? rewriting.pieces[0]
                           : llvm::concatenateVectors(builder, rewriting.pieces);
  builder.CreateAlignedStore(whole, store.getPointerOperand(), store.getAlign());
  llvm::Value* old = store.getValueOperand();
  store.eraseFromParent();
  llvm::RecursivelyDeleteTriviallyDeadInstructions(old);
}

}  // namespace

unsigned cancel_permutations(llvm::Function& threadgroup, unsigned lanes) {
  unsigned count = 0;
  for (llvm::BasicBlock& block : threadgroup) {
    std::vector<llvm::StoreInst*> stores;
    for (llvm::Instruction& instruction : block) {
      auto* store = llvm::dyn_cast<llvm::StoreInst>(&instruction);
      if (store && may_be_permuted(*store)) stores.push_back(store);
    }
    std::vector<std::unique_ptr<Rewriting>> rewritings;
    for (llvm::StoreInst* store : stores) {
      auto rewriting = std::make_unique<Rewriting>(*store, lanes);
      if (rewriting->run())
        rewritings.push_back(std::move(rewriting));
      else
        rewriting->forget();
    }
    keep_those_that_pay(rewritings);
    for (const auto& rewriting : rewritings) replace(*rewriting);
    count += unsigned(rewritings.size());
  }
  return count;
}

}  // namespace anymetal::backend::cpu
