// Sums whose rounding errors are kept: sum, dot, gemv.
//
// A simdgroup takes a row or a piece of 8,192 columns; its 32 lanes take every 32nd column, so what
// counts as a lane's number of terms is at most 256. Lanes and pieces are joined in double-float
// arithmetic. With u = 2^-24 (half an ulp of 1), n terms, S their exact sum, |S| the sum of their
// sizes, and J = (20 + n / 2^17) u^2 |S| for the joins, the result is off by at most
//
//   n u |S|                        plain, for comparison
//   u S + 3 u |S| + J              kahan
//   u S + 256^2 u^2 |S| + J        neumaier
//   u S + 512 u^2 |S| + J          limbs (double-float)
//
// and without "u S" where both limbs are asked for. Sources: Knuth, The Art of Computer
// Programming, vol. 2, 4.2.2, exercise 19; Neumaier 1974, and Ogita, Rump, Oishi 2005,
// proposition 4.5; Dekker 1971, and Joldes, Muller, Popescu 2017.
//
// Infinities and NaN give what the plain sum gives. Products are exact as two limbs unless they
// underflow (below 2^-102). None of this survives reassociation, so math_mode must be "safe".
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
