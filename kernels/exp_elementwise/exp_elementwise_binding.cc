#include "anymetal_kernels/exp_elementwise.h"
#include "binding/binding.h"

namespace anymetal::kernels {

void bind_exp_elementwise(nb::module_& module) {
  module.def("exp_elementwise", &exp_elementwise, "a"_a, nb::kw_only(), "stream"_a = nb::none(),
             R"(exp of each element.

Args:
    a (mx.array): any shape; float32, float16 or bfloat16 (computed in float32, rounded once).
    stream (mx.Stream or mx.Device, optional): where it runs.

Returns:
    mx.array: the same shape and type. Differentiable.

Raises:
    ValueError: another type.

At most 4 ulp off in float32 (Metal's precise exp). Source: the guides' first kernel.
)");
}

}  // namespace anymetal::kernels
