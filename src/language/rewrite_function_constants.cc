// `constant int n [[function_constant(0)]];` has its value from outside: it becomes an `extern`
// constant, which `emit` defines, and `is_function_constant_defined(n)` asks a second constant
// beside it.
#include "language/rewrite.h"

namespace anymetal::language {
namespace {

namespace tok = clang::tok;
using Tokens = std::vector<clang::Token>;

/// Rewrites the declaration that `out` ends with, up to the annotation; `i` is the index of the
/// annotation's string.
void rewrite_declaration(TokenText& text, Tokens& out, size_t i) {
  size_t end = i;
  while (end < text.size() && !text.at(end).isOneOf(tok::semi, tok::equal, tok::l_brace)) ++end;
  if (!text.is(end, tok::semi)) return;  // has a value of its own
  size_t begin = out.size();
  while (begin > 0 && !out[begin - 1].isOneOf(tok::semi, tok::l_brace, tok::r_brace)) --begin;
  Tokens declaration(out.begin() + static_cast<ptrdiff_t>(begin), out.end());
  out.resize(begin);
  const clang::Token* name = nullptr;
  std::erase_if(declaration, [](const clang::Token& t) {
    return t.isOneOf(tok::kw_static, tok::kw_constexpr, tok::kw_inline, tok::kw_extern);
  });
  for (const auto& token : declaration) {
    if (token.is(tok::kw___attribute)) break;
    if (token.is(tok::identifier)) name = &token;
  }
  if (name) {
    const std::string defined = "__am_defined_" + name->getIdentifierInfo()->getName().str();
    text.append(out, "extern constant bool " + defined + ";", *name);
    text.append(out, "extern", *name);
  }
  out.insert(out.end(), declaration.begin(), declaration.end());
}

}  // namespace

void rewrite_function_constants(TokenText& text) {
  Tokens out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    const clang::Token& token = text.tokens[i];
    if (token.is(tok::string_literal) && text.spelling(i) == "\"am.function_constant\"") {
      rewrite_declaration(text, out, i);
    }
    if (text.word(i) == "is_function_constant_defined" && text.is(i + 1, tok::l_paren)) {
      const size_t end = text.after_brackets(i + 1);
      const auto name = std::string(text.word(end - 2));
      for (size_t n = i + 2; n + 2 < end; ++n) out.push_back(text.tokens[n]);  // a namespace
      out.push_back(text.make_word("__am_defined_" + name, token));
      i = end - 1;
      continue;
    }
    out.push_back(token);
  }
  text.tokens = std::move(out);
}

}  // namespace anymetal::language
