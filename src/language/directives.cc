#include "language/directives.h"

#include <clang/Lex/Lexer.h>

#include <string_view>

namespace anymetal::language {
namespace {

namespace tok = clang::tok;

/// A token and where it begins.
struct RawToken {
  tok::TokenKind kind;
  std::string word;  ///< of identifiers
  size_t begin;
  bool is_directive;  ///< the word behind the '#' that begins a line
};

/// An identifier may go on behind a backslash at a line's end.
std::string joined(std::string_view word) {
  std::string out;
  for (size_t i = 0; i < word.size(); ++i) {
    if (word[i] != '\\') {
      out += word[i];
      continue;
    }
    while (i + 1 < word.size() && std::string_view(" \t\r\n").find(word[i + 1]) != word.npos) ++i;
  }
  return out;
}

/// Calls `look` with each token of the text and the one before; until it says false.
template <class Look>
void for_each_token(const std::string& text, Look look) {
  clang::LangOptions options;
  options.CPlusPlus = options.CPlusPlus11 = options.CPlusPlus14 = options.CPlusPlus17 = true;
  options.LineComment = options.Digraphs = true;
  const char* begin = text.c_str();
  clang::Lexer lexer(clang::SourceLocation(), options, begin, begin, begin + text.size());
  RawToken before{tok::unknown, {}, 0, false};
  bool begins_directive = false;
  for (clang::Token token;;) {
    lexer.LexFromRawLexer(token);
    if (token.is(tok::eof)) return;
    const auto end = size_t(lexer.getBufferLocation() - begin);
    RawToken now{token.getKind(), {}, end - token.getLength(), begins_directive};
    if (token.is(tok::raw_identifier))
      now.word = joined(std::string_view(text).substr(now.begin, token.getLength()));
    now.is_directive &= !token.isAtStartOfLine();
    begins_directive = token.isAtStartOfLine() && token.is(tok::hash);
    if (!look(now, before)) return;
    before = std::move(now);
  }
}

}  // namespace

bool reads_files(const std::string& text) {
  bool found = false;
  for_each_token(text, [&](const RawToken& token, const RawToken& before) {
    const bool includes =
        before.is_directive &&
        (before.word == "include" || before.word == "import" || before.word == "include_next");
    found = (includes && token.kind != tok::less) || token.word == "__has_include";
    return !found;
  });
  return found;
}

std::optional<size_t> find_embed(const std::string& text) {
  std::optional<size_t> found;
  // A word may go on in the next line.
  if (text.find("embed") == text.npos && text.find('\\') == text.npos) return found;
  for_each_token(text, [&](const RawToken& token, const RawToken&) {
    if (token.is_directive && token.word == "embed") found = token.begin;
    return !found;
  });
  return found;
}

}  // namespace anymetal::language
