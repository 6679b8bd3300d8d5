// The text as Clang's own tokens, macros expanded, before the parser sees it. The rewrite passes
// change this list; every token, made or found, has the place of the user's token that it stands
// for.
#pragma once

#include <clang/Lex/Preprocessor.h>
#include <clang/Lex/Token.h>

#include <string>
#include <string_view>
#include <vector>

#include "language/diagnostics.h"

namespace anymetal::language {

class TokenText {
 public:
  TokenText(clang::Preprocessor& preprocessor, DiagnosticCollector& diagnostics)
      : preprocessor_(preprocessor), diagnostics_(diagnostics) {}

  /// Lexes the main file to its end. The parser must exist already: it owns the pragmas. False: it
  /// has no end within the limit, which is an error by now, or a stop was requested.
  [[nodiscard]] bool lex();
  /// Gives the tokens to the preprocessor, as what it lexes next.
  void enter();
  /// The tokens as text, with the user's line structure.
  [[nodiscard]] std::string text() const;

  [[nodiscard]] size_t size() const { return tokens.size(); }
  [[nodiscard]] const clang::Token& at(size_t i) const {
    return i < tokens.size() ? tokens[i] : end_;
  }
  [[nodiscard]] bool is(size_t i, clang::tok::TokenKind kind) const { return at(i).is(kind); }
  /// The identifier or keyword at i, else an empty string.
  [[nodiscard]] std::string_view word(size_t i) const;
  [[nodiscard]] std::string spelling(size_t i) const;

  /// Tokens that stand for the user's token `place`.
  [[nodiscard]] clang::Token make(clang::tok::TokenKind kind, const clang::Token& place) const;
  [[nodiscard]] clang::Token make_word(std::string_view word, const clang::Token& place) const;
  [[nodiscard]] clang::Token make_string(std::string_view contents, const clang::Token& place);
  [[nodiscard]] clang::Token make_number(std::string_view digits, const clang::Token& place);
  /// Appends the tokens of a line of C++ made of words and punctuation.
  void append(std::vector<clang::Token>& to, std::string_view text, const clang::Token& place);

  /// The index after the bracket that closes the one at i ('(', '[' or '{'); size() if none does.
  [[nodiscard]] size_t after_brackets(size_t i) const;
  /// The index after the '>' that closes the '<' at i; i if these are no template arguments.
  [[nodiscard]] size_t after_angles(size_t i) const;
  /// The index after the type that stands at i (`const T`, `metal::vec<float, 4>`, `unsigned int`);
  /// i if none does.
  [[nodiscard]] size_t after_type(size_t i) const;

  /// The token's own place in the file that it is spelled in: the same in every parse of the same
  /// text.
  [[nodiscard]] std::string place_key(const clang::Token& token) const;

  void error(const clang::Token& place, std::string message, bool unsupported = false) const;
  void warning(const clang::Token& place, std::string message) const;

  std::vector<clang::Token> tokens;

 private:
  clang::Token literal(clang::tok::TokenKind kind, const std::string& spelling,
                       const clang::Token& place);

  clang::Preprocessor& preprocessor_;
  DiagnosticCollector& diagnostics_;
  clang::Token end_;
};

}  // namespace anymetal::language
