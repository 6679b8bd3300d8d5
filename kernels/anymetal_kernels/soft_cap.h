// Values held within a cap, smoothly.
#pragma once

#include "anymetal_kernels/api.h"
#include "mlx/mlx.h"

namespace anymetal::kernels {

/// cap tanh(x / cap) of each element: nearly x where x is small, never beyond the cap.
///
/// x: any shape; float32, float16 or bfloat16 (computed in float32, rounded once).
/// cap: greater than 0, finite. Not differentiated.
/// Returns an array of x's shape and type. Differentiable in x: 1 / cosh^2(x / cap).
/// Accuracy: 6 ulp in float32, one of them for the reciprocal of the cap.
/// Throws std::invalid_argument for other types and caps.
/// Source: the guides' `soft_cap_kernel`; Gemma 2 (arXiv:2408.00118, section 2) caps logits so.
ANYMETAL_KERNELS_API mlx::core::array soft_cap(const mlx::core::array& x, float cap,
                                               mlx::core::StreamOrDevice stream = {});

}  // namespace anymetal::kernels
