// The operands that functions are tried with.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "format.h"
#include "functions.h"

namespace anymetal::accuracy {

/// Up to three operands as bit patterns.
using Operand = std::array<uint32_t, 3>;

/// The sample of `./dev test`, the same every time. One operand: all values of half and bfloat; for
/// float each exponent with the ends of its range and random significands, dense runs around the
/// values where functions overflow, vanish, turn or change their method, and the range in which
/// most work happens. More operands: special values each with each, then random ones.
[[nodiscard]] std::vector<Operand> sample(const Format& format, const Function& function);

}  // namespace anymetal::accuracy
