// A simdgroup's 8x8 matrix as one value. In Metal each lane holds two elements of it, neighbours in
// a row. Between products nobody looks at lanes, and there a matrix lies in rows, with which
// products are plain multiply-adds. transform/form_matrices.cc makes such values of lanes' pairs.
#pragma once

#include <llvm/IR/DerivedTypes.h>

namespace anymetal::simt {

/// A struct of two floats by that name; `extractvalue` gives a lane's elements.
inline constexpr const char* kMatrix = "simt.matrix";
/// `simt.matrix simt.to_matrix(float, float)`: of each lane's two elements.
inline constexpr const char* kToMatrix = "simt.to_matrix";
/// `simt.matrix simt.multiply_accumulate(a, b, c)`: each element of c takes fused products by
/// rising index.
inline constexpr const char* kMultiplyAccumulate = "simt.multiply_accumulate";

[[nodiscard]] inline bool is_matrix(const llvm::Type* type) {
  const auto* record = llvm::dyn_cast<llvm::StructType>(type);
  return record && record->hasName() && record->getName() == kMatrix;
}

inline constexpr unsigned kMatrixRows = 8;
inline constexpr unsigned kMatrixElements = 64;

/// The lane that holds an element; it is the lane's first in even columns.
[[nodiscard]] constexpr unsigned matrix_lane(unsigned row, unsigned column) {
  return (row & 4) << 2 | (row & 3) << 1 | (column & 4) << 1 | (column >> 1 & 1);
}

}  // namespace anymetal::simt
