// What a text's directives ask for, before any of it is preprocessed.
#pragma once

#include <cstddef>
#include <optional>
#include <string>

namespace anymetal::language {

/// Whether the text reads files beside itself, or asks whether they are there: `#include "..."`,
/// `#import "..."`, one of these with a macro, `__has_include`.
[[nodiscard]] bool reads_files(const std::string& text);

/// Where the word of the first `#embed` begins.
[[nodiscard]] std::optional<size_t> find_embed(const std::string& text);

}  // namespace anymetal::language
