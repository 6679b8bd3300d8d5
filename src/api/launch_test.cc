#include "api/launch.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>

#include "ir/thread_ir.h"

// What launch.h asks of the runtime, seen from a language and a back end that only take notes.

namespace anymetal::api {
namespace {

/// A parser that knows one kernel of `buffers` buffers, whatever the text.
class Notes {
 public:
  std::vector<language::Source> sources;
  std::vector<language::Options> options;
  std::optional<Error> parse_error;
  std::string kernel_name;
  uint32_t buffers = 0;
  uint32_t element_bytes = 1;  // of the last buffer; the others are const
  std::vector<backend::Extent> grids, threadgroups;
  std::vector<std::vector<std::string>> bytes;  // of each buffer, at each dispatch
  std::function<void(const backend::Dispatch&)> body;

  std::unique_ptr<runtime::Device> device(runtime::Settings settings) {
    runtime::Engine engine;
    engine.parse =
        [this](const language::Source& source,
               const language::Options& given) -> Result<std::shared_ptr<language::ParsedLibrary>> {
      sources.push_back(source);
      options.push_back(given);
      if (parse_error) return *parse_error;
      return std::shared_ptr<language::ParsedLibrary>(std::make_shared<Tree>(interface()));
    };
    engine.language_version = "notes";
    engine.backend = &backend_;
    return runtime::Device::create(std::move(settings), std::move(engine));
  }

 private:
  KernelInterface interface() const {
    KernelInterface made{.name = kernel_name};
    for (uint32_t i = 0; i < buffers; ++i) {
      made.parameters.push_back({.name = "b" + std::to_string(i),
                                 .type = "uint8_t",
                                 .space = AddressSpace::device,
                                 .size = i + 1 == buffers ? element_bytes : 1,
                                 .alignment = 1,
                                 .is_const = i + 1 < buffers,
                                 .index = i});
    }
    return made;
  }

  struct Tree final : language::ParsedLibrary {
    explicit Tree(KernelInterface kernel) : kernels_{std::move(kernel)} {}
    std::span<const KernelInterface> kernels() const override { return kernels_; }
    std::span<const Diagnostic> warnings() const override { return {}; }
    Result<ThreadIr> emit(std::string_view, std::span<const language::ConstantValue>) override {
      ThreadIr ir;
      ir.interface = kernels_[0];
      return ir;
    }
    std::string rewritten_text() const override { return {}; }
    std::vector<KernelInterface> kernels_;
  };

  struct Code final : backend::CompiledKernel {
    Code(Notes& notes, KernelInterface interface)
        : notes_(notes), interface_(std::move(interface)) {}
    Result<void> run(const backend::Dispatch& dispatch) override {
      notes_.grids.push_back(dispatch.grid);
      notes_.threadgroups.push_back(dispatch.threadgroup);
      std::vector<std::string>& bytes = notes_.bytes.emplace_back();
      for (const backend::Argument& argument : dispatch.arguments) {
        bytes.emplace_back(static_cast<const char*>(argument.data), argument.size);
      }
      if (notes_.body) notes_.body(dispatch);
      return {};
    }
    const KernelInterface& interface() const override { return interface_; }
    std::string_view object() const override { return "code"; }
    Notes& notes_;
    KernelInterface interface_;
  };

  struct NotingBackend final : backend::Backend {
    explicit NotingBackend(Notes& notes) : notes_(notes) {}
    std::string_view name() const override { return "notes"; }
    std::string version() const override { return "1"; }
    bool specializes_threadgroup() const override { return false; }
    Result<std::unique_ptr<backend::CompiledKernel>> compile(
        ThreadIr ir, const backend::CompileOptions&) override {
      return std::unique_ptr<backend::CompiledKernel>(std::make_unique<Code>(notes_, ir.interface));
    }
    Result<std::unique_ptr<backend::CompiledKernel>> load(std::string_view,
                                                          const KernelInterface& interface,
                                                          const backend::CompileOptions&) override {
      return std::unique_ptr<backend::CompiledKernel>(std::make_unique<Code>(notes_, interface));
    }
    Notes& notes_;
  };

