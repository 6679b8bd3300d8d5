// How a type lies in memory, for host programs that fill it: the scalar that it is made of, or the
// members of a struct.
#pragma once

#include <clang/AST/ASTContext.h>
#include <clang/AST/Type.h>

#include <string>
#include <vector>

#include "ir/kernel_interface.h"

namespace anymetal::language {

/// "float" for float, float3, packed_half4's "half", atomic<int>'s "int", an enum's underlying
/// type. Empty for structs and void.
[[nodiscard]] std::string element_of(const clang::ASTContext& context, clang::QualType type);

/// A pointer's own value as one field without a name (a buffer of pointers). The members of a
/// struct; none if it isn't one, or if hosts can't know where its members are (unions, bit-fields,
/// more than 256 of them).
[[nodiscard]] std::vector<Field> fields_of(const clang::ASTContext& context, clang::QualType type);

}  // namespace anymetal::language
