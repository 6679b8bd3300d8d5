#include "anymetal_kernels/gemm.h"
#include "binding/binding.h"

namespace anymetal::kernels {

void bind_gemm(nb::module_& module) {
  module.def(
      "gemm",
      [](const mlx::core::array& a, const mlx::core::array& b, bool transpose_a, bool transpose_b,
         mlx::core::StreamOrDevice stream) {
        return gemm(a, b, {transpose_a, transpose_b}, stream);
      },
      "a"_a, "b"_a, nb::kw_only(), "transpose_a"_a = false, "transpose_b"_a = false,
      "stream"_a = nb::none(), R"(op(a) op(b), in tiles, summed in float32.

Args:
    a (mx.array): [..., m, k], or [..., k, m] with transpose_a; float32, float16 or bfloat16.
    b (mx.array): [..., k, n], or [..., n, k] with transpose_b; the type of a.
    transpose_a, transpose_b (bool): how a and b are stored.
    stream (mx.Stream or mx.Device, optional): where it runs.

Returns:
    mx.array: [..., m, n] of the same type; batches are broadcast as in mx.matmul; zeros where k is 0. Differentiable in a and b.

Raises:
    ValueError: fewer than 2 dimensions, types that differ or aren't floating, inner sizes or batches that don't match, a matrix of 2^31 elements
        or more; a shape of tiles in the environment that there isn't.

Each element is off by at most k * 2^-24 times the sum of its products' magnitudes (Higham, "Accuracy and Stability of Numerical Algorithms",
3.5), plus the rounding to its type. The shape of the tiles: gemm_tile. Source: the guides' tiled product, with register blocks.
)");
  module.def(
      "gemm_tile",
      [](int m, int n, int k, bool transpose_a, bool transpose_b) {
        return std::string(gemm_tile(m, n, k, {transpose_a, transpose_b}).name);
      },
      "m"_a, "n"_a, "k"_a, nb::kw_only(), "transpose_a"_a = false, "transpose_b"_a = false,
      R"(The name of the shape of tiles that gemm takes for these sizes, "64x64".

In this order: the environment's ANYMETAL_GEMM_TILE_AB (a b), _ATB (transpose_a), _ABT (transpose_b), ANYMETAL_GEMM_TILE (all forms), and the same
with METALFAISS_ in front (also METALFAISS_GEMM_TILE_AV for a b); what the tuner has found on this device; what suits its kind. The tuner
measures once for each form, when a product of 2^21 multiplications or more first needs it, and remembers in the folder of anymetal's cache
(docs/environment.md); ANYMETAL_GEMM_TUNE=off keeps it from that.

Raises:
    ValueError: a name in the environment that isn't one of gemm_tiles().
)");
  module.def(
      "gemm_tiles",
      [] {
        std::vector<std::string> names;
        for (const auto& tile : gemm_tiles()) names.emplace_back(tile.name);
        return names;
      },
      "The names of all shapes of tiles: rows x columns, those of the guides first.");
  module.def(
      "tune_gemm",
      [](bool transpose_a, bool transpose_b) {
        nb::gil_scoped_release nobody_waits;
        return tune_gemm({transpose_a, transpose_b});
      },
      nb::kw_only(), "transpose_a"_a = false, "transpose_b"_a = false,
      R"(Measures all shapes of tiles for this form on the present device, and remembers the best.

Returns:
    list[str]: "NAME=SECONDS" for each, the fastest one first.
)");
}

}  // namespace anymetal::kernels
