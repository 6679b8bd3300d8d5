// How far addresses lie apart, where nothing but that is known of them: rows whose length comes
// from a buffer start anywhere, and yet their elements are neighbours.
#pragma once

#include <llvm/ADT/DenseMap.h>
#include <llvm/IR/Value.h>

#include <cstdint>
#include <optional>

#include "simt/analysis/control_flow.h"
#include "simt/analysis/shape_analysis.h"

namespace anymetal::simt {

class LaneDistance {
 public:
  LaneDistance(const ShapeAnalysis& shapes, const ControlFlow& flow)
      : shapes_(shapes), flow_(flow) {}

  /// What lane `to` of a chunk has more than lane `from` of the same, if that is a constant.
  [[nodiscard]] std::optional<int64_t> between_lanes(const llvm::Value* value, unsigned from,
                                                     unsigned to);
  /// What `b` is more than `a`, in the same lane. If an index of 32 bits `wraps`, it does so also
  /// where one of the two is inside its object; else what wraps is taken to be outside either way.
  [[nodiscard]] static std::optional<int64_t> between_pointers(const llvm::Value* a,
                                                               const llvm::Value* b,
                                                               const llvm::DataLayout& layout,
                                                               bool wraps = false);

  /// The same for integers: sums of the same things.
  [[nodiscard]] static std::optional<int64_t> between_values(const llvm::Value* a,
                                                             const llvm::Value* b);

 private:
  std::optional<int64_t> derive(const llvm::Instruction& instruction, unsigned from, unsigned to);
  std::optional<int64_t> of_join(const llvm::PHINode& phi, unsigned from, unsigned to);
  std::optional<int64_t> of_phi(const llvm::PHINode& phi, unsigned from, unsigned to);

  const ShapeAnalysis& shapes_;
  const ControlFlow& flow_;
  unsigned depth_ = 0;
  llvm::DenseMap<std::pair<const llvm::Value*, unsigned>, std::optional<int64_t>> known_;
};

}  // namespace anymetal::simt
