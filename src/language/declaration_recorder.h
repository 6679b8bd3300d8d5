// Everything that Sema hands to a code generator, kept, so that each kernel gets a generator of its
// own later. Generators emit inline and static functions only when something refers to them; ours
// get nothing else, so a kernel's module holds what it reaches.
#pragma once

#include <clang/AST/ASTConsumer.h>
#include <clang/AST/Attr.h>
#include <clang/AST/Decl.h>
#include <clang/AST/DeclGroup.h>
#include <clang/CodeGen/ModuleBuilder.h>

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <variant>
#include <vector>

namespace anymetal::language {

class DeclarationRecorder : public clang::ASTConsumer {
 public:
  bool HandleTopLevelDecl(clang::DeclGroupRef group) override;
  void HandleInterestingDecl(clang::DeclGroupRef group) override;
  void HandleInlineFunctionDefinition(clang::FunctionDecl* function) override;
  void HandleTagDeclDefinition(clang::TagDecl* tag) override;
  void HandleTagDeclRequiredDefinition(const clang::TagDecl* tag) override;
  void HandleCXXStaticMemberVarInstantiation(clang::VarDecl* variable) override;
  void CompleteTentativeDefinition(clang::VarDecl* variable) override;

  /// Gives all that was seen to `generator`, and from then on, until stop(), what is still to come.
  void play(clang::CodeGenerator& generator);
  void stop() { generator_ = nullptr; }

  /// Kernels in the order in which they became complete.
  [[nodiscard]] const std::vector<clang::FunctionDecl*>& kernels() const { return kernels_; }
  /// Variables with the attribute function_constant, and their indices (none: by name alone).
  [[nodiscard]] const std::map<clang::VarDecl*, std::optional<uint32_t>>& function_constants()
      const {
    return constants_;
  }

 private:
  using Event = std::function<void(clang::CodeGenerator&)>;
  void record(Event event);
  void record_group(clang::DeclGroupRef group, bool interesting);
  void look_for_kernels(clang::Decl* declaration);
  void look_for_constant(clang::VarDecl* variable);

  std::vector<Event> events_;
  std::vector<clang::FunctionDecl*> kernels_;
  std::map<clang::VarDecl*, std::optional<uint32_t>> constants_;
  std::set<const clang::Decl*> seen_;
  clang::CodeGenerator* generator_ = nullptr;
};

/// The annotation "am.NAME" of a declaration, or null.
[[nodiscard]] const clang::AnnotateAttr* find_annotation(const clang::Decl* declaration,
                                                         std::string_view name);

}  // namespace anymetal::language