  NotingBackend backend_{*this};
};

class LaunchTest : public testing::Test {
 protected:
  void SetUp() override {
    if (const char* given = std::getenv("ANYMETAL_MLX_INCLUDE")) given_ = given;
    setenv("ANYMETAL_MLX_INCLUDE", "", 1);
  }
  void TearDown() override {
    unsetenv("ANYMETAL_MLX_INCLUDE");
    if (given_) setenv("ANYMETAL_MLX_INCLUDE", given_->c_str(), 1);
  }

  /// A kernel with input a of two dimensions, scalar s, output o.
  std::shared_ptr<const Signature> signature(const std::string& source, std::string name = "k") {
    KernelFamily family({.name = std::move(name),
                         .input_names = {"a", "s"},
                         .output_names = {"o"},
                         .source = source});
    const InputType inputs[] = {{Dtype::int16, 2, 6}, {Dtype::float32, 0, 1}};
    const Dtype output = Dtype::int32;
    return family.signature(inputs, std::span(&output, 1), {});
  }

  Result<std::shared_ptr<const PreparedKernel>> prepared(
      const std::shared_ptr<const Signature>& signature) {
    notes_.kernel_name = signature->kernel_name;
    if (!device_) device_ = notes_.device(settings_);
    return prepare(signature, *device_);
  }

  Call call() {
    inputs_ = {{.data = a_,
                .bytes = sizeof(a_),
                .dtype = Dtype::int16,
                .shape = shape_,
                .strides = strides_},
               {.data = &s_, .bytes = sizeof(s_), .dtype = Dtype::float32}};
    outputs_ = {{.data = o_, .bytes = sizeof(o_), .dtype = Dtype::int32, .shape = out_shape_}};
    return {.inputs = inputs_, .outputs = outputs_, .grid = {8, 2, 1}, .threadgroup = {4, 4, 4}};
  }

  template <class T>
  static std::string bytes_of(const T& value) {
    return {reinterpret_cast<const char*>(&value), sizeof(value)};
  }

