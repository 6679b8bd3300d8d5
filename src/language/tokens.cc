#include "language/tokens.h"

#include <clang/Basic/IdentifierTable.h>
#include <clang/Basic/SourceManager.h>
#include <clang/Lex/Lexer.h>

#include "language/directives.h"
#include "support/stop_flag.h"

namespace anymetal::language {

namespace {
constexpr size_t kMostTokens = 10'000'000;  // a few lines of macros can ask for any number
}

using clang::Token;
namespace tok = clang::tok;

bool TokenText::lex() {
  Token token;
  const clang::SourceManager& sources = preprocessor_.getSourceManager();
  const clang::FileID file = sources.getMainFileID();
  // Clang looks for such files beside the main one, which is none.
  if (const auto embed = find_embed(sources.getBufferData(file).str())) {
    token.startToken();
    token.setLocation(sources.getLocForStartOfFile(file).getLocWithOffset(int(*embed)));
    token.setLength(5);
    error(token, "Metal has no #embed: pass the file's contents in a buffer");
    return false;
  }
  for (;;) {
    preprocessor_.Lex(token);
    if (token.is(tok::eof)) break;
    if (stop_requested()) return false;
    if (tokens.size() == kMostTokens) {
      error(token, "the text has more than 10,000,000 tokens, with its macros expanded");
      return false;
    }
    tokens.push_back(token);
  }
  end_ = token;
  return true;
}

void TokenText::enter() {
  // The parser looks past the end; several ends keep it from the exhausted lexer below.
  constexpr size_t kEnds = 16;
  const size_t count = tokens.size() + kEnds;
  auto copy = std::make_unique<Token[]>(count);
  std::copy(tokens.begin(), tokens.end(), copy.get());
  std::fill_n(copy.get() + tokens.size(), kEnds, end_);
  preprocessor_.EnterTokenStream(std::move(copy), count, /*DisableMacroExpansion=*/true,
                                 /*IsReinject=*/false);
}

std::string_view TokenText::word(size_t i) const {
  const Token& token = at(i);
  if (token.isAnnotation() || token.isLiteral()) return {};
  const clang::IdentifierInfo* info = token.getIdentifierInfo();
  return info ? std::string_view(info->getName()) : std::string_view();
}

std::string TokenText::spelling(size_t i) const {
  const Token& token = at(i);
  if (token.isAnnotation() || token.is(tok::eof)) return {};
  if (const auto w = word(i); !w.empty()) return std::string(w);
  if (const char* punctuator = tok::getPunctuatorSpelling(token.getKind())) return punctuator;
  llvm::SmallString<64> buffer;  // this overload knows tokens that we made
  return preprocessor_.getSpelling(token, buffer).str();
}

namespace {

/// Whether tokens that end and begin so would be read as one.
bool would_join(char before, char after) {
  const auto is_word = [](char c) { return isalnum(static_cast<unsigned char>(c)) || c == '_'; };
  if (is_word(before)) return is_word(after);
  if (before == '.') return after == '.' || isdigit(static_cast<unsigned char>(after));
  if (after == '=') return std::string_view("+-*/%&|^!<>=").find(before) != std::string_view::npos;
  if (before == '/' && after == '*') return true;
  if (before == '-' && after == '>') return true;
  return before == after && std::string_view("+-/&|<>:#").find(before) != std::string_view::npos;
}

}  // namespace

std::string TokenText::text() const {
  std::string out;
  for (size_t i = 0; i < tokens.size(); ++i) {
    if (tokens[i].isAnnotation()) continue;
    if (tokens[i].isAtStartOfLine() && !out.empty()) {
      out += '\n';
      const auto& sources = preprocessor_.getSourceManager();
      const auto place = sources.getExpansionLoc(tokens[i].getLocation());
      out.append(sources.getExpansionColumnNumber(place) - 1, ' ');
      out += spelling(i);
      continue;
    }
    const std::string next = spelling(i);
    const bool joins = !out.empty() && !next.empty() && would_join(out.back(), next.front());
    if (joins || (!out.empty() && tokens[i].hasLeadingSpace() && out.back() != '(')) out += ' ';
    out += next;
  }
  return out += '\n';
}

Token TokenText::make(tok::TokenKind kind, const Token& place) const {
  Token token;
  token.startToken();
  token.setKind(kind);
  token.setLocation(place.getLocation());
  token.setLength(place.isAnnotation() ? 1 : place.getLength());
  return token;
}

Token TokenText::make_word(std::string_view word, const Token& place) const {
  Token token = make(tok::identifier, place);
  clang::IdentifierInfo* info =
      preprocessor_.getIdentifierInfo(llvm::StringRef(word.data(), word.size()));
  token.setIdentifierInfo(info);
  token.setKind(info->getTokenID());
  token.setFlagValue(Token::LeadingSpace, place.hasLeadingSpace());
  token.setFlagValue(Token::StartOfLine, place.isAtStartOfLine());
  return token;
}

Token TokenText::literal(tok::TokenKind kind, const std::string& spelling, const Token& place) {
  Token token = make(kind, place);
  auto* bytes = preprocessor_.getPreprocessorAllocator().Allocate<char>(spelling.size() + 1);
  std::copy(spelling.c_str(), spelling.c_str() + spelling.size() + 1, bytes);
  token.setLiteralData(bytes);
  token.setLength(spelling.size());
  token.setFlagValue(Token::StartOfLine, false);
  token.setFlagValue(Token::LeadingSpace, place.hasLeadingSpace());
  return token;
}

Token TokenText::make_string(std::string_view contents, const Token& place) {
  return literal(tok::string_literal, '"' + std::string(contents) + '"', place);
}

Token TokenText::make_number(std::string_view digits, const Token& place) {
  return literal(tok::numeric_constant, std::string(digits), place);
}

void TokenText::append(std::vector<Token>& to, std::string_view text, const Token& place) {
  const size_t first = to.size();
  size_t i = 0;
  const auto is_word = [](char c) { return isalnum(static_cast<unsigned char>(c)) || c == '_'; };
  while (i < text.size()) {
    if (text[i] == ' ') {
      ++i;
    } else if (isdigit(static_cast<unsigned char>(text[i]))) {
      size_t end = i;
      while (end < text.size() && is_word(text[end])) ++end;
      to.push_back(make_number(text.substr(i, end - i), place));
      i = end;
    } else if (is_word(text[i])) {
      size_t end = i;
      while (end < text.size() && is_word(text[end])) ++end;
      to.push_back(make_word(text.substr(i, end - i), place));
      i = end;
    } else if (text[i] == '"') {
      const size_t end = text.find('"', i + 1);
      to.push_back(make_string(text.substr(i + 1, end - i - 1), place));
      i = end + 1;
    } else {
      static constexpr std::pair<std::string_view, tok::TokenKind> kPunctuators[] = {
          {"::", tok::coloncolon}, {"->*", tok::arrowstar}, {"(", tok::l_paren},
          {")", tok::r_paren},     {"<", tok::less},        {">", tok::greater},
          {",", tok::comma},       {";", tok::semi},        {"*", tok::star},
          {"&", tok::amp},         {"{", tok::l_brace},     {"}", tok::r_brace}};
      size_t length = 1;
      for (const auto& [spelling, kind] : kPunctuators) {
        if (!text.substr(i).starts_with(spelling)) continue;
        to.push_back(make(kind, place));
        length = spelling.size();
        break;
      }
      i += length;
    }
  }
  // Only the first stands where the user's token stood.
  for (size_t n = first; n < to.size(); ++n) {
    to[n].setFlagValue(Token::StartOfLine, n == first && place.isAtStartOfLine());
    to[n].setFlagValue(Token::LeadingSpace, n == first && place.hasLeadingSpace());
  }
}

size_t TokenText::after_brackets(size_t i) const {
  size_t depth = 0;
  for (; i < tokens.size(); ++i) {
    if (tokens[i].isOneOf(tok::l_paren, tok::l_square, tok::l_brace)) ++depth;
    if (tokens[i].isOneOf(tok::r_paren, tok::r_square, tok::r_brace) && --depth == 0) return i + 1;
  }
  return tokens.size();
}

size_t TokenText::after_angles(size_t begin) const {
  int depth = 0;
  for (size_t i = begin; i < tokens.size();) {
    const Token& token = tokens[i];
    if (token.isOneOf(tok::l_paren, tok::l_square, tok::l_brace)) {
      i = after_brackets(i);
      continue;
    }
    if (token.isOneOf(tok::semi, tok::r_paren, tok::r_square, tok::r_brace)) return begin;
    if (token.is(tok::less)) ++depth;
    if (token.is(tok::greater)) --depth;
    if (token.is(tok::greatergreater)) depth -= 2;
    ++i;
    if (depth <= 0) return depth == 0 ? i : begin;
  }
  return begin;
}

namespace {

bool is_type_decoration(std::string_view word) {
  return word == "const" || word == "volatile" || word == "constexpr" || word == "static" ||
         word == "inline" || word == "typename" || word == "struct" || word == "class" ||
         word == "enum" || word == "union" || word == "thread" || word == "extern";
}

bool is_builtin_type(const Token& token) {
  return token.isOneOf(tok::kw_unsigned, tok::kw_signed, tok::kw_long, tok::kw_int, tok::kw_short,
                       tok::kw_char, tok::kw_float, tok::kw_bool, tok::kw_void, tok::kw_auto,
                       tok::kw_double, tok::kw__Float16, tok::kw___bf16);
}

}  // namespace

size_t TokenText::after_type(size_t begin) const {
  size_t i = begin;
  while (is_type_decoration(word(i))) ++i;
  if (is_builtin_type(at(i))) {
    while (is_builtin_type(at(i)) || is_type_decoration(word(i))) ++i;
    return i;
  }
  if (is(i, tok::kw_decltype)) return after_brackets(i + 1);
  if (is(i, tok::coloncolon)) ++i;
  while (is(i, tok::identifier)) {
    ++i;
    if (is(i, tok::less)) i = after_angles(i);
    if (!is(i, tok::coloncolon)) break;
    ++i;
    if (is(i, tok::kw_template)) ++i;
  }
  if (i == begin) return begin;
  while (is_type_decoration(word(i))) ++i;
  return i;
}

std::string TokenText::place_key(const Token& token) const {
  return language::place_key(preprocessor_.getSourceManager(), token.getLocation());
}

void TokenText::error(const Token& place, std::string message, bool unsupported) const {
  diagnostics_.add(preprocessor_.getSourceManager(), place.getLocation(), Severity::error,
                   std::move(message), unsupported);
}

void TokenText::warning(const Token& place, std::string message) const {
  diagnostics_.add(preprocessor_.getSourceManager(), place.getLocation(), Severity::warning,
                   std::move(message));
}

}  // namespace anymetal::language
