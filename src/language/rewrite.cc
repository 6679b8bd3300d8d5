#include "language/rewrite.h"

namespace anymetal::language {

void rewrite(TokenText& text, const Repairs& repairs) {
  // Words first: what isn't Metal is refused by its name, before another pass makes something of
  // it.
  check_words(text);
  // Nesting that Clang's recursion can't bear; before anything walks brackets.
  check_nesting(text);
  // Attributes next, since `[[threadgroup(0)]]` holds a word that is an address space elsewhere.
  rewrite_attributes(text);
  // Whole member functions fall away with their duplicates, so nothing below needs to look at them.
  rewrite_method_qualifiers(text);
  // Needs the word `constant` and the annotation that rewrite_attributes made.
  rewrite_function_constants(text);
  // Needs the address space's word to know that it stands in a parameter.
  rewrite_array_parameters(text);
  // Takes the last of Metal's words away.
  rewrite_address_spaces(text);
  rewrite_literals(text);
  // Only at places where a first try failed; any order would do.
  rewrite_conversions(text, repairs);
}

bool is_address_space(const TokenText& text, size_t i) {
  const auto word = text.word(i);
  if (word != "device" && word != "constant" && word != "threadgroup" && word != "thread")
    return false;
  return i == 0 ||
         !text.at(i - 1).isOneOf(clang::tok::period, clang::tok::arrow, clang::tok::coloncolon);
}

}  // namespace anymetal::language
