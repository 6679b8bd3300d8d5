// What a kernel's own text does with each of its parameters.
#pragma once

#include <clang/AST/ASTContext.h>
#include <clang/AST/Decl.h>
#include <clang/AST/Expr.h>

#include <map>
#include <string>
#include <vector>

namespace anymetal::port {

/// One mention of a parameter.
struct Mention {
  enum class Kind : uint8_t {
    value,       ///< of a scalar or a reference: read
    element,     ///< x[i], *x, *(x + i), x->y: `index` is i, or null
    arithmetic,  ///< x + i, which is assigned to a new variable: `variable`
    passed,      ///< to a function's parameter: `callee`
    changed,     ///< x = ..., ++x; of a reference: written
    other,       ///< a cast, an address, another variable
  };
  Kind kind = Kind::other;
  const clang::DeclRefExpr* place = nullptr;
  const clang::Expr* index = nullptr;
  const clang::VarDecl* variable = nullptr;
  const clang::ParmVarDecl* callee = nullptr;
  bool reads = false;      ///< of an element
  bool writes = false;     ///< of an element
  bool is_member = false;  ///< of an element: x[i].y
  bool is_first = false;   ///< of an element: *x, x->y
};

struct Uses {
  /// Of parameters, and of local variables that are pointers.
  std::map<const clang::VarDecl*, std::vector<Mention>> of;
  std::vector<const clang::VarDecl*> locals;
  [[nodiscard]] const std::vector<Mention>& mentions(const clang::VarDecl* variable) const;
};

/// `kernel` is an instance, with its body.
[[nodiscard]] Uses find_uses(const clang::FunctionDecl& kernel);

/// The expression as it is written.
[[nodiscard]] std::string text_of(const clang::ASTContext& context, const clang::Stmt& statement);

}  // namespace anymetal::port
