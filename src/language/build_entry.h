// The entry of a module: a function that takes a kernel's buffers as plain pointers, asks the
// builtins for everything else, and calls the kernel. Built as AST, so that Clang's own rules make
// the conversions and the calling convention.
#pragma once

#include <clang/Sema/Sema.h>

#include <string>

#include "ir/kernel_interface.h"

namespace anymetal::language {

/// Null if Sema refuses, which is our bug; it then has said why.
[[nodiscard]] clang::FunctionDecl* build_entry(clang::Sema& sema, clang::FunctionDecl& kernel,
                                               const KernelInterface& interface,
                                               const std::string& name);

}  // namespace anymetal::language
