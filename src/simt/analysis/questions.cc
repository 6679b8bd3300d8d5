#include "simt/analysis/questions.h"

#include <llvm/IR/Constants.h>
#include <llvm/IR/PatternMatch.h>

#include "simt/analysis/control_flow.h"
#include "simt/analysis/guards.h"

namespace anymetal::simt {
namespace {

// Of bits in the offsets of lanes: a 32-bit index may begin this far below its end.
constexpr int64_t kFarthest = INT16_MAX;
constexpr int64_t kFarthestByte = int64_t{1} << 30;

bool is_near(const Shape& shape, int64_t most) {
  for (unsigned lane = 0; shape.kind() == Shape::Kind::pattern && lane < shape.lanes(); ++lane) {
    if (shape.offset(lane) < 0 || shape.offset(lane) > most) return false;
  }
  return llvm::all_of(shape.chunk_offsets(), [&](int64_t o) { return o >= 0 && o <= most; });
}

}  // namespace

llvm::SmallVector<Question, 4> find_questions(const llvm::Value* condition, bool negated) {
  using namespace llvm::PatternMatch;
  llvm::SmallVector<Question, 4> found, work{{condition, negated}};
  while (!work.empty()) {
    const Question at = work.pop_back_val();
    auto* value = const_cast<llvm::Value*>(at.value);
    llvm::Value *a = nullptr, *b = nullptr;
    if (match(value, m_Not(m_Value(a)))) {
      work.push_back({a, !at.negated});
    } else if (at.negated ? match(value, m_LogicalOr(m_Value(a), m_Value(b)))
                          : match(value, m_LogicalAnd(m_Value(a), m_Value(b)))) {
      work.push_back({b, at.negated});
      work.push_back({a, at.negated});
    } else {
      found.push_back(at);
    }
  }
  return found;
}

std::optional<int64_t> find_farthest(const Shape& shape, bool in_all_chunks) {
  if (!shape.has_base() || !is_near(shape, kFarthestByte)) return std::nullopt;
  int64_t most = 0;
  for (unsigned lane = 0; shape.kind() == Shape::Kind::pattern && lane < shape.lanes(); ++lane)
    most = std::max(most, shape.offset(lane));
  if (in_all_chunks && !shape.chunk_offsets().empty())
    most += *llvm::max_element(shape.chunk_offsets());
  return most;
}

bool has_scalar_answer(const Question& question, const ShapeAnalysis& shapes) {
  if (callee_name(question.value) == kInside) {
    const auto* call = llvm::cast<llvm::CallInst>(question.value);
    return !question.negated && find_farthest(shapes.of(call->getArgOperand(0)), true) &&
           shapes.of(call->getArgOperand(1)).is_uniform();
  }
  const auto* compare = llvm::dyn_cast<llvm::ICmpInst>(question.value);
  if (!compare || !compare->getOperand(0)->getType()->isIntegerTy()) return false;
  const Shape a = shapes.of(compare->getOperand(0)), b = shapes.of(compare->getOperand(1));
  if (!a.has_base() || !b.has_base()) return false;
  if (a.is_flat() && b.is_flat()) return true;
  // One of them is an index, and no number of few bits, which wraps around soon.
  const bool is_for_one = compare->getPredicate() ==
                          (question.negated ? llvm::CmpInst::ICMP_NE : llvm::CmpInst::ICMP_EQ);
  return (a.is_flat() || b.is_flat()) && !is_for_one && is_near(a.is_flat() ? b : a, kFarthest) &&
         compare->getOperand(0)->getType()->getIntegerBitWidth() >= 32;
}

}  // namespace anymetal::simt
