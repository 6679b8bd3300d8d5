#include "anymetal_kernels/soft_cap.h"
#include "binding/binding.h"

namespace anymetal::kernels {

void bind_soft_cap(nb::module_& module) {
  module.def("soft_cap", &soft_cap, "x"_a, "cap"_a, nb::kw_only(), "stream"_a = nb::none(),
             R"(cap tanh(x / cap) of each element: nearly x where x is small, never beyond the cap.

Args:
    x (mx.array): any shape; float32, float16 or bfloat16 (computed in float32, rounded once).
    cap (float): greater than 0, finite. Not differentiated.
    stream (mx.Stream or mx.Device, optional): where it runs.

Returns:
    mx.array: x's shape and type. Differentiable in x: the slope is 1 / cosh^2(x / cap).

Raises:
    ValueError: another type, or another cap.

At most 6 ulp off in float32. Source: the guides' soft_cap_kernel; Gemma 2 (arXiv:2408.00118, section 2) caps logits so.
)");
}

}  // namespace anymetal::kernels
