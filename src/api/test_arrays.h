// For tests: arrays of any float type made from and read as doubles, by conversions of the host
// compiler's own.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>
#include <random>
#include <vector>

#include "anymetal/metal_kernel.hpp"

namespace anymetal::testing_arrays {

inline uint16_t bfloat16_of(double value) {
  // Twice rounded (double → float → bfloat16), which no value of these tests notices.
  const auto bits = std::bit_cast<uint32_t>(static_cast<float>(value));
  return static_cast<uint16_t>((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
}

inline Array array_of(Dtype dtype, Shape shape, const std::vector<double>& values) {
  Array array(dtype, std::move(shape));
  for (size_t i = 0; i < values.size(); ++i) {
    if (dtype == Dtype::float32)
      static_cast<float*>(array.data())[i] = static_cast<float>(values[i]);
    if (dtype == Dtype::float16)
      static_cast<_Float16*>(array.data())[i] = static_cast<_Float16>(values[i]);
    if (dtype == Dtype::bfloat16) static_cast<uint16_t*>(array.data())[i] = bfloat16_of(values[i]);
  }
  return array;
}

inline std::vector<double> values_of(const Array& array) {
  std::vector<double> values(array.size());
  for (size_t i = 0; i < values.size(); ++i) {
    if (array.dtype() == Dtype::float32) values[i] = static_cast<const float*>(array.data())[i];
    if (array.dtype() == Dtype::float16) values[i] = static_cast<const _Float16*>(array.data())[i];
    if (array.dtype() == Dtype::bfloat16) {
      const uint32_t bits = uint32_t{static_cast<const uint16_t*>(array.data())[i]} << 16;
      values[i] = std::bit_cast<float>(bits);
    }
  }
  return values;
}

inline std::vector<double> random_values(size_t count, double low, double high, unsigned seed) {
  std::mt19937 engine(seed);
  std::uniform_real_distribution<double> uniform(low, high);
  std::vector<double> values(count);
  for (double& value : values) value = uniform(engine);
  return values;
}

/// Half a unit in the last place of numbers near 1.
inline double rounding_of(Dtype dtype) {
  return dtype == Dtype::float32 ? 0x1p-24 : dtype == Dtype::float16 ? 0x1p-11 : 0x1p-8;
}

}  // namespace anymetal::testing_arrays
