// exp of each element.
#pragma once

#include "anymetal_kernels/api.h"
#include "mlx/mlx.h"

namespace anymetal::kernels {

/// exp of each element.
///
/// a: any shape; float32, float16 or bfloat16 (computed in float32, rounded once).
/// Returns an array of the same shape and type. Differentiable: the cotangent times the result.
/// Accuracy: Metal's precise exp, at most 4 ulp in float32 (Metal Shading Language Specification,
/// "Numerical compliance"). Throws std::invalid_argument for other types.
/// Source: the guides' first kernel.
ANYMETAL_KERNELS_API mlx::core::array exp_elementwise(const mlx::core::array& a,
                                                      mlx::core::StreamOrDevice stream = {});

}  // namespace anymetal::kernels
