// Run by the build: writes the precompiled standard library of each math mode, safe, relaxed and
// fast, to the three files that it is given. Linked without the result, so embedded_precompiled is
// empty here.
#include <clang/Basic/Version.h>

#include <cstdio>
#include <fstream>

#include "language/big_stack.h"
#include "language/clang_instance.h"
#include "language/standard_library.h"

namespace anymetal::language {

std::string_view embedded_precompiled(MathMode) {
  return {};
}

namespace {

bool write(MathMode mode, const char* path) {
  Result<std::shared_ptr<Precompiled>> library = internal_error("not compiled");
  run_on_big_stack([&] { library = compile_library(mode); });
  if (!library) {
    std::fputs((library.error().text() + "\n").c_str(), stderr);
    return false;
  }
  std::ofstream file(path, std::ios::binary);
  file << clang::getClangFullVersion() << '\0';
  file.write((*library)->bytes.data(), static_cast<std::streamsize>((*library)->bytes.size()));
  return file.good();
}

}  // namespace
}  // namespace anymetal::language

int main(int argc, char** argv) {
  using anymetal::MathMode;
  if (argc != 4) return 2;
  const MathMode modes[] = {MathMode::safe, MathMode::relaxed, MathMode::fast};
  for (int i = 0; i < 3; ++i) {
    if (!anymetal::language::write(modes[i], argv[i + 1])) return 1;
  }
  return 0;
}
