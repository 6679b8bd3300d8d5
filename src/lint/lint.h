// The coach's reading of kernels: Metal text in, findings out. A finding is a claim about a place
// of the user's text; where the analyses don't know, nothing is said. docs/design/lint.md has the
// chapter, docs/rules/ a page for each rule.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "anymetal/math_mode.hpp"
#include "support/private_api.h"

namespace anymetal::lint {

/// Lines and columns count from 1, columns in bytes; the end is behind the last byte.
struct Range {
  uint32_t line = 0;
  uint32_t column = 0;
  uint32_t end_line = 0;
  uint32_t end_column = 0;
  auto operator<=>(const Range&) const = default;
};

/// Text that may take the place of what stands there without changing what the kernel does.
struct Fix {
  Range range;
  std::string text;
};

struct Finding {
  std::string rule;  ///< "BARRIER-DIVERGE-001"
  Range range;
  bool in_header = false;  ///< else in the request's text
  std::string message;     ///< what happens
  std::string remedy;      ///< what to write instead
  std::vector<Fix> fixes;
};

/// What is known of an array that a kernel is called with.
struct ArrayFacts {
  std::string dtype;  ///< "float32"; empty: unknown
  std::optional<std::vector<int64_t>> shape;
};

/// A template argument: a number, a truth, a dtype's name; monostate: unknown.
using TemplateValue = std::variant<std::monostate, int64_t, bool, std::string>;

using Size = std::array<uint32_t, 3>;

struct Request {
  bool is_body = true;  ///< a body for metal_kernel; else a whole file
  std::string path;     ///< names a file; where its includes are looked for
  std::string text;
  std::string header;
  std::vector<std::string> input_names;
  std::vector<std::string> output_names;
  std::vector<std::pair<std::string, TemplateValue>> template_args;
  bool knows_templates = true;  ///< else there may be more of them
  bool ensure_row_contiguous = true;
  bool atomic_outputs = false;
  bool has_initial_value = false;  ///< what isn't written is defined
  MathMode math_mode = MathMode::safe;
  std::vector<ArrayFacts> inputs;   ///< one for each name, or empty
  std::vector<ArrayFacts> outputs;  ///< likewise
  std::optional<Size> threadgroup;  ///< in threads, as the call gives it
  std::optional<Size> grid;         ///< in threads
};

/// By line and column, each rule once at a place. A text that doesn't compile gives one finding,
/// KERNEL-COMPILE-001, with the compiler's error. Nothing throws; may be called from several
/// threads at once.
[[nodiscard]] ANYMETAL_PRIVATE_API std::vector<Finding> lint_kernel(const Request& request);

}  // namespace anymetal::lint
