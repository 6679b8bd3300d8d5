// `template <typename T, uint N> void f(vec<T, N> v)`: the number of a vector's components may have
// any integer type in Metal. Clang deduces it only in the type that our vec was declared with, so
// where it is to be deduced it becomes an int.
#include <algorithm>

#include "language/rewrite.h"

namespace anymetal::language {
namespace {

namespace tok = clang::tok;

bool is_integer_word(const TokenText& text, size_t i) {
  static constexpr std::string_view kWords[] = {
      "uint",     "ushort",   "uchar",    "short",   "long",    "ulong",   "unsigned",
      "size_t",   "char",     "int8_t",   "int16_t", "int32_t", "int64_t", "uint8_t",
      "uint16_t", "uint32_t", "uint64_t", "signed",  "int"};
  const auto word = text.word(i);
  return std::find(std::begin(kWords), std::end(kWords), word) != std::end(kWords);
}

bool is_vector_word(std::string_view word) {
  return word == "vec" || word == "packed_vec" || word == "matrix";
}

/// Whether `name` counts the components of a vector or matrix between begin and end.
bool counts_components(const TokenText& text, size_t begin, size_t end, std::string_view name) {
  for (size_t i = begin; i < end; ++i) {
    if (!is_vector_word(text.word(i)) || !text.is(i + 1, tok::less)) continue;
    const size_t close = text.after_angles(i + 1);
    for (size_t n = i + 2; n < close; ++n) {
      const bool whole = text.is(n - 1, tok::comma) &&
                         text.at(n + 1).isOneOf(tok::comma, tok::greater, tok::greatergreater);
      if (whole && text.word(n) == name) return true;
    }
  }
  return false;
}

/// The index after the declaration's head: its body's brace or its semicolon.
size_t after_head(const TokenText& text, size_t i) {
  while (i < text.size() && !text.at(i).isOneOf(tok::l_brace, tok::semi))
    i = text.is(i, tok::l_paren) ? text.after_brackets(i) : i + 1;
  return i;
}

}  // namespace

void rewrite_vector_sizes(TokenText& text) {
  for (size_t i = 0; i < text.size(); ++i) {
    if (!text.is(i, tok::kw_template) || !text.is(i + 1, tok::less)) continue;
    const size_t end = text.after_angles(i + 1);
    const size_t head = after_head(text, end);
    for (size_t n = i + 2; n + 1 < end; ++n) {
      if (!text.at(n - 1).isOneOf(tok::less, tok::comma)) continue;
      size_t type = n;
      while (is_integer_word(text, type)) ++type;
      const bool named = type > n && text.is(type, tok::identifier) &&
                         text.at(type + 1).isOneOf(tok::comma, tok::equal, tok::greater);
      if (!named || !counts_components(text, end, head, text.word(type))) continue;
      for (size_t word = n; word < type; ++word) {
        // One word of several is enough.
        text.tokens[word] = word == n ? text.make_word("int", text.tokens[word])
                                      : text.make_word("const", text.tokens[word]);
      }
    }
  }
}

}  // namespace anymetal::language
