// The passes of the token rewrite as people call them on the command line.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "language/language.h"
#include "support/pass_name.h"

namespace anymetal::language {

/// All of them, in their order.
[[nodiscard]] ANYMETAL_PRIVATE_API std::vector<PassName> rewrite_passes();

/// The text's tokens after the pass of this name; nothing is parsed.
[[nodiscard]] ANYMETAL_PRIVATE_API Result<std::string> rewritten_text_after(const Source& source,
                                                                            const Options& options,
                                                                            std::string_view pass);

}  // namespace anymetal::language
