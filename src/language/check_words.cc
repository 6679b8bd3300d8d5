// Words of C++ that Metal hasn't: refused where they stand, before Clang gives them a meaning.
// Words that became keywords after C++17 are identifiers in Metal.
#include <map>

#include "language/rewrite.h"

namespace anymetal::language {
namespace {

namespace tok = clang::tok;

const char* refusal(tok::TokenKind kind) {
  switch (kind) {
    case tok::kw_double:
      return "'double' is not a type of Metal; use 'float'";
    case tok::kw_new:
      return "'new' is not allowed in Metal";
    case tok::kw_delete:
      return "'delete' is not allowed in Metal";
    case tok::kw_virtual:
      return "virtual functions are not allowed in Metal";
    case tok::kw_throw:
    case tok::kw_try:
    case tok::kw_catch:
      return "exceptions are not allowed in Metal";
    case tok::kw_dynamic_cast:
      return "'dynamic_cast' is not allowed in Metal";
    case tok::kw_typeid:
      return "'typeid' is not allowed in Metal";
    case tok::kw_goto:
      return "'goto' is not allowed in Metal";
    case tok::kw_asm:
      return "inline assembly is not allowed in Metal";
    case tok::kw_thread_local:
    case tok::kw__Thread_local:
    case tok::kw___thread:
      return "thread-local storage is not allowed in Metal";
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
    const char* message = refusal(token.getKind());
    if (!message) continue;
    if (token.is(tok::kw_delete) && i > 0 && text.is(i - 1, tok::equal)) continue;  // `= delete`
    text.error(token, message);
  }
}

}  // namespace anymetal::language
