// Clang's type of a method can hold an address space, its overload resolution and its code
// generator know it, but outside of OpenCL its parser can't be told. So the method is declared
// without, with an annotation, and its type is changed at the next token that the parser reads:
// after the declaration, before its body and before anything can call it. A definition outside of
// the class is parsed without a space as well, so while Clang looks for what it defines, the
// declarations of its space are without one too.
#include "language/qualify_methods.h"

#include <clang/AST/Attr.h>
#include <clang/AST/DeclCXX.h>
#include <clang/AST/DeclTemplate.h>

#include <memory>
#include <utility>
#include <vector>

namespace anymetal::language {
namespace {

clang::LangAS space_of(llvm::StringRef word) {
  if (word == "device") return clang::LangAS::sycl_global;
  if (word == "constant") return clang::LangAS::sycl_global_device;
  return clang::LangAS::sycl_local;
}

/// The default space takes the qualifier off.
void qualify(clang::ASTContext& context, clang::CXXMethodDecl& method, clang::LangAS space) {
  const auto* type = method.getType()->getAs<clang::FunctionProtoType>();
  if (!type) return;
  auto info = type->getExtProtoInfo();
  info.TypeQuals.removeAddressSpace();
  if (space != clang::LangAS::Default) info.TypeQuals.addAddressSpace(space);
  const clang::QualType qualified =
      context.getFunctionType(type->getReturnType(), type->getParamTypes(), info);
  method.setType(qualified);
  // Templates are instantiated from what was written.
  if (auto* written = method.getTypeSourceInfo()) written->overrideType(qualified);
}

class Watcher {
 public:
  explicit Watcher(clang::Sema& sema) : sema_(sema) {}

  void see(const clang::Token& token) {
    if (token.is(clang::tok::string_literal)) {
      const auto text =
          llvm::StringRef(token.getLiteralData(), token.getLength()).drop_front(1).drop_back(1);
      if (text.starts_with(kSpaceAnnotation)) ++pending_;
      if (text.starts_with(kDefinitionAnnotation)) {
        defining_ = space_of(text.drop_front(strlen(kDefinitionAnnotation)));
        give_declarations(clang::LangAS::Default);
      }
    } else {
      if (pending_ > 0) look();
      if (defining_ != clang::LangAS::Default) look_for_definition();
    }
  }

 private:
  void look() {
    auto* record = llvm::dyn_cast_or_null<clang::CXXRecordDecl>(sema_.CurContext);
    if (!record) return;
    for (auto* declaration : record->noload_decls()) {
      if (auto* pattern = llvm::dyn_cast<clang::FunctionTemplateDecl>(declaration))
        declaration = pattern->getTemplatedDecl();
      auto* method = llvm::dyn_cast<clang::CXXMethodDecl>(declaration);
      if (!method) continue;
      const auto space = take(*method, kSpaceAnnotation);
      if (space == clang::LangAS::Default) continue;
      declared_.emplace_back(method, space);
      if (--pending_ == 0) return;
    }
  }

  void look_for_definition() {
    auto* method = llvm::dyn_cast_or_null<clang::CXXMethodDecl>(sema_.CurContext);
    if (!method || take(*method, kDefinitionAnnotation) == clang::LangAS::Default) return;
    give_declarations(defining_);
    defining_ = clang::LangAS::Default;
  }

  /// The space that an annotation of the method names becomes part of its type.
  clang::LangAS take(clang::CXXMethodDecl& method, llvm::StringRef prefix) {
    for (const auto* attribute : method.specific_attrs<clang::AnnotateAttr>()) {
      llvm::StringRef word = attribute->getAnnotation();
      if (!word.consume_front(prefix)) continue;
      const auto space = space_of(word);
      qualify(sema_.Context, method, space);
      method.dropAttrs<clang::AnnotateAttr>();
      return space;
    }
    return clang::LangAS::Default;
  }

  void give_declarations(clang::LangAS space) {
    for (auto& [method, own] : declared_) {
      if (own == defining_) qualify(sema_.Context, *method, space);
    }
  }

  clang::Sema& sema_;
  size_t pending_ = 0;
  clang::LangAS defining_ = clang::LangAS::Default;
  std::vector<std::pair<clang::CXXMethodDecl*, clang::LangAS>> declared_;
};

}  // namespace

std::function<void(const clang::Token&)> method_qualifier(clang::Sema& sema) {
  auto watcher = std::make_shared<Watcher>(sema);
  return [watcher](const clang::Token& token) { watcher->see(token); };
}

}  // namespace anymetal::language
