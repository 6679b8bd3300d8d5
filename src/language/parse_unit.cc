#include "language/parse_unit.h"

#include <clang/Lex/Pragma.h>
#include <clang/Lex/Preprocessor.h>
#include <clang/Parse/Parser.h>
#include <clang/Sema/Sema.h>

#include "language/rewrite.h"

namespace anymetal::language {

void parse_unit(ClangInstance& instance, std::unique_ptr<clang::ASTConsumer> consumer,
                clang::TranslationUnitKind kind, const Repairs* repairs) {
  auto& compiler = *instance.compiler;
  compiler.setASTConsumer(std::move(consumer));
  compiler.createSema(kind, nullptr);
  clang::Sema& sema = compiler.getSema();
  clang::Preprocessor& preprocessor = compiler.getPreprocessor();
  // The parser comes first, since it owns the handlers of pragmas that become tokens.
  clang::Parser parser(preprocessor, sema, /*SkipFunctionBodies=*/false);
  preprocessor.EnterMainSourceFile();
  if (auto* external = compiler.getASTContext().getExternalSource()) {
    external->StartTranslationUnit(&compiler.getASTConsumer());
  }
  if (repairs) {
    TokenText text(preprocessor, *instance.diagnostics);
    text.lex();
    rewrite(text, *repairs);
    text.enter();
  }
  parser.Initialize();
  clang::Parser::DeclGroupPtrTy declarations;
  auto import_state = clang::Sema::ModuleImportState::NotACXX20Module;
  for (bool end = parser.ParseFirstTopLevelDecl(declarations, import_state); !end;
       end = parser.ParseTopLevelDecl(declarations, import_state)) {
    if (declarations) compiler.getASTConsumer().HandleTopLevelDecl(declarations.get());
  }
  compiler.getASTConsumer().HandleTranslationUnit(compiler.getASTContext());
  preprocessor.EndSourceFile();
}

std::string rewritten_text(ClangInstance& instance) {
  auto& compiler = *instance.compiler;
  compiler.setASTConsumer(std::make_unique<clang::ASTConsumer>());
  compiler.createSema(clang::TU_Complete, nullptr);
  clang::Parser parser(compiler.getPreprocessor(), compiler.getSema(), true);
  compiler.getPreprocessor().EnterMainSourceFile();
  TokenText text(compiler.getPreprocessor(), *instance.diagnostics);
  text.lex();
  rewrite(text, {});
  return text.text();
}

}  // namespace anymetal::language
