#include "language/parse_unit.h"

#include <clang/Lex/Pragma.h>
#include <clang/Lex/Preprocessor.h>
#include <clang/Parse/Parser.h>
#include <clang/Sema/Sema.h>

#include "language/dependent_swizzles.h"
#include "language/metal_pragmas.h"
#include "language/metal_rules.h"
#include "language/qualify_methods.h"
#include "language/rewrite.h"
#include "language/stop_parsing.h"
#include "support/stop_flag.h"

namespace anymetal::language {
namespace {

/// Handlers of comments and pragmas run while the text is lexed, before the parser has begun; what
/// they say goes through Sema, which then must know where it is (a comment that begins with `//<`
/// is such a place).
bool lex_all(TokenText& text, clang::Sema& sema) {
  sema.CurContext = sema.getASTContext().getTranslationUnitDecl();
  const bool whole = text.lex();
  sema.CurContext = nullptr;
  return whole;
}

}  // namespace

void parse_unit(ClangInstance& instance, std::unique_ptr<clang::ASTConsumer> consumer,
                clang::TranslationUnitKind kind, const Repairs* repairs) {
  auto& compiler = *instance.compiler;
  compiler.setASTConsumer(std::move(consumer));
  compiler.createSema(kind, nullptr);
  clang::Sema& sema = compiler.getSema();
  clang::Preprocessor& preprocessor = compiler.getPreprocessor();
  // The parser comes first, since it owns the handlers of pragmas that become tokens.
  clang::Parser parser(preprocessor, sema, /*SkipFunctionBodies=*/false);
  add_metal_pragmas(preprocessor);
  stop_expanding_on_request(preprocessor);
  preprocessor.EnterMainSourceFile();
  if (auto* external = compiler.getASTContext().getExternalSource()) {
    external->StartTranslationUnit(&compiler.getASTConsumer());
  }
  if (repairs) {
    TokenText text(preprocessor, *instance.diagnostics);
    if (!lex_all(text, sema)) return;
    instance.restricts_arithmetic = restricts_arithmetic(text);
    instance.bare_pointers = find_bare_pointers(text);
    rewrite(text, *repairs);
    if (stop_requested()) return;
    text.enter();
    preprocessor.setTokenWatcher([qualify = method_qualifier(sema)](const clang::Token& token) {
      qualify(token);
      end_text_on_request(token);
    });
    stop_instantiating_on_request(sema);
  }
  parser.Initialize();
  clang::Parser::DeclGroupPtrTy declarations;
  auto import_state = clang::Sema::ModuleImportState::NotACXX20Module;
  for (bool end = parser.ParseFirstTopLevelDecl(declarations, import_state); !end;
       end = parser.ParseTopLevelDecl(declarations, import_state)) {
    if (!declarations) continue;
    prepare_dependent_swizzles(compiler.getASTContext(), declarations.get());
    compiler.getASTConsumer().HandleTopLevelDecl(declarations.get());
  }
  compiler.getASTConsumer().HandleTranslationUnit(compiler.getASTContext());
  preprocessor.EndSourceFile();
  ignore_requests(sema);
}

std::string rewritten_text(ClangInstance& instance, std::string_view last_pass) {
  auto& compiler = *instance.compiler;
  compiler.setASTConsumer(std::make_unique<clang::ASTConsumer>());
  compiler.createSema(clang::TU_Complete, nullptr);
  clang::Parser parser(compiler.getPreprocessor(), compiler.getSema(), true);
  add_metal_pragmas(compiler.getPreprocessor());
  compiler.getPreprocessor().EnterMainSourceFile();
  TokenText text(compiler.getPreprocessor(), *instance.diagnostics);
  if (!lex_all(text, compiler.getSema())) return {};
  rewrite(text, {}, last_pass);
  return text.text();
}

}  // namespace anymetal::language
