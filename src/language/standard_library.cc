#include "language/standard_library.h"

#include <array>
#include <mutex>

#include "language/big_stack.h"
#include "language/precompile.h"

namespace anymetal::language {

Result<std::shared_ptr<const Precompiled>> precompiled_library(MathMode mode) {
  static std::array<std::mutex, 3> mutexes;
  static std::array<std::shared_ptr<const Precompiled>, 3> made;
  const auto index = static_cast<size_t>(mode);
  const std::lock_guard lock(mutexes[index]);
  if (made[index]) return made[index];
  InstanceOptions options{
      .math_mode = mode, .macros = {}, .include_dirs = {}, .precompiled = nullptr};
  auto result = precompile(options, "#include <metal_stdlib>\n#include <__am_language>\n",
                           std::string(kOwnFile) + "library.pch", nullptr);
  if (!result) {
    Error error =
        internal_error("the embedded standard library does not compile: " + result.error().message);
    error.diagnostics = result.error().diagnostics;
    return error;
  }
  made[index] = *result;
  return made[index];
}

}  // namespace anymetal::language
