// Two walks over what the user wrote. The first sees declarations as they stand in the text; the
// second sees code, templates with their arguments in place, where address spaces are known. Words
// are those of Apple's compiler where its messages are known from public reports.
#include "language/metal_rules.h"

#include <clang/AST/Attr.h>
#include <clang/AST/RecursiveASTVisitor.h>
#include <clang/Basic/Builtins.h>
#include <clang/Basic/SourceManager.h>

#include "language/declaration_recorder.h"
#include "language/metal_types.h"

namespace anymetal::language {
namespace {

/// What both walks share: whose text it is, and how it is reported.
class Rules {
 public:
  Rules(clang::ASTContext& context, DiagnosticCollector& diagnostics)
      : context_(context), diagnostics_(diagnostics) {}

 protected:
  void error(clang::SourceLocation place, std::string message, std::string remedy = {}) {
    if (!said_.insert(place.getRawEncoding()).second) return;
    diagnostics_.add(context_.getSourceManager(), place, Severity::error, std::move(message));
    note({}, std::move(remedy));
  }
  void note(clang::SourceLocation place, std::string message) {
    if (message.empty()) return;
    diagnostics_.add(context_.getSourceManager(), place, Severity::note, std::move(message));
  }

  clang::ASTContext& context_;
  DiagnosticCollector& diagnostics_;

 private:
  std::set<unsigned> said_;
};

std::string spelled(clang::QualType type) {
  return in_metal_words(type.getAsString());
}

/// `constexpr sampler name(...)` stands at program scope as it is: its state is part of the code.
bool is_constexpr_sampler(const clang::VarDecl& variable) {
  const auto* record = variable.getType()->getAsCXXRecordDecl();
  return variable.isConstexpr() && record && record->getQualifiedNameAsString() == "metal::sampler";
}

class DeclarationRules : public clang::RecursiveASTVisitor<DeclarationRules>, Rules {
 public:
  DeclarationRules(clang::ASTContext& context, const std::set<unsigned>& bare,
                   DiagnosticCollector& diagnostics)
      : Rules(context, diagnostics), bare_(bare) {}

  bool TraverseVarDecl(clang::VarDecl* variable) {
    const auto* outer = std::exchange(variable_, variable);
    const bool more = RecursiveASTVisitor::TraverseVarDecl(variable);
    variable_ = outer;
    return more;
  }
  bool TraverseParmVarDecl(clang::ParmVarDecl* parameter) {
    const auto* outer = std::exchange(variable_, parameter);
    const bool more = RecursiveASTVisitor::TraverseParmVarDecl(parameter);
    variable_ = outer;
    return more;
  }

  bool VisitPointerTypeLoc(clang::PointerTypeLoc type) {
    check_pointee("pointer", type.getStarLoc(), type.getPointeeLoc().getType());
    return true;
  }
  bool VisitLValueReferenceTypeLoc(clang::LValueReferenceTypeLoc type) {
    check_pointee("reference", type.getAmpLoc(), type.getPointeeLoc().getType());
    return true;
  }
  bool VisitComplexTypeLoc(clang::ComplexTypeLoc type) {
    error(type.getBeginLoc(), "'_Complex' is not supported in Metal; use a float2");
    return true;
  }
  bool VisitAtomicTypeLoc(clang::AtomicTypeLoc type) {
    error(type.getBeginLoc(), "'_Atomic' is not supported in Metal; use 'atomic_int' and its like");
    return true;
  }

  bool VisitFunctionDecl(clang::FunctionDecl* function) {
    const bool kernel = find_annotation(function, "kernel") != nullptr;
    if (function->isVariadic() && !function->getBuiltinID()) {
      error(
          function->getLocation(),
          "functions with a variable number of arguments ('...') are not supported in Metal",
          "a template with a parameter pack does the same: template <typename... T> ... f(T... x)");
    }
    if (kernel && llvm::isa<clang::CXXMethodDecl>(function)) {
      error(function->getLocation(), "a kernel function can't be a member of a class",
            "declare it outside, and call the member from there");
    }
    if (kernel && !function->getReturnType()->isVoidType()) {
      error(function->getLocation(), "kernel must have void return type",
            "results go out through a 'device' buffer");
    }
    return true;
  }