  Notes notes_;
  runtime::Settings settings_;
  std::unique_ptr<runtime::Device> device_;
  std::optional<std::string> given_;
  int16_t a_[6] = {1, 2, 3, 4, 5, 6};
  float s_ = 2.5f;
  int32_t o_[4] = {7, 7, 7, 7};
  int32_t shape_[2] = {2, 3};
  int64_t strides_[2] = {3, 1};
  int32_t out_shape_[1] = {4};
  std::vector<InputBuffer> inputs_;
  std::vector<OutputBuffer> outputs_;
};

TEST_F(LaunchTest, BindsInMlxsOrder) {
  notes_.buffers = 6;
  const auto kernel = prepared(signature("a_shape a_strides a_ndim s_shape s_ndim"));
  ASSERT_TRUE(kernel) << kernel.error().text();
  const Result<void> done = launch(**kernel, call());
  ASSERT_TRUE(done) << done.error().text();
  const std::vector<std::string> expected{bytes_of(a_),       bytes_of(shape_),
                                          bytes_of(strides_), bytes_of(int32_t{2}),
                                          bytes_of(s_),       bytes_of(o_)};
  ASSERT_EQ(notes_.bytes.size(), 1u);
  EXPECT_EQ(notes_.bytes[0], expected);
}

TEST_F(LaunchTest, LeavesOutWhatTheBodyDoesNotName) {
  notes_.buffers = 4;
  const auto kernel = prepared(signature("a_ndim"));
  ASSERT_TRUE(kernel) << kernel.error().text();
  ASSERT_TRUE(launch(**kernel, call()));
  const std::vector<std::string> expected{bytes_of(a_), bytes_of(int32_t{2}), bytes_of(s_),
                                          bytes_of(o_)};
  EXPECT_EQ(notes_.bytes[0], expected);
}

TEST_F(LaunchTest, ClampsTheThreadgroupToTheGrid) {
  notes_.buffers = 3;
  const auto kernel = prepared(signature(""));
  ASSERT_TRUE(launch(**kernel, call()));
  EXPECT_EQ(notes_.grids[0], (backend::Extent{8, 2, 1}));
  EXPECT_EQ(notes_.threadgroups[0], (backend::Extent{4, 2, 1}));
}

TEST_F(LaunchTest, FillsOutputsFirst) {
  notes_.buffers = 3;
  const auto kernel = prepared(signature(""));
  Call filled = call();
  filled.init_value = -3.0f;
  ASSERT_TRUE(launch(**kernel, filled));
  const int32_t expected[4] = {-3, -3, -3, -3};
  EXPECT_EQ(notes_.bytes[0][2], bytes_of(expected));
}

// The kernel writes one element of four; with an initial value that is what was wanted.
TEST_F(LaunchTest, TellsTheCoverageOfOutputsThatWereNotFilled) {
  settings_.warn_coverage = true;
  notes_.buffers = 3;
  notes_.element_bytes = 4;
  notes_.body = [](const backend::Dispatch& dispatch) {
    const int32_t value = 77;
    std::memcpy(static_cast<char*>(dispatch.arguments[2].data) + 4, &value, sizeof(value));
  };
  std::string said;
  runtime::set_report_sink([&](std::string_view line) { said += line; });
  const auto kernel = prepared(signature("covered", "covered"));
  Call plain = call();
  EXPECT_TRUE(launch(**kernel, plain));
  EXPECT_NE(said.find("kernel `covered`: `b2`: 1 of 4 elements written"), std::string::npos)
      << said;
  said.clear();
  plain.init_value = 0.0f;
  EXPECT_TRUE(launch(**kernel, plain));
  EXPECT_EQ(said, "");
  runtime::set_report_sink({});
}

TEST_F(LaunchTest, EmptyArraysAreBound) {
  notes_.buffers = 3;
  const auto kernel = prepared(signature(""));
  Call empty = call();
  inputs_[0].data = nullptr;
  inputs_[0].bytes = 0;
  EXPECT_TRUE(launch(**kernel, empty));
}

TEST_F(LaunchTest, SaysMlxsWordsAboutLargeThreadgroups) {
  notes_.buffers = 3;
  const auto kernel = prepared(signature(""));
  EXPECT_EQ(threadgroup_complaint(**kernel, {1024, 1, 1}), std::nullopt);
  EXPECT_EQ(threadgroup_complaint(**kernel, {2048, 1, 1}),
            "Thread group size (2048) is greater than  the maximum allowed threads per threadgroup "
            "(1024).");
  EXPECT_EQ(threadgroup_complaint(**kernel, {-1, 1, 1}),
            "Thread group size (-1) is greater than  the maximum allowed threads per threadgroup "
            "(1024).");
  Call large = call();
  large.threadgroup = {32, 32, 2};
  const Result<void> done = launch(**kernel, large);
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().kind, ErrorKind::user);
}

TEST_F(LaunchTest, RefusesEmptyGrids) {
  notes_.buffers = 3;
  const auto kernel = prepared(signature(""));
  for (const std::array<int, 3> grid : {std::array{0, 1, 1}, {4, -2, 1}}) {
    Call empty = call();
    empty.grid = grid;
    const Result<void> done = launch(**kernel, empty);
    ASSERT_FALSE(done);
    EXPECT_NE(done.error().message.find("grid"), std::string::npos) << done.error().message;
  }
  EXPECT_TRUE(notes_.grids.empty());
}

TEST_F(LaunchTest, RemembersByContentAndNotByName) {
  notes_.buffers = 3;
  const auto first = prepared(signature("one"));
  const auto again = prepared(signature("one"));
  const auto other = prepared(signature("other"));
  ASSERT_TRUE(first && again && other);
  EXPECT_EQ(first->get(), again->get());
  EXPECT_NE(first->get(), other->get());
  EXPECT_EQ(notes_.sources.size(), 2u);
}

TEST_F(LaunchTest, GivesTheLanguageTextMarksAndPrefix) {
  notes_.buffers = 3;
  const auto text = signature("body");
  ASSERT_TRUE(prepared(text));
  EXPECT_EQ(notes_.sources[0].text, text->text);
  ASSERT_EQ(notes_.sources[0].marks.size(), 3u);
  EXPECT_EQ(notes_.sources[0].marks[1].file, "k.source");
  EXPECT_NE(notes_.options[0].prefix.find("float16_t"), std::string::npos);
  EXPECT_EQ(notes_.options[0].math_mode, MathMode::safe);
}

TEST_F(LaunchTest, ExplainsWhatNeedsMlx) {
  notes_.parse_error = user_error("1 error");
  notes_.parse_error->diagnostics.push_back(
      {.message = "use of undeclared identifier 'elem_to_loc'"});
  const auto kernel = prepared(signature("elem_to_loc"));
  ASSERT_FALSE(kernel);
  EXPECT_EQ(kernel.error().kind, ErrorKind::environment);
  EXPECT_NE(kernel.error().message.find("pip install \"mlx[cpu]\""), std::string::npos);
}

TEST_F(LaunchTest, NamesTheGeneratorsFault) {
  KernelFamily family(
      {.name = "two", .input_names = {"a"}, .output_names = {"o", "p"}, .source = "a_shape"});
  const InputType input{Dtype::int16, 1, 6};
  const Dtype outputs[] = {Dtype::int32, Dtype::int32};
  const auto kernel = prepared(family.signature(std::span(&input, 1), outputs, {}));
  ASSERT_FALSE(kernel);
  EXPECT_NE(kernel.error().message.find("`) {`"), std::string::npos) << kernel.error().message;
  EXPECT_TRUE(notes_.sources.empty());
}

TEST(KernelFamily, KeepsOneSignatureForEachText) {
  KernelFamily family({.name = "k", .input_names = {"a"}, .output_names = {"o"}});
  const Dtype output = Dtype::int32;
  const auto of = [&](InputType input, const TemplateArguments& arguments) {
    return family.signature(std::span(&input, 1), std::span(&output, 1), arguments);
  };
  EXPECT_EQ(of({Dtype::int8, 1, 8}, {}), of({Dtype::int8, 3, 100}, {}));
  EXPECT_NE(of({Dtype::int8, 1, 8}, {}), of({Dtype::int8, 1, 7}, {}));
  EXPECT_NE(of({Dtype::int8, 1, 1}, {}), of({Dtype::int8, 0, 1}, {}));
  EXPECT_NE(of({Dtype::int8, 1, 8}, {}), of({Dtype::uint8, 1, 8}, {}));
  EXPECT_NE(of({Dtype::int8, 1, 8}, {{"n", 1}}), of({Dtype::int8, 1, 8}, {{"n", true}}));
  EXPECT_NE(of({Dtype::int8, 1, 8}, {{"n", 1}}), of({Dtype::int8, 1, 8}, {{"n", 2}}));
}

TEST(ReadSignature, FindsTheMarksAgain) {
  for (const std::string header : {"", "int f();\n", "int f();"}) {
    KernelFamily family({.name = "k",
                         .input_names = {"a"},
                         .output_names = {"o"},
                         .source = "\nif (a[0]) {\n}\n",
                         .header = header});
    const InputType input{Dtype::int8, 1, 8};
    const Dtype output = Dtype::int32;
    for (const TemplateArguments& arguments : {TemplateArguments{}, TemplateArguments{{"n", 1}}}) {
      const auto written = family.signature(std::span(&input, 1), std::span(&output, 1), arguments);
      const Signature read =
          read_signature(written->kernel_name, written->text, written->inputs, MathMode::safe);
      ASSERT_GE(read.marks.size(), 3u);
      const auto& body = read.marks[read.marks.size() - 2];
      EXPECT_EQ(body.file, written->kernel_name + ".source");
      EXPECT_EQ(body.offset, written->marks[written->marks.size() - 2].offset);
      EXPECT_EQ(read.marks.back().offset, written->marks.back().offset);
    }
  }
}

}  // namespace
}  // namespace anymetal::api
