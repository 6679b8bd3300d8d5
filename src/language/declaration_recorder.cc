#include "language/declaration_recorder.h"

#include <clang/AST/ASTContext.h>
#include <clang/AST/Attr.h>
#include <clang/AST/DeclCXX.h>
#include <clang/AST/DeclTemplate.h>
#include <clang/AST/Expr.h>

namespace anymetal::language {

const clang::AnnotateAttr* find_annotation(const clang::Decl* declaration, std::string_view name) {
  for (const auto* attribute : declaration->specific_attrs<clang::AnnotateAttr>()) {
    const llvm::StringRef text = attribute->getAnnotation();
    if (text.starts_with("am.") &&
        text.drop_front(3) == llvm::StringRef(name.data(), name.size())) {
      return attribute;
    }
  }
  return nullptr;
}

void DeclarationRecorder::record(Event event) {
  if (generator_) event(*generator_);
  events_.push_back(std::move(event));
}

void DeclarationRecorder::play(clang::CodeGenerator& generator) {
  // Replaying may load more declarations, which go to the generator at once and to the end of the
  // list.
  generator_ = &generator;
  for (size_t i = 0, count = events_.size(); i < count; ++i) {
    const Event event = events_[i];
    event(generator);
  }
}

void DeclarationRecorder::look_for_kernels(clang::Decl* declaration) {
  if (auto* function = llvm::dyn_cast<clang::FunctionDecl>(declaration)) {
    if (!function->isTemplated() && find_annotation(function, "kernel") &&
        seen_.insert(function->getCanonicalDecl()).second) {
      kernels_.push_back(function);
    }
    // Not emitted unless something refers to it.
    if (!function->isTemplated()) function->setImplicitlyInline();
    return;
  }
  if (auto* variable = llvm::dyn_cast<clang::VarDecl>(declaration))
    return look_for_constant(variable);
  if (llvm::isa<clang::NamespaceDecl, clang::LinkageSpecDecl>(declaration)) {
    for (auto* member : llvm::cast<clang::DeclContext>(declaration)->decls())
      look_for_kernels(member);
  }
}

void DeclarationRecorder::look_for_constant(clang::VarDecl* variable) {
  const auto* annotation = find_annotation(variable, "function_constant");
  if (!annotation) return;
  std::optional<uint32_t> index;
  if (annotation->args_size() == 1) {
    clang::Expr::EvalResult result;
    const clang::Expr* expression = *annotation->args_begin();
    if (!expression->isValueDependent() &&
        expression->EvaluateAsInt(result, variable->getASTContext())) {
      index = static_cast<uint32_t>(result.Val.getInt().getZExtValue());
    }
  }
  constants_[variable] = index;
  variable->dropAttrs<clang::AnnotateAttr>();  // a code generator would write it into the module
}

void DeclarationRecorder::record_group(clang::DeclGroupRef group, bool interesting) {
  for (clang::Decl* declaration : group) {
    look_for_kernels(declaration);
    // Kernels are handed over one at a time, by whoever emits them.
    if (const auto* function = llvm::dyn_cast<clang::FunctionDecl>(declaration);
        function && find_annotation(function, "kernel")) {
      continue;
    }
    record([declaration, interesting](clang::CodeGenerator& generator) {
      const clang::DeclGroupRef one(declaration);
      if (interesting) {
        generator.HandleInterestingDecl(one);
      } else {
        generator.HandleTopLevelDecl(one);
      }
    });
  }
}

bool DeclarationRecorder::HandleTopLevelDecl(clang::DeclGroupRef group) {
  record_group(group, false);
  return true;
}

void DeclarationRecorder::HandleInterestingDecl(clang::DeclGroupRef group) {
  record_group(group, true);
}

void DeclarationRecorder::HandleInlineFunctionDefinition(clang::FunctionDecl* function) {
  record([function](auto& generator) { generator.HandleInlineFunctionDefinition(function); });
}

void DeclarationRecorder::HandleTagDeclDefinition(clang::TagDecl* tag) {
  record([tag](auto& generator) { generator.HandleTagDeclDefinition(tag); });
}

void DeclarationRecorder::HandleTagDeclRequiredDefinition(const clang::TagDecl* tag) {
  record([tag](auto& generator) { generator.HandleTagDeclRequiredDefinition(tag); });
}

void DeclarationRecorder::HandleCXXStaticMemberVarInstantiation(clang::VarDecl* variable) {
  record(
      [variable](auto& generator) { generator.HandleCXXStaticMemberVarInstantiation(variable); });
}

void DeclarationRecorder::CompleteTentativeDefinition(clang::VarDecl* variable) {
  record([variable](auto& generator) { generator.CompleteTentativeDefinition(variable); });
}

}  // namespace anymetal::language
