#include "language/stop_parsing.h"

#include <clang/Lex/PPCallbacks.h>
#include <clang/Sema/TemplateInstCallback.h>

#include <memory>

#include "support/stop_flag.h"

namespace anymetal::language {
namespace {

class Expansions final : public clang::PPCallbacks {
 public:
  explicit Expansions(clang::Preprocessor& preprocessor) : preprocessor_(preprocessor) {}
  void MacroExpands(const clang::Token& /*name*/, const clang::MacroDefinition& /*definition*/,
                    clang::SourceRange /*range*/, const clang::MacroArgs* /*arguments*/) override {
    if (stop_requested()) preprocessor_.SetMacroExpansionOnlyInDirectives();
  }

 private:
  clang::Preprocessor& preprocessor_;
};

class Instantiations final : public clang::TemplateInstantiationCallback {
 public:
  void initialize(const clang::Sema& /*sema*/) override {}
  void finalize(const clang::Sema& /*sema*/) override {}
  void atTemplateBegin(const clang::Sema& sema,
                       const clang::Sema::CodeSynthesisContext& /*context*/) override {
    clang::DiagnosticsEngine& diagnostics = sema.getDiagnostics();
    if (!stop_requested() || diagnostics.hasFatalErrorOccurred()) return;
    // One of Clang's own: those that we make don't count among what can't be compiled.
    diagnostics.Report(clang::diag::fatal_too_many_errors);
  }
  void atTemplateEnd(const clang::Sema& /*sema*/,
                     const clang::Sema::CodeSynthesisContext& /*context*/) override {}
};

}  // namespace

void stop_expanding_on_request(clang::Preprocessor& preprocessor) {
  preprocessor.addPPCallbacks(std::make_unique<Expansions>(preprocessor));
}

void stop_instantiating_on_request(clang::Sema& sema) {
  sema.TemplateInstCallbacks.push_back(std::make_unique<Instantiations>());
}

void ignore_requests(clang::Sema& sema) {
  sema.TemplateInstCallbacks.clear();
}

void end_text_on_request(const clang::Token& token) {
  // The preprocessor shows the parser's own token, which is no constant.
  if (stop_requested()) const_cast<clang::Token&>(token).setKind(clang::tok::eof);
}

}  // namespace anymetal::language
