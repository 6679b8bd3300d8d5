#include "port/parameter_uses.h"

#include <clang/AST/ExprCXX.h>
#include <clang/AST/RecursiveASTVisitor.h>
#include <clang/Lex/Lexer.h>

namespace anymetal::port {
namespace {

class Visitor : public clang::RecursiveASTVisitor<Visitor> {
 public:
  using Base = clang::RecursiveASTVisitor<Visitor>;
  explicit Visitor(const clang::FunctionDecl& kernel) : kernel_(kernel) {}

  Uses take() { return std::move(uses_); }
  bool shouldVisitImplicitCode() const { return true; }

  bool TraverseStmt(clang::Stmt* statement) {
    if (!statement) return true;
    above_.push_back(statement);
    const bool go_on = Base::TraverseStmt(statement);
    above_.pop_back();
    return go_on;
  }

  bool VisitVarDecl(clang::VarDecl* variable) {
    uses_.locals.push_back(variable);
    return true;
  }

  bool VisitDeclRefExpr(clang::DeclRefExpr* reference) {
    const auto* variable = llvm::dyn_cast<clang::VarDecl>(reference->getDecl());
    if (!variable) return true;
    const bool is_parameter =
        llvm::isa<clang::ParmVarDecl>(variable) && variable->getDeclContext() == &kernel_;
    const bool is_pointer = variable->isLocalVarDecl() && variable->getType()->isPointerType();
    if (is_parameter || is_pointer) uses_.of[variable].push_back(classify(*reference));
    return true;
  }

 private:
  /// The statement n levels above the one that is visited.
  [[nodiscard]] const clang::Stmt* above(size_t n) const {
    return n < above_.size() ? above_[above_.size() - 1 - n] : nullptr;
  }

  Mention classify(const clang::DeclRefExpr& reference) const {
    Mention mention;
    mention.place = &reference;
    size_t level = find_self(reference);
    const clang::Stmt* self = &reference;
    bool loaded = false;
    const bool is_pointer = reference.getDecl()->getType()->isPointerType();
    for (;;) {
      const clang::Stmt* parent = above(level + 1);
      if (!parent) return mention;
      const auto* cast = llvm::dyn_cast<clang::ImplicitCastExpr>(parent);
      if (cast && cast->getCastKind() == clang::CK_LValueToRValue) loaded = true;
      const bool plain_cast = cast && (cast->getCastKind() == clang::CK_LValueToRValue ||
                                       cast->getCastKind() == clang::CK_NoOp);
      if (!plain_cast && !llvm::isa<clang::ParenExpr>(parent)) break;
      self = parent;
      ++level;
    }
    if (!is_pointer) return of_value(mention, self, level, loaded);
    return loaded ? of_pointer(mention, self, level) : changed(mention);
  }

  [[nodiscard]] size_t find_self(const clang::Stmt& statement) const {
    for (size_t n = 0; n < above_.size(); ++n)
      if (above(n) == &statement) return n;
    return 0;
  }

  static Mention changed(Mention mention) {
    mention.kind = Mention::Kind::changed;
    return mention;
  }

  Mention of_value(Mention mention, const clang::Stmt* self, size_t level, bool loaded) const {
    if (loaded) {
      mention.kind = Mention::Kind::value;
      return mention;
    }
    const clang::Stmt* parent = above(level + 1);
    if (llvm::isa<clang::MemberExpr>(parent)) {
      fill_access(mention, parent, level + 1);
      mention.is_member = true;
      mention.kind = mention.writes ? Mention::Kind::changed : Mention::Kind::value;
      if (!mention.reads && !mention.writes) mention.kind = Mention::Kind::other;
      return mention;
    }
    if (const auto* call = llvm::dyn_cast<clang::CallExpr>(parent))
      return passed(mention, *call, self);
    if (llvm::isa<clang::BinaryOperator>(parent) || llvm::isa<clang::UnaryOperator>(parent))
      return changed(mention);
    // A copy of a struct or vector.
    if (llvm::isa<clang::CXXConstructExpr>(parent)) mention.kind = Mention::Kind::value;
    return mention;
  }

  Mention of_pointer(Mention mention, const clang::Stmt* self, size_t level) const {
    const clang::Stmt* parent = above(level + 1);
    if (const auto* subscript = llvm::dyn_cast<clang::ArraySubscriptExpr>(parent)) {
      if (subscript->getBase()->IgnoreParens() != llvm::cast<clang::Expr>(self)->IgnoreParens())
        return mention;
      mention.kind = Mention::Kind::element;
      mention.index = subscript->getIdx();
      fill_access(mention, parent, level + 1);
      return mention;
    }
    if (const auto* unary = llvm::dyn_cast<clang::UnaryOperator>(parent);
        unary && unary->getOpcode() == clang::UO_Deref) {
      mention.kind = Mention::Kind::element;
      mention.is_first = true;
      fill_access(mention, parent, level + 1);
      return mention;
    }
    if (llvm::isa<clang::MemberExpr>(parent)) {
      mention.kind = Mention::Kind::element;
      mention.is_first = true;
      fill_access(mention, self, level);
      return mention;
    }
    if (const auto* binary = llvm::dyn_cast<clang::BinaryOperator>(parent);
        binary && (binary->getOpcode() == clang::BO_Add || binary->getOpcode() == clang::BO_Sub) &&
        binary->getType()->isPointerType())
      return of_sum(mention, *binary, level + 1);
    if (const auto* call = llvm::dyn_cast<clang::CallExpr>(parent))
      return passed(mention, *call, self);
    return of_variable(mention, self);
  }

