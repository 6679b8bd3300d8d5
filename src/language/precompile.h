// Headers parsed once and kept as Clang's precompiled form, in memory: the standard library, and on
// top of it the prefix that a caller puts before every text.
#pragma once

#include "language/clang_instance.h"

namespace anymetal::language {

/// `text` compiled on top of `options.precompiled`. `repairs` null: the text is C++ already.
[[nodiscard]] Result<std::shared_ptr<Precompiled>> precompile(const InstanceOptions& options,
                                                              const std::string& text,
                                                              std::string name,
                                                              const Repairs* repairs);

/// The standard library and `prefix` for these options, made once and remembered by content.
[[nodiscard]] Result<std::shared_ptr<const Precompiled>> precompiled_prefix(const Options& options);

}  // namespace anymetal::language
