// What a kernel looks like from outside: its parameters and its limits. The language room reads it
// from Clang's AST; the runtime validates dispatches with it; the back ends bind arguments by it;
// the kernel cache stores it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "anymetal/math_mode.hpp"
#include "ir/texture.h"
#include "support/private_api.h"
#include "support/result.h"

namespace anymetal {

/// Metal's address spaces. `number` of each in LLVM IR: see docs/design/ir.md.
enum class AddressSpace : uint8_t { thread, device, constant, threadgroup };

enum class ParameterKind : uint8_t {
  buffer,       ///< a pointer or reference to device or constant memory: [[buffer(n)]]
  threadgroup,  ///< a pointer to threadgroup memory whose size the dispatch gives:
                ///< [[threadgroup(n)]]
  attribute,    ///< a value that the machine supplies: [[thread_position_in_grid]] and its like
  texture,      ///< one texture or an array of them: [[texture(n)]]
  sampler,      ///< one sampler or an array of them: [[sampler(n)]]
};

/// A member of a struct in a buffer, where host programs must put it. Members of members have paths
/// for names: "light.colour", "planes[2].normal".
struct Field {
  std::string name;
  std::string type;     ///< "float3"; what it points to, if it is a pointer
  std::string element;  ///< as in Parameter
  uint32_t offset = 0;  ///< bytes from the start of the struct
  uint32_t size = 0;    ///< bytes, of the whole array if it is one
  uint32_t count = 1;   ///< elements of an array
  int32_t id = -1;      ///< n of [[id(n)]]; -1: none
  bool is_pointer = false;
  bool is_const = false;  ///< of the pointee

  bool operator==(const Field&) const = default;
};

struct Parameter {
  std::string name;
  ParameterKind kind = ParameterKind::buffer;
  std::string
      type;  ///< of the value or the pointee, as Metal spells it: "float", "atomic<int>", "uint3"
  AddressSpace space = AddressSpace::thread;
  uint32_t size = 0;  ///< bytes of the value or the pointee
  uint32_t alignment = 0;
  bool is_const = false;
  bool is_reference = false;
  bool is_optional = false;  ///< depends on a function constant: a dispatch may leave it out
  uint32_t index = 0;        ///< n of [[buffer(n)]] and its like, also where it was implicit
  uint32_t count = 1;        ///< for textures and samplers: how many, at index, index + 1, ...
  TextureUse texture;        ///< for kind texture
  std::string attribute;     ///< for kind attribute: its name without brackets
  uint32_t line = 0;         ///< where it was declared, in the user's text; 0: unknown
  /// The scalar that `type` is made of: "float" for float4, packed_float3, float4x4, atomic<float>.
  /// Empty for a struct and for void.
  std::string element;
  /// The members, if `type` is a struct whose members hosts can set (no bit-fields, no unions); at
  /// most 256.
  std::vector<Field> fields;

  bool operator==(const Parameter&) const = default;
};

struct KernelInterface {
  std::string name;                   ///< host_name if it has one, else the function's name
  std::vector<Parameter> parameters;  ///< in the order of declaration
  uint32_t threadgroup_bytes = 0;     ///< static threadgroup memory, each variable aligned to 16
  uint32_t max_total_threads_per_threadgroup = 1024;
  std::string file;  ///< where it was declared, as the user knows it; empty: unknown
  uint32_t line = 0;

  [[nodiscard]] ANYMETAL_PRIVATE_API const Parameter* find_buffer(uint32_t index) const;
  bool operator==(const KernelInterface&) const = default;
};

/// A function constant of a text.
struct FunctionConstant {
  std::string name;
  std::optional<uint32_t> index;
  std::string type;     ///< "bool", "float2"
  std::string element;  ///< as in Parameter
  uint32_t size = 0;
  uint32_t line = 0;

  bool operator==(const FunctionConstant&) const = default;
};

/// A compact binary form for the kernel cache. `parse_interface` checks every length and returns an
/// error for bytes that `serialize` can't have made.
[[nodiscard]] std::string serialize(const KernelInterface& interface);
[[nodiscard]] Result<KernelInterface> parse_interface(std::string_view bytes);

/// "device const float* a [[buffer(0)]]", for people.
[[nodiscard]] ANYMETAL_PRIVATE_API std::string describe(const Parameter& parameter);

}  // namespace anymetal
