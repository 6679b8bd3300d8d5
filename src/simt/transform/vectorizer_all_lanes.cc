// simt.all_lanes: whether all lanes of the step are here and a condition holds for each of them,
// asked with scalars where lanes differ by constants alone.
#include <llvm/IR/Intrinsics.h>

#include "simt/analysis/guards.h"
#include "simt/analysis/questions.h"
#include "simt/transform/vectorizer.h"

namespace anymetal::simt {

namespace {

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

/// A question's answer for all lanes by scalars; null if they don't tell.
llvm::Value* Vectorizer::answer(const Question& question) {
  const auto* compare = llvm::dyn_cast<llvm::ICmpInst>(question.value);
  const auto* inside = callee_name(question.value) == kInside && !question.negated
                           ? llvm::cast<llvm::CallInst>(question.value)
                           : nullptr;
  if (!compare && !inside) return nullptr;
  const bool once =
      compare ? is_asked_once(*compare) : shapes_.of(inside->getArgOperand(0)).knows_chunks();
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
