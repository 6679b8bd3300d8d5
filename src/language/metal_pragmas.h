// `#pragma METAL fp contract(off)` and its like.
#pragma once

#include <clang/Lex/Preprocessor.h>

#include "language/tokens.h"

namespace anymetal::language {

/// Teaches the preprocessor Metal's own pragmas. Before the main file is entered.
void add_metal_pragmas(clang::Preprocessor& preprocessor);

/// Whether a pragma of the text says how floating-point arithmetic may be transformed. The
/// operators of vectors and matrices are functions of the library, compiled before the text was
/// known, so these must then do without freedoms altogether (finish_module.cc): a compiler may
/// always transform less than it is allowed to.
[[nodiscard]] bool restricts_arithmetic(const TokenText& text);

}  // namespace anymetal::language
