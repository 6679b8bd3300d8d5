// Methods whose `this` points into an address space: `float get() const device`.
#pragma once

#include <clang/Lex/Token.h>
#include <clang/Sema/Sema.h>

#include <functional>

namespace anymetal::language {

/// What an annotation begins with that names the space of a method's `this`; the space's word
/// follows. Made by rewrite_method_qualifiers.
inline constexpr const char* kSpaceAnnotation = "am.space.";
/// The same of a definition outside of its class.
inline constexpr const char* kDefinitionAnnotation = "am.definition.space.";

/// Shown each token that the parser reads, it gives each such method its space as soon as it is
/// declared, and a definition its space before its body is parsed.
[[nodiscard]] std::function<void(const clang::Token&)> method_qualifier(clang::Sema& sema);

}  // namespace anymetal::language
