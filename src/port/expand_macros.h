// What comes in: a text of which some kernels are written by macros, as a whole or their braces.
// What goes out: the same text with these invocations written out, one level of macros, so that
// such kernels have a text of their own, which a port can take.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "language/language.h"
#include "language/syntax_tree.h"

namespace anymetal::port {

struct Expansion {
  language::Source source;          ///< marked: its lines are those of the author's text
  std::vector<std::string> macros;  ///< that were written out
  /// Why a kernel, by the name of its function, can't be written out.
  std::map<std::string, std::string> stuck;
  bool is_changed = false;
};

/// One level: what a macro stands for may be written by macros again.
[[nodiscard]] Expansion expand_kernel_macros(const language::SyntaxTree& tree,
                                             const language::Source& source);

/// Without the definitions of these macros that nothing mentions any more.
[[nodiscard]] language::Source without_definitions(const language::Source& source,
                                                   std::vector<std::string> macros);

/// The first place where two texts differ in their tokens ("'22' in the place of '16'"); nothing if
/// they don't.
[[nodiscard]] std::optional<std::string> difference_of_tokens(const std::string& before,
                                                              const std::string& after);

}  // namespace anymetal::port
