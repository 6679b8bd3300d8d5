// The language, feature by feature: each .metal file of this folder is a kernel that hands pairs of
// numbers out, what it computed and what that must be, so a feature that is taken for another
// fails.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "../executor_under_test.h"
#include "backend/backend.h"
#include "ir/thread_ir.h"
#include "language/language.h"

namespace anymetal {
namespace {

namespace fs = std::filesystem;

// What stands before each text: pairs go to the front of the first buffer.
const char* const kResults = R"(#include <metal_stdlib>
using namespace metal;
struct Results {
  device int* out;
  int n = 0;
  template <typename T, typename U> void operator()(T got, U want) thread {
    out[2 * n] = int(got);
    out[2 * n + 1] = int(want);
    ++n;
  }
};
#line 1
)";

constexpr int32_t kUnwritten = -777777;
constexpr size_t kPairs = 100;  // the kernels use the buffer's second half as they like

language::Source source_of(const fs::path& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << kResults << file.rdbuf();
  return {.text = text.str(), .name = path.filename().string(), .marks = {}};
}

class Language : public testing::TestWithParam<std::string> {};

TEST_P(Language, ComputesWhatItMust) {
  const auto path = fs::path(ANYMETAL_SOURCE_DIR "/test/language") / (GetParam() + ".metal");
  auto library = language::parse(source_of(path), {});
  ASSERT_TRUE(library.ok()) << library.error().text();
  EXPECT_TRUE((*library)->warnings().empty()) << render((*library)->warnings());
  for (const KernelInterface& kernel : (*library)->kernels()) {
    const auto ir = (*library)->emit(kernel.name);
    EXPECT_TRUE(ir.ok()) << kernel.name << ": " << ir.error().text();
  }
  auto ir = (*library)->emit("check");
  ASSERT_TRUE(ir.ok()) << ir.error().text();
  const auto buffers = static_cast<size_t>(
      std::count_if(ir->interface.parameters.begin(), ir->interface.parameters.end(),
                    [](const Parameter& p) { return p.kind == ParameterKind::buffer; }));
  auto kernel = executor_under_test().compile(std::move(*ir), options_under_test({1}));
  ASSERT_TRUE(kernel.ok()) << kernel.error().text();
  std::vector<int32_t> out(1024, kUnwritten), in(16, 12);
  std::vector<float> other(256, 12.0f), last(256, 12.0f);
  std::vector<backend::Argument> arguments{{out.data(), out.size() * 4},
                                           {in.data(), in.size() * 4},
                                           {other.data(), other.size() * 4},
                                           {last.data(), last.size() * 4}};
  arguments.resize(buffers);
  const auto done = (*kernel)->run({.grid = {1}, .threadgroup = {1}, .arguments = arguments});
  ASSERT_TRUE(done.ok()) << done.error().text();
  size_t pairs = 0;
  for (; pairs < kPairs && out[2 * pairs] != kUnwritten; ++pairs) {
    EXPECT_EQ(out[2 * pairs], out[2 * pairs + 1]) << "number " << pairs + 1 << " in " << path;
  }
  EXPECT_GE(pairs, 3u);
}

std::vector<std::string> names() {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(ANYMETAL_SOURCE_DIR "/test/language")) {
    if (entry.path().extension() == ".metal") names.push_back(entry.path().stem().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

INSTANTIATE_TEST_SUITE_P(Files, Language, testing::ValuesIn(names()),
                         [](const auto& parameter) { return parameter.param; });

}  // namespace
}  // namespace anymetal
