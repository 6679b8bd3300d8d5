#include "language/threadgroup_variables.h"

#include <clang/AST/DeclCXX.h>
#include <clang/AST/ExprCXX.h>
#include <clang/AST/RecursiveASTVisitor.h>
#include <clang/Basic/SourceManager.h>

#include <set>
#include <vector>

namespace anymetal::language {
namespace {

bool is_threadgroup(clang::QualType type) {
  const auto space = type.getAddressSpace();
  return space == clang::LangAS::sycl_local || space == clang::LangAS::opencl_local;
}

/// Whether all that an initialiser says is zero.
bool is_zero(const clang::Expr* expression) {
  expression = expression->IgnoreParenImpCasts();
  if (llvm::isa<clang::ImplicitValueInitExpr>(expression)) return true;
  if (const auto* list = llvm::dyn_cast<clang::InitListExpr>(expression)) {
    for (const auto* item : list->inits()) {
      if (!is_zero(item)) return false;
    }
    return true;
  }
  if (const auto* number = llvm::dyn_cast<clang::IntegerLiteral>(expression))
    return number->getValue().isZero();
  if (const auto* number = llvm::dyn_cast<clang::FloatingLiteral>(expression))
    return number->getValue().isZero();
  if (const auto* number = llvm::dyn_cast<clang::CXXBoolLiteralExpr>(expression))
    return !number->getValue();
  return false;
}

class Visitor : public clang::RecursiveASTVisitor<Visitor> {
 public:
  Visitor(clang::ASTContext& context, DiagnosticCollector& diagnostics)
      : context_(context), diagnostics_(diagnostics) {}

  uint32_t visit(clang::FunctionDecl* kernel) {
    enqueue(kernel);
    while (!work_.empty()) {
      auto* function = work_.back();
      work_.pop_back();
      TraverseStmt(function->getBody());
      if (auto* constructor = llvm::dyn_cast<clang::CXXConstructorDecl>(function)) {
        for (auto* initialiser : constructor->inits()) TraverseStmt(initialiser->getInit());
      }
    }
    return bytes_;
  }

  bool shouldVisitImplicitCode() const { return true; }

  bool VisitVarDecl(clang::VarDecl* variable) {
    if (!is_threadgroup(variable->getType()) || !seen_.insert(variable).second) return true;
    const uint64_t size =
        static_cast<uint64_t>(context_.getTypeSizeInChars(variable->getType()).getQuantity());
    bytes_ += static_cast<uint32_t>((size + 15) / 16 * 16);
    if (!variable->hasInit()) return true;
    const auto* construct =
        llvm::dyn_cast<clang::CXXConstructExpr>(variable->getInit()->IgnoreImplicit());
    const bool implicit = construct && construct->getNumArgs() == 0 &&
                          variable->getInitStyle() == clang::VarDecl::CallInit &&
                          construct->getParenOrBraceRange().isInvalid();
    if (implicit) {
      variable->setInit(nullptr);
    } else if (is_zero(variable->getInit())) {
      // Apple's compiler takes this, and published kernels write it before they initialise by hand.
      diagnostics_.add(context_.getSourceManager(), variable->getLocation(), Severity::warning,
                       "the initializer of threadgroup variable '" + variable->getNameAsString() +
                           "' has no effect; let the threads write it, and a barrier follow");
      variable->setInit(nullptr);
    } else {
      diagnostics_.add(
          context_.getSourceManager(), variable->getLocation(), Severity::error,
          "threadgroup variable '" + variable->getNameAsString() + "' can't have an initializer");
      diagnostics_.add(context_.getSourceManager(), {}, Severity::note,
                       "let the threads write it, and a threadgroup_barrier follow");
    }
    return true;
  }

  bool VisitDeclRefExpr(clang::DeclRefExpr* reference) {
    if (auto* function = llvm::dyn_cast<clang::FunctionDecl>(reference->getDecl()))
      enqueue(function);
    return true;
  }
  bool VisitMemberExpr(clang::MemberExpr* member) {
    if (auto* function = llvm::dyn_cast<clang::FunctionDecl>(member->getMemberDecl()))
      enqueue(function);
    return true;
  }
  bool VisitCXXConstructExpr(clang::CXXConstructExpr* construct) {
    enqueue(construct->getConstructor());
    return true;
  }

 private:
  /// The standard library declares no threadgroup variables, so its bodies needn't be looked at.
  bool is_ours(const clang::FunctionDecl* function) const {
    const auto& sources = context_.getSourceManager();
    const auto presumed = sources.getPresumedLoc(sources.getFileLoc(function->getLocation()));
    return presumed.isValid() &&
           llvm::StringRef(presumed.getFilename()).starts_with("/anymetal/library");
  }

  void enqueue(clang::FunctionDecl* function) {
    auto* definition = function->getDefinition();
    if (definition && seen_.insert(definition).second && !is_ours(definition))
      work_.push_back(definition);
  }

  clang::ASTContext& context_;
  DiagnosticCollector& diagnostics_;
  std::set<const clang::Decl*> seen_;
  std::vector<clang::FunctionDecl*> work_;
  uint32_t bytes_ = 0;
};

}  // namespace

uint32_t prepare_threadgroup_variables(clang::ASTContext& context, clang::FunctionDecl& kernel,
                                       DiagnosticCollector& diagnostics) {
  return Visitor(context, diagnostics).visit(&kernel);
}

}  // namespace anymetal::language
