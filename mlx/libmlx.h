// The libmlx.so of this process: its version, its own functions behind those that we put in their
// place, and the few places where the releases 0.32.0 to 0.32.4 differ in their binary interface.
// We compile against the headers of one release; what differs is looked up by name, so that one
// binary serves them all.
#pragma once

#include <string>

#include "mlx/array.h"
#include "mlx/stream.h"
#include "mlx/utils.h"

namespace anymetal::mlx {

namespace mx = ::mlx::core;

/// "0.32.4", as libmlx.so says.
[[nodiscard]] const std::string& version();
/// Whether this binary works with the release: 0.32.1 and later ones of 0.32.
[[nodiscard]] bool version_is_known();
/// The path of libmlx.so.
[[nodiscard]] const std::string& path();
/// An address inside libmlx.so.
[[nodiscard]] const void* address();
/// MLX's own function of this mangled name; null: this release has none.
[[nodiscard]] void* original(const char* symbol);

/// Allocates memory for an output. Throws what MLX throws if there is none.
void allocate(mx::array& output);

/// Puts work into a stream's queue, where it runs in order.
void enqueue(mx::Stream stream, std::function<void()> work);

}  // namespace anymetal::mlx
