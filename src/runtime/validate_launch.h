// The checks of a dispatch: the only ones in the house. Each message names the kernel, the limit,
// the value and what to do.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "runtime/runtime.h"

namespace anymetal::runtime {

/// Whether the kernel itself keeps the limits: number of buffers, static threadgroup memory.
[[nodiscard]] Result<void> validate_interface(const KernelInterface& interface,
                                              const Limits& limits);

/// Whether this launch of it does.
[[nodiscard]] Result<void> validate_launch(const KernelInterface& interface, const Limits& limits,
                                           const Launch& launch);

/// "16,384".
[[nodiscard]] std::string grouped(uint64_t number);
/// "(16384, 1, 1)".
[[nodiscard]] std::string describe(Extent extent);

}  // namespace anymetal::runtime
