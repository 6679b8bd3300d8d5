// mlx::core::fast::metal_kernel, as MLX's own bindings and C++ programs call it.
#pragma once

#include <span>

#include "anymetal/math_mode.hpp"
#include "mlx/backend/common/metal_kernel.h"
#include "mlx/got.h"

namespace anymetal::mlx {

/// Leads calls of metal_kernel to ours.
[[nodiscard]] std::span<const Redirection> kernel_calls();
[[nodiscard]] MathMode math_mode_of(const ::mlx::core::CompileOptions& options);

inline constexpr const char* kMetalKernel =
    "_ZN3mlx4core4fast12metal_kernelERKNSt7__cxx1112basic_stringIcSt11char_traitsIcESaIcEEERKSt6"
    "vectorIS7_SaIS7_EESE_S9_S9_bbRKNS0_14CompileOptionsE";

}  // namespace anymetal::mlx
