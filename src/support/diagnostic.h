// A message about a place in the user's text, as compilers print it:
//
//   softcap.source:5:14: error: use of undeclared identifier 'cap'
//       5 |   out[id] = cap * tanh(val / cap);
//         |             ^~~
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "support/private_api.h"

namespace anymetal {

enum class Severity : uint8_t { note, warning, error };

struct Diagnostic {
  Severity severity = Severity::error;
  std::string
      file;  ///< as the user knows it: a path, or "NAME.source", "NAME.header"; empty: no place
  uint32_t line = 0;    ///< from 1; 0: no place
  uint32_t column = 0;  ///< from 1, in bytes; 0: the whole line
  uint32_t length =
      0;  ///< bytes underlined after the caret, the caret's own included; 0 or 1: the caret alone
  std::string message;  ///< without a full stop, as Clang writes them
  std::string text;     ///< the user's line, without its end
  std::string fix;      ///< what to insert or do instead, when it is known
};

/// The message with its source line and a caret. Tabs before the caret are kept, so that it stands
/// under its column.
[[nodiscard]] ANYMETAL_PRIVATE_API std::string render(const Diagnostic& diagnostic);
[[nodiscard]] ANYMETAL_PRIVATE_API std::string render(std::span<const Diagnostic> diagnostics);

}  // namespace anymetal