  Mention of_sum(Mention mention, const clang::BinaryOperator& sum, size_t level) const {
    const clang::Stmt* self = &sum;
    while (above(level + 1) && llvm::isa<clang::ParenExpr>(above(level + 1))) {
      ++level;
      self = above(level);
    }
    const clang::Stmt* parent = above(level + 1);
    if (!parent) return of_variable(mention, self);
    if (const auto* unary = llvm::dyn_cast<clang::UnaryOperator>(parent);
        unary && unary->getOpcode() == clang::UO_Deref) {
      mention.kind = Mention::Kind::element;
      mention.index = sum.getRHS();
      fill_access(mention, parent, level + 1);
      return mention;
    }
    if (llvm::isa<clang::ArraySubscriptExpr>(parent)) {
      mention.kind = Mention::Kind::element;
      fill_access(mention, parent, level + 1);
      return mention;
    }
    if (const auto* call = llvm::dyn_cast<clang::CallExpr>(parent))
      return passed(mention, *call, self);
    return of_variable(mention, self);
  }

  Mention of_variable(Mention mention, const clang::Stmt* self) const {
    for (const clang::VarDecl* variable : uses_.locals) {
      if (!variable->getInit() || variable->getInit()->IgnoreParenImpCasts() !=
                                      llvm::cast<clang::Expr>(self)->IgnoreParenImpCasts())
        continue;
      mention.kind = Mention::Kind::arithmetic;
      mention.variable = variable;
    }
    return mention;
  }

  static Mention passed(Mention mention, const clang::CallExpr& call, const clang::Stmt* self) {
    const clang::FunctionDecl* callee = call.getDirectCallee();
    mention.kind = Mention::Kind::passed;
    if (!callee) return mention;
    for (unsigned i = 0; i < call.getNumArgs() && i < callee->getNumParams(); ++i) {
      if (call.getArg(i)->IgnoreParenImpCasts() ==
          llvm::cast<clang::Expr>(self)->IgnoreParenImpCasts())
        mention.callee = callee->getParamDecl(i);
    }
    return mention;
  }

  /// What is done with the element that the statement `level` above names.
  void fill_access(Mention& mention, const clang::Stmt* self, size_t level) const {
    for (;;) {
      const clang::Stmt* parent = above(level + 1);
      if (!parent) return;
      if (const auto* cast = llvm::dyn_cast<clang::ImplicitCastExpr>(parent)) {
        if (cast->getCastKind() == clang::CK_LValueToRValue) mention.reads = true;
        const bool is_row = cast->getCastKind() == clang::CK_ArrayToPointerDecay &&
                            above(level + 2) &&
                            llvm::isa<clang::ArraySubscriptExpr>(above(level + 2));
        if (!is_row && cast->getCastKind() != clang::CK_NoOp &&
            cast->getCastKind() != clang::CK_AddressSpaceConversion) {
          if (!mention.reads) mention.reads = mention.writes = true;
          return;
        }
      } else if (const auto* member = llvm::dyn_cast<clang::MemberExpr>(parent)) {
        mention.is_member = true;
        if (!llvm::isa<clang::FieldDecl>(member->getMemberDecl())) {
          mention.reads = true;
          mention.writes = !is_const_call(member);
          return;
        }
      } else if (llvm::isa<clang::ArraySubscriptExpr>(parent)) {
        mention.is_member = true;
      } else if (!llvm::isa<clang::ParenExpr>(parent)) {
        finish_access(mention, self, *parent);
        return;
      }
      self = parent;
      ++level;
    }
  }

  static bool is_const_call(const clang::MemberExpr* member) {
    const auto* method = llvm::dyn_cast<clang::CXXMethodDecl>(member->getMemberDecl());
    return method && method->isConst();
  }

  static void finish_access(Mention& mention, const clang::Stmt* self, const clang::Stmt& parent) {
    if (const auto* assignment = llvm::dyn_cast<clang::BinaryOperator>(&parent);
        assignment && assignment->isAssignmentOp() && assignment->getLHS() == self) {
      mention.writes = true;
      mention.reads |= assignment->isCompoundAssignmentOp();
      return;
    }
    if (const auto* call = llvm::dyn_cast<clang::CXXOperatorCallExpr>(&parent);
        call && call->isAssignmentOp() && call->getNumArgs() == 2 && call->getArg(0) == self) {
      mention.writes = true;
      mention.reads |= call->getOperator() != clang::OO_Equal;
      return;
    }
    if (llvm::isa<clang::CXXConstructExpr>(parent) ||
        llvm::isa<clang::CXXOperatorCallExpr>(parent)) {
      mention.reads = true;  // a copy; the operators of vectors take const references
      return;
    }
    mention.reads = mention.writes = true;
  }

  const clang::FunctionDecl& kernel_;
  std::vector<const clang::Stmt*> above_;
  Uses uses_;
};

}  // namespace

const std::vector<Mention>& Uses::mentions(const clang::VarDecl* variable) const {
  static const std::vector<Mention> none;
  const auto found = of.find(variable);
  return found == of.end() ? none : found->second;
}

Uses find_uses(const clang::FunctionDecl& kernel) {
  Visitor visitor(kernel);
  visitor.TraverseStmt(kernel.getBody());
  return visitor.take();
}

std::string text_of(const clang::ASTContext& context, const clang::Stmt& statement) {
  const auto range = clang::CharSourceRange::getTokenRange(statement.getSourceRange());
  return clang::Lexer::getSourceText(range, context.getSourceManager(), context.getLangOpts())
      .str();
}

}  // namespace anymetal::port
