// What each function asks of its arguments, and the words in which it refuses: the function, the
// argument, what was given, what is wanted.
#pragma once

#include <string>
#include <string_view>

#include "mlx/mlx.h"

namespace anymetal::kernels {

namespace mx = ::mlx::core;

/// An argument under its name, for errors.
struct Argument {
  std::string_view function, name;
  const mx::array& value;
};

/// "float32[2, 3]".
std::string describe(const mx::array& value);

/// Throws std::invalid_argument (ValueError in Python).
[[noreturn]] void refuse(std::string_view function, std::string_view argument,
                         const std::string& given, std::string_view wanted);
[[noreturn]] void refuse(const Argument& argument, std::string_view wanted);

/// float32, float16 or bfloat16.
void need_float(const Argument& argument);
/// float32 alone, where less would not do.
void need_float32(const Argument& argument);
void need_rank(const Argument& argument, size_t least, size_t most);
/// [..., m, n]: a matrix or a batch of fewer than 2^31, each of fewer than 2^31 elements, which is
/// as far as kernels count within a matrix; all together may have more.
void need_matrices(const Argument& argument);
/// [..., n, n].
void need_square(const Argument& argument);
void need_same_dtype(const Argument& argument, const Argument& other);

}  // namespace anymetal::kernels
