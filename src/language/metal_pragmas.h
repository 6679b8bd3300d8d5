// `#pragma METAL fp contract(off)` and its like.
#pragma once

#include <clang/Lex/Preprocessor.h>

namespace anymetal::language {

/// Teaches the preprocessor Metal's own pragmas. Before the main file is entered.
void add_metal_pragmas(clang::Preprocessor& preprocessor);

}  // namespace anymetal::language
