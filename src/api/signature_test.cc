#include "api/signature.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <map>
#include <sstream>

namespace anymetal::api {
namespace {

// One case of test/api/signatures.txt, or of a file that test/api/signature_oracle.py has just made
// with the installed MLX.
struct Case {
  std::string label;
  KernelDefinition definition;
  std::vector<InputType> inputs;
  std::vector<Dtype> outputs;
  TemplateArguments templates;
  std::string text;
};

Dtype dtype_of(const std::string& name) {
  static const std::map<std::string, Dtype> names{
      {"bool_", Dtype::bool_},     {"uint8", Dtype::uint8},        {"uint16", Dtype::uint16},
      {"uint32", Dtype::uint32},   {"uint64", Dtype::uint64},      {"int8", Dtype::int8},
      {"int16", Dtype::int16},     {"int32", Dtype::int32},        {"int64", Dtype::int64},
      {"float16", Dtype::float16}, {"bfloat16", Dtype::bfloat16},  {"float32", Dtype::float32},
      {"float64", Dtype::float64}, {"complex64", Dtype::complex64}};
  return names.at(name);
}

class Reader {
 public:
  explicit Reader(const std::string& path) : in_(path, std::ios::binary) {
    std::string word;
    in_ >> word >> version_;
    std::getline(in_, line_);
    next();
  }
  [[nodiscard]] const std::string& version() const { return version_; }

  bool read(Case& c) {
    while (alive_ && line_.rfind("case ", 0) != 0) next();
    if (!alive_) return false;
    c = Case{.label = line_.substr(5)};
    next();
    while (alive_ && line_ != "end") entry(c);
    return true;
  }

 private:
  void next() { alive_ = static_cast<bool>(std::getline(in_, line_)); }

  void entry(Case& c) {
    std::istringstream words(line_);
    std::string word, name, type, value;
    words >> word;
    if (word == "header" || word == "source" || word == "text") {
      std::string text = block();
      (word == "header"   ? c.definition.header
       : word == "source" ? c.definition.source
                          : c.text) = text;
      return;
    }
    if (word == "name") {
      c.definition.name = line_.size() > 5 ? line_.substr(5) : "";
    } else if (word == "input") {
      InputType input;
      words >> name >> type >> input.ndim >> input.size;
      input.dtype = dtype_of(type);
      c.definition.input_names.push_back(name);
      c.inputs.push_back(input);
    } else if (word == "output") {
      words >> name >> type;
      c.definition.output_names.push_back(name);
      c.outputs.push_back(dtype_of(type));
    } else if (word == "template") {
      words >> name >> type >> value;
      if (type == "dtype") c.templates.emplace_back(name, dtype_of(value));
      if (type == "int") c.templates.emplace_back(name, std::stoi(value));
      if (type == "bool") c.templates.emplace_back(name, value == "1");
    } else if (word == "atomic") {
      c.definition.atomic_outputs = true;
    } else {
      ADD_FAILURE() << "unknown line: " << line_;
    }
    next();
  }

  std::string block() {
    std::string text;
    bool first = true;
    for (next(); alive_ && !line_.empty() && line_[0] == '|'; next()) {
      if (!first) text += '\n';
      first = false;
      text += line_.substr(1);
    }
    return text;
  }

