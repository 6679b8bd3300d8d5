// Custom kernels in the files of mx.export_function: written by MLX's own metal_kernel while a
// function is traced, and run here when such a file is imported.
#pragma once

#include <span>

#include "mlx/got.h"

namespace anymetal::mlx {

/// Whether this thread traces a function for export just now.
[[nodiscard]] bool recording();

/// Calls within libmlx.so that mark the beginning of an export and of an import.
[[nodiscard]] std::span<const Redirection> record_calls();

}  // namespace anymetal::mlx
