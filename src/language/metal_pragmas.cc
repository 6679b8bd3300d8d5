// Metal's pragmas say what Clang's say, so each becomes `_Pragma("clang fp ...")` at its place.
// `internals` opens names that are open here anyway. `#pragma clang __debug`, with which Clang's
// own tests crash it, or make it print what it holds, is as unknown here as in Metal.
#include "language/metal_pragmas.h"

#include <clang/Lex/LexDiagnostic.h>
#include <clang/Lex/Pragma.h>

#include <algorithm>
#include <map>
#include <string>

namespace anymetal::language {
namespace {

namespace tok = clang::tok;

/// Metal Shading Language Specification, "Options Controlling Math": what a mode lets the compiler
/// assume. Infinities and NaNs stay honoured in the middle of a text; only a whole text can be
/// fast.
std::string clang_words(const std::string& option, const std::string& value) {
  if (option == "contract" && (value == "on" || value == "off" || value == "fast"))
    return "contract(" + value + ")";
  if (option != "math_mode") return {};
  if (value == "safe") return "reassociate(off) reciprocal(off)";
  if (value == "relaxed" || value == "fast") return "reassociate(on) reciprocal(on)";
  return {};
}

class MetalPragma : public clang::PragmaHandler {
 public:
  MetalPragma() : PragmaHandler("METAL") {}

  void HandlePragma(clang::Preprocessor& preprocessor, clang::PragmaIntroducer introducer,
                    clang::Token& first) override {
    clang::Token token;
    // Behind the directive's end lies the next line, or nothing.
    const auto next = [&] {
      if (token.isNot(tok::eod)) preprocessor.LexUnexpandedToken(token);
    };
    token.startToken();
    next();
    if (!token.is(tok::identifier) || !token.getIdentifierInfo()->isStr("fp")) {
      if (token.isNot(tok::eod)) preprocessor.DiscardUntilEndOfDirective();
      return;
    }
    std::string words;
    next();
    while (token.is(tok::identifier)) {
      const std::string option = preprocessor.getSpelling(token);
      const auto place = token.getLocation();
      next();
      if (!token.is(tok::l_paren)) break;
      next();
      if (token.is(tok::eod)) break;
      const std::string value = preprocessor.getSpelling(token);
      next();
      if (!token.is(tok::r_paren)) break;
      next();
      const std::string clang = clang_words(option, value);
      if (clang.empty()) warn(preprocessor, place, option + "(" + value + ")");
      words += clang.empty() ? "" : " " + clang;
    }
    if (token.isNot(tok::eod)) preprocessor.DiscardUntilEndOfDirective();
    if (!words.empty()) enter(preprocessor, first, "\"clang fp" + words + "\"");
  }

 private:
  static void warn(clang::Preprocessor& preprocessor, clang::SourceLocation place,
                   const std::string& what) {
    auto& diagnostics = preprocessor.getDiagnostics();
    const unsigned id = diagnostics.getCustomDiagID(
        clang::DiagnosticsEngine::Warning,
        "unknown option '%0' of '#pragma METAL fp' ignored; there are contract(off), contract(on), "
        "contract(fast), math_mode(safe), math_mode(relaxed) and math_mode(fast)");
    diagnostics.Report(place, id) << what;
  }

  /// `_Pragma(text)`, which the preprocessor reads next.
  static void enter(clang::Preprocessor& preprocessor, const clang::Token& place,
                    const std::string& text) {
    auto tokens = std::make_unique<clang::Token[]>(4);
    const auto make = [&](tok::TokenKind kind) {
      clang::Token token;
      token.startToken();
      token.setKind(kind);
      token.setLocation(place.getLocation());
      token.setLength(1);
      return token;
    };
    tokens[0] = make(tok::identifier);
    tokens[0].setIdentifierInfo(preprocessor.getIdentifierInfo("_Pragma"));
    tokens[0].setLength(7);
    tokens[1] = make(tok::l_paren);
    tokens[2] = make(tok::string_literal);
    preprocessor.CreateString(text, tokens[2], place.getLocation(), place.getLocation());
    tokens[3] = make(tok::r_paren);
    preprocessor.EnterTokenStream(std::move(tokens), 4, /*DisableMacroExpansion=*/false,
                                  /*IsReinject=*/false);
  }
};

class UnknownPragma : public clang::PragmaHandler {
 public:
  using PragmaHandler::PragmaHandler;

  void HandlePragma(clang::Preprocessor& preprocessor, clang::PragmaIntroducer introducer,
                    clang::Token& first) override {
    preprocessor.Diag(first, clang::diag::warn_pragma_ignored);
    preprocessor.DiscardUntilEndOfDirective();
  }
};

}  // namespace

bool restricts_arithmetic(const TokenText& text) {
  return std::any_of(text.tokens.begin(), text.tokens.end(), [](const clang::Token& token) {
    return token.isOneOf(tok::annot_pragma_fp, tok::annot_pragma_fp_contract,
                         tok::annot_pragma_float_control);
  });
}

void add_metal_pragmas(clang::Preprocessor& preprocessor) {
  preprocessor.AddPragmaHandler(new MetalPragma);  // the preprocessor owns it
  // Takes the place of the one that has this name.
  preprocessor.AddPragmaHandler("clang", new UnknownPragma("__debug"));
}

}  // namespace anymetal::language
