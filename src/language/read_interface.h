// KernelInterface from the AST: what a kernel looks like from outside. What a kernel may not look
// like is said here.
#pragma once

#include <clang/AST/ASTContext.h>
#include <clang/AST/Decl.h>

#include "ir/kernel_interface.h"
#include "language/diagnostics.h"

namespace anymetal::language {

/// Reports problems to `diagnostics`.
[[nodiscard]] KernelInterface read_interface(clang::ASTContext& context,
                                             clang::FunctionDecl& kernel,
                                             DiagnosticCollector& diagnostics);

/// "float", "uint3", "atomic<int>": the type as Metal's users write it.
[[nodiscard]] std::string metal_type_name(const clang::ASTContext& context, clang::QualType type);

/// One texture or sampler of the standard library: 8 bytes, a handle.
[[nodiscard]] bool is_texture_or_sampler(const clang::ASTContext& context, clang::QualType type);

}  // namespace anymetal::language
