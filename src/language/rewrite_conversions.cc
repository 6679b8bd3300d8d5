// Conversions that Metal makes and Clang refuses: the operands of `c ? a : b` where one is an
// object in device memory and the other a value, casts between half and bfloat, and vectors begun
// with a list of fewer components than they have (`uint4 v = {a, b, c}`). Changing every
// `?:` would change what it means elsewhere (an lvalue, a null pointer), so this happens only where
// Clang refused: the text is parsed again with those places noted.
#include "language/rewrite.h"

namespace anymetal::language {
namespace {

namespace tok = clang::tok;

/// The index of the ':' that belongs to the '?' at i.
size_t find_colon(const TokenText& text, size_t i) {
  size_t depth = 0;
  for (++i; i < text.size();) {
    if (text.at(i).isOneOf(tok::l_paren, tok::l_square, tok::l_brace)) {
      i = text.after_brackets(i);
      continue;
    }
    if (text.is(i, tok::question)) ++depth;
    if (text.is(i, tok::colon) && depth-- == 0) return i;
    ++i;
  }
  return i;
}

}  // namespace

// Where the parser has to read ahead (`while (int(half(b)))` may be a declaration), it puts one
// token in the place of `__am_cast<half>`, and finds where that begins by its location, going back:
// no token behind `__am_cast` may have its location.
void rewrite_conversions(TokenText& text, const Repairs& repairs) {
  if (repairs.places.empty()) return;
  std::vector<clang::Token> out;
  out.reserve(text.size() + 64);
  std::set<size_t> colons, lists;
  for (size_t i = 0; i < text.size(); ++i) {
    const clang::Token& token = text.tokens[i];
    const bool wanted = !token.isAnnotation() && repairs.places.contains(text.place_key(token));
    if (wanted && token.is(tok::kw_static_cast)) {
      text.append(out, "__am_cast", token);
      continue;
    }
    if (wanted && (token.is(tok::identifier) || token.is(tok::kw_float)) &&
        text.is(i + 1, tok::l_paren)) {
      text.append(out, "__am_cast", i > 0 ? text.at(i - 1) : token);
      text.append(out, "<", token);
      out.push_back(token);
      text.append(out, ">", text.at(i + 1));
      continue;
    }
    if (wanted && token.is(tok::l_paren)) {  // (T)x
      const size_t end = text.after_brackets(i);
      text.append(out, "__am_cast_to", token);
      text.append(out, "<", text.at(i + 1));
      for (size_t n = i + 1; n + 1 < end; ++n) out.push_back(text.tokens[n]);
      text.append(out, ">{}->*", text.at(end - 1));
      i = end - 1;
      continue;
    }
    // name = {a, b}, name{a, b}, return {a, b}: a list of fewer components than the vector has.
    const size_t list = text.is(i, tok::l_brace) ? i : text.is(i + 1, tok::equal) ? i + 2 : i + 1;
    if (wanted && text.is(list, tok::l_brace) && !text.is(list + 1, tok::r_brace))
      lists.insert(list);
    out.push_back(token);
    if (lists.contains(i)) text.append(out, "metal::__am_list{},", token);
    if (wanted && token.is(tok::question)) colons.insert(find_colon(text, i));
    if ((wanted && token.is(tok::question)) || colons.contains(i))
      text.append(out, "__am_value{}->*", token);
  }
  text.tokens = std::move(out);
}

}  // namespace anymetal::language
