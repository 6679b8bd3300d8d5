// Metal's tokens made C++'s: what Clang's grammar can't be told otherwise. Each pass is a file;
// this is their order.
#pragma once

#include <string_view>

#include "language/tokens.h"

namespace anymetal::language {

/// Runs every pass, or those up to `last_pass` (`rewrite_passes` has the names). Problems are
/// reported to the collector that the text was made with.
void rewrite(TokenText& text, const Repairs& repairs, std::string_view last_pass = {});

// The passes, each alone (their tests call them through `rewrite`, in order).
void skip_graphics(TokenText& text);
void check_words(TokenText& text);
void check_nesting(TokenText& text);
void rewrite_attributes(TokenText& text);
void rewrite_defaulted_constructors(TokenText& text);
void rewrite_method_qualifiers(TokenText& text);
void rewrite_function_constants(TokenText& text);
void rewrite_array_parameters(TokenText& text);
void rewrite_address_spaces(TokenText& text);
void rewrite_vector_sizes(TokenText& text);
void rewrite_literals(TokenText& text);
void rewrite_conversions(TokenText& text, const Repairs& repairs);

/// "device", "constant", "threadgroup" or "thread" at i, as a qualifier.
[[nodiscard]] bool is_address_space(const TokenText& text, size_t i);

}  // namespace anymetal::language
