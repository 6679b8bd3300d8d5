// Prints what is generated from the builtin table: `anymetal_generate header` the declarations for
// the embedded standard library, `anymetal_generate docs` the page docs/builtins.md.
#include <cstdio>
#include <string>
#include <string_view>

#include "builtins/builtins.h"

int main(int argc, char** argv) {
  const std::string_view what = argc == 2 ? argv[1] : "";
  std::string text;
  if (what == "header") {
    text = anymetal::builtins::declarations_header();
  } else if (what == "docs") {
    text = anymetal::builtins::documentation_page();
  } else {
    std::fputs("usage: anymetal_generate header|docs\n", stderr);
    return 2;
  }
  return std::fwrite(text.data(), 1, text.size(), stdout) == text.size() ? 0 : 1;
}
