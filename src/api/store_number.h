// Numbers of a call as bytes in a Metal type, or the reason why they don't fit.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "anymetal/library.hpp"
#include "support/result.h"

namespace anymetal::api {

/// Bytes of a scalar by Metal's name ("half": 2); 0 for what isn't a scalar.
[[nodiscard]] uint32_t scalar_size(std::string_view element);

/// The scalar that arrays of `dtype` are made of: "float" for float32; empty: Metal has none.
[[nodiscard]] std::string_view element_of(Dtype dtype);

/// How the scalars of a type lie: `columns` times `rows` of them, columns `stride` bytes apart. A
/// scalar is 1 x 1, float3 one column of 3, float4x4 four columns of 4.
struct TypeShape {
  uint32_t columns = 1;
  uint32_t rows = 1;
  uint32_t stride = 0;
};
/// `type` as in Parameter::type, `size` in bytes of one value.
[[nodiscard]] TypeShape shape_of(std::string_view type, std::string_view element, uint32_t size);

/// Writes scalar_size(element) bytes. Integers take integral values in their range; floats take any
/// number that doesn't overflow, rounded to the nearest; bool takes bool, 0 and 1. Error: user,
/// "300 is out of the range of uchar".
[[nodiscard]] Result<void> store_number(const KernelArgument::Number& number,
                                        std::string_view element, std::byte* out);

}  // namespace anymetal::api
