// Metal's attributes: what each becomes, and the type that a parameter with it may have.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace anymetal::language {

enum class AttributeUse : uint8_t {
  annotate,     ///< kept in the AST for whoever reads the interface
  input,        ///< a kernel parameter that the machine supplies; also annotated
  keep,         ///< C++'s own
  drop,         ///< says nothing that matters to us
  graphics,     ///< for what vertex and fragment functions get and give
  unsupported,  ///< Metal that isn't there yet
  unknown,
};

struct InputAttribute {
  std::string_view name;
  uint32_t dimensions;  ///< 3: uint, uint2 or uint3; 1: uint
};

/// All attributes that name an input of a compute kernel, in alphabetic order.
[[nodiscard]] std::span<const InputAttribute> input_attributes();
[[nodiscard]] const InputAttribute* find_input_attribute(std::string_view name);
[[nodiscard]] AttributeUse use_of_attribute(std::string_view name);

}  // namespace anymetal::language
