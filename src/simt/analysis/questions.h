// What simt.all_lanes can ask with a few scalars: comparisons of indices that neighbours count on
// from, checks of accesses side by side, and several of them at once.
#pragma once

#include <llvm/ADT/SmallVector.h>
#include <llvm/IR/Instructions.h>

#include <optional>

#include "simt/analysis/shape_analysis.h"

namespace anymetal::simt {

/// A part of a condition: an integer comparison, simt.inside, or anything else.
struct Question {
  const llvm::Value* value;
  bool negated = false;
};

/// The condition holds if all of these do.
[[nodiscard]] llvm::SmallVector<Question, 4> find_questions(const llvm::Value* condition,
                                                            bool negated = false);

/// Whether scalars tell whether it holds for all lanes.
[[nodiscard]] bool has_scalar_answer(const Question& question, const ShapeAnalysis& shapes);

/// How far the lane that is farthest from lane 0, of the chunk or of all chunks, is away; nothing
/// if a lane is in front of it, or too far.
[[nodiscard]] std::optional<int64_t> find_farthest(const Shape& shape, bool in_all_chunks);

}  // namespace anymetal::simt
