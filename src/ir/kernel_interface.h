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
  uint32_t index = 0;     ///< n of [[buffer(n)]] or [[threadgroup(n)]], also where it was implicit
  std::string attribute;  ///< for kind attribute: its name without brackets
  uint32_t line = 0;      ///< where it was declared, in the user's text; 0: unknown

  bool operator==(const Parameter&) const = default;
};

struct KernelInterface {
  std::string name;                   ///< host_name if it has one, else the function's name
  std::vector<Parameter> parameters;  ///< in the order of declaration
  uint32_t threadgroup_bytes = 0;     ///< static threadgroup memory, each variable aligned to 16
  uint32_t max_total_threads_per_threadgroup = 1024;

  [[nodiscard]] ANYMETAL_PRIVATE_API const Parameter* find_buffer(uint32_t index) const;
  bool operator==(const KernelInterface&) const = default;
};

/// A compact binary form for the kernel cache. `parse_interface` checks every length and returns an
/// error for bytes that `serialize` can't have made.
[[nodiscard]] std::string serialize(const KernelInterface& interface);
[[nodiscard]] Result<KernelInterface> parse_interface(std::string_view bytes);

/// "device const float* a [[buffer(0)]]", for people.
[[nodiscard]] ANYMETAL_PRIVATE_API std::string describe(const Parameter& parameter);

}  // namespace anymetal
