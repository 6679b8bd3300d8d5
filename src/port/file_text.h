// The text of one file as its author wrote it, with raw tokens to find the ends of declarations,
// and a list of changes to it.
#pragma once

#include <clang/Basic/LangOptions.h>
#include <clang/Basic/SourceManager.h>
#include <clang/Lex/Token.h>

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace anymetal::port {

struct RawToken {
  clang::tok::TokenKind kind = clang::tok::unknown;
  size_t begin = 0;
  size_t end = 0;
  bool in_directive = false;
  bool starts_line = false;
};

struct Span {
  size_t begin = 0;
  size_t end = 0;
};

class FileText {
 public:
  FileText(const clang::SourceManager& sources, clang::FileID file, size_t skip);

  [[nodiscard]] std::string_view text() const { return text_; }
  [[nodiscard]] const std::vector<RawToken>& tokens() const { return tokens_; }
  [[nodiscard]] std::string_view spelling(const RawToken& token) const {
    return text_.substr(token.begin, token.end - token.begin);
  }
  /// Where the declaration around `offset` begins: after the last `;`, brace or directive.
  [[nodiscard]] size_t begin_of_declaration(size_t offset) const;
  /// The index after the next `;` outside brackets.
  [[nodiscard]] size_t after_semicolon(size_t offset) const;
  /// A block of comment lines that ends directly above `offset`; empty if there is none.
  [[nodiscard]] Span comment_above(size_t offset) const;
  /// With the rest of its last line, if that is blank.
  [[nodiscard]] Span with_line_end(Span span) const;

  void change(Span span, std::string with) { changes_[span.begin] = {span.end, std::move(with)}; }
  /// The part of the text, changed.
  [[nodiscard]] std::string changed(Span part) const;

 private:
  std::string_view text_;
  std::vector<RawToken> tokens_;
  struct Change {
    size_t end;
    std::string with;
  };
  std::map<size_t, Change> changes_;
};

/// "// a", " * b": what a comment says.
[[nodiscard]] std::string contents_of_comment(std::string_view comment);

}  // namespace anymetal::port