  bool VisitVarDecl(clang::VarDecl* variable) {
    if (variable->getType()->isDependentType()) return true;
    check_function_pointer(*variable, variable->getType());
    const auto space = variable->getType().getAddressSpace();
    const bool constant = is_constant_space(space);
    const std::string name = variable->getNameAsString();
    if (variable->isFileVarDecl() && !variable->isStaticDataMember()) {
      if (!variable->isFirstDecl()) return true;
      const bool pattern = variable->getDescribedVarTemplate() != nullptr ||
                           llvm::isa<clang::VarTemplateSpecializationDecl>(variable);
      if (!constant && !pattern && !is_constexpr_sampler(*variable)) {
        error(
            variable->getLocation(), "program scope variable must reside in constant address space",
            is_threadgroup_space(space)
                ? "declare '" + name + "' in the kernel, and pass a pointer to what it calls"
            : variable->getType().isConstQualified()
                ? "write 'constant' before its type"
                : "with 'constant' before its type all can read it; what kernels write goes into a "
                  "'device' buffer");
      }
    } else if (variable->isFirstDecl() && variable->hasGlobalStorage() && !constant &&
               !is_threadgroup_space(space) && !variable->getType().isConstQualified()) {
      error(variable->getLocation(),
            std::string(variable->isStaticLocal() ? "static variable '" : "static member '") +
                name + "' must be 'constant' in Metal",
            "no variable outlives its function; what threads keep goes into a 'device' buffer");
    }
    check_threadgroup(*variable);
    return true;
  }
  bool VisitFieldDecl(clang::FieldDecl* field) {
    check_function_pointer(*field, field->getType());
    return true;
  }

  bool VisitCallExpr(clang::CallExpr* call) {
    switch (call->getBuiltinCallee()) {
      case clang::Builtin::BI__builtin_alloca:
      case clang::Builtin::BI__builtin_alloca_uninitialized:
      case clang::Builtin::BI__builtin_alloca_with_align:
      case clang::Builtin::BI__builtin_alloca_with_align_uninitialized:
        error(call->getBeginLoc(), "'alloca' is not supported in Metal",
              "declare an array whose size is a constant");
        break;
      default:
        break;
    }
    const auto* callee = call->getDirectCallee();
    if (callee && find_annotation(callee, "kernel")) {
      error(call->getBeginLoc(),
            "kernel function '" + callee->getNameAsString() +
                "' can't be called from another function",
            "put what both need into a function without 'kernel'");
    }
    return true;
  }

 private:
  void check_pointee(const char* what, clang::SourceLocation place, clang::QualType pointee) {
    if (!bare_.contains(place.getRawEncoding())) return;
    if (pointee->isDependentType() || pointee->getContainedAutoType() || pointee->isFunctionType())
      return;
    if (pointee.getAddressSpace() != clang::LangAS::Default) return;
    if (llvm::isa<clang::DecltypeType>(pointee.getTypePtr())) return;
    error(place, std::string(what) + " type must have explicit address space qualifier",
          remedy(what, pointee));
  }

  /// The space that the variable's first value tells, or what the choice is.
  std::string remedy(const std::string& what, clang::QualType pointee) {
    const std::string end = what == "pointer" ? " *" : " &";
    const std::string type = spelled(pointee) + end;
    const std::string name = variable_ ? variable_->getNameAsString() : "";
    if (variable_ && variable_->hasInit() && !llvm::isa<clang::ParmVarDecl>(variable_)) {
      const auto* first = variable_->getInit()->IgnoreParenImpCasts();
      const auto value = what == "pointer" && first->getType()->isPointerType()
                             ? first->getType()->getPointeeType()
                             : first->getType();
      const std::string word = space_word(value.getAddressSpace());
      const bool constant = pointee.isConstQualified() && word != "constant";
      return "write '" + std::string(constant ? "const " : "") + word + " " +
             spelled(pointee.getUnqualifiedType()) + end + name + "'";
    }
    const auto* function =
        variable_ ? llvm::dyn_cast<clang::FunctionDecl>(variable_->getDeclContext()) : nullptr;
    if (function && find_annotation(function, "kernel")) {
      return "write 'device " + type + name + "' for a buffer, or 'constant " + type + name +
             "' for a small one that is only read";
    }
    return "write 'thread " + type + name +
           "', or 'device', 'constant', 'threadgroup': the memory that " + "it refers to";
  }

  void check_function_pointer(const clang::DeclaratorDecl& declaration, clang::QualType type) {
    if (type->isFunctionPointerType() || type->isFunctionReferenceType()) {
      error(declaration.getLocation(), "pointers to functions are not supported in Metal",
            "pass a functor or a lambda as a template parameter: template <typename F> ... f(F g)");
    }
  }

  void check_threadgroup(const clang::VarDecl& variable) {
    if (!is_threadgroup_space(variable.getType().getAddressSpace())) return;
    const auto* function = llvm::dyn_cast_or_null<clang::FunctionDecl>(variable.getDeclContext());
    if (!function || find_annotation(function, "kernel")) return;
    const auto* method = llvm::dyn_cast<clang::CXXMethodDecl>(function);
    if (method && method->getParent()->isLambda()) return;
    error(variable.getLocation(),
          "non-kernel function variable cannot be declared in threadgroup address space",
          "declare '" + variable.getNameAsString() +
              "' in the kernel, and pass a 'threadgroup' pointer to '" +
              function->getNameAsString() + "'");
  }

