// What to write instead: remedies for the usual slips and for words of other languages. A remedy
// is a note below an error, so a wrong guess costs a line and hides nothing.
#pragma once

#include <clang/Basic/Diagnostic.h>

#include <span>
#include <string>
#include <string_view>

namespace anymetal::language {

/// The note for an error of Clang's, or empty. `message` is the error in Metal's words, `line` the
/// user's line.
[[nodiscard]] std::string hint_for(const clang::Diagnostic& error, const std::string& message,
                                   const std::string& line);

/// For a name that Metal doesn't know: what does the same in Metal. Empty if nothing is known.
[[nodiscard]] std::string hint_for_name(std::string_view name);

/// How a function of the library is called, if people err there. Empty if nothing is known.
[[nodiscard]] std::string hint_for_call(std::string_view function);

/// The one of `names` that is closest in spelling, if one is close; else empty.
[[nodiscard]] std::string_view nearest(std::string_view name,
                                       std::span<const std::string_view> names);

}  // namespace anymetal::language
