// Clang's tree of a text, for rooms that read programs rather than run them (src/port, src/lint).
// Every place in it is the user's: the rewrite works on tokens and keeps their locations.
#pragma once

#include <clang/AST/ASTContext.h>
#include <clang/AST/Decl.h>
#include <clang/Frontend/CompilerInstance.h>

#include <map>
#include <optional>
#include <span>

#include "ir/kernel_interface.h"

namespace anymetal::language {

struct SyntaxTree {
  clang::CompilerInstance& compiler;
  /// Definitions (of templates: each instance), in the order of ParsedLibrary::kernels().
  std::span<clang::FunctionDecl* const> kernels;
  std::span<const KernelInterface> interfaces;
  /// Function constants and their indices.
  const std::map<clang::VarDecl*, std::optional<uint32_t>>& constants;
  /// Bytes of ours that stand before the user's text in the main file's buffer.
  uint32_t text_offset = 1;
};

}  // namespace anymetal::language
