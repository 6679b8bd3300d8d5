#include "language/standard_library.h"

#include <clang/Basic/Version.h>

#include <array>
#include <mutex>

#include "language/precompile.h"

namespace anymetal::language {

Result<std::shared_ptr<Precompiled>> compile_library(MathMode mode) {
  InstanceOptions options{
      .math_mode = mode, .macros = {}, .include_dirs = {}, .precompiled = nullptr};
  auto result = precompile(options, "#include <metal_stdlib>\n#include <__am_language>\n",
                           std::string(kOwnFile) + "library.pch", nullptr);
  if (result || result.error().kind == ErrorKind::stopped) return result;
  Error error =
      internal_error("the embedded standard library does not compile: " + result.error().message);
  error.diagnostics = result.error().diagnostics;
  return error;
}

namespace {

/// Another Clang than the one that wrote it (a newer shared library) can't read it.
std::shared_ptr<Precompiled> open_embedded(MathMode mode) {
  const std::string_view bytes = embedded_precompiled(mode);
  const size_t end = bytes.find('\0');
  if (end == std::string_view::npos || bytes.substr(0, end) != clang::getClangFullVersion())
    return nullptr;
  auto precompiled = std::make_shared<Precompiled>();
  precompiled->name = std::string(kOwnFile) + "library.pch";
  precompiled->bytes = bytes.substr(end + 1);
  return precompiled;
}

}  // namespace

Result<std::shared_ptr<const Precompiled>> precompiled_library(MathMode mode) {
  static std::array<std::mutex, 3> mutexes;
  static std::array<std::shared_ptr<const Precompiled>, 3> made;
  const auto index = static_cast<size_t>(mode);
  const std::lock_guard lock(mutexes[index]);
  if (!made[index]) made[index] = open_embedded(mode);
  if (!made[index]) {
    ANYMETAL_ASSIGN_OR_RETURN(made[index], compile_library(mode));
  }
  return made[index];
}

}  // namespace anymetal::language
