// Files that an app draws with often hold its kernels too. Kernels can't call vertex and fragment
// functions (nor what belongs to meshes and ray tracing), so these are taken out before anything
// looks at them, with their bodies: what they use need not exist here.
#include "language/rewrite.h"

namespace anymetal::language {
namespace {

namespace tok = clang::tok;

bool is_graphics_word(std::string_view word) {
  return word == "vertex" || word == "fragment";
}

bool is_graphics_attribute(std::string_view word) {
  return is_graphics_word(word) || word == "mesh" || word == "object" || word == "intersection";
}

/// The index after the list `[[...]]` at i, which may say what the function is.
size_t after_list(const TokenText& text, size_t i, bool& graphics) {
  const size_t end = text.after_brackets(i);
  for (size_t n = i + 2; n + 2 < end; ++n) {
    if (text.is(n, tok::l_paren)) n = text.after_brackets(n) - 1;
    if (is_graphics_attribute(text.word(n)) && !text.is(n - 1, tok::coloncolon)) graphics = true;
  }
  return end;
}

/// The index after what may stand before a function's type, from `begin` on; whether that makes it
/// a function of graphics.
size_t after_beginning(const TokenText& text, size_t begin, bool& graphics) {
  for (size_t i = begin; i < text.size();) {
    if (text.is(i, tok::kw_template)) {
      ++i;
      if (text.is(i, tok::less)) i = text.after_angles(i);
    } else if (text.is(i, tok::l_square) && text.is(i + 1, tok::l_square)) {
      i = after_list(text, i, graphics);
    } else if (text.is(i, tok::kw___attribute)) {
      i = text.after_brackets(i + 1);
    } else if (text.at(i).isOneOf(tok::kw_static, tok::kw_inline, tok::kw_constexpr)) {
      ++i;
    } else if (text.is(i, tok::kw_extern) && text.is(i + 1, tok::string_literal)) {
      i += 2;
    } else if (is_graphics_word(text.word(i)) && !text.word(i + 1).empty()) {
      graphics = true;
      ++i;
    } else {
      return i;
    }
  }
  return text.size();
}

/// The index after the function of graphics that begins at `begin`; `begin` if none does.
size_t after_graphics_function(const TokenText& text, size_t begin) {
  bool graphics = false, parameters = false;
  size_t i = after_beginning(text, begin, graphics);
  if (!graphics) return begin;
  while (i < text.size()) {
    if (text.is(i, tok::semi)) return parameters ? i + 1 : begin;
    if (text.is(i, tok::l_brace)) return parameters ? text.after_brackets(i) : begin;
    if (text.at(i).isOneOf(tok::equal, tok::r_brace, tok::r_paren)) return begin;
    parameters = parameters || text.is(i, tok::l_paren);
    i = text.at(i).isOneOf(tok::l_paren, tok::l_square) ? text.after_brackets(i) : i + 1;
  }
  return begin;
}

}  // namespace

void skip_graphics(TokenText& text) {
  std::vector<clang::Token> out;
  out.reserve(text.size());
  bool starts = true;
  for (size_t i = 0; i < text.size();) {
    const size_t end = starts ? after_graphics_function(text, i) : i;
    if (end != i) {
      i = end;
      continue;
    }
    starts = text.at(i).isOneOf(tok::semi, tok::l_brace, tok::r_brace) || text.at(i).isAnnotation();
    out.push_back(text.tokens[i++]);
  }
  text.tokens = std::move(out);
}

}  // namespace anymetal::language
