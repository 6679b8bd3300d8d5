// Clang recurses once for each operator of a chain, each `else if`, each nested statement. Its own
// limits cover brackets and templates; these cover the rest, far above what people or generators
// write.
#include "language/rewrite.h"

namespace anymetal::language {
namespace {

namespace tok = clang::tok;

constexpr size_t kChainLimit = 20'000;  // tokens between two of ; , { }
constexpr size_t kElseLimit = 5'000;    // else after else
constexpr size_t kOpenLimit = 250;      // brackets open at once

}  // namespace

void check_nesting(TokenText& text) {
  size_t chain = 0, commas = 0, elses = 0, open = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    const clang::Token& token = text.tokens[i];
    if (token.isOneOf(tok::l_paren, tok::l_square, tok::l_brace) && ++open > kOpenLimit) {
      text.error(token, "brackets are nested too deeply (limit: 250)");
      text.tokens.resize(i);
      return;
    }
    if (token.isOneOf(tok::r_paren, tok::r_square, tok::r_brace) && open > 0) --open;
    ++chain;
    if (token.isOneOf(tok::semi, tok::l_brace, tok::r_brace)) chain = commas = 0;
    if (token.is(tok::comma)) chain = 0, ++commas;
    if (token.is(tok::kw_else)) ++elses;
    if (token.isOneOf(tok::semi, tok::r_brace) && !text.is(i + 1, tok::kw_else) &&
        !text.is(i + 1, tok::r_brace)) {
      // A statement of an else branch ends with ';' too, so only a new statement after '}' ends the
      // chain.
      if (token.is(tok::r_brace)) elses = 0;
    }
    if (chain <= kChainLimit && elses <= kElseLimit) continue;
    text.error(token, chain > kChainLimit
                          ? "this expression or declaration is too long (limit: 20,000 tokens)"
                          : "too many 'else if' in a row (limit: 5,000)");
    text.tokens.resize(i);
    return;
  }
  (void)commas;
}

}  // namespace anymetal::language
