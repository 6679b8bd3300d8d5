#include "language/build_entry.h"

#include <clang/AST/Attr.h>
#include <clang/AST/DeclTemplate.h>
#include <clang/Sema/Lookup.h>
#include <clang/Sema/Overload.h>

namespace anymetal::language {
namespace {

class EntryBuilder {
 public:
  EntryBuilder(clang::Sema& sema, clang::FunctionDecl& kernel, const KernelInterface& interface)
      : sema_(sema),
        context_(sema.Context),
        kernel_(kernel),
        interface_(interface),
        place_(kernel.getLocation()) {}

  clang::FunctionDecl* build(const std::string& name) {
    clang::FunctionDecl* entry = declare(name);
    {
      clang::Sema::SynthesizedFunctionScope scope(sema_, entry);
      std::vector<clang::Expr*> arguments;
      size_t pointer = 0;
      for (size_t i = 0; i < interface_.parameters.size(); ++i) {
        const bool input = interface_.parameters[i].kind == ParameterKind::attribute;
        const auto argument =
            input ? input_value(i) : memory_value(i, entry->getParamDecl(pointer++));
        if (argument.isInvalid()) return nullptr;
        arguments.push_back(argument.get());
      }
      clang::Expr* callee =
          sema_.BuildDeclRefExpr(&kernel_, kernel_.getType(), clang::VK_LValue, place_);
      const auto call = sema_.BuildCallExpr(nullptr, callee, place_, arguments, place_);
      if (call.isInvalid()) return nullptr;
      const auto full = sema_.ActOnFinishFullExpr(call.get(), /*DiscardedValue=*/true);
      if (full.isInvalid()) return nullptr;
      clang::Stmt* statement = full.get();
      entry->setBody(clang::CompoundStmt::Create(context_, statement, clang::FPOptionsOverride(),
                                                 place_, place_));
    }
    sema_.PerformPendingInstantiations();
    return entry;
  }

 private:
  /// Textures and samplers come as handles in constant memory.
  [[nodiscard]] bool is_resource(size_t i) const {
    const ParameterKind kind = interface_.parameters[i].kind;
    return kind == ParameterKind::texture || kind == ParameterKind::sampler;
  }

  [[nodiscard]] clang::QualType pointee_of(size_t i) const {
    const auto type = kernel_.getParamDecl(static_cast<unsigned>(i))->getType();
    if (!is_resource(i)) return type->getPointeeType();
    return context_.getAddrSpaceQualType(type.getUnqualifiedType().withConst(),
                                         clang::LangAS::sycl_global_device);
  }

  clang::FunctionDecl* declare(const std::string& name) {
    std::vector<clang::QualType> types;
    std::vector<clang::IdentifierInfo*> names;
    for (size_t i = 0; i < interface_.parameters.size(); ++i) {
      if (interface_.parameters[i].kind == ParameterKind::attribute) continue;
      const auto pointee = pointee_of(i);
      types.push_back(context_.getPointerType(pointee));
      names.push_back(&context_.Idents.get(interface_.parameters[i].name));
    }
    const auto type =
        context_.getFunctionType(context_.VoidTy, types, clang::FunctionProtoType::ExtProtoInfo());
    auto* scope = context_.getTranslationUnitDecl();
    auto* entry = clang::FunctionDecl::Create(
        context_, scope, place_, place_, &context_.Idents.get("am_entry"), type,
        context_.getTrivialTypeSourceInfo(type, place_), clang::SC_None);
    entry->addAttr(clang::AsmLabelAttr::CreateImplicit(context_, name, /*IsLiteralLabel=*/true));
    std::vector<clang::ParmVarDecl*> parameters;
    for (size_t i = 0; i < types.size(); ++i) {
      parameters.push_back(clang::ParmVarDecl::Create(
          context_, entry, place_, place_, names[i], types[i],
          context_.getTrivialTypeSourceInfo(types[i], place_), clang::SC_None, nullptr));
      parameters.back()->setScopeInfo(0, static_cast<unsigned>(i));
    }
    entry->setParams(parameters);
    return entry;
  }

  clang::ExprResult memory_value(size_t i, clang::ParmVarDecl* pointer) {
    clang::Expr* value =
        sema_.BuildDeclRefExpr(pointer, pointer->getType(), clang::VK_LValue, place_);
    if (!interface_.parameters[i].is_reference && !is_resource(i)) return value;
    return sema_.CreateBuiltinUnaryOp(place_, clang::UO_Deref, value);
  }

  clang::ExprResult call(llvm::StringRef name, llvm::MutableArrayRef<clang::Expr*> arguments) {
    clang::LookupResult found(sema_, clang::DeclarationNameInfo(&context_.Idents.get(name), place_),
                              clang::Sema::LookupOrdinaryName);
    sema_.LookupQualifiedName(found, context_.getTranslationUnitDecl());
    clang::CXXScopeSpec scope;
    const auto callee = sema_.BuildDeclarationNameExpr(scope, found, /*NeedsADL=*/false);
    if (callee.isInvalid()) return callee;
    return sema_.BuildCallExpr(nullptr, callee.get(), place_, arguments, place_);
  }

  /// `__am_attribute_value(__am_attribute_NAME(), (T*)nullptr)`: the standard library converts to
  /// the parameter's type.
  clang::ExprResult input_value(size_t i) {
    const auto value = call("__am_attribute_" + interface_.parameters[i].attribute, {});
    if (value.isInvalid()) return value;
    const auto type =
        kernel_.getParamDecl(static_cast<unsigned>(i))->getType().getUnqualifiedType();
    const auto pointer = context_.getPointerType(type);
    clang::Expr* null = new (context_) clang::CXXNullPtrLiteralExpr(context_.NullPtrTy, place_);
    const auto target = sema_.BuildCStyleCastExpr(
        place_, context_.getTrivialTypeSourceInfo(pointer, place_), place_, null);
    if (target.isInvalid()) return target;
    clang::Expr* arguments[] = {value.get(), target.get()};
    return call("__am_attribute_value", arguments);
  }

  clang::Sema& sema_;
  clang::ASTContext& context_;
  clang::FunctionDecl& kernel_;
  const KernelInterface& interface_;
  clang::SourceLocation place_;
};

}  // namespace

clang::FunctionDecl* build_entry(clang::Sema& sema, clang::FunctionDecl& kernel,
                                 const KernelInterface& interface, const std::string& name) {
  return EntryBuilder(sema, kernel, interface).build(name);
}

}  // namespace anymetal::language
