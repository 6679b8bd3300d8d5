// Metal's suffixes for half and bfloat, `1.0h` and `1.0bf`; and `1.0` is a float. Clang's option
// for that casts a double, and a template that is instantiated loses the cast.
#include "language/rewrite.h"

namespace anymetal::language {

namespace tok = clang::tok;

void rewrite_literals(TokenText& text) {
  std::vector<clang::Token> out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    const clang::Token& token = text.tokens[i];
    std::string digits;
    if (token.is(tok::numeric_constant)) digits = text.spelling(i);
    const bool hex = digits.starts_with("0x") || digits.starts_with("0X");
    // In a hexadecimal number `bf` are digits, unless it has an exponent.
    const bool suffixed = !hex || digits.find_first_of("pP") != std::string::npos;
    const auto ends = [&](std::string_view a, std::string_view b) {
      return suffixed && (digits.ends_with(a) || digits.ends_with(b));
    };
    size_t suffix = ends("bf", "BF") ? 2 : ends("h", "H") ? 1 : 0;
    const bool fraction = digits.find_first_of(hex ? "pP" : ".eE") != std::string::npos;
    const bool bare = fraction && digits.find_last_not_of("0123456789.+-'") ==
                                      digits.find_last_of(hex ? "pP" : "eE");
    if (bare) {
      out.push_back(text.make_number(digits + "f", token));
      continue;
    }
    if (suffix == 0 || digits.size() == suffix) {
      out.push_back(token);
      continue;
    }
    const bool bfloat = suffix == 2;
    digits.resize(digits.size() - suffix);
    if (!hex && digits.find_first_of(".eE") == std::string::npos) digits += ".0";
    if (bfloat) {
      text.append(out, "((bfloat)", token);
      out.push_back(text.make_number(digits + "f", token));
      text.append(out, ")", token);
    } else {
      out.push_back(text.make_number(digits + "f16", token));
    }
  }
  text.tokens = std::move(out);
}

}  // namespace anymetal::language
