// mlx::core::fast::metal_kernel, as MLX's own bindings and C++ programs call it.
#pragma once

#include <span>

#include "mlx/got.h"

namespace anymetal::mlx {

/// Leads calls of metal_kernel to ours.
[[nodiscard]] std::span<const Redirection> kernel_calls();
inline constexpr const char* kMetalKernel =
    "_ZN3mlx4core4fast12metal_kernelERKNSt7__cxx1112basic_stringIcSt11char_traitsIcESaIcEEERKSt6"
    "vectorIS7_SaIS7_EESE_S9_S9_bbRKNS0_14CompileOptionsE";

}  // namespace anymetal::mlx
