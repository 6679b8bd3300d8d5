// Until the language room is there: every text is refused, and says so.
#include "language/language.h"

namespace anymetal::language {
Result<std::shared_ptr<ParsedLibrary>> parse(const Source&, const Options&) {
  return unsupported_error("not supported yet: this build can't read Metal text");
}
std::string_view language_version() {
  return "none";
}
}  // namespace anymetal::language
