// Words of C++ that Metal hasn't: refused where they stand, before Clang gives them a meaning.
// Words that became keywords after C++17 are identifiers in Metal.
#include <map>

#include "language/rewrite.h"

namespace anymetal::language {
namespace {

namespace tok = clang::tok;

/// Why the word at i can't stand in Metal, or null.
const char* refusal(const TokenText& text, size_t i) {
  switch (text.at(i).getKind()) {
    case tok::kw_double:
      return "'double' is not supported in Metal; use 'float'";
    case tok::kw_new:
      return "'new' is not supported in Metal: there is no heap; declare an array whose size is a "
             "constant";
    case tok::kw_delete:
      return i > 0 && text.is(i - 1, tok::equal) ? nullptr  // `= delete`
                                                 : "'delete' is not supported in Metal";
    case tok::kw_virtual: {
      // In a base class list: `struct B : virtual A`.
      const bool base = i > 0 &&
                        text.at(i - 1).isOneOf(tok::colon, tok::comma, tok::kw_public,
                                               tok::kw_private, tok::kw_protected) &&
                        text.at(i + 1).isOneOf(tok::identifier, tok::kw_public) &&
                        text.at(i + 2).isOneOf(tok::l_brace, tok::comma, tok::identifier);
      return base ? "virtual base classes are not supported in Metal"
                  : "virtual functions are not supported in Metal; a template chooses at compile "
                    "time";
    }
    case tok::kw_throw:
      return "cannot use 'throw' with exceptions disabled: Metal has none";
    case tok::kw_try:
      return "cannot use 'try' with exceptions disabled: Metal has none";
    case tok::kw_dynamic_cast:
      return "'dynamic_cast' is not supported in Metal";
    case tok::kw_typeid:
      return "'typeid' is not supported in Metal; metal::is_same compares types";
    case tok::kw_goto:
      return "'goto' is not supported in Metal";
    case tok::kw_asm:
      return "inline assembly is not supported in Metal";
    case tok::kw_thread_local:
    case tok::kw__Thread_local:
    case tok::kw___thread:
      return "thread-local storage is not supported in Metal; a variable in a function is each "
             "thread's own";
    default:
      return nullptr;
  }
}

bool is_later_keyword(tok::TokenKind kind) {
  switch (kind) {
    case tok::kw_concept:
    case tok::kw_requires:
    case tok::kw_char8_t:
    case tok::kw_consteval:
    case tok::kw_constinit:
    case tok::kw_co_await:
    case tok::kw_co_return:
    case tok::kw_co_yield:
      return true;
    default:
      return false;
  }
}

}  // namespace

void check_words(TokenText& text) {
  for (size_t i = 0; i < text.size(); ++i) {
    clang::Token& token = text.tokens[i];
    // Another name, since the parser looks the word's kind up again.
    if (is_later_keyword(token.getKind()))
      token = text.make_word("__am_word_" + text.spelling(i), token);
    if (const char* message = refusal(text, i)) text.error(token, message);
  }
}

}  // namespace anymetal::language
