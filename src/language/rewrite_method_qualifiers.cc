// `operator T() const threadgroup`: the space of `this`. Our `this` points to any space, so the
// qualifier falls away, and with it every further member that would only differ by it.
#include <set>

#include "language/rewrite.h"

namespace anymetal::language {
namespace {

namespace tok = clang::tok;

/// Whether the qualifier at i stands after a parameter list.
bool qualifies_method(const TokenText& text, size_t i) {
  size_t before = i;
  while (before > 0 && text.at(before - 1).isOneOf(tok::kw_const, tok::kw_volatile)) --before;
  if (before == 0 || !text.is(before - 1, tok::r_paren)) return false;
  return text.at(i + 1).isOneOf(tok::l_brace, tok::colon, tok::semi, tok::kw_const,
                                tok::kw_noexcept, tok::arrow, tok::equal, tok::amp);
}

/// The index after the member whose parameter list ends before i: after its body or semicolon.
size_t after_member(const TokenText& text, size_t i) {
  bool initialisers = false;
  while (i < text.size()) {
    if (text.is(i, tok::semi)) return i + 1;
    if (text.is(i, tok::colon)) initialisers = true;
    if (text.is(i, tok::l_brace)) {
      // In `: a{1}, b(2) {`, a brace after a name initialises.
      const bool initialises = initialisers && text.is(i - 1, tok::identifier);
      i = text.after_brackets(i);
      if (!initialises) return text.is(i, tok::semi) ? i + 1 : i;
    } else if (text.is(i, tok::l_paren)) {
      i = text.after_brackets(i);
    } else {
      ++i;
    }
  }
  return i;
}

struct Scope {
  size_t member = 0;  ///< where in the output the current member begins
  std::set<std::string> signatures;
};

}  // namespace

void rewrite_method_qualifiers(TokenText& text) {
  std::vector<clang::Token> out;
  out.reserve(text.size());
  std::vector<Scope> scopes(1);
  TokenText written = text;  // reads spellings of what was put out
  for (size_t i = 0; i < text.size(); ++i) {
    const clang::Token& token = text.tokens[i];
    if (is_address_space(text, i) && qualifies_method(text, i)) {
      std::string signature;
      written.tokens.assign(out.begin() + static_cast<ptrdiff_t>(scopes.back().member), out.end());
      for (size_t n = 0; n < written.size(); ++n) signature += written.spelling(n) + " ";
      for (size_t n = i + 1; text.at(n).isOneOf(tok::kw_const, tok::kw_noexcept); ++n) {
        signature += text.spelling(n) + " ";
      }
      if (scopes.back().signatures.insert(signature).second) continue;
      out.resize(scopes.back().member);
      i = after_member(text, i + 1) - 1;
      continue;
    }
    out.push_back(token);
    if (token.is(tok::l_brace)) scopes.emplace_back();
    if (token.is(tok::r_brace) && scopes.size() > 1) scopes.pop_back();
    const bool label = token.is(tok::colon) && i > 0 &&
                       text.at(i - 1).isOneOf(tok::kw_public, tok::kw_private, tok::kw_protected);
    if (label || token.isOneOf(tok::l_brace, tok::r_brace, tok::semi))
      scopes.back().member = out.size();
  }
  text.tokens = std::move(out);
}

}  // namespace anymetal::language