  const std::set<unsigned>& bare_;
  const clang::VarDecl* variable_ = nullptr;
};

class ConversionRules : public clang::RecursiveASTVisitor<ConversionRules>, Rules {
 public:
  using Rules::Rules;
  bool shouldVisitTemplateInstantiations() const { return true; }

  bool VisitCallExpr(clang::CallExpr* call) {
    const auto* callee = call->getDirectCallee();
    if (!callee || callee->isFromASTFile() || llvm::isa<clang::CXXOperatorCallExpr>(call) ||
        find_annotation(callee, "kernel")) {
      return true;
    }
    const unsigned count = std::min(call->getNumArgs(), callee->getNumParams());
    for (unsigned i = 0; i < count; ++i) {
      const auto* parameter = callee->getParamDecl(i);
      const auto [from, to] = change_of_space(call->getArg(i), parameter->getType());
      if (from.empty()) continue;
      error(call->getArg(i)->getExprLoc(),
            "cannot pass " + kind(parameter->getType()) + " to address space '" + from + "' as a " +
                kind(parameter->getType()) + " to address space '" + to + "'");
      note(parameter->getLocation(), "'" + callee->getNameAsString() + "' takes it as '" +
                                         spelled_with_space(parameter->getType()) + "'");
    }
    return true;
  }

  bool VisitVarDecl(clang::VarDecl* variable) {
    if (!variable->hasInit() || llvm::isa<clang::ParmVarDecl>(variable)) return true;
    const auto type = variable->getType();
    const auto [from, to] = change_of_space(variable->getInit(), type);
    if (from.empty()) return true;
    error(variable->getLocation(),
          "cannot initialize a variable of type '" + spelled_with_space(type) +
              "' with a value in address space '" + from + "'",
          "write '" + from + " " + spelled(type) + variable->getNameAsString() + "'");
    return true;
  }

  bool VisitBinaryOperator(clang::BinaryOperator* operation) {
    if (operation->getOpcode() != clang::BO_Assign) return true;
    const auto type = operation->getLHS()->getType();
    const auto [from, to] = change_of_space(operation->getRHS(), type);
    if (from.empty()) return true;
    error(operation->getRHS()->getExprLoc(), "assigning to '" + spelled_with_space(type) +
                                                 "' from a pointer to address space '" + from +
                                                 "'");
    return true;
  }

 private:
  static std::string kind(clang::QualType type) {
    return type->isPointerType() ? "pointer" : "reference";
  }

  /// `float *` as 'thread float *'.
  static std::string spelled_with_space(clang::QualType type) {
    const bool bare = type->getPointeeType().getAddressSpace() == clang::LangAS::Default;
    return (bare ? "thread " : "") + spelled(type);
  }

  /// The spaces, by Metal's words, if the value loses its own on the way to `type`; else empty.
  std::pair<std::string, std::string> change_of_space(const clang::Expr* value,
                                                      clang::QualType type) const {
    const bool pointer = type->isPointerType();
    const bool reference =
        type->isLValueReferenceType() && !type->getPointeeType().isConstQualified();
    if (!pointer && !reference) return {};
    if (const auto* whole = llvm::dyn_cast<clang::ExprWithCleanups>(value))
      value = whole->getSubExpr();
    const auto* cast = llvm::dyn_cast<clang::ImplicitCastExpr>(value);
    for (; cast; cast = llvm::dyn_cast<clang::ImplicitCastExpr>(cast->getSubExpr())) {
      if (cast->getCastKind() != clang::CK_AddressSpaceConversion) continue;
      const auto inner = cast->getSubExpr()->getType();
      if (pointer && !inner->isPointerType()) return {};
      const auto from = (pointer ? inner->getPointeeType() : inner).getAddressSpace();
      const auto to = type->getPointeeType().getAddressSpace();
      if (from == clang::LangAS::Default) return {};
      return {space_word(from), space_word(to)};
    }
    return {};
  }
};

}  // namespace

void check_metal_rules(clang::ASTContext& context, const std::set<unsigned>& bare_pointers,
                       DiagnosticCollector& diagnostics) {
  DeclarationRules declarations(context, bare_pointers, diagnostics);
  ConversionRules conversions(context, diagnostics);
  for (auto* declaration : context.getTranslationUnitDecl()->noload_decls()) {
    if (declaration->isFromASTFile() || declaration->isImplicit()) continue;
    declarations.TraverseDecl(declaration);
  }
  if (diagnostics.has_errors()) return;  // a pointer without a space would be refused twice
  for (auto* declaration : context.getTranslationUnitDecl()->noload_decls()) {
    if (!declaration->isFromASTFile() && !declaration->isImplicit())
      conversions.TraverseDecl(declaration);
  }
}

}  // namespace anymetal::language
