#include <algorithm>
#include <bit>
#include <cmath>
#include <complex>
#include <cstring>
#include <limits>
#include <vector>

#include "api/launch.h"

// Work on elements that metal_kernel does outside the kernel: init_value and ensure_row_contiguous.

namespace anymetal::api {
namespace {

/// To the nearest, ties to even; a NaN stays one.
uint16_t bfloat16_bits(float value) {
  const auto bits = std::bit_cast<uint32_t>(value);
  if (std::isnan(value)) return static_cast<uint16_t>((bits >> 16) | 0x40);
  const uint32_t rounding = 0x7fff + ((bits >> 16) & 1);
  return static_cast<uint16_t>((bits + rounding) >> 16);
}

/// To the nearest, ties to even, by the compiler's own conversion.
uint16_t float16_bits(float value) {
  return std::bit_cast<uint16_t>(static_cast<_Float16>(value));
}

/// C++ leaves a float outside the integer's range undefined. MLX runs into what its machine does;
/// we clamp.
template <class T>
T integer(float value) {
  using Range = std::numeric_limits<T>;
  if (std::isnan(value)) return 0;
  if (value <= static_cast<float>(Range::min())) return Range::min();
  if (value >= static_cast<float>(Range::max())) return Range::max();
  return static_cast<T>(value);
}

template <class T>
void fill_with(void* data, uint64_t count, T value) {
  std::fill_n(static_cast<T*>(data), count, value);
}

}  // namespace

void fill(void* data, uint64_t count, Dtype dtype, float value) {
  switch (dtype) {
    case Dtype::bool_:
      return fill_with<uint8_t>(data, count, value != 0.0f ? 1 : 0);
    case Dtype::uint8:
      return fill_with(data, count, integer<uint8_t>(value));
    case Dtype::uint16:
      return fill_with(data, count, integer<uint16_t>(value));
    case Dtype::uint32:
      return fill_with(data, count, integer<uint32_t>(value));
    case Dtype::uint64:
      return fill_with(data, count, integer<uint64_t>(value));
    case Dtype::int8:
      return fill_with(data, count, integer<int8_t>(value));
    case Dtype::int16:
      return fill_with(data, count, integer<int16_t>(value));
    case Dtype::int32:
      return fill_with(data, count, integer<int32_t>(value));
    case Dtype::int64:
      return fill_with(data, count, integer<int64_t>(value));
    case Dtype::float16:
      return fill_with(data, count, float16_bits(value));
    case Dtype::bfloat16:
      return fill_with(data, count, bfloat16_bits(value));
    case Dtype::float32:
      return fill_with(data, count, value);
    case Dtype::float64:
      return fill_with(data, count, static_cast<double>(value));
    case Dtype::complex64:
      return fill_with(data, count, std::complex<float>(value, 0.0f));
  }
}

bool is_row_contiguous(std::span<const int64_t> shape, std::span<const int64_t> strides) {
  if (std::ranges::find(shape, 0) != shape.end()) return true;
  int64_t step = 1;
  for (size_t i = shape.size(); i-- > 0;) {
    if (shape[i] != 1 && strides[i] != step) return false;
    step *= shape[i];
  }
  return true;
}

void copy_row_major(const void* from, std::span<const int64_t> shape,
                    std::span<const int64_t> strides, size_t item, void* to) {
  uint64_t count = 1;
  for (const int64_t extent : shape) count *= static_cast<uint64_t>(extent);
  if (count == 0) return;
  // The index counts like an odometer; `place` moves with it.
  const auto size = static_cast<int64_t>(item);
  std::vector<int64_t> index(shape.size(), 0);
  const char* place = static_cast<const char*>(from);
  char* out = static_cast<char*>(to);
  for (uint64_t n = 0; n < count; ++n, out += item) {
    std::memcpy(out, place, item);
    for (size_t d = shape.size(); d-- > 0;) {
      place += strides[d] * size;
      if (++index[d] < shape[d]) break;
      place -= strides[d] * size * shape[d];
      index[d] = 0;
    }
  }
}

}  // namespace anymetal::api
