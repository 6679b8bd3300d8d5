// simt.all_lanes: whether all lanes of the step are here and a condition holds for each of them,
// asked with scalars where lanes differ by constants alone.
#include <llvm/IR/Intrinsics.h>
#include <llvm/IR/PatternMatch.h>

#include "simt/analysis/guards.h"
#include "simt/analysis/questions.h"
#include "simt/transform/vectorizer.h"

namespace anymetal::simt {

namespace {

/// So many are asked one by one.
constexpr unsigned kFewChunks = 2;

bool is_all_ones(const llvm::Value* mask) {
  const auto* constant = llvm::dyn_cast<llvm::Constant>(mask);
  return constant && constant->isAllOnesValue();
}

}  // namespace

/// Whether the last chunk says for all.
bool Vectorizer::is_asked_once(const llvm::ICmpInst& compare) const {
  const Shape a = shapes_.of(compare.getOperand(0)), b = shapes_.of(compare.getOperand(1));
  const Shape& index = a.is_uniform() ? b : a;
  const auto is_near = [](int64_t offset) { return offset >= 0 && offset <= INT16_MAX; };
  return (a.is_uniform() || b.is_uniform()) && index.kind() == Shape::Kind::pattern &&
         index.knows_chunks() && llvm::all_of(index.chunk_offsets(), is_near);
}

/// Whether a comparison holds for all lanes of a chunk, or of all chunks, asked with scalars: the
/// greatest lane is still below the limit. False where lanes wrap around. Null if their values
/// aren't known enough.
llvm::Value* Vectorizer::holds_for_all(const llvm::ICmpInst& compare, bool negated, unsigned chunk,
                                       bool in_all_chunks) {
  using llvm::CmpInst;
  const llvm::Value *index = compare.getOperand(0), *limit = compare.getOperand(1);
  CmpInst::Predicate predicate = negated ? compare.getInversePredicate() : compare.getPredicate();
  if (shapes_.of(index).is_uniform() ||
      (shapes_.of(index).is_flat() && !shapes_.of(limit).is_uniform())) {
    std::swap(index, limit);
    predicate = CmpInst::getSwappedPredicate(predicate);
  }
  if (!shapes_.of(index).has_base() || !shapes_.of(limit).is_flat() ||
      !index->getType()->isIntegerTy())
    return nullptr;
  const Shape shape = shapes_.of(index);
  if (shape.is_flat() && !in_all_chunks)
    return builder_.CreateICmp(predicate, scalar(index, chunk), scalar(limit, chunk));
  int64_t most = 0;
  for (unsigned lane = 0; lane < width_; ++lane) {
    if (shape.offset(lane) < 0 || shape.offset(lane) > INT16_MAX) return nullptr;
    most = std::max(most, shape.offset(lane));
  }
  if (in_all_chunks) most += *llvm::max_element(shape.chunk_offsets());
  llvm::Type* type = index->getType();
  if (type->getIntegerBitWidth() < 32) return nullptr;
  llvm::Value* distance = llvm::ConstantInt::get(type, uint64_t(most));
  const bool is_signed = CmpInst::isSigned(predicate);
  const auto less = [&](llvm::Value* value) {
    return builder_.CreateBinaryIntrinsic(
        is_signed ? llvm::Intrinsic::ssub_sat : llvm::Intrinsic::usub_sat, value, distance);
  };
  switch (predicate) {
    case CmpInst::ICMP_ULT:
    case CmpInst::ICMP_SLT:
      return builder_.CreateICmp(predicate, scalar(index, chunk), less(scalar(limit, chunk)));
    case CmpInst::ICMP_ULE:
    case CmpInst::ICMP_SLE: {
      // The limit may be as small as the distance; below, nothing holds.
      llvm::Value* enough =
          is_signed ? builder_.CreateICmpSGE(
                          scalar(limit, chunk),
                          llvm::ConstantInt::get(
                              type, llvm::APInt::getSignedMinValue(type->getIntegerBitWidth()) +
                                        uint64_t(most)))
                    : builder_.CreateICmpUGE(scalar(limit, chunk), distance);
      return builder_.CreateAnd(
          enough, builder_.CreateICmp(predicate, scalar(index, chunk), less(scalar(limit, chunk))));
    }
    case CmpInst::ICMP_UGT:
    case CmpInst::ICMP_SGT:
    case CmpInst::ICMP_UGE:
    case CmpInst::ICMP_SGE: {
      // Lane 0 is the least, unless others wrap around.
      const unsigned bits = type->getIntegerBitWidth();
      llvm::Value* top = llvm::ConstantInt::get(
          type,
          (is_signed ? llvm::APInt::getSignedMaxValue(bits) : llvm::APInt::getMaxValue(bits)) -
              uint64_t(most));
      llvm::Value* lane_0 = scalar(index, chunk);
      return builder_.CreateAnd(
          builder_.CreateICmp(is_signed ? CmpInst::ICMP_SLE : CmpInst::ICMP_ULE, lane_0, top),
          builder_.CreateICmp(predicate, lane_0, scalar(limit, chunk)));
    }
    case CmpInst::ICMP_NE:
      // No lane is where the limit is, wherever they wrap around.
      return builder_.CreateICmpUGT(builder_.CreateSub(scalar(limit, chunk), scalar(index, chunk)),
                                    distance);
    default:
      return nullptr;
  }
}

/// Whether all lanes are inside their object, asked of the first one.
llvm::Value* Vectorizer::is_inside_for_all(const llvm::CallInst& inside, unsigned chunk,
                                           bool in_all_chunks) {
  const llvm::Value *offset = inside.getArgOperand(0), *limit = inside.getArgOperand(1);
  const std::optional<int64_t> farthest = find_farthest(shapes_.of(offset), in_all_chunks);
  if (!farthest || !shapes_.of(limit).is_uniform()) return nullptr;
  llvm::Value* room = builder_.CreateBinaryIntrinsic(llvm::Intrinsic::usub_sat, scalar(limit, 0),
                                                     builder_.getInt64(uint64_t(*farthest)));
  return builder_.CreateICmpULT(scalar(offset, chunk), room);
}

/// The greatest value that an index of 32 bits has in any lane of any chunk, as 64 bits; where some
/// lane's wraps around, a number of 2^31 or more. For sums and products of what is known to differ
/// between chunks by constants: `row * pitch + column`. Null if it isn't one.
llvm::Value* Vectorizer::most_of(const llvm::Value* index, unsigned depth) {
  constexpr unsigned kDeepest = 4;
  const Shape shape = shapes_.of(index);
  llvm::Type* word = builder_.getInt64Ty();
  // One less than something is no number of 2^32 and less: each chunk is asked then.
  const auto* constant = llvm::dyn_cast<llvm::ConstantInt>(index);
  if (constant && constant->isNegative()) return nullptr;
  if (shape.has_base() && shape.knows_chunks()) {
    const std::optional<int64_t> farthest = find_farthest(shape, true);
    if (!farthest) return nullptr;
    return builder_.CreateAdd(builder_.CreateZExt(scalar(index, 0), word),
                              builder_.getInt64(uint64_t(*farthest)));
  }
  const auto* operation = llvm::dyn_cast<llvm::BinaryOperator>(index);
  if (!operation || depth == kDeepest) return nullptr;
  const bool is_sum = operation->getOpcode() == llvm::Instruction::Add ||
                      (operation->getOpcode() == llvm::Instruction::Or &&
                       llvm::cast<llvm::PossiblyDisjointInst>(operation)->isDisjoint());
  if (!is_sum && operation->getOpcode() != llvm::Instruction::Mul) return nullptr;
  llvm::Value* a = most_of(operation->getOperand(0), depth + 1);
  llvm::Value* b = a ? most_of(operation->getOperand(1), depth + 1) : nullptr;
  if (!b) return nullptr;
  if (is_sum) return builder_.CreateAdd(a, b);
  // Neither the product nor a sum of some of them gets beyond 64 bits.
  const auto within = [&](llvm::Value* value) {
    return builder_.CreateBinaryIntrinsic(llvm::Intrinsic::umin, value,
                                          builder_.getInt64(uint64_t{1} << 31));
  };
  return within(builder_.CreateMul(within(a), within(b)));
}

/// Whether all lanes of all chunks are inside, where chunks are rows whose distance is a number
/// that they share: asked of the last one's end, for as long as no index of 32 bits wraps around.
llvm::Value* Vectorizer::are_rows_inside(const llvm::CallInst& inside) {
  using namespace llvm::PatternMatch;
  constexpr uint64_t kMostBytes = uint64_t{1} << 30, kMostFactor = 1024;
  auto* offset = const_cast<llvm::Value*>(inside.getArgOperand(0));
  llvm::Value *index = nullptr, *base = nullptr;
  llvm::ConstantInt *factor = nullptr, *more = nullptr;
  uint64_t bytes = 0, size = 1;
  if (match(offset, m_Add(m_Value(base), m_ConstantInt(more)))) {
    if (more->getValue().uge(kMostBytes)) return nullptr;
    bytes = more->getZExtValue();
    offset = base;
  }
  if (match(offset, m_Mul(m_Value(base), m_ConstantInt(factor)))) {
    if (factor->isZero() || factor->getValue().uge(kMostFactor)) return nullptr;
    size = factor->getZExtValue();
    offset = base;
  } else if (match(offset, m_Shl(m_Value(base), m_ConstantInt(factor)))) {
    if (factor->getValue().uge(8)) return nullptr;
    size = uint64_t{1} << factor->getZExtValue();
    offset = base;
  }
  if (!match(offset, m_ZExtOrSExt(m_Value(index))) || !index->getType()->isIntegerTy(32) ||
      !shapes_.of(inside.getArgOperand(1)).is_uniform())
    return nullptr;
  llvm::Value* most = most_of(index, 0);
  if (!most) return nullptr;
  llvm::Value* limit = builder_.CreateBinaryIntrinsic(
      llvm::Intrinsic::umin, scalar(inside.getArgOperand(1), 0), builder_.getInt64(size << 31));
  return builder_.CreateICmpULT(
      builder_.CreateAdd(builder_.CreateMul(most, builder_.getInt64(size)),
                         builder_.getInt64(bytes)),
      limit);
}

/// A question's answer for all lanes by scalars; null if they don't tell.
llvm::Value* Vectorizer::answer(const Question& question) {
  const auto* compare = llvm::dyn_cast<llvm::ICmpInst>(question.value);
  const auto* inside = callee_name(question.value) == kInside && !question.negated
                           ? llvm::cast<llvm::CallInst>(question.value)
                           : nullptr;
  if (!compare && !inside) return nullptr;
  const bool once =
      compare ? is_asked_once(*compare) : shapes_.of(inside->getArgOperand(0)).knows_chunks();
  if (inside && !once && chunks_ > kFewChunks) {
    if (llvm::Value* holds = are_rows_inside(*inside)) return holds;
  }
  llvm::Value* all = nullptr;
  for (unsigned chunk = 0; chunk < (once ? 1 : chunks_); ++chunk) {
    llvm::Value* holds = compare ? holds_for_all(*compare, question.negated, chunk, once)
                                 : is_inside_for_all(*inside, chunk, once);
    if (!holds) return nullptr;
    all = all ? builder_.CreateAnd(all, holds) : holds;
  }
  return all;
}

void Vectorizer::emit_all_lanes(llvm::CallInst& call) {
  const auto questions = find_questions(call.getArgOperand(0));
  llvm::Value* all = nullptr;
  Values lanes;
  for (unsigned chunk = 0; chunk < chunks_; ++chunk) lanes.push_back(mask(chunk));
  for (const Question& question : questions) {
    llvm::Value* holds = answer(question);
    for (unsigned chunk = 0; !holds && chunk < chunks_; ++chunk) {
      llvm::Value* each = vector(question.value, chunk);
      lanes[chunk] = and_mask(lanes[chunk], question.negated ? builder_.CreateNot(each) : each);
    }
    if (!holds) continue;
    // What is asked second may mean nothing where the first doesn't hold.
    if (questions.size() > 1 && !llvm::isa<llvm::Constant>(holds))
      holds = builder_.CreateFreeze(holds);
    all = all ? builder_.CreateAnd(all, holds) : holds;
  }
  llvm::Value* every = lanes[0];
  for (llvm::Value* each : llvm::drop_begin(lanes))
    every = is_all_ones(every) ? each : and_mask(each, every);
  if (!is_all_ones(every)) {
    llvm::Value* bits = mask_bits(every);
    llvm::Value* holds =
        builder_.CreateICmpEQ(bits, llvm::Constant::getAllOnesValue(bits->getType()));
    if (questions.size() > 1) holds = builder_.CreateFreeze(holds);
    all = all ? builder_.CreateAnd(all, holds) : holds;
  }
  if (!all) all = builder_.getTrue();
  // With all lanes here, a branch of theirs by the same condition follows. A freeze would take from
  // the loop's counter what is known of it.
  if (has_mask() && !llvm::isa<llvm::Constant>(all)) all = builder_.CreateFreeze(all);
  define(call, {all});
}

}  // namespace anymetal::simt
