#include "kernel/arguments.h"

#include <sstream>
#include <stdexcept>

namespace anymetal::kernels {

std::string describe(const mx::array& value) {
  std::ostringstream text;
  text << value.dtype() << "[";
  for (size_t i = 0; i < value.ndim(); ++i) text << (i ? ", " : "") << value.shape()[i];
  text << "]";
  return text.str();
}

void refuse(std::string_view function, std::string_view argument, const std::string& given,
            std::string_view wanted) {
  std::ostringstream text;
  text << "[anymetal.kernels." << function << "] " << argument << ": " << given << " was given; "
       << wanted << " is wanted.";
  throw std::invalid_argument(text.str());
}

void refuse(const Argument& argument, std::string_view wanted) {
  refuse(argument.function, argument.name, describe(argument.value), wanted);
}

void need_float(const Argument& argument) {
  const auto dtype = argument.value.dtype();
  if (dtype != mx::float32 && dtype != mx::float16 && dtype != mx::bfloat16)
    refuse(argument, "float32, float16 or bfloat16");
}

void need_float32(const Argument& argument) {
  if (argument.value.dtype() != mx::float32) refuse(argument, "float32");
}

void need_rank(const Argument& argument, size_t least, size_t most) {
  const size_t rank = argument.value.ndim();
  if (rank >= least && rank <= most) return;
  refuse(argument, least == most
                       ? "an array of " + std::to_string(least) + " dimensions"
                       : std::to_string(least) + " to " + std::to_string(most) + " dimensions");
}

void need_matrices(const Argument& argument) {
  if (argument.value.ndim() < 2) refuse(argument, "a matrix, or a batch of them ([..., m, n]),");
  if (int64_t{argument.value.shape(-1)} * argument.value.shape(-2) > INT32_MAX)
    refuse(argument, "fewer than 2^31 elements in each matrix");
  int64_t count = 1;
  for (size_t i = 0; i + 2 < argument.value.ndim() && count <= INT32_MAX; ++i)
    count *= argument.value.shape(static_cast<int>(i));
  if (count > INT32_MAX) refuse(argument, "fewer than 2^31 matrices");
}

void need_square(const Argument& argument) {
  need_matrices(argument);
  if (argument.value.shape(-1) != argument.value.shape(-2))
    refuse(argument, "a square matrix, or a batch of them ([..., n, n]),");
}

void need_same_dtype(const Argument& argument, const Argument& other) {
  if (argument.value.dtype() != other.value.dtype())
    refuse(argument, "the type of " + std::string(other.name) + ", " + describe(other.value) + ",");
}

}  // namespace anymetal::kernels
