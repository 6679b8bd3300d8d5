// Clang's type of a method can hold an address space, its overload resolution and its code
// generator know it, but outside of OpenCL its parser can't be told. So the method is declared
// without, with an annotation, and its type is changed at the next token that the parser reads:
// after the declaration, before its body and before anything can call it.
#include "language/qualify_methods.h"

#include <clang/AST/Attr.h>
#include <clang/AST/DeclCXX.h>
#include <clang/AST/DeclTemplate.h>

#include <map>
#include <memory>

namespace anymetal::language {
namespace {

clang::LangAS space_of(llvm::StringRef word) {
  if (word == "device") return clang::LangAS::sycl_global;
  if (word == "constant") return clang::LangAS::sycl_global_device;
  return clang::LangAS::sycl_local;
}

void qualify(clang::ASTContext& context, clang::CXXMethodDecl& method, clang::LangAS space) {
  const auto* type = method.getType()->getAs<clang::FunctionProtoType>();
  if (!type) return;
  auto info = type->getExtProtoInfo();
  info.TypeQuals.setAddressSpace(space);
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
    if (token.is(clang::tok::string_literal) &&
        llvm::StringRef(token.getLiteralData(), token.getLength())
            .drop_front(1)
            .starts_with(kSpaceAnnotation)) {
      ++pending_;
    } else if (pending_ > 0) {
      look();
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
      for (const auto* attribute : method->specific_attrs<clang::AnnotateAttr>()) {
        llvm::StringRef word = attribute->getAnnotation();
        if (!word.consume_front(kSpaceAnnotation)) continue;
        qualify(sema_.Context, *method, space_of(word));
        method->dropAttrs<clang::AnnotateAttr>();
        --pending_;
        break;
      }
      if (pending_ == 0) return;
    }
  }

  clang::Sema& sema_;
  size_t pending_ = 0;
};

}  // namespace

std::function<void(const clang::Token&)> method_qualifier(clang::Sema& sema) {
  auto watcher = std::make_shared<Watcher>(sema);
  return [watcher](const clang::Token& token) { watcher->see(token); };
}

}  // namespace anymetal::language
