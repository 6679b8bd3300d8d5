// MLX's gates: is there a GPU, which device is the default, which streams are its own. While they
// are open, programs see a GPU as on a Mac, and every operation runs on a CPU stream.
//
// A stream of "the GPU" is a CPU stream with another label: Stream(7, gpu) outside is Stream(7,
// cpu) inside libmlx.so. Indices are unique over both devices, so the label is all that changes.
// Calls from outside arrive at the functions of MLX's names that this library exports, and see the
// label gpu; calls within libmlx.so are led to the inner functions, which take the label off. Which
// is which is settled once, in the slots of the libraries (got.h), not at run time by who called.
#pragma once

#include <span>

#include "mlx/got.h"
#include "mlx/libmlx.h"

namespace anymetal::mlx {

/// False with ANYMETAL_GATES=off: then MLX's own answers are given.
[[nodiscard]] bool gates_open();

/// The stream that a kernel runs on, for what the caller gave: nothing, a device, a stream. Throws
/// what MLX throws.
[[nodiscard]] mx::Stream kernel_stream(const mx::StreamOrDevice& where);

/// What libmlx.so's own calls are to reach, while the gates are open.
[[nodiscard]] std::span<const Redirection> inner_gates();
/// What the calls of others are to reach. `metal::is_available` is the first.
[[nodiscard]] std::span<const Redirection> outer_gates();
inline constexpr const char* kMetalIsAvailable = "_ZN3mlx4core5metal12is_availableEv";

}  // namespace anymetal::mlx
