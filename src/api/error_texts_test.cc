#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "anymetal/metal_kernel.hpp"
#include "ir/thread_ir.h"
#include "language/language.h"
#include "support/checks_under_test.h"

// What a user reads, whole: test/errors/NAME.txt has a header and a body of metal_kernel, or a
// whole file, and the text of the error. A change of wording shows up here to be read; `./dev
// bless` (ANYMETAL_BLESS=1) writes the files anew.

namespace anymetal {
namespace {

namespace fs = std::filesystem;

struct Case {
  std::string name, header, source, file, error;
};

/// Sections begin with a line "--- header", "--- source", "--- file", "--- error".
Case read(const fs::path& path) {
  Case c{.name = path.stem().string()};
  std::ifstream in(path, std::ios::binary);
  std::string* section = nullptr;
  for (std::string line; std::getline(in, line);) {
    if (line == "--- header") {
      section = &c.header;
    } else if (line == "--- source") {
      section = &c.source;
    } else if (line == "--- file") {
      section = &c.file;
    } else if (line == "--- error") {
      section = &c.error;
    } else if (section != nullptr) {
      *section += line + "\n";
    }
  }
  return c;
}

void write(const fs::path& path, const Case& c) {
  std::ofstream out(path, std::ios::binary);
  if (!c.header.empty()) out << "--- header\n" << c.header;
  if (!c.source.empty()) out << "--- source\n" << c.source;
  if (!c.file.empty()) out << "--- file\n" << c.file;
  out << "--- error\n" << c.error;
}

std::string ended(std::string text) {
  if (text.empty() || text.back() != '\n') text += '\n';
  return text;
}

/// Of a whole file: its warnings and its error, or the first error of its kernels.
std::string error_of_file(const Case& c) {
  const auto library =
      language::parse({.text = c.file, .name = c.name + ".metal", .marks = {}}, {});
  if (!library) return ended(library.error().text());
  const std::string warnings = render((*library)->warnings());
  for (const KernelInterface& kernel : (*library)->kernels()) {
    const auto ir = (*library)->emit(kernel.name);
    if (!ir) return warnings + ended(ir.error().text());
  }
  return warnings.empty() ? "no error\n" : warnings;
}

/// Inputs `a` (16 floats) and `shape` (one uint), output `o` (16 floats).
std::string error_of(const Case& c) {
  static const float a[16] = {};
  static const uint32_t shape[] = {16};
  const MetalKernel kernel = metal_kernel({.name = c.name,
                                           .input_names = {"a", "shape"},
                                           .output_names = {"o"},
                                           .source = c.source,
                                           .header = c.header});
  try {
    kernel({.inputs = {{a, {16}}, {shape, {1}}},
            .output_shapes = {{16}},
            .output_dtypes = {Dtype::float32},
            .grid = {16, 1, 1},
            .threadgroup = {16, 1, 1}});
  } catch (const KernelError& error) {
    return ended(error.what());
  }
  return "no error\n";
}

TEST(ErrorTexts, AreAsWritten) {
  int cases = 0;
  for (const auto& entry : fs::directory_iterator(ANYMETAL_SOURCE_DIR "/test/errors")) {
    if (entry.path().extension() != ".txt") continue;
    ++cases;
    const bool is_of_a_run = entry.path().stem().string().ends_with("_outside");
    if (is_of_a_run && !stops_outside_under_test()) continue;
    Case c = read(entry.path());
    const std::string seen = c.file.empty() ? error_of(c) : error_of_file(c);
    if (std::getenv("ANYMETAL_BLESS") != nullptr) {
      c.error = seen;
      write(entry.path(), c);
    }
    EXPECT_EQ(seen, c.error) << c.name;
    EXPECT_NE(seen, "no error\n") << c.name;
  }
  EXPECT_GE(cases, 60);
}

}  // namespace
}  // namespace anymetal
