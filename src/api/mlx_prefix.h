// MLX puts its own helpers before every custom kernel: its utils.h with what that includes
// (bfloat16_t, complex64_t, Limits, elem_to_loc, ...). Bodies use them, so they stand before ours
// too, read from the headers in MLX's wheel; we ship none.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "support/diagnostic.h"
#include "support/private_api.h"
#include "support/result.h"

namespace anymetal::api {

/// Where the wheel's headers are (the folder that holds mlx/backend/metal/kernels); the MLX adapter
/// knows. Goes before what is found otherwise, but after ANYMETAL_MLX_INCLUDE.
ANYMETAL_PRIVATE_API void set_mlx_include_dir(std::string directory);

/// The folder in use: ANYMETAL_MLX_INCLUDE, what was set, else that of the Python environment in
/// use ($VIRTUAL_ENV, then the first python3 in PATH). Empty: there is no MLX.
[[nodiscard]] ANYMETAL_PRIVATE_API std::string mlx_include_dir();

/// utils.h and what it includes, each file once, in the order in which a compiler would finish
/// them, with `#line` marks that name them. The same files give the same text. Errors: environment,
/// if the folder has no such headers.
[[nodiscard]] ANYMETAL_PRIVATE_API Result<std::string> read_mlx_prefix(
    const std::string& include_dir);

/// The text that goes before a kernel: MLX's, or without MLX the few lines that every signature
/// needs.
struct Prefix {
  std::string text;
  bool from_mlx = false;
};
/// Read once for each folder. Errors: environment, if ANYMETAL_MLX_INCLUDE or the folder that was
/// set is wrong.
[[nodiscard]] ANYMETAL_PRIVATE_API Result<std::shared_ptr<const Prefix>> current_prefix();

/// The first name in these diagnostics that MLX's helpers declare, "elem_to_loc"; empty: none.
[[nodiscard]] ANYMETAL_PRIVATE_API std::string mlx_name_in(std::span<const Diagnostic> diagnostics);

}  // namespace anymetal::api
