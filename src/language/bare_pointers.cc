#include "language/metal_rules.h"
#include "language/rewrite.h"

namespace anymetal::language {

namespace tok = clang::tok;

// Errs on the side of having seen a space: a miss is an error that a Mac would have given too, a
// false one refuses a right text.
std::set<unsigned> find_bare_pointers(const TokenText& text) {
  std::set<unsigned> bare;
  std::vector<bool> outer;  // whether a space was seen before each open bracket
  bool seen = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const clang::Token& token = text.at(i);
    if (is_address_space(text, i)) {
      seen = true;
    } else if (token.isOneOf(tok::semi, tok::l_brace, tok::r_brace)) {
      seen = false;
      outer.clear();
    } else if (token.is(tok::l_paren)) {
      outer.push_back(seen);  // `thread float (*rows)[2]`
    } else if (token.is(tok::r_paren) && !outer.empty()) {
      seen = outer.back();
      outer.pop_back();
    } else if (token.is(tok::comma) && !outer.empty()) {
      seen = false;  // the next parameter
    } else if (token.is(tok::less)) {
      if (const size_t after = text.after_angles(i); after > i) i = after - 1;
    } else if (token.isOneOf(tok::star, tok::amp) && !seen) {
      bare.insert(token.getLocation().getRawEncoding());
    }
  }
  return bare;
}

}  // namespace anymetal::language
