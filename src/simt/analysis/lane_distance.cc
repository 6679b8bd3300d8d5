#include "simt/analysis/lane_distance.h"

#include <llvm/ADT/MapVector.h>
#include <llvm/IR/Instructions.h>
#include <llvm/IR/Operator.h>

namespace anymetal::simt {
namespace {

using Distance = std::optional<int64_t>;

Distance times(Distance distance, int64_t factor) {
  return distance ? Distance(*distance * factor) : std::nullopt;
}

constexpr int kDepth = 6;

/// A sum of values times constants.
struct Sum {
  llvm::MapVector<const llvm::Value*, int64_t> terms;
  int64_t constant = 0;
  bool wraps = true;  ///< indices of 32 bits may: then they are taken as they are
};

/// Indices of 32 bits may be taken apart before they are extended, as ShapeAnalysis does: what
/// wraps is outside of every buffer.
void add(Sum& sum, const llvm::Value* value, int64_t factor, int depth) {
  if (const auto* number = llvm::dyn_cast<llvm::ConstantInt>(value)) {
    sum.constant += number->getSExtValue() * factor;
    return;
  }
  if (depth > 0 && (!sum.wraps || value->getType()->isIntegerTy(64))) {
    if (const auto* cast = llvm::dyn_cast<llvm::CastInst>(value);
        cast && !sum.wraps && llvm::isa<llvm::SExtInst, llvm::ZExtInst>(cast) &&
        cast->getOperand(0)->getType()->isIntegerTy(32))
      return add(sum, cast->getOperand(0), factor, depth - 1);
    if (const auto* operation = llvm::dyn_cast<llvm::BinaryOperator>(value)) {
      const llvm::Value* a = operation->getOperand(0);
      const llvm::Value* b = operation->getOperand(1);
      const auto* number = llvm::dyn_cast<llvm::ConstantInt>(b);
      const auto* disjoint = llvm::dyn_cast<llvm::PossiblyDisjointInst>(operation);
      if (operation->getOpcode() == llvm::Instruction::Add ||
          (disjoint && disjoint->isDisjoint())) {
        add(sum, a, factor, depth - 1);
        return add(sum, b, factor, depth - 1);
      }
      if (operation->getOpcode() == llvm::Instruction::Mul && number)
        return add(sum, a, factor * number->getSExtValue(), depth - 1);
      if (operation->getOpcode() == llvm::Instruction::Shl && number && number->getZExtValue() < 31)
        return add(sum, a, factor * (int64_t{1} << number->getZExtValue()), depth - 1);
    }
  }
  sum.terms[value] += factor;
}

Sum address_sum(const llvm::Value* pointer, const llvm::DataLayout& layout, bool wraps) {
  Sum sum;
  sum.wraps = wraps;
  while (const auto* address = llvm::dyn_cast<llvm::GEPOperator>(pointer)) {
    const unsigned bits = layout.getIndexTypeSizeInBits(address->getType());
    llvm::MapVector<llvm::Value*, llvm::APInt> variables;
    llvm::APInt constant(bits, 0);
    if (address->getType()->isVectorTy() ||
        !address->collectOffset(layout, bits, variables, constant))
      break;
    sum.constant += constant.getSExtValue();
    for (const auto& [index, size] : variables) add(sum, index, size.getSExtValue(), kDepth);
    pointer = address->getPointerOperand();
  }
  sum.terms[pointer] += 1;
  return sum;
}

Distance difference(const Sum& a, Sum b) {
  for (const auto& [value, factor] : a.terms) b.terms[value] -= factor;
  for (const auto& [value, factor] : b.terms) {
    if (factor != 0) return std::nullopt;
  }
  return b.constant - a.constant;
}

}  // namespace

Distance LaneDistance::between_pointers(const llvm::Value* a, const llvm::Value* b,
                                        const llvm::DataLayout& layout, bool wraps) {
  if (a->getType() != b->getType()) return std::nullopt;
  return difference(address_sum(a, layout, wraps), address_sum(b, layout, wraps));
}

Distance LaneDistance::between_values(const llvm::Value* a, const llvm::Value* b) {
  if (a->getType() != b->getType() || !a->getType()->isIntegerTy()) return std::nullopt;
  Sum first, second;
  first.wraps = second.wraps = false;
  add(first, a, 1, kDepth);
  add(second, b, 1, kDepth);
  return difference(first, second);
}

Distance LaneDistance::between_lanes(const llvm::Value* value, unsigned from, unsigned to) {
  if (from == to) return 0;
  const Shape shape = shapes_.of(value);
  if (shape.has_base()) return shape.offset(to) - shape.offset(from);
  const auto* instruction = llvm::dyn_cast<llvm::Instruction>(value);
  if (!instruction) return std::nullopt;
  const std::pair key(value, from << 8 | to);
  if (const auto found = known_.find(key); found != known_.end()) return found->second;
  // An answer that was cut off is kept as well: what is asked for is the same each time.
  constexpr unsigned kDeepest = 200;
  if (depth_ == kDeepest) return std::nullopt;
  ++depth_;
  const Distance distance = derive(*instruction, from, to);
  --depth_;
  known_[key] = distance;
  return distance;
}

Distance LaneDistance::derive(const llvm::Instruction& instruction, unsigned from, unsigned to) {
  const auto of = [&](const llvm::Value* value) { return between_lanes(value, from, to); };
  const auto sum = [&](const llvm::Value* a, const llvm::Value* b, int64_t factor) -> Distance {
    const Distance first = of(a), second = of(b);
    if (!first || !second) return std::nullopt;
    return *first + *second * factor;
  };
  if (const auto* phi = llvm::dyn_cast<llvm::PHINode>(&instruction)) return of_phi(*phi, from, to);
  if (instruction.mayReadOrWriteMemory() || instruction.getType()->isVectorTy() ||
      llvm::isa<llvm::CallInst, llvm::AllocaInst>(instruction))
    return std::nullopt;
  // What is computed from the same is the same.
  const bool same = llvm::all_of(
      instruction.operands(), [&](const llvm::Use& operand) { return of(operand) == Distance(0); });
  if (same) return 0;
  if (const auto* address = llvm::dyn_cast<llvm::GetElementPtrInst>(&instruction)) {
    const unsigned bits = shapes_.layout().getIndexTypeSizeInBits(address->getType());
    llvm::MapVector<llvm::Value*, llvm::APInt> variables;
    llvm::APInt constant(bits, 0);
    Distance total = of(address->getPointerOperand());
    if (!address->collectOffset(shapes_.layout(), bits, variables, constant)) return std::nullopt;
    for (const auto& [index, size] : variables) {
      const Distance part = times(of(index), size.getSExtValue());
      if (!part || !total) return std::nullopt;
      *total += *part;
    }
    return total;
  }
  if (llvm::isa<llvm::SExtInst, llvm::ZExtInst>(instruction)) {
    const auto* cast = llvm::cast<llvm::CastInst>(&instruction);
    const llvm::Value* narrow = cast->getOperand(0);
    // Of two numbers below 2^31 the distance is the same, however it was computed. Indices may be
    // taken as signed.
    const bool is_small = llvm::isa<llvm::ZExtInst>(cast) && cast->hasNonNeg();
    if (!narrow->getType()->isIntegerTy(32) || !(is_small || shapes_.is_signed_index(cast)))
      return std::nullopt;
    const Distance distance = of(narrow);
    return distance && is_below_half_of_32_bits(*distance) ? distance : std::nullopt;
  }
  const auto* operation = llvm::dyn_cast<llvm::BinaryOperator>(&instruction);
  if (!operation) return std::nullopt;
  const llvm::Value* a = operation->getOperand(0);
  const llvm::Value* b = operation->getOperand(1);
  const auto* number = llvm::dyn_cast<llvm::ConstantInt>(b);
  switch (operation->getOpcode()) {
    case llvm::Instruction::Or:
      if (!llvm::cast<llvm::PossiblyDisjointInst>(operation)->isDisjoint()) return std::nullopt;
      [[fallthrough]];
    case llvm::Instruction::Add:
      return sum(a, b, 1);
    case llvm::Instruction::Sub:
      return sum(a, b, -1);
    case llvm::Instruction::Mul:
      return number ? times(of(a), number->getSExtValue()) : std::nullopt;
    case llvm::Instruction::Shl:
      return number && number->getZExtValue() < 31
                 ? times(of(a), int64_t{1} << number->getZExtValue())
                 : std::nullopt;
    default:
      return std::nullopt;
  }
}

/// All lanes come the same way.
Distance LaneDistance::of_join(const llvm::PHINode& phi, unsigned from, unsigned to) {
  if (flow_.is_masked(phi.getParent())) return std::nullopt;
  Distance joined;
  for (unsigned i = 0; i < phi.getNumIncomingValues(); ++i) {
    const llvm::BasicBlock* before = phi.getIncomingBlock(i);
    if (flow_.is_masked(before) || flow_.is_divergent(before)) return std::nullopt;
    const Distance distance = between_lanes(phi.getIncomingValue(i), from, to);
    if (!distance || (joined && *joined != *distance)) return std::nullopt;
    joined = distance;
  }
  return joined;
}

/// Round a loop, lanes that move by the same stay as far apart as they were.
Distance LaneDistance::of_phi(const llvm::PHINode& phi, unsigned from, unsigned to) {
  const llvm::BasicBlock* block = phi.getParent();
  const llvm::Loop* loop = flow_.loops().getLoopFor(block);
  if (!flow_.loops().isLoopHeader(block)) return of_join(phi, from, to);
  if (!loop->getLoopPreheader() || !loop->getLoopLatch() || phi.getNumIncomingValues() != 2)
    return std::nullopt;
  const Distance distance =
      between_lanes(phi.getIncomingValueForBlock(loop->getLoopPreheader()), from, to);
  if (!distance) return std::nullopt;
  // Only sums of the phi are followed, so that nothing is remembered that rests on the assumption.
  const llvm::Value* value = phi.getIncomingValueForBlock(loop->getLoopLatch());
  for (int depth = 0; depth < 8 && value != &phi; ++depth) {
    const auto* instruction = llvm::dyn_cast<llvm::Instruction>(value);
    if (!instruction) return std::nullopt;
    const auto* address = llvm::dyn_cast<llvm::GetElementPtrInst>(instruction);
    const bool is_sum = instruction->getOpcode() == llvm::Instruction::Add;
    if (!address && !is_sum) return std::nullopt;
    for (unsigned i = 1; i < instruction->getNumOperands(); ++i) {
      if (!shapes_.of(instruction->getOperand(i)).is_flat()) return std::nullopt;
    }
    value = instruction->getOperand(0);
  }
  return value == &phi ? distance : std::nullopt;
}

}  // namespace anymetal::simt
