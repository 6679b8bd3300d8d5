#include "api/mlx_prefix.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>

namespace anymetal::api {
namespace {

namespace fs = std::filesystem;

class MlxPrefix : public testing::Test {
 protected:
  void SetUp() override {
    if (const char* given = std::getenv("ANYMETAL_MLX_INCLUDE")) given_ = given;
    unsetenv("ANYMETAL_MLX_INCLUDE");
    char name[] = "/tmp/anymetal_prefix_XXXXXX";
    ASSERT_NE(mkdtemp(name), nullptr);
    root_ = name;
    fs::create_directories(root_ / "mlx/backend/metal/kernels");
  }
  void TearDown() override {
    unsetenv("ANYMETAL_MLX_INCLUDE");
    if (given_) setenv("ANYMETAL_MLX_INCLUDE", given_->c_str(), 1);
    fs::remove_all(root_);
  }
  void header(const std::string& name, const std::string& text) {
    std::ofstream(root_ / "mlx/backend/metal/kernels" / name) << text;
  }
  static std::string path(const std::string& name) { return "mlx/backend/metal/kernels/" + name; }

  fs::path root_;
  std::optional<std::string> given_;
};

TEST_F(MlxPrefix, JoinsHeadersInTheOrderOfTheirEnds) {
  header("utils.h", "#pragma once\n#include <metal_math>\n#include \"" + path("b.h") +
                        "\"\n#include \"" + path("c.h") + "\"\nint u;\n");
  header("b.h", "#include \"" + path("c.h") + "\"\nint b;\n");
  header("c.h", "#pragma once\nint c;");
  const auto text = read_mlx_prefix(root_);
  ASSERT_TRUE(text) << text.error().text();
  // Every line keeps its number, so that messages point at the header's own lines.
  EXPECT_EQ(*text, "#line 1 \"" + path("c.h") + "\"\n\nint c;\n" + "#line 1 \"" + path("b.h") +
                       "\"\n\nint b;\n" + "#line 1 \"" + path("utils.h") +
                       "\"\n\n#include <metal_math>\n\n\nint u;\n");
}

TEST_F(MlxPrefix, NamesAMissingHeader) {
  header("utils.h", "#include \"" + path("gone.h") + "\"\n");
  const auto text = read_mlx_prefix(root_);
  ASSERT_FALSE(text);
  EXPECT_EQ(text.error().kind, ErrorKind::environment);
  EXPECT_NE(text.error().message.find("gone.h"), std::string::npos);
  EXPECT_NE(text.error().message.find("pip install \"mlx[cpu]\""), std::string::npos);
}

TEST_F(MlxPrefix, TheEnvironmentDecides) {
  header("utils.h", "int u;\n");
  setenv("ANYMETAL_MLX_INCLUDE", root_.c_str(), 1);
  const auto own = current_prefix();
  ASSERT_TRUE(own);
  EXPECT_TRUE((*own)->from_mlx);
  EXPECT_NE((*own)->text.find("int u;"), std::string::npos);
  EXPECT_EQ(current_prefix()->get(), own->get());

  setenv("ANYMETAL_MLX_INCLUDE", "", 1);
  const auto without = current_prefix();
  ASSERT_TRUE(without);
  EXPECT_FALSE((*without)->from_mlx);
  EXPECT_NE((*without)->text.find("typedef bfloat bfloat16_t"), std::string::npos);

  setenv("ANYMETAL_MLX_INCLUDE", "/nowhere", 1);
  EXPECT_FALSE(current_prefix());
}

TEST_F(MlxPrefix, ADirectoryThatWasSetIsUsed) {
  header("utils.h", "int set;\n");
  set_mlx_include_dir(root_);
  EXPECT_EQ(mlx_include_dir(), root_.string());
  set_mlx_include_dir("");
}

TEST_F(MlxPrefix, FindsTheWheelOfAVirtualEnvironment) {
  const fs::path include = root_ / "lib/python3.11/site-packages/mlx/include";
  fs::create_directories(include / "mlx/backend/metal/kernels");
  std::ofstream(include / path("utils.h")) << "int v;\n";
  const std::string program = fs::canonical("/proc/self/exe");
  const std::string command =
      "VIRTUAL_ENV=" + root_.string() + " " + program +
      " --gtest_also_run_disabled_tests --gtest_filter=MlxPrefix.DISABLED_PrintDirectory";
  FILE* pipe = popen(command.c_str(), "r");
  ASSERT_NE(pipe, nullptr);
  std::string output;
  char buffer[4096];
  while (fgets(buffer, sizeof(buffer), pipe) != nullptr) output += buffer;
  EXPECT_EQ(pclose(pipe), 0);
  EXPECT_NE(output.find("<" + include.string() + ">"), std::string::npos) << output;
}

// Run by the test above in a process of its own, since the search is made once.
TEST_F(MlxPrefix, DISABLED_PrintDirectory) {
  printf("<%s>\n", mlx_include_dir().c_str());
}

// The installed wheel, if there is one: its helpers are there, and nothing is left to include but
// Metal's own headers.
TEST_F(MlxPrefix, TheInstalledWheelGivesTheHelpers) {
  const std::string dir = given_ ? *given_ : mlx_include_dir();
  if (dir.empty()) GTEST_SKIP() << "MLX isn't installed";
  const auto text = read_mlx_prefix(dir);
  ASSERT_TRUE(text) << text.error().text();
  EXPECT_EQ(text->find("#include \""), std::string::npos);
  for (const char* word : {"typedef bfloat bfloat16_t;", "struct complex_t", "elem_to_loc(",
                           "struct Limits", "ceildiv("}) {
    EXPECT_NE(text->find(word), std::string::npos) << word;
  }
  EXPECT_LT(text->find("typedef bfloat bfloat16_t;"), text->find("struct complex_t"));
  EXPECT_LT(text->find("struct complex_t"), text->find("struct Limits"));
}

TEST(MlxName, IsFoundInMessages) {
  Diagnostic diagnostic{.message = "use of undeclared identifier 'elem_to_loc'"};
  EXPECT_EQ(mlx_name_in(std::span(&diagnostic, 1)), "elem_to_loc");
  diagnostic.message = "unknown type name 'complex64_t'; did you mean 'x'?";
  EXPECT_EQ(mlx_name_in(std::span(&diagnostic, 1)), "complex64_t");
  diagnostic.message = "use of undeclared identifier 'cap'";
  EXPECT_EQ(mlx_name_in(std::span(&diagnostic, 1)), "");
}

}  // namespace
}  // namespace anymetal::api
