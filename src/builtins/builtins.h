// The table of Metal's builtins: everything that the IR of one thread may call (docs/design/ir.md,
// rule 4). Each builtin is declared here once; the declarations in the embedded standard library,
// the attributes in the IR, the lowering of each back end (checked for completeness by its tests)
// and docs/builtins.md come from this table.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace anymetal::builtins {

/// Element types, as IR suffixes. A row lists those that it exists for; a row without T in its
/// signature lists none and has no suffix.
enum class Type : uint16_t {
  f32 = 1 << 0,
  f16 = 1 << 1,
  bf16 = 1 << 2,
  i8 = 1 << 3,
  u8 = 1 << 4,
  i16 = 1 << 5,
  u16 = 1 << 6,
  i32 = 1 << 7,
  u32 = 1 << 8,
  i64 = 1 << 9,
  u64 = 1 << 10,
  boolean = 1 << 11,
};

/// A set of element types.
using TypeSet = uint16_t;

enum class Group : uint8_t {
  position,
  barrier,
  simdgroup,
  quadgroup,
  math,
  integer,
  memory,
  texture
};

/// Over which threads the result is known to be the same, given operands that are.
enum class Uniformity : uint8_t {
  varying,      ///< of the thread: thread_position_in_grid
  operands,     ///< as uniform as the operands: exp
  simdgroup,    ///< the same in all active lanes: simd_sum
  threadgroup,  ///< threadgroup_position_in_grid
  grid,         ///< threads_per_grid
};

enum class Memory : uint8_t {
  none,      ///< reads and writes no memory: may be moved, merged, dropped
  fence,     ///< orders other accesses: nothing that touches memory may cross
  argument,  ///< touches what its pointer operands point to
  texture,   ///< touches texels, which no pointer of the IR reaches
};

struct Builtin {
  std::string_view name;       ///< "simd_sum": in the IR "am.simd_sum.f32"
  std::string_view signature;  ///< "T(T, u16)": T the element type; else Type's names, "void",
                               ///< "ptr", "v2f32", "v4f32", "v4i32" (LLVM vectors)
  TypeSet types = 0;           ///< the T's it exists for; 0: no T, no suffix
  Group group{};
  Uniformity uniformity = Uniformity::operands;
  Memory memory = Memory::none;
  bool convergent = false;  ///< the result depends on which threads are active
  std::string_view metal;   ///< the Metal functions that it serves, for docs: "simd_sum(T x)"
  std::string_view doc;     ///< one sentence, with source of the definition
};

/// All rows, ordered by group, then as in the specification.
[[nodiscard]] std::span<const Builtin> table();

/// A call found in IR: the row and the element type.
struct Reference {
  const Builtin* builtin = nullptr;
  std::optional<Type> type;
};

/// "am.simd_sum.f32" → its row and f32; nullopt for any other name, also "am.simd_sum.f99".
[[nodiscard]] std::optional<Reference> find(std::string_view ir_name);

/// All IR names of a row: "am.simd_sum.f32", "am.simd_sum.f16", ...
[[nodiscard]] std::vector<std::string> ir_names(const Builtin& builtin);

[[nodiscard]] std::string_view suffix(Type type);

/// The C++ header that declares every builtin for the embedded standard library: for the IR name
/// am.simd_sum.f32 the function `float __am_simd_sum(float)`, overloaded over the element types,
/// bound to its IR name by an asm label.
[[nodiscard]] std::string declarations_header();

/// docs/builtins.md.
[[nodiscard]] std::string documentation_page();

}  // namespace anymetal::builtins
