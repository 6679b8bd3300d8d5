// One kernel on its way: what is known of it before anything is decided.
#pragma once

#include <string_view>
#include <vector>

#include "language/syntax_tree.h"
#include "measure/operations.h"
#include "port/file_text.h"
#include "port/parameter_uses.h"
#include "port/port.h"

namespace anymetal::port {

/// What the code of one thread does with the kernel's buffers, over all values of its function
/// constants that were tried.
struct CodeFacts {
  std::vector<measure::Access> of_parameters;  ///< one for each Parameter; attributes too
  bool has_unknown = false;
  bool has_constants = false;
};

struct KernelFacts {
  const language::SyntaxTree& tree;
  const clang::FunctionDecl& kernel;   ///< the instance
  const clang::FunctionDecl& pattern;  ///< as it is written: of a template, the template's
  const KernelInterface& interface;
  const CodeFacts& code;
  Uses uses;

  [[nodiscard]] const clang::ParmVarDecl& declaration(size_t i) const {
    return *kernel.getParamDecl(static_cast<unsigned>(i));
  }
  void refuse(Kernel& to, clang::SourceLocation place, std::string message) const;
};

/// Decides what each parameter becomes; refusals are said. Fills `kernel.arguments`, one for each
/// parameter, without kernel_name.
void assign_roles(const KernelFacts& facts, Kernel& kernel);

/// Whether the code needs the parameter's own address space: it hands the pointer to something that
/// names it.
[[nodiscard]] bool needs_own_space(const KernelFacts& facts, size_t parameter);

/// Fills names, body, templates and constants. `inner` is what stands between the braces; the
/// kernel has its header already, which may get more.
void write_body(const KernelFacts& facts, const FileText& file, Span inner, Kernel& kernel);

}  // namespace anymetal::port
