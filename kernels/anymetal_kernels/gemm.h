// Products of matrices in tiles, and which tiles.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "anymetal_kernels/api.h"
#include "mlx/mlx.h"

namespace anymetal::kernels {

struct GemmOptions {
  bool transpose_a = false;  ///< a is stored as [..., k, m]
  bool transpose_b = false;  ///< b is stored as [..., n, k]
};

/// C = op(A) op(B), summed in float32.
///
/// a: [..., m, k], b: [..., k, n] (or transposed, see GemmOptions); both float32, float16 or
/// bfloat16; batches are broadcast as in matmul. Returns [..., m, n] of the same type; zeros where
/// k is 0. Differentiable in both. Error of each element: at most k * 2^-24 * |op(A)| |op(B)|
/// (Higham, "Accuracy and Stability of Numerical Algorithms", 3.5), plus the rounding to the
/// result's type. Throws std::invalid_argument for ranks under 2, types that differ or aren't
/// floating, inner sizes that don't match, matrices of 2^31 elements or more. Tiles: gemm_tile
/// below. Source: the guides' tiled product, with register blocks.
ANYMETAL_KERNELS_API mlx::core::array gemm(const mlx::core::array& a, const mlx::core::array& b,
                                           GemmOptions options = {},
                                           mlx::core::StreamOrDevice stream = {});

/// A shape of tiles: threads_x * threads_y threads make (threads_y * rows) x (threads_x * columns)
/// elements, `depth` products at a time, from `buffers` tiles in turn.
struct GemmTile {
  std::string_view name;  ///< "16x16"
  int threads_x, threads_y, rows, columns, depth, buffers;
};

/// All shapes that there are.
ANYMETAL_KERNELS_API const std::vector<GemmTile>& gemm_tiles();

/// The shape that a product of these sizes takes, in this order: the environment's
/// ANYMETAL_GEMM_TILE_AB (for A B), ANYMETAL_GEMM_TILE_ATB, ANYMETAL_GEMM_TILE_ABT,
/// ANYMETAL_GEMM_TILE (for all), the same with METALFAISS_ in front (and METALFAISS_GEMM_TILE_AV
/// for A B), each the name of a shape; what the tuner has found for this device; by default what
/// suits the device's kind. The tuner measures once for each form, when a product of 2^21
/// multiplications or more first needs it, and remembers in the folder of anymetal's cache;
/// ANYMETAL_GEMM_TUNE=off keeps it from that. Throws std::invalid_argument for a name in the
/// environment that there isn't.
ANYMETAL_KERNELS_API const GemmTile& gemm_tile(int m, int n, int k, GemmOptions options = {});

/// Measures all shapes for this form on the present device, and remembers the best. Returns
/// "NAME=SECONDS" for each, the best one first.
ANYMETAL_KERNELS_API std::vector<std::string> tune_gemm(GemmOptions options = {});

}  // namespace anymetal::kernels
