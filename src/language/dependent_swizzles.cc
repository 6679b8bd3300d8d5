// A swizzle is a property (stdlib's __am_swizzle). In a template, `v.xy += w` with a v of unknown
// type is kept as a call of one of the operators that were found where it stands, and when its type
// is known Clang 19 looks for a function that takes the property itself, and refuses. If nothing
// was found there, Clang keeps a plain operator, reads or writes the property first, and finds
// operators by their operands' types alone. All of Metal's vectors have theirs in namespace metal,
// so nothing is lost: here such calls become plain operators.
#include "language/dependent_swizzles.h"

#include <clang/AST/ExprCXX.h>
#include <clang/AST/RecursiveASTVisitor.h>

namespace anymetal::language {
namespace {

bool is_swizzle(const clang::Expr* operand) {
  const auto* member = llvm::dyn_cast<clang::CXXDependentScopeMemberExpr>(operand->IgnoreParens());
  if (!member || !member->getMember().isIdentifier() || member->hasExplicitTemplateArgs())
    return false;
  const llvm::StringRef name = member->getMember().getAsIdentifierInfo()->getName();
  return name.size() <= 4 && (name.find_first_not_of("xyzw") == llvm::StringRef::npos ||
                              name.find_first_not_of("rgba") == llvm::StringRef::npos);
}

class Visitor : public clang::RecursiveASTVisitor<Visitor> {
 public:
  explicit Visitor(clang::ASTContext& context) : context_(context) {}

  bool VisitStmt(clang::Stmt* statement) {
    for (clang::Stmt*& child : statement->children()) {
      auto* call = llvm::dyn_cast_or_null<clang::CXXOperatorCallExpr>(child);
      if (!call || !call->isTypeDependent()) continue;
      bool any = false;
      for (const clang::Expr* operand : call->arguments()) any |= is_swizzle(operand);
      if (clang::Expr* plain = any ? plain_operator(*call) : nullptr) child = plain;
    }
    return true;
  }

 private:
  /// Null for what has no such form: `[]`, `()`, `->`.
  clang::Expr* plain_operator(clang::CXXOperatorCallExpr& call) {
    using clang::BinaryOperator, clang::UnaryOperator;
    const auto word = call.getOperator();
    if (word == clang::OO_Call || word == clang::OO_Subscript || word == clang::OO_Arrow)
      return nullptr;
    const auto type = context_.DependentTy;
    const auto place = call.getOperatorLoc();
    const auto features = call.getFPFeatures();
    const bool step = word == clang::OO_PlusPlus || word == clang::OO_MinusMinus;
    if (step || call.getNumArgs() == 1) {
      const auto code = UnaryOperator::getOverloadedOpcode(word, step && call.getNumArgs() == 2);
      return UnaryOperator::Create(context_, call.getArg(0), code, type, clang::VK_PRValue,
                                   clang::OK_Ordinary, place, false, features);
    }
    const auto code = BinaryOperator::getOverloadedOpcode(word);
    if (BinaryOperator::isCompoundAssignmentOp(code)) {
      return clang::CompoundAssignOperator::Create(context_, call.getArg(0), call.getArg(1), code,
                                                   type, clang::VK_LValue, clang::OK_Ordinary,
                                                   place, features, type, type);
    }
    return BinaryOperator::Create(context_, call.getArg(0), call.getArg(1), code, type,
                                  clang::VK_PRValue, clang::OK_Ordinary, place, features);
  }

  clang::ASTContext& context_;
};

}  // namespace

void prepare_dependent_swizzles(clang::ASTContext& context, clang::DeclGroupRef declarations) {
  Visitor visitor(context);
  for (clang::Decl* declaration : declarations) visitor.TraverseDecl(declaration);
}

}  // namespace anymetal::language
