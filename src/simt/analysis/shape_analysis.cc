#include "simt/analysis/shape_analysis.h"

#include <llvm/IR/InstIterator.h>
#include <llvm/IR/IntrinsicInst.h>

#include <bit>
#include <functional>
#include <vector>

#include "builtins/builtins.h"
#include "ir/thread_ir.h"
#include "simt/analysis/guards.h"

namespace anymetal::simt {
namespace {

/// How far neighbours that are divided may be from each other.
constexpr int64_t kNear = 1024;

/// Offsets can grow for ever round a loop: what changes after so many rounds is varying.
constexpr int kPatience = 12;

unsigned trailing_zeros(uint64_t value) {
  return value == 0 ? 63 : unsigned(std::countr_zero(value));
}

/// Of operations for which function(a + b) isn't function(a) + function(b), too.
template <class Function>
Shape map_offsets(const Shape& shape, unsigned chunk, unsigned zeros, Function function) {
  Offsets offsets(chunk);
  bool flat = true;
  for (unsigned lane = 0; lane < chunk; ++lane) {
    offsets[lane] = function(shape.offset(lane));
    flat &= offsets[lane] == 0;
  }
  if (flat && shape.is_uniform()) return Shape::uniform(zeros);
  return Shape::pattern(std::move(offsets), zeros);
}

/// Of operations that differences between chunks go through as those between lanes do.
template <class Function>
Shape map_linear(const Shape& shape, unsigned chunk, unsigned zeros, Function function) {
  Shape made = map_offsets(shape, chunk, zeros, function);
  if (made.is_uniform()) return made;
  Offsets offsets(chunk), chunks;
  for (unsigned lane = 0; lane < chunk; ++lane) offsets[lane] = made.offset(lane);
  for (const int64_t offset : shape.chunk_offsets()) chunks.push_back(function(offset));
  return Shape::pattern(std::move(offsets), zeros, std::move(chunks));
}

/// a op b lane by lane, of operations that offsets go through unchanged.
template <class Function>
Shape combine(const Shape& a, const Shape& b, unsigned chunk, unsigned zeros, Function function) {
  if (a.is_uniform() && b.is_uniform()) return Shape::uniform(zeros);
  Offsets offsets(chunk);
  for (unsigned lane = 0; lane < chunk; ++lane)
    offsets[lane] = function(a.offset(lane), b.offset(lane));
  Offsets chunks;
  if (a.knows_chunks() && b.knows_chunks()) {
    const size_t count = std::max(a.chunk_offsets().size(), b.chunk_offsets().size());
    for (unsigned i = 0; i < count; ++i)
      chunks.push_back(function(a.chunk_offset(i), b.chunk_offset(i)));
  }
  return Shape::pattern(std::move(offsets), zeros, std::move(chunks));
}

/// One number for all lanes of a step, whether LLVM knows it or not.
bool is_shared(const Shape& shape) {
  return shape.is_flat() && shape.knows_chunks() &&
         llvm::all_of(shape.chunk_offsets(), [](int64_t offset) { return offset == 0; });
}

/// Whether offsets are bits of their own in a number of that type, below its sign if it has one.
bool stays_within(const Shape& shape, const llvm::Type& type, bool has_sign) {
  const unsigned bits = type.getIntegerBitWidth() - (has_sign ? 1 : 0);
  for (unsigned lane = 0; shape.kind() == Shape::Kind::pattern && lane < shape.lanes(); ++lane) {
    if (bits < 63 && shape.offset(lane) >= int64_t{1} << bits) return false;
  }
  return shape.stays_below_zeros();
}

constexpr uint64_t kUnknown = UINT64_MAX;

/// The largest that a number can be in any lane, active or not, with nothing wrapping around on the
/// way; kUnknown: nobody knows that.
uint64_t most(const llvm::Value* value, int depth = 0) {
  constexpr int kDeepest = 8;
  if (const auto* number = llvm::dyn_cast<llvm::ConstantInt>(value))
    return number->getBitWidth() <= 64 ? number->getZExtValue() : kUnknown;
  const auto* made = llvm::dyn_cast<llvm::Instruction>(value);
  if (!made || depth > kDeepest) return kUnknown;
  if (const llvm::MDNode* range = made->getMetadata(llvm::LLVMContext::MD_range);
      range && llvm::isa<llvm::CallInst>(made))
    return llvm::getConstantRangeFromMetadata(*range).getUnsignedMax().getLimitedValue();
  const auto of = [&](unsigned operand) { return most(made->getOperand(operand), depth + 1); };
  const auto fits = [&](bool overflows, uint64_t result) {
    const unsigned bits = made->getType()->getScalarSizeInBits();
    return overflows || (bits < 64 && result >> bits != 0) ? kUnknown : result;
  };
  const auto* number = made->getNumOperands() == 2
                           ? llvm::dyn_cast<llvm::ConstantInt>(made->getOperand(1))
                           : nullptr;
  switch (made->getOpcode()) {
    case llvm::Instruction::ZExt:
      return of(0);
    case llvm::Instruction::Trunc: {
      const uint64_t wide = of(0);
      return fits(wide == kUnknown, wide);
    }
    case llvm::Instruction::Add:
    case llvm::Instruction::Or: {
      const uint64_t a = of(0), b = of(1);
      return a == kUnknown || b == kUnknown ? kUnknown : fits(a + b < a, a + b);
    }
    case llvm::Instruction::Mul: {
      const uint64_t a = of(0), b = of(1);
      if (a == kUnknown || b == kUnknown) return kUnknown;
      return fits(a != 0 && b > UINT64_MAX / a, a * b);
    }
    case llvm::Instruction::Shl: {
      const uint64_t a = of(0), amount = number ? number->getLimitedValue() : 64;
      if (a == kUnknown || amount >= 64) return kUnknown;
      return fits(a << amount >> amount != a, a << amount);
    }
    case llvm::Instruction::LShr: {
      const uint64_t a = of(0), amount = number ? number->getLimitedValue() : 64;
      return a == kUnknown || amount >= 64 ? kUnknown : a >> amount;
    }
    case llvm::Instruction::And:
      return number ? std::min(of(0), number->getLimitedValue()) : kUnknown;
    default:
      return kUnknown;
  }
}

/// Whether lanes of a chunk are so near each other that no sum of 32 bits, taken as signed, goes
/// round and comes back to where another one is.
bool has_near_lanes(const Shape& shape) {
  for (unsigned lane = 0; shape.kind() == Shape::Kind::pattern && lane < shape.lanes(); ++lane)
    if (!is_below_half_of_32_bits(shape.offset(lane))) return false;
  return true;
}

bool is_position_in_threadgroup(const llvm::Value* value) {
  const llvm::StringRef name = callee_name(value);
  return name.starts_with("am.thread_position_in_threadgroup.") ||
         name == "am.thread_index_in_threadgroup";
}

const llvm::AllocaInst* find_variable(const llvm::Value* pointer) {
  while (true) {
    pointer = strip_guard(pointer).pointer;
    if (const auto* address = llvm::dyn_cast<llvm::GEPOperator>(pointer)) {
      if (address->getType()->isVectorTy()) return nullptr;
      pointer = address->getPointerOperand();
    } else {
      return llvm::dyn_cast<llvm::AllocaInst>(pointer);
    }
  }
}

}  // namespace

ShapeAnalysis::ShapeAnalysis(llvm::Function& function, const ControlFlow& flow,
                             const Geometry& geometry, const Divisions& whole)
    : layout_(function.getDataLayout()), flow_(flow), geometry_(geometry), whole_(whole) {
  find_signed_indices(function);
  find_interleaved(function);
  // Whether the instruction's shape is another one than before.
  const auto look_at = [this](const llvm::Instruction& instruction, int round) {
    Shape shape = derive(instruction);
    Shape& known = shapes_[&instruction];
    if (shape == known) return false;
    if (round > kPatience && !known.is_uniform()) {
      if (known.is_varying()) return false;
      shape = flow_.is_uniform(&instruction) ? Shape::uniform() : Shape::varying();
      if (shape == known) return false;
    }
    known = std::move(shape);
    return true;
  };
  std::vector<llvm::Instruction*> all;
  llvm::DenseMap<const llvm::User*, size_t> places;
  for (llvm::BasicBlock* block : flow.order()) {
    for (llvm::Instruction& instruction : *block) {
      places[&instruction] = all.size();
      all.push_back(&instruction);
    }
  }
  std::vector<bool> open(all.size(), true);  // an operand changed since it was looked at last
  bool changed = true;
  for (int round = 0; changed; ++round) {
    changed = false;
    for (size_t place = 0; place < all.size(); ++place) {
      if (!open[place]) continue;
      open[place] = false;
      if (!look_at(*all[place], round)) continue;
      changed = true;
      open[place] = round > kPatience;
      for (const llvm::User* user : all[place]->users()) {
        const auto found = places.find(user);
        if (found != places.end()) open[found->second] = true;
      }
    }
  }
}

Shape ShapeAnalysis::of(const llvm::Value* value) const {
  if (const auto* number = llvm::dyn_cast<llvm::ConstantInt>(value)) {
    return Shape::uniform(number->getBitWidth() <= 64 ? trailing_zeros(number->getZExtValue()) : 0);
  }
  if (llvm::isa<llvm::Instruction>(value)) {
    const auto found = shapes_.find(value);
    return found == shapes_.end() ? Shape() : found->second;
  }
  return Shape::uniform();
}

uint64_t ShapeAnalysis::scale(const llvm::Value* pointer) const {
  const llvm::AllocaInst* variable = find_variable(pointer);
  return variable && interleaved_.contains(variable) ? geometry_.chunk : 1;
}

Shape ShapeAnalysis::derive(const llvm::Instruction& instruction) const {
  if (instruction.isTerminator()) return Shape::uniform();
  if (const auto* phi = llvm::dyn_cast<llvm::PHINode>(&instruction)) return of_phi(*phi);
  for (const llvm::Use& operand : instruction.operands()) {
    if (of(operand).is_unknown()) return {};
  }
  const bool uniform = !instruction.getType()->isVoidTy() && flow_.is_uniform(&instruction);
  Shape shape = Shape::varying();
  if (const auto* operation = llvm::dyn_cast<llvm::BinaryOperator>(&instruction)) {
    shape = of_binary(*operation);
  } else if (const auto* cast = llvm::dyn_cast<llvm::CastInst>(&instruction)) {
    shape = of_cast(*cast);
  } else if (const auto* address = llvm::dyn_cast<llvm::GetElementPtrInst>(&instruction)) {
    shape = of_address(*address);
  } else if (const auto* call = llvm::dyn_cast<llvm::CallInst>(&instruction)) {
    shape = of_call(*call);
  } else if (const auto* variable = llvm::dyn_cast<llvm::AllocaInst>(&instruction)) {
    shape = of_variable(*variable);
  } else if (const auto* load = llvm::dyn_cast<llvm::LoadInst>(&instruction)) {
    if (of(load->getPointerOperand()).is_flat()) shape = Shape::affine(geometry_.chunk, 0);
  } else if (const auto* select = llvm::dyn_cast<llvm::SelectInst>(&instruction)) {
    const Shape yes = of(select->getTrueValue()), no = of(select->getFalseValue());
    if (of(select->getCondition()).is_flat() && yes.has_base() && no.has_base()) {
      bool same = true;
      for (unsigned lane = 0; lane < geometry_.chunk; ++lane)
        same &= yes.offset(lane) == no.offset(lane);
      if (same) {
        shape = map_offsets(yes, geometry_.chunk, std::min(yes.zeros(), no.zeros()),
                            [](int64_t o) { return o; });
        if (shape.is_uniform()) shape = Shape::affine(geometry_.chunk, 0, shape.zeros());
      }
    }
  } else if (!instruction.mayReadOrWriteMemory() &&
             llvm::all_of(instruction.operands(),
                          [&](const llvm::Use& operand) { return of(operand).is_flat(); })) {
    shape = Shape::affine(geometry_.chunk, 0);
  }
  if (uniform) return Shape::uniform(shape.zeros());
  // What is computed from numbers that all chunks share is shared itself, as of whole quotients.
  const bool computes = llvm::isa<llvm::BinaryOperator>(instruction) ||
                        llvm::isa<llvm::ZExtInst, llvm::SExtInst>(instruction);
  if (computes && shape.is_flat() && !shape.knows_chunks() &&
      llvm::all_of(instruction.operands(),
                   [&](const llvm::Use& operand) { return is_shared(of(operand)); }))
    return Shape::pattern(Offsets(geometry_.chunk, 0), shape.zeros(),
                          Offsets(geometry_.chunks(), 0));
  // What LLVM calls divergent may differ between chunks, even if its shape has no offsets.
  if (shape.is_uniform()) return Shape::affine(geometry_.chunk, 0, shape.zeros());
  return shape;
}

Shape ShapeAnalysis::of_phi(const llvm::PHINode& phi) const {
  Shape joined;
  for (const llvm::Value* incoming : phi.incoming_values()) {
    const Shape shape = of(incoming);
    if (shape.is_unknown()) continue;
    if (joined.is_unknown()) {
      joined = shape;
      continue;
    }
    if (shape.is_varying() || joined.is_varying()) {
      joined = Shape::varying();
      continue;
    }
    for (unsigned lane = 0; lane < geometry_.chunk; ++lane) {
      if (shape.offset(lane) != joined.offset(lane)) {
        joined = Shape::varying();
        break;
      }
    }
    if (joined.is_varying()) continue;
    const unsigned zeros = std::min(shape.zeros(), joined.zeros());
    const bool same = shape.chunk_offsets() == joined.chunk_offsets();
    joined = combine(shape, joined, geometry_.chunk, zeros, [](int64_t a, int64_t) { return a; });
    if (!same) joined = joined.without_chunks();
  }
  if (joined.is_unknown()) return joined;
  if (flow_.is_uniform(&phi)) return Shape::uniform(joined.is_varying() ? 0 : joined.zeros());
  // Where lanes come from different blocks, or not all at once, one scalar can't tell.
  const llvm::BasicBlock* block = phi.getParent();
  if (!joined.is_varying() && !flow_.loops().isLoopHeader(block)) {
    bool parted = flow_.is_masked(block);
    for (const llvm::BasicBlock* before : llvm::predecessors(block))
      parted |= flow_.is_masked(before) || flow_.is_divergent(before);
    if (parted && !flow_.comes_one_way(block)) return Shape::varying();
  }
  if (phi.getType()->isVectorTy() && !joined.is_flat()) return Shape::varying();
  if (joined.is_uniform()) return Shape::affine(geometry_.chunk, 0, joined.zeros());
  return joined;
}

Shape ShapeAnalysis::of_binary(const llvm::BinaryOperator& operation) const {
  const Shape a = of(operation.getOperand(0)), b = of(operation.getOperand(1));
  const unsigned chunk = geometry_.chunk;
  if (!a.has_base() || !b.has_base()) return Shape::varying();
  if (!operation.getType()->isIntegerTy() || operation.getType()->getIntegerBitWidth() > 64) {
    return a.is_flat() && b.is_flat() ? Shape::affine(chunk, 0) : Shape::varying();
  }
  if (whole_.contains(&operation)) {
    if (operation.getOpcode() == llvm::Instruction::UDiv) {
      Offsets same;
      if (is_whole_in_step(operation)) same.resize(geometry_.chunks(), 0);
      return Shape::pattern(Offsets(chunk, 0), 0, std::move(same));
    }
    const Shape remainder = map_linear(a, chunk, 0, [](int64_t o) { return o; });
    return is_whole_in_step(operation) ? remainder : remainder.without_chunks();
  }
  const auto* number = llvm::dyn_cast<llvm::ConstantInt>(operation.getOperand(1));
  const unsigned less = std::min(a.zeros(), b.zeros());
  const bool flat = a.is_flat() && b.is_flat();
  switch (operation.getOpcode()) {
    case llvm::Instruction::Or:
      if (!llvm::cast<llvm::PossiblyDisjointInst>(operation).isDisjoint()) {
        // Chunks that differ are no sums.
        if (flat) return Shape::affine(chunk, 0, less);
        // Bits that lane 0 has not, and no lane beyond them.
        if (b.is_flat() && number && a.stays_below_zeros() &&
            number->getZExtValue() < (uint64_t{1} << a.zeros())) {
          const int64_t bits = int64_t(number->getZExtValue());
          return map_offsets(a, chunk, 0, [bits](int64_t o) { return (o | bits) - bits; });
        }
        return Shape::varying();
      }
      [[fallthrough]];
    case llvm::Instruction::Add:
      return combine(a, b, chunk, less, [](int64_t x, int64_t y) { return x + y; });
    case llvm::Instruction::Sub:
      return combine(a, b, chunk, less, [](int64_t x, int64_t y) { return x - y; });
    case llvm::Instruction::Mul:
      if (number) {
        const int64_t factor = number->getSExtValue();
        return map_linear(a, chunk, a.zeros() + b.zeros(),
                          [factor](int64_t o) { return o * factor; });
      }
      return flat ? Shape::affine(chunk, 0, a.zeros() + b.zeros()) : Shape::varying();
    case llvm::Instruction::Shl:
      if (number && number->getZExtValue() < 63) {
        const auto amount = number->getZExtValue();
        return map_linear(a, chunk, unsigned(a.zeros() + amount),
                          [amount](int64_t o) { return int64_t(uint64_t(o) << amount); });
      }
      return flat ? Shape::affine(chunk, 0) : Shape::varying();
    case llvm::Instruction::And:
      if (flat) return Shape::affine(chunk, 0, std::max(a.zeros(), b.zeros()));
      if (number && a.stays_below_zeros()) {
        const auto bits = int64_t(number->getZExtValue());
        return map_offsets(a, chunk, std::max(a.zeros(), b.zeros()),
                           [bits](int64_t o) { return o & bits; });
      }
      return Shape::varying();
    case llvm::Instruction::LShr:
    case llvm::Instruction::AShr:
      if (number && number->getZExtValue() < 63 &&
          stays_within(a, *operation.getType(), operation.getOpcode() == llvm::Instruction::AShr)) {
        const auto amount = number->getZExtValue();
        return map_offsets(a, chunk, a.zeros() > amount ? unsigned(a.zeros() - amount) : 0,
                           [amount](int64_t o) { return o >> amount; });
      }
      return flat ? Shape::affine(chunk, 0) : Shape::varying();
    default:
      return flat ? Shape::affine(chunk, 0) : Shape::varying();
  }
}

bool ShapeAnalysis::is_whole_in_step(const llvm::Instruction& division) const {
  const Shape dividend = of(division.getOperand(0)), divisor = of(division.getOperand(1));
  const auto is_near = [](int64_t offset) { return offset >= 0 && offset < kNear; };
  return whole_.contains(&division) && dividend.kind() == Shape::Kind::pattern &&
         dividend.knows_chunks() && llvm::all_of(dividend.chunk_offsets(), is_near) &&
         divisor.is_uniform();
}

Shape ShapeAnalysis::of_cast(const llvm::CastInst& cast) const {
  Shape shape = of(cast.getOperand(0));
  const unsigned chunk = geometry_.chunk;
  if (!shape.has_base()) return Shape::varying();
  switch (cast.getOpcode()) {
    case llvm::Instruction::Trunc:
      if (cast.getType()->isIntegerTy() && cast.getType()->getIntegerBitWidth() >= 8) return shape;
      break;
    case llvm::Instruction::SExt:
    case llvm::Instruction::ZExt: {
      if (cast.getType()->isVectorTy()) break;
      if (is_signed_index(&cast)) {
        // Lanes further apart than that may wrap around and be inside again.
        if (!has_near_lanes(shape)) break;
        return llvm::all_of(shape.chunk_offsets(), is_below_half_of_32_bits)
                   ? shape
                   : shape.without_chunks();
      }
      // LLVM's flags say it of lanes that are active, and lane 0 may not be.
      const uint64_t end = uint64_t{1} << (cast.getSrcTy()->getIntegerBitWidth() -
                                           (cast.getOpcode() == llvm::Instruction::SExt ? 1 : 0));
      if (cast.getSrcTy()->getIntegerBitWidth() <= 32 && most(cast.getOperand(0)) < end)
        return shape;
      // Positions in a threadgroup are small; of other chunks nobody knows whether they wrap
      // around.
      if (shape.is_flat() ||
          stays_within(shape, *cast.getSrcTy(), cast.getOpcode() == llvm::Instruction::SExt))
        return is_position_in_threadgroup(cast.getOperand(0)) ? shape : shape.without_chunks();
      break;
    }
    case llvm::Instruction::AddrSpaceCast:
    case llvm::Instruction::PtrToInt:
      if (scale(cast.getOperand(0)) == 1) return shape;
      break;
    case llvm::Instruction::IntToPtr:
      return shape;
    default:
      break;
  }
  return shape.is_flat() ? Shape::affine(chunk, 0) : Shape::varying();
}

Shape ShapeAnalysis::of_address(const llvm::GetElementPtrInst& address) const {
  if (address.getType()->isVectorTy()) return Shape::varying();
  const unsigned bits = layout_.getIndexTypeSizeInBits(address.getType());
  llvm::MapVector<llvm::Value*, llvm::APInt> variables;
  llvm::APInt constant(bits, 0);
  const Shape base = of(address.getPointerOperand());
  if (!base.has_base() || !address.collectOffset(layout_, bits, variables, constant))
    return Shape::varying();
  const auto factor = int64_t(scale(address.getPointerOperand()));
  Shape sum = base;
  for (const auto& [index, size] : variables) {
    const Shape shape = of(index);
    if (!shape.has_base()) return Shape::varying();
    const int64_t bytes = size.getSExtValue() * factor;
    sum = combine(sum, shape, geometry_.chunk, 0,
                  [bytes](int64_t a, int64_t b) { return a + b * bytes; });
  }
  return sum;
}

Shape ShapeAnalysis::of_call(const llvm::CallInst& call) const {
  const llvm::StringRef name = callee_name(&call);
  if (name.starts_with(kGuarded)) return of(call.getArgOperand(0));
  if (name == kAllLanes) return Shape::uniform();
  if (name == kInside || name == kArgumentBytes || name == kMemoryBase || name == kMemoryBytes) {
    return of(call.getArgOperand(0)).is_flat() ? Shape::affine(geometry_.chunk, 0)
                                               : Shape::varying();
  }
  if (name.starts_with("am.")) {
    if (const auto rule = find_position_rule(name.drop_front(3), geometry_))
      return position_shape(*rule, geometry_);
    // A simdgroup is a whole number of chunks.
    if (const auto reference = builtins::find(name.str())) {
      if (reference->builtin->uniformity == builtins::Uniformity::simdgroup)
        return Shape::affine(geometry_.chunk, 0);
      if (reference->builtin->uniformity != builtins::Uniformity::operands ||
          reference->builtin->memory != builtins::Memory::none)
        return Shape::varying();
    }
  } else if (!call.getCalledFunction() || !call.getCalledFunction()->isIntrinsic()) {
    return Shape::varying();
  }
  if (call.mayReadOrWriteMemory()) return Shape::varying();
  const bool flat =
      llvm::all_of(call.args(), [&](const llvm::Use& argument) { return of(argument).is_flat(); });
  return flat ? Shape::affine(geometry_.chunk, 0) : Shape::varying();
}

/// Lane 0's part of the variable, with the others' behind it or between it.
Shape ShapeAnalysis::of_variable(const llvm::AllocaInst& variable) const {
  const uint64_t bytes = interleaved_bytes(&variable);
  if (bytes != 0) return Shape::affine(geometry_.chunk, int64_t(bytes));
  const uint64_t size = layout_.getTypeAllocSize(variable.getAllocatedType());
  return Shape::affine(geometry_.chunk, int64_t(size));
}

/// What the address moves by where this index of it grows by 1, for memory that is as large as
/// buffers; kUnknown: no matter, for other memory.
uint64_t ShapeAnalysis::stride_of(const llvm::GetElementPtrInst& address,
                                  const llvm::Value* index) const {
  if (address.getPointerAddressSpace() == kThreadgroupSpace ||
      find_variable(address.getPointerOperand()))
    return kUnknown;
  const unsigned bits = layout_.getIndexTypeSizeInBits(address.getType());
  llvm::MapVector<llvm::Value*, llvm::APInt> variables;
  llvm::APInt constant(bits, 0);
  if (!address.collectOffset(layout_, bits, variables, constant)) return 0;
  const auto found = variables.find(const_cast<llvm::Value*>(index));
  return found == variables.end() ? 0 : found->second.getLimitedValue();
}

void ShapeAnalysis::find_signed_indices(llvm::Function& function) {
  const uint64_t least = uint64_t{1} << geometry_.large;
  // `size`: what the value moves by where the index grows by 1.
  std::function<bool(const llvm::Value*, uint64_t, int)> feeds_addresses =
      [&](const llvm::Value* value, uint64_t size, int depth) {
        if (depth > 6 || value->use_empty()) return false;
        const auto is_enough = [&](uint64_t stride) { return stride >= (least + size - 1) / size; };
        return llvm::all_of(value->users(), [&](const llvm::User* user) {
          if (const auto* address = llvm::dyn_cast<llvm::GetElementPtrInst>(user)) {
            return address->getPointerOperand() != value && is_enough(stride_of(*address, value));
          }
          if (callee_name(user) == kInside) return is_enough(1);
          const auto* operation = llvm::dyn_cast<llvm::BinaryOperator>(user);
          if (!operation) return false;
          const auto* number = llvm::dyn_cast<llvm::ConstantInt>(operation->getOperand(1));
          const uint64_t factor = number ? number->getValue().abs().getLimitedValue(least) : 1;
          switch (operation->getOpcode()) {
            case llvm::Instruction::Add:
            case llvm::Instruction::Sub:
              return feeds_addresses(user, size, depth + 1);
            case llvm::Instruction::Mul:
              return feeds_addresses(user, std::clamp(size * factor, uint64_t{1}, least),
                                     depth + 1);
            case llvm::Instruction::Shl:
              return operation->getOperand(0) == value &&
                     feeds_addresses(user, std::min(size << std::min<uint64_t>(factor, 32), least),
                                     depth + 1);
            default:
              return false;
          }
        });
      };
  for (llvm::Instruction& instruction : llvm::instructions(function)) {
    if (!llvm::isa<llvm::ZExtInst, llvm::SExtInst>(instruction)) continue;
    const llvm::Value* index = instruction.getOperand(0);
    if (!index->getType()->isIntegerTy(32)) continue;
    // What is below 2^31 is the same either way.
    const bool is_small = llvm::isa<llvm::SExtInst>(instruction) || most(index) < uint64_t{1} << 31;
    if (feeds_addresses(&instruction, is_small ? least : 1, 0))
      signed_indices_.insert(&instruction);
  }
}

/// Only loads and stores of elements of one size, at multiples of it, by addresses computed from
/// the variable itself.
void ShapeAnalysis::find_interleaved(llvm::Function& function) {
  for (llvm::Instruction& instruction : llvm::instructions(function)) {
    auto* variable = llvm::dyn_cast<llvm::AllocaInst>(&instruction);
    if (!variable || variable->isArrayAllocation()) continue;
    uint64_t bytes = 0;
    bool fits = true;
    llvm::SmallVector<const llvm::Value*, 16> work{variable};
    const auto accept = [&](llvm::Type* type) {
      const uint64_t size = layout_.getTypeStoreSize(type->getScalarType());
      fits &= !llvm::isa<llvm::StructType, llvm::ArrayType>(type) &&
              (bytes == 0 || bytes == size) && std::has_single_bit(size) &&
              layout_.getTypeSizeInBits(type->getScalarType()) == size * 8;
      bytes = size;
    };
    llvm::SmallVector<const llvm::GetElementPtrInst*, 16> addresses;
    while (fits && !work.empty()) {
      const llvm::Value* pointer = work.pop_back_val();
      for (const llvm::User* user : pointer->users()) {
        if (const auto* load = llvm::dyn_cast<llvm::LoadInst>(user)) {
          fits &= load->isSimple();
          accept(load->getType());
        } else if (const auto* store = llvm::dyn_cast<llvm::StoreInst>(user)) {
          fits &= store->isSimple() && store->getPointerOperand() == pointer &&
                  store->getValueOperand() != pointer;
          accept(store->getValueOperand()->getType());
        } else if (const auto* address = llvm::dyn_cast<llvm::GetElementPtrInst>(user)) {
          addresses.push_back(address);
          work.push_back(address);
        } else if (callee_name(user).starts_with(kGuarded)) {
          work.push_back(user);
        } else {
          const auto* intrinsic = llvm::dyn_cast<llvm::IntrinsicInst>(user);
          fits &= intrinsic && intrinsic->isLifetimeStartOrEnd();
        }
      }
    }
    if (!fits || bytes == 0) continue;
    for (const llvm::GetElementPtrInst* address : addresses) {
      const unsigned bits = layout_.getIndexTypeSizeInBits(address->getType());
      llvm::MapVector<llvm::Value*, llvm::APInt> variables;
      llvm::APInt constant(bits, 0);
      fits &=
          address->collectOffset(layout_, bits, variables, constant) && constant.urem(bytes) == 0;
      for (const auto& [index, size] : variables) fits &= size.urem(bytes) == 0;
    }
    if (fits) interleaved_[variable] = bytes;
  }
}

namespace {

bool asks_for_all(const llvm::BranchInst& branch) {
  return branch.isConditional() && callee_name(branch.getCondition()) == kAllLanes &&
         branch.getSuccessor(0)->getSinglePredecessor();
}

/// Behind `if (thread is beyond the data) return;`.
const llvm::BasicBlock* find_body(const llvm::Instruction& end) {
  const auto* branch = llvm::dyn_cast<llvm::BranchInst>(&end);
  if (!branch || !branch->isConditional()) return nullptr;
  if (asks_for_all(*branch)) return branch->getSuccessor(0);
  for (unsigned i = 0; i < 2; ++i) {
    const llvm::BasicBlock *home = branch->getSuccessor(i), *body = branch->getSuccessor(1 - i);
    if (llvm::isa<llvm::ReturnInst>(home->front()) && body->getSinglePredecessor()) return body;
  }
  return nullptr;
}

/// Whether a division is among what the value is made of.
bool divides(const llvm::Value* value) {
  llvm::SmallVector<const llvm::Value*, 16> work{value};
  llvm::DenseSet<const llvm::Value*> seen;
  while (!work.empty()) {
    const auto* made = llvm::dyn_cast<llvm::Instruction>(work.pop_back_val());
    if (!made || !seen.insert(made).second) continue;
    if (made->isIntDivRem()) return true;
    work.append(made->value_op_begin(), made->value_op_end());
  }
  return false;
}

}  // namespace

bool Top::contains(const llvm::Instruction& instruction) const {
  return llvm::is_contained(blocks, instruction.getParent()) &&
         (instruction.getParent() != end->getParent() || instruction.comesBefore(end));
}

Top find_top(const llvm::Function& function) {
  Top top{{}, nullptr};
  const llvm::BasicBlock* block = &function.getEntryBlock();
  while (block) {
    top.blocks.push_back(block);
    for (const llvm::Instruction& instruction : *block) {
      top.end = &instruction;
      if (instruction.mayHaveSideEffects()) return top;
    }
    const auto* branch = llvm::dyn_cast<llvm::BranchInst>(top.end);
    // What is assumed is asked behind the top: no way there may depend on it.
    if (branch && branch->isConditional() && divides(branch->getCondition())) return top;
    block = find_body(*top.end);
    if (branch && asks_for_all(*branch)) top.scope = block;
  }
  return top;
}

Divisions find_divisions(llvm::Function& function, const ShapeAnalysis& shapes) {
  const Top top = find_top(function);
  const auto is_at_top = [&](const llvm::Value* value) {
    const auto* made = llvm::dyn_cast<llvm::Instruction>(value);
    return !made || top.contains(*made);
  };
  Divisions found;
  for (const llvm::Instruction& instruction : llvm::instructions(function)) {
    if (instruction.getOpcode() != llvm::Instruction::UDiv &&
        instruction.getOpcode() != llvm::Instruction::URem)
      continue;
    // Where numbers are small, neighbours often wrap around.
    if (!instruction.getType()->isIntegerTy() || instruction.getType()->getIntegerBitWidth() < 32)
      continue;
    if (top.scope && !shapes.flow().dominators().dominates(top.scope, instruction.getParent()))
      continue;
    const Shape dividend = shapes.of(instruction.getOperand(0));
    if (!shapes.of(&instruction).is_varying() || dividend.kind() != Shape::Kind::pattern ||
        !shapes.of(instruction.getOperand(1)).is_flat() || !is_at_top(instruction.getOperand(0)) ||
        !is_at_top(instruction.getOperand(1)))
      continue;
    bool near = true;
    for (unsigned lane = 0; lane < dividend.lanes(); ++lane)
      near &= dividend.offset(lane) >= 0 && dividend.offset(lane) < kNear;
    if (near) found.insert(&instruction);
  }
  return found;
}

llvm::BasicBlock* find_assumption(llvm::Function& function) {
  for (llvm::Instruction& instruction : llvm::instructions(function)) {
    if (callee_name(&instruction) == kAssumesWhole) return instruction.getParent();
  }
  return nullptr;
}

std::unique_ptr<const ShapeAnalysis> analyse_shapes(llvm::Function& function,
                                                    const ControlFlow& flow,
                                                    const Geometry& geometry) {
  auto shapes = std::make_unique<const ShapeAnalysis>(function, flow, geometry);
  if (!find_assumption(function)) return shapes;
  // What is left of one division is often divided again.
  constexpr int kMostInARow = 3;
  Divisions divisions;
  for (int i = 0; i < kMostInARow; ++i) {
    const Divisions more = find_divisions(function, *shapes);
    const size_t before = divisions.size();
    divisions.insert(more.begin(), more.end());
    if (divisions.size() == before) break;
    shapes = std::make_unique<const ShapeAnalysis>(function, flow, geometry, divisions);
  }
  return shapes;
}

}  // namespace anymetal::simt
