#include "language/rewrite.h"

#include "language/passes.h"

namespace anymetal::language {
namespace {

struct Pass {
  PassName name;
  void (*run)(TokenText& text, const Repairs& repairs);
};

template <void (*Change)(TokenText&)>
void plain(TokenText& text, const Repairs& /*repairs*/) {
  Change(text);
}

constexpr Pass kPasses[] = {
    // What is for drawing goes before anything refuses words in it.
    {{"skip-graphics", "takes out vertex and fragment functions"}, plain<skip_graphics>},
    // Words next: what isn't Metal is refused by its name, before another pass makes something of
    // it.
    {{"check-words", "refuses words that Metal doesn't have"}, plain<check_words>},
    // Nesting that Clang's recursion can't bear; before anything walks brackets.
    {{"check-nesting", "refuses nesting that Clang's recursion can't bear"}, plain<check_nesting>},
    // Then attributes, since `[[threadgroup(0)]]` holds a word that is an address space elsewhere.
    {{"rewrite-attributes", "makes Metal's attributes annotations"}, plain<rewrite_attributes>},
    {{"rewrite-defaulted-constructors", "keeps classes aggregates that C++17 calls so"},
     plain<rewrite_defaulted_constructors>},
    // Whole member functions fall away with their duplicates, so nothing below needs to look at
    // them.
    {{"rewrite-method-qualifiers", "takes address spaces off member functions"},
     plain<rewrite_method_qualifiers>},
    // Needs the word `constant` and the annotation that rewrite_attributes made.
    {{"rewrite-function-constants", "makes function constants variables"},
     plain<rewrite_function_constants>},
    // Needs the address space's word to know that it stands in a parameter.
    {{"rewrite-array-parameters", "makes array parameters pointers"},
     plain<rewrite_array_parameters>},
    // Takes the last of Metal's words away.
    {{"rewrite-address-spaces", "makes device, constant, threadgroup and thread Clang's"},
     plain<rewrite_address_spaces>},
    {{"rewrite-vector-sizes", "lets any integer count a vector's components"},
     plain<rewrite_vector_sizes>},
    {{"rewrite-literals", "gives literals the types that Metal gives them"},
     plain<rewrite_literals>},
    // Only at places where a first try failed; any order would do.
    {{"rewrite-conversions", "repairs conversions that Clang refused"}, rewrite_conversions},
};

}  // namespace

void rewrite(TokenText& text, const Repairs& repairs, std::string_view last_pass) {
  for (const Pass& pass : kPasses) {
    pass.run(text, repairs);
    if (pass.name.name == last_pass) return;
  }
}

std::vector<PassName> rewrite_passes() {
  std::vector<PassName> names;
  for (const Pass& pass : kPasses) names.push_back(pass.name);
  return names;
}

bool is_address_space(const TokenText& text, size_t i) {
  const auto word = text.word(i);
  if (word != "device" && word != "constant" && word != "threadgroup" && word != "thread")
    return false;
  return i == 0 ||
         !text.at(i - 1).isOneOf(clang::tok::period, clang::tok::arrow, clang::tok::coloncolon);
}

}  // namespace anymetal::language
