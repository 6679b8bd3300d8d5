// `device`, `constant`, `threadgroup`, `thread` become Clang's attributes. Variables that live in
// threadgroup or constant space and are declared in functions become static: C++ has no other way
// to say that they aren't the thread's own.
#include "language/rewrite.h"

namespace anymetal::language {
namespace {

namespace tok = clang::tok;

const char* attribute_of(std::string_view word) {
  if (word == "device") return "__attribute__((opencl_global))";
  if (word == "threadgroup") return "__attribute__((opencl_local))";
  if (word == "constant") return "const __attribute__((opencl_global_device))";
  return "";
}

/// Whether the qualifier at i declares a variable in its space, and not a pointer or reference to
/// one.
bool declares_variable(const TokenText& text, size_t i) {
  const auto ends_declarator = [&](size_t n) {
    return text.at(n).isOneOf(tok::semi, tok::equal, tok::l_square, tok::comma, tok::l_brace,
                              tok::kw___attribute) ||
           text.is(n, tok::l_paren);
  };
  size_t after = text.after_type(i + 1);
  if (text.is(after, tok::identifier) && after > i + 1) return ends_declarator(after + 1);
  // `float threadgroup x[4]`, `static constexpr int constant n = 8`: the type stands before.
  if (i == 0 || text.word(i - 1).empty()) {
    if (i == 0 || !text.is(i - 1, tok::greater)) return false;
  }
  after = i + 1;
  while (text.is(after, tok::kw_const) || text.is(after, tok::kw_constexpr)) ++after;
  return text.is(after, tok::identifier) &&
         text.at(after + 1).isOneOf(tok::semi, tok::equal, tok::l_square, tok::comma, tok::l_brace);
}

/// Whether the declaration around i says `static` or `extern` already.
bool has_storage(const TokenText& text, size_t i) {
  const auto is_storage = [&](size_t n) {
    return text.at(n).isOneOf(tok::kw_static, tok::kw_extern, tok::kw_typedef, tok::kw_using);
  };
  for (size_t n = i; n > 0; --n) {
    if (text.at(n - 1).isOneOf(tok::semi, tok::l_brace, tok::r_brace)) break;
    if (is_storage(n - 1)) return true;
  }
  for (size_t n = i + 1; !text.word(n).empty(); ++n) {
    if (is_storage(n)) return true;
  }
  return false;
}

}  // namespace

void rewrite_address_spaces(TokenText& text) {
  std::vector<clang::Token> out;
  out.reserve(text.size() + text.size() / 4);
  std::vector<tok::TokenKind> open;
  for (size_t i = 0; i < text.size(); ++i) {
    const clang::Token& token = text.tokens[i];
    if (token.isOneOf(tok::l_paren, tok::l_square, tok::l_brace)) open.push_back(token.getKind());
    if (token.isOneOf(tok::r_paren, tok::r_square, tok::r_brace) && !open.empty()) open.pop_back();
    if (!is_address_space(text, i)) {
      out.push_back(token);
      continue;
    }
    const auto word = text.word(i);
    const bool in_statement = open.empty() || open.back() == tok::l_brace;
    if ((word == "threadgroup" || word == "constant") && in_statement &&
        declares_variable(text, i) && !has_storage(text, i)) {
      out.push_back(text.make_word("static", token));
    }
    text.append(out, attribute_of(word), token);
  }
  text.tokens = std::move(out);
}

}  // namespace anymetal::language
