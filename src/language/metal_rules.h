// What Clang takes and Metal refuses, found on the AST: pointers without an address space,
// variables that outlive their function, pointers to functions, kernels that are called.
#pragma once

#include <clang/AST/ASTContext.h>

#include <set>

#include "language/diagnostics.h"
#include "language/tokens.h"

namespace anymetal::language {

/// Places (raw encodings) of each `*` and `&` that no address space stands before in its
/// declaration. On the tokens as they came, since `thread` is nothing to Clang.
[[nodiscard]] std::set<unsigned> find_bare_pointers(const TokenText& text);

/// Reports what the user's text must not do. The AST has no errors; kernels keep their annotations.
void check_metal_rules(clang::ASTContext& context, const std::set<unsigned>& bare_pointers,
                       DiagnosticCollector& diagnostics);

}  // namespace anymetal::language
