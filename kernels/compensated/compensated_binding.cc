#include "anymetal_kernels/compensated.h"
#include "binding/binding.h"

namespace anymetal::kernels {
namespace {

using Stream = mlx::core::StreamOrDevice;
using Array = mlx::core::array;

constexpr const char* kMethods = R"(
    method (str): "kahan", "neumaier" or "limbs" (double-float). With u = 2^-24, S the exact sum and |S| the sum of the terms' sizes,
        the result is off by at most u S + 3 u |S| (kahan), u S + 256^2 u^2 |S| (neumaier), u S + 512 u^2 |S| (limbs), and (20 + n / 2^17)
        u^2 |S| more, for n terms; anymetal_kernels/compensated.h has the sources. Without "u S" where both limbs are asked for.
    math_mode (str): "safe". "relaxed" and "fast" are refused: they may reassociate, which undoes the compensation.
    stream (mx.Stream or mx.Device, optional): where it runs.
)";

constexpr const char* kEnd = R"(
Raises:
    ValueError: other types, shapes that don't fit, other methods and math modes.

Infinities and NaN give what the plain sum gives; an empty sum is 0. Differentiable (the low limb isn't).
)";

std::string text_of(const char* what, const char* arguments, const char* returns) {
  return std::string(what) + "\n\nArgs:\n" + arguments + (kMethods + 1) + "\nReturns:\n    " +
         returns + "\n" + kEnd;
}

}  // namespace

void bind_compensated(nb::module_& module) {
  const std::string sum_text =
      text_of("The sum of all elements, or along an axis, with rounding errors compensated.",
              "    x (mx.array): any shape; float32, float16 or bfloat16.\n"
              "    axis (int, optional): negative ones count from the end. None: all elements.\n",
              "mx.array: float32, without the axis. sum_limbs: (high, low), of which high is the "
              "sum rounded to float32.");
  const std::string dot_text = text_of(
      "Sums of x y along the last axis, with rounding errors of products and sums "
      "compensated.",
      "    x, y (mx.array): (..., n), one shape and type; float32, float16 or bfloat16.\n",
      "mx.array: float32 (...). dot_limbs: (high, low), of which high is the sum rounded "
      "to float32.");
  const std::string gemv_text =
      text_of("a x, each element a compensated dot product.",
              "    a (mx.array): (..., m, n); float32, float16 or bfloat16.\n"
              "    x (mx.array): (..., n), a's leading shape and type.\n",
              "mx.array: float32 (..., m). gemv_limbs: (high, low), of which high is the product "
              "rounded to float32.");
  using Text = const std::string&;
  const auto with_sum = [&](const char* name, auto function) {
    module.def(
        name,
        [function](const Array& x, std::optional<int> axis, Text method, Text mode, Stream s) {
          return function(x, axis, Compensated{method, mode}, s);
        },
        "x"_a, "axis"_a = nb::none(), nb::kw_only(), "method"_a = "neumaier",
        "math_mode"_a = "safe", "stream"_a = nb::none(), sum_text.c_str());
  };
  with_sum("sum", &sum);
  with_sum("sum_limbs", &sum_limbs);
  const auto with_two = [&](const char* name, const char* second, const char* first, auto function,
                            Text text) {
    module.def(
        name,
        [function](const Array& x, const Array& y, Text method, Text mode, Stream s) {
          return function(x, y, Compensated{method, mode}, s);
        },
        nb::arg(first), nb::arg(second), nb::kw_only(), "method"_a = "neumaier",
        "math_mode"_a = "safe", "stream"_a = nb::none(), text.c_str());
  };
  with_two("dot", "y", "x", &dot, dot_text);
  with_two("dot_limbs", "y", "x", &dot_limbs, dot_text);
  with_two("gemv", "x", "a", &gemv, gemv_text);
  with_two("gemv_limbs", "x", "a", &gemv_limbs, gemv_text);
}

}  // namespace anymetal::kernels
