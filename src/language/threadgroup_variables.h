// Variables in threadgroup memory that a kernel reaches, found on the AST.
#pragma once

#include <clang/AST/ASTContext.h>
#include <clang/AST/Decl.h>

#include "language/diagnostics.h"

namespace anymetal::language {

/// Takes the constructors of the kernel's threadgroup variables away (Metal runs none: the memory
/// is the threadgroup's, and no thread is the one to initialise it), reports initialisers that the
/// user wrote, and returns the sum of the sizes, each rounded up to 16.
uint32_t prepare_threadgroup_variables(clang::ASTContext& context, clang::FunctionDecl& kernel,
                                       DiagnosticCollector& diagnostics);

}  // namespace anymetal::language
