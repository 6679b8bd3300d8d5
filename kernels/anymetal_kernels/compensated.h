// Sums whose rounding errors are kept: sum, dot, gemv.
//
// With u = 2^-24 (half an ulp of 1), n terms, S the exact sum of terms t and |S| that of their
// sizes. A simdgroup takes a row or a piece of 8,192 columns; its 32 lanes take every 32nd column,
// so that what counts as a lane's n is at most 256, and pieces and lanes are joined in double-float
// arithmetic, which adds at most 20 u^2 |S|. Bounds of what comes out:
//
//   plain      n u |S|                     (for comparison)
//   kahan      u S + 3 u |S| + O(n u^2) |S|         Knuth, The Art of Computer Programming, vol.
//   2, 4.2.2, exercise 19 neumaier   u S + (256 + 20)^2 u^2 |S|           Neumaier 1974; Ogita,
//   Rump, Oishi 2005, proposition 4.5 limbs      u S + (2 * 256 + 20) u^2 |S|         Dekker 1971;
//   Joldes, Muller, Popescu 2017, theorem 3.1
//
// and without "u S" where both limbs are asked for. Infinities and NaN give what the plain sum
// gives. Products are exact as two limbs unless they underflow (below 2^-102). None of this
// survives reassociation, so math_mode must be "safe".
#pragma once

#include <optional>
#include <string>
#include <utility>

#include "anymetal_kernels/api.h"
#include "mlx/mlx.h"

namespace anymetal::kernels {

struct Compensated {
  std::string method = "neumaier";  ///< "kahan", "neumaier" or "limbs"
  std::string math_mode = "safe";   ///< "relaxed" and "fast" are refused: they may reassociate
};

/// The number that is asked for, as high + low; high is it rounded to float32.
using LimbPair = std::pair<mlx::core::array, mlx::core::array>;

/// Sum of all elements, or along an axis.
///
/// x: any shape, fewer than 2^31 elements along the axis (or in all); float32, float16 or bfloat16.
/// axis: negative ones count from the end. None: all elements.
/// Returns float32 without the axis; sum_limbs returns both limbs. An empty sum is 0.
/// Differentiable. Throws std::invalid_argument for other types, axes, methods and math modes.
ANYMETAL_KERNELS_API mlx::core::array sum(const mlx::core::array& x,
                                          std::optional<int> axis = std::nullopt,
                                          const Compensated& how = {},
                                          mlx::core::StreamOrDevice stream = {});
ANYMETAL_KERNELS_API LimbPair sum_limbs(const mlx::core::array& x,
                                        std::optional<int> axis = std::nullopt,
                                        const Compensated& how = {},
                                        mlx::core::StreamOrDevice stream = {});

/// Sums of x y along the last axis.
///
/// x, y: (..., n), one shape and type; float32, float16 or bfloat16.
/// Returns float32 (...). Differentiable.
ANYMETAL_KERNELS_API mlx::core::array dot(const mlx::core::array& x, const mlx::core::array& y,
                                          const Compensated& how = {},
                                          mlx::core::StreamOrDevice stream = {});
ANYMETAL_KERNELS_API LimbPair dot_limbs(const mlx::core::array& x, const mlx::core::array& y,
                                        const Compensated& how = {},
                                        mlx::core::StreamOrDevice stream = {});

/// a x, each element a compensated dot product.
///
/// a: (..., m, n), x: (..., n) with the same leading shape and type; float32, float16 or bfloat16.
/// Returns float32 (..., m). Differentiable.
ANYMETAL_KERNELS_API mlx::core::array gemv(const mlx::core::array& a, const mlx::core::array& x,
                                           const Compensated& how = {},
                                           mlx::core::StreamOrDevice stream = {});
ANYMETAL_KERNELS_API LimbPair gemv_limbs(const mlx::core::array& a, const mlx::core::array& x,
                                         const Compensated& how = {},
                                         mlx::core::StreamOrDevice stream = {});

}  // namespace anymetal::kernels
