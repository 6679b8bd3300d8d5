// `constant T s[2]` as a parameter becomes `constant T *s`: Clang doesn't let an array parameter
// carry an address space.
#include "language/rewrite.h"

namespace anymetal::language {

namespace tok = clang::tok;

void rewrite_array_parameters(TokenText& text) {
  std::vector<clang::Token> out;
  out.reserve(text.size());
  std::vector<tok::TokenKind> open;
  size_t name = 0;  // index of the parameter's name, once its qualifier was seen
  for (size_t i = 0; i < text.size(); ++i) {
    const clang::Token& token = text.tokens[i];
    if (name != 0 && i == name) {
      name = 0;
      const size_t after = text.after_brackets(i + 1);
      if (text.is(after, tok::l_square)) {
        text.append(out, "(*", token);
        out.push_back(token);
        text.append(out, ")", token);
      } else {
        text.append(out, "*", token);
        out.push_back(token);
      }
      i = after - 1;
      continue;
    }
    if (token.isOneOf(tok::l_paren, tok::l_square, tok::l_brace)) open.push_back(token.getKind());
    if (token.isOneOf(tok::r_paren, tok::r_square, tok::r_brace) && !open.empty()) open.pop_back();
    if (!open.empty() && open.back() == tok::l_paren && is_address_space(text, i) &&
        text.word(i) != "thread") {
      const size_t after = text.after_type(i + 1);
      if (after > i + 1 && text.is(after, tok::identifier) && text.is(after + 1, tok::l_square))
        name = after;
    }
    out.push_back(token);
  }
  text.tokens = std::move(out);
}

}  // namespace anymetal::language
