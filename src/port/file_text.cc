#include "port/file_text.h"

#include <clang/Lex/Lexer.h>

#include <algorithm>

namespace anymetal::port {

namespace tok = clang::tok;

FileText::FileText(const clang::SourceManager& sources, clang::FileID file, size_t skip) {
  const llvm::StringRef buffer = sources.getBufferData(file);
  text_ = std::string_view(buffer.data(), buffer.size());
  clang::LangOptions options;
  options.CPlusPlus = options.CPlusPlus11 = options.CPlusPlus14 = options.CPlusPlus17 = true;
  options.LineComment = true;
  clang::Lexer lexer(sources.getLocForStartOfFile(file), options, buffer.begin(),
                     buffer.begin() + skip, buffer.end());
  bool in_directive = false;
  for (clang::Token token;;) {
    lexer.LexFromRawLexer(token);
    if (token.is(tok::eof)) break;
    const size_t begin = sources.getFileOffset(token.getLocation());
    if (token.isAtStartOfLine()) in_directive = token.is(tok::hash);
    tokens_.push_back(
        {token.getKind(), begin, begin + token.getLength(), in_directive, token.isAtStartOfLine()});
  }
}

size_t FileText::begin_of_declaration(size_t offset) const {
  auto at = std::partition_point(tokens_.begin(), tokens_.end(),
                                 [&](const RawToken& t) { return t.begin < offset; });
  size_t begin = offset;
  int depth = 0;
  while (at != tokens_.begin()) {
    --at;
    if (at->in_directive) break;
    if (at->kind == tok::r_paren) ++depth;
    if (at->kind == tok::l_paren) --depth;
    const bool ends = at->kind == tok::semi || at->kind == tok::l_brace || at->kind == tok::r_brace;
    if (ends && depth <= 0) break;
    begin = at->begin;
  }
  return begin;
}

size_t FileText::after_semicolon(size_t offset) const {
  int depth = 0;
  for (const RawToken& token : tokens_) {
    if (token.begin < offset || token.in_directive) continue;
    if (token.kind == tok::l_paren || token.kind == tok::l_brace) ++depth;
    if (token.kind == tok::r_paren || token.kind == tok::r_brace) --depth;
    if (token.kind == tok::semi && depth <= 0) return token.end;
  }
  return text_.size();
}

Span FileText::with_line_end(Span span) const {
  size_t end = span.end;
  while (end < text_.size() && (text_[end] == ' ' || text_[end] == '\t' || text_[end] == '\r'))
    ++end;
  if (end < text_.size() && text_[end] == '\n') span.end = end + 1;
  return span;
}

Span FileText::comment_above(size_t offset) const {
  // The text between the last token before and here holds blanks and comments only.
  size_t from = 0;
  for (const RawToken& token : tokens_) {
    if (token.begin >= offset) break;
    from = token.end;
  }
  // A comment on the line of that token belongs to it.
  const size_t line = text_.find('\n', from);
  if (from > 0 && line != std::string_view::npos && line < offset) from = line + 1;
  const std::string_view between = text_.substr(from, offset - from);
  size_t begin = between.rfind("\n\n");
  begin = begin == std::string_view::npos ? 0 : begin + 2;
  const std::string_view block = between.substr(begin);
  if (block.find("//") == std::string_view::npos && block.find("/*") == std::string_view::npos)
    return {offset, offset};
  // A blank line within /* */ doesn't part it.
  const size_t open = between.rfind("/*"), close = between.rfind("*/");
  if (open != std::string_view::npos && close != std::string_view::npos && open < begin &&
      close > begin)
    begin = open;
  return {from + begin, offset};
}

std::string FileText::changed(Span part) const {
  std::string out;
  size_t at = part.begin;
  for (const auto& [begin, change] : changes_) {
    if (begin < at) continue;
    if (begin >= part.end) break;
    out += text_.substr(at, begin - at);
    out += change.with;
    at = std::max(begin, change.end);
  }
  if (at < part.end) out += text_.substr(at, part.end - at);
  return out;
}

std::string contents_of_comment(std::string_view comment) {
  std::string out;
  while (!comment.empty()) {
    const size_t end = comment.find('\n');
    std::string_view line = comment.substr(0, end);
    comment.remove_prefix(end == std::string_view::npos ? comment.size() : end + 1);
    const auto trim = [&line](std::string_view marks) {
      const size_t first = line.find_first_not_of(marks);
      line.remove_prefix(first == std::string_view::npos ? line.size() : first);
    };
    trim(" \t");
    if (line.starts_with("//") || line.starts_with("/*")) {
      trim("/*!<");
    } else if (line.starts_with("*")) {
      trim("*/");
    }
    if (const size_t close = line.rfind("*/"); close != std::string_view::npos)
      line = line.substr(0, close);
    if (line.starts_with(" ")) line.remove_prefix(1);
    while (!line.empty() && (line.back() == ' ' || line.back() == '\r')) line.remove_suffix(1);
    out += std::string(line) + "\n";
  }
  const size_t first = out.find_first_not_of('\n'), last = out.find_last_not_of('\n');
  if (first == std::string::npos) return {};
  out = out.substr(first, last - first + 1);
  // Lines of dashes, and words to tools, say nothing about a kernel.
  if (out.find_first_not_of("-=~*#/ \n") == std::string::npos) return {};
  if (out.starts_with("clang-format")) return {};
  return out;
}

}  // namespace anymetal::port
