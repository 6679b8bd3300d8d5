// What the code of one thread does, found in its IR: which arguments it touches, and how many
// floating-point operations it executes.
#pragma once

#include <string_view>
#include <vector>

#include "ir/thread_ir.h"
#include "support/result.h"

namespace anymetal::measure {

struct Access {
  bool reads = true;
  bool writes = true;
  bool atomics = false;  ///< by atomic operations
  bool plain = false;    ///< by others
};

struct Accesses {
  std::vector<Access> of_parameters;  ///< one for each parameter of the entry
  /// Whether some pointer may lead elsewhere than to the parameters that it was found to come from.
  bool has_unknown = false;
};

/// Changes the code (everything is inlined).
[[nodiscard]] Result<Accesses> find_accesses(ThreadIr& ir);

/// Gives the kernel one more buffer, the last parameter: two 64-bit numbers, to which each thread
/// that ends adds its operations and 1.
[[nodiscard]] Result<void> add_counters(ThreadIr& ir);

/// Operations of one call of a builtin: 0 for what computes no floats.
[[nodiscard]] uint64_t operations_of_builtin(std::string_view ir_name);

}  // namespace anymetal::measure
