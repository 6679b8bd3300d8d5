// Text to AST: lexes, rewrites and parses the main file of an instance.
#pragma once

#include <clang/AST/ASTConsumer.h>

#include "language/clang_instance.h"

namespace anymetal::language {

/// Parses all of the instance's text with `consumer` (which the instance's compiler then owns).
/// Without `repairs` the text is C++ already (the standard library). The rewritten tokens as text
/// go to `rewritten` if it isn't null, which costs time. What was wrong lies in the instance's
/// diagnostics. If a stop was requested (support/stop_flag.h), nothing of the result is of use.
void parse_unit(ClangInstance& instance, std::unique_ptr<clang::ASTConsumer> consumer,
                clang::TranslationUnitKind kind, const Repairs* repairs);

/// The tokens of the main file after the rewrite, or after one pass of it, as text; parses nothing.
[[nodiscard]] std::string rewritten_text(ClangInstance& instance, std::string_view last_pass);

}  // namespace anymetal::language
