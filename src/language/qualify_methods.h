// Methods whose `this` points into an address space: `float get() const device`.
#pragma once

#include <clang/Lex/Preprocessor.h>
#include <clang/Sema/Sema.h>

namespace anymetal::language {

/// What an annotation begins with that names the space of a method's `this`; the space's word
/// follows. Made by rewrite_method_qualifiers.
inline constexpr const char* kSpaceAnnotation = "am.space.";

/// From now on, each such method gets its space as soon as it is declared.
void qualify_methods(clang::Preprocessor& preprocessor, clang::Sema& sema);

}  // namespace anymetal::language
