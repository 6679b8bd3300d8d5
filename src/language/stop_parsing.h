// Ends a parse on request (support/stop_flag.h). Clang knows no such request, but it ends soon by
// itself if macros aren't expanded any more, if the text has an end, and after a fatal error, which
// keeps it from instantiating templates. What the parser says after that is of no interest.
#pragma once

#include <clang/Lex/Preprocessor.h>
#include <clang/Sema/Sema.h>

namespace anymetal::language {

/// From now on, no macro is expanded once a stop is requested.
void stop_expanding_on_request(clang::Preprocessor& preprocessor);

/// From now on, no template is instantiated once a stop is requested.
void stop_instantiating_on_request(clang::Sema& sema);

/// The opposite, when the text has been read: a fatal error would spoil the tree.
void ignore_requests(clang::Sema& sema);

/// Shown each token on its way to the parser: makes it the end of the text once a stop is
/// requested.
void end_text_on_request(const clang::Token& token);

}  // namespace anymetal::language