  std::ifstream in_;
  std::string version_, line_;
  bool alive_ = true;
};

std::string oracle_path() {
  if (const char* path = std::getenv("ANYMETAL_TEST_SIGNATURES")) return path;
  return ANYMETAL_SOURCE_DIR "/test/api/signatures.txt";
}

Signature signature_of(const Case& c, Naming naming) {
  const BodyFacts facts = read_body(c.definition.source, c.definition.input_names);
  return write_signature(c.definition, facts,
                         {.inputs = c.inputs,
                          .outputs = c.outputs,
                          .template_arguments = &c.templates,
                          .naming = naming});
}

TEST(Signature, IsMlxsByteByByte) {
  Reader reader(oracle_path());
  const Naming naming = naming_of(reader.version());
  Case c;
  int cases = 0;
  while (reader.read(c)) {
    ++cases;
    EXPECT_EQ(signature_of(c, naming).text, c.text) << c.label;
  }
  EXPECT_GE(cases, 200);
}

size_t occurrences(std::string_view text, std::string_view word) {
  size_t count = 0;
  for (size_t at = text.find(word); at != std::string_view::npos; at = text.find(word, at + 1))
    ++count;
  return count;
}

TEST(Signature, NamesTheFaultWhereMlxClosesTheListTwice) {
  Reader reader(oracle_path());
  Case c;
  int faults = 0;
  while (reader.read(c)) {
    const Signature signature = signature_of(c, Naming::minus_replaced);
    const size_t closed = occurrences(c.text, ") {\n") -
                          occurrences(c.definition.source + c.definition.header, ") {\n");
    EXPECT_EQ(!signature.fault.empty(), closed > 1) << c.label;
    if (!signature.fault.empty()) ++faults;
  }
  EXPECT_GE(faults, 4);
}

// Each line between the marks must be the user's own line of that number.
TEST(Signature, MarksLeadBackToTheUsersLines) {
  Reader reader(oracle_path());
  Case c;
  while (reader.read(c)) {
    const Signature signature = signature_of(c, Naming::minus_replaced);
    for (size_t i = 0; i < signature.marks.size(); ++i) {
      const language::LineMark& mark = signature.marks[i];
      const size_t end =
          i + 1 < signature.marks.size() ? signature.marks[i + 1].offset : signature.text.size();
      ASSERT_LE(mark.offset, end) << c.label;
      ASSERT_TRUE(mark.offset == 0 || signature.text[mark.offset - 1] == '\n') << c.label;
      if (mark.file.empty()) continue;
      const bool header = mark.file == c.definition.name + ".header";
      const std::string& own = header ? c.definition.header : c.definition.source;
      EXPECT_EQ(mark.line, 1u);
      EXPECT_EQ(signature.text.substr(mark.offset, own.size()), own) << c.label;
    }
  }
}

TEST(Signature, HintsAtAHeaderThatSwallowsTheSignature) {
  const BodyFacts facts;
  const auto hint = [&](std::string header) {
    KernelDefinition definition{.name = "k", .output_names = {"o"}, .header = std::move(header)};
    const Dtype output = Dtype::float32;
    return write_signature(definition, facts, {.outputs = std::span(&output, 1)}).hint;
  };
  EXPECT_EQ(hint(""), "");
  EXPECT_EQ(hint("#include <metal_stdlib>\n"), "");
  EXPECT_EQ(hint("using namespace metal;"), "");
  EXPECT_NE(hint("#include <metal_stdlib>"), "");
  EXPECT_NE(hint("int f();\n  # define A"), "");
  EXPECT_NE(hint("// done"), "");
}

TEST(Signature, HintsAtNamesThatAreNone) {
  const auto hint = [](std::string name, int argument, Naming naming) {
    KernelDefinition definition{.name = std::move(name), .output_names = {"o"}};
    const Dtype output = Dtype::float32;
    const TemplateArguments arguments{{"n", argument}};
    return write_signature(definition, {},
                           {.outputs = std::span(&output, 1),
                            .template_arguments = &arguments,
                            .naming = naming})
        .hint;
  };
  EXPECT_EQ(hint("k_1", 3, Naming::minus_kept), "");
  EXPECT_EQ(hint("k_1", -3, Naming::minus_replaced), "");
  EXPECT_NE(hint("k_1", -3, Naming::minus_kept), "");
  EXPECT_NE(hint("my-kernel", 3, Naming::minus_replaced), "");
}

TEST(Signature, NamingFollowsTheRelease) {
  EXPECT_EQ(naming_of("0.32.0"), Naming::minus_kept);
  EXPECT_EQ(naming_of("0.32.3"), Naming::minus_kept);
  EXPECT_EQ(naming_of("0.32.4"), Naming::minus_replaced);
  EXPECT_EQ(naming_of("0.33.0"), Naming::minus_replaced);
  EXPECT_EQ(naming_of(""), Naming::minus_replaced);
}

}  // namespace
}  // namespace anymetal::api
