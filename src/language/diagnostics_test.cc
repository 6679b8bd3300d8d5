// What the user reads when the text is wrong: places exact, words Metal's.
#include "language/diagnostics.h"

#include <cstring>
#include <thread>

#include "language/testing.h"

namespace anymetal::language {
namespace {

TEST(Diagnostics, SyntaxError) {
  EXPECT_TRUE(says(error_of("kernel void k(device float* a) {\n  a[0] = 1 +;\n}\n"), 2, 13,
                   "expected expression"));
}

TEST(Diagnostics, UndeclaredNameInTheBodyThatMlxWraps) {
  // As metal_kernel writes it: header, signature, body, each with its own mark.
  const std::string header = "#include <metal_stdlib>\nusing namespace metal;\n";
  const std::string generated =
      "[[kernel]] void custom_kernel_softcap(\n  const device float* x [[buffer(0)]],\n  device "
      "float* out "
      "[[buffer(1)]],\n  uint3 thread_position_in_grid [[thread_position_in_grid]]) {\n";
  const std::string body =
      "\n    uint id = thread_position_in_grid.x;\n    out[id] = cap * tanh(x[id] / cap);\n";
  Source source{.text = header + generated + body + "\n}\n", .name = "softcap", .marks = {}};
  const size_t body_at = header.size() + generated.size();
  source.marks = {{0, "softcap.header", 1},
                  {header.size(), "", 1},
                  {body_at, "softcap.source", 1},
                  {body_at + body.size() + 1, "", 1}};
  const auto parsed = parse(source, {});
  ASSERT_FALSE(parsed.ok());
  const auto& first = parsed.error().diagnostics.front();
  EXPECT_EQ(first.file, "softcap.source");
  EXPECT_EQ(first.line, 3u);
  EXPECT_EQ(first.column, 15u);
  EXPECT_EQ(first.text, "    out[id] = cap * tanh(x[id] / cap);");
  EXPECT_NE(first.message.find("'cap'"), std::string::npos);
}

TEST(Diagnostics, CommentsThatLookLikeDocumentation) {
  for (const char* comment :
       {"//< a", "/*< a */", "/// a", "/** a */", "//!< a", "///< a", "/*! a */"}) {
    const std::string text =
        std::string("kernel void k(device float* a) {\n  a[0] = 1; ") + comment + "\n}\n";
    EXPECT_TRUE(parse({.text = text, .name = "k.metal", .marks = {}}, {}).ok()) << comment;
  }
}

TEST(Diagnostics, NamespaceThatIsNeverClosed) {
  const std::string header = "namespace foo {\nfloat f() { return 1; }\n";
  const std::string rest = "[[kernel]] void k(device float* a) {\n";
  const std::string body = "  a[0] = foo::f();\n";
  Source source{.text = header + rest + body + "}\n", .name = "k", .marks = {}};
  source.marks = {{0, "k.header", 1},
                  {header.size(), "", 1},
                  {header.size() + rest.size(), "k.source", 1},
                  {header.size() + rest.size() + body.size(), "", 1}};
  const auto parsed = parse(source, {});
  ASSERT_FALSE(parsed.ok());
  bool found = false;
  for (const auto& d : parsed.error().diagnostics) {
    found |=
        d.file == "k.header" && d.line == 1 && d.message.find("never closed") != std::string::npos;
  }
  EXPECT_TRUE(found) << parsed.error().text();
}

TEST(Diagnostics, SpeaksOfMetalsAddressSpaces) {
  const Error error = error_of(
      "kernel void k(device float* a) {\n  threadgroup float* p = a;\n  device int* q = a;\n}\n");
  EXPECT_TRUE(says(error, 2, 22, "'threadgroup float *'"));
  EXPECT_TRUE(says(error, 3, 15, "'device float *'"));
  for (const char* word :
       {"__global", "__local", "opencl", "SYCL", "sycl", "SYglobal", "__attribute__"}) {
    EXPECT_EQ(error.text().find(word), std::string::npos) << word;
  }
}

TEST(Diagnostics, ConstInputWrittenTo) {
  EXPECT_TRUE(says(error_of("kernel void k(const device float* a) {\n  a[0] = 1;\n}\n"), 2, 8,
                   "not assignable"));
}

TEST(Diagnostics, Attributes) {
  EXPECT_TRUE(
      says(error_of("kernel void k(device float* a,\n  uint i [[thread_position_in_gird]]) {}\n"),
           2, 12, "unknown attribute 'thread_position_in_gird'"));
  EXPECT_TRUE(
      says(error_of("kernel void k(device float* a,\n  float i [[thread_position_in_grid]]) {}\n"),
           2, 9, "type 'float' is not valid for attribute"));
  EXPECT_TRUE(says(
      error_of("kernel void k(device float* a,\n  uint2 i [[thread_index_in_simdgroup]]) {}\n"), 2,
      9, "type 'uint2' is not valid for attribute"));
  EXPECT_TRUE(says(error_of("kernel void k(device float* a, int n) {}\n"), 1, 36,
                   "neither an address space nor an attribute"));
  EXPECT_TRUE(says(error_of("kernel void k(device float* a, float* p) {}\n"), 1, 37,
                   "pointer type must have explicit address space qualifier"));
}

TEST(Diagnostics, BufferIndices) {
  EXPECT_TRUE(says(
      error_of(
          "kernel void k(device float* a [[buffer(1)]],\n  device float* b [[buffer(1)]]) {}\n"),
      2, 21, "buffer index 1 of 'b' is taken by 'a'"));
  EXPECT_TRUE(says(error_of("kernel void k(\n  device float* b [[buffer(31)]]) {}\n"), 2, 21,
                   "from 0 to 30"));
  std::string many = "kernel void k(\n";
  for (int i = 0; i < 40; ++i)
    many += "device float* b" + std::to_string(i) + (i < 39 ? ",\n" : ") {}\n");
  EXPECT_TRUE(says(error_of(many), 33, 15, "at most 31 buffers"));
}

TEST(Diagnostics, WordsThatMetalHasNot) {
  const std::string begin = "kernel void k(device float* a) {\n  ";
  EXPECT_TRUE(
      says(error_of(begin + "double x = 1;\n}\n"), 2, 3, "'double' is not supported in Metal"));
  EXPECT_TRUE(
      says(error_of(begin + "thread int* p = new int;\n}\n"), 2, 19, "'new' is not supported"));
  EXPECT_TRUE(says(error_of(begin + "goto x; x:;\n}\n"), 2, 3, "'goto' is not supported"));
  EXPECT_TRUE(
      says(error_of(begin + "asm(\"nop\");\n}\n"), 2, 3, "inline assembly is not supported"));
  EXPECT_TRUE(
      says(error_of(begin + "throw 1;\n}\n"), 2, 3, "cannot use 'throw' with exceptions disabled"));
  EXPECT_TRUE(says(error_of("struct S { virtual int f(); };\n"), 1, 12,
                   "virtual functions are not supported"));
  EXPECT_TRUE(says(error_of("kernel void k(device float* a, uint n [[thread_index_in_simdgroup]]) "
                            "{\n  float x[n]; a[0] = x[0];\n}\n"),
                   2, 11, "must be a constant"));
}

TEST(Diagnostics, Headers) {
  EXPECT_TRUE(
      says(error_of("#include \"mine/lost.h\"\n"), 1, 10, "header 'mine/lost.h' not found"));
  EXPECT_TRUE(says(error_of("#include <iostream>\n"), 1, 10, "no header <iostream> in Metal"));
  EXPECT_TRUE(says(
      error_of(
          "#include \"lost.h\"\n",
          {.math_mode = MathMode::safe, .macros = {}, .include_dirs = {"/nowhere"}, .prefix = ""}),
      1, 10, "/nowhere"));
}

TEST(Diagnostics, Recursion) {
  const Error error = error_of(
      "float f(int n);\nfloat g(int n) { return n ? f(n - 1) * 2 : 1; }\nfloat f(int n) { return "
      "g(n) * 2; }\n"
      "kernel void k(device float* a) {\n  a[0] = f(3);\n}\n");
  EXPECT_TRUE(says(error, 2, 29, "recursion is not supported"));
  EXPECT_EQ(error.diagnostics.front().text, "float g(int n) { return n ? f(n - 1) * 2 : 1; }");
}

TEST(Diagnostics, CallsThatLeaveTheKernel) {
  EXPECT_TRUE(
      says(error_of("float foo(float);\nkernel void k(device float* a) {\n  a[0] = foo(1);\n}\n"),
           3, 10, "'foo' is called but has no definition"));
  EXPECT_EQ(error_of("extern \"C\" int system(const thread char*);\nkernel void k(device int* a) "
                     "{\n  a[0] = system((thread char*)0);\n}\n")
                .kind,
            ErrorKind::user);
  EXPECT_EQ(error_of("float f(float x) { return x; }\nkernel void k(device float* a) {\n  float "
                     "(*volatile p)(float) = f; a[0] = p(1);\n}\n")
                .kind,
            ErrorKind::user);
  EXPECT_NE(error_of("int counter = 3;\nkernel void k(device int* a) { a[0] = counter++; }\n")
                .text()
                .find("program scope variable must reside in constant address space"),
            std::string::npos);
}

TEST(Diagnostics, WhatIsNotThereYet) {
  for (const char* text :
       {"#include <metal_stdlib>\nusing namespace metal;\nkernel void "
        "k(texture2d_ms<float> t [[texture(0)]]) {}\n",
        "struct S { int a [[attribute(0)]]; };\nkernel void k(S s [[stage_in]]) {}\n"}) {
    const Error error = error_of(text);
    EXPECT_EQ(error.kind, ErrorKind::unsupported) << error.text();
    EXPECT_NE(error.text().find("not supported yet"), std::string::npos);
  }
}

TEST(Diagnostics, ConversionsHaveAKind) {
  EXPECT_TRUE(says(error_of("typedef float f8 __attribute__((ext_vector_type(8)));\n"
                            "typedef half h8 __attribute__((ext_vector_type(8)));\n"
                            "kernel void k(device f8* a, device h8* b) { *a = f8(*b); }\n"),
                   3, 50, "conversion from vector"));
}

TEST(Diagnostics, GraphicsIsNotForKernels) {
  const std::string begin = "#include <metal_stdlib>\nusing namespace metal;\n";
  EXPECT_TRUE(
      says(error_of(begin + "kernel void k(device float* a) {\n  a[0] = fwidth(a[1]);\n}\n"), 4, 10,
           "'fwidth' is for fragment functions"));
  EXPECT_TRUE(says(error_of(begin + "kernel void k(device int* a, uint id [[vertex_id]]) {}\n"), 3,
                   40, "attribute 'vertex_id' is not for kernels"));
}

TEST(Diagnostics, ThreadgroupVariablesHaveNoInitializer) {
  EXPECT_TRUE(says(error_of("kernel void k(device float* a) {\n  threadgroup float x[2] = {1, "
                            "2};\n  a[0] = x[0];\n}\n"),
                   2, 21, "can't have an initializer"));
}

TEST(Diagnostics, MetalWords) {
  EXPECT_EQ(in_metal_words("'const __global float *' to '__local _Float16'"),
            "'const device float *' to 'threadgroup half'");
  EXPECT_EQ(in_metal_words("'half' (aka '_Float16')"), "'half'");
  EXPECT_EQ(in_metal_words("'const __global_device int'"), "'constant int'");
  EXPECT_EQ(in_metal_words("cannot pass pointer to generic address space as a pointer to address "
                           "space '__global' in 1st argument"),
            "cannot pass pointer to address space 'thread' as a pointer to address space 'device' "
            "in 1st argument");
}

TEST(Diagnostics, BracesOfTheBodyThatCloseTooLittleOrTooMuch) {
  const std::string signature = "[[kernel]] void k(device float* a) {\n";
  for (const auto& [body, words] :
       {std::pair{"\n  if (a[0] > 1) {\n  a[0] = 1;\n", "never closed"},
        std::pair{"\n  a[0] = 1;\n  }\n", "closes more than was opened"}}) {
    Source source{.text = signature + body + "\n}\n", .name = "k", .marks = {}};
    source.marks = {{0, "", 1},
                    {signature.size(), "k.source", 1},
                    {signature.size() + strlen(body) + 1, "", 1}};
    const auto parsed = parse(source, {});
    ASSERT_FALSE(parsed.ok());
    const auto& first = parsed.error().diagnostics.front();
    EXPECT_EQ(first.file, "k.source");
    EXPECT_EQ(first.line, 3u);
    EXPECT_NE(first.message.find(words), std::string::npos) << parsed.error().text();
  }
}

TEST(Diagnostics, BuiltinsOfTheMachine) {
  EXPECT_TRUE(says(
      error_of(
          "kernel void k(device ulong* a) {\n  a[0] = (ulong)__builtin_return_address(0);\n}\n"),
      2, 17, "not supported in Metal"));
  const std::string text =
      ir_text(emit_only("float f(float x) { if (x > 0) return x; }\nkernel void k(device float* a) "
                        "{ a[0] = f(a[0]); __builtin_trap(); }\n"));
  EXPECT_EQ(text.find("unreachable"), std::string::npos);
  EXPECT_EQ(text.find("call void @llvm.trap"), std::string::npos);
}

// Text that could bring the compiler down: an error each, and the process lives.

TEST(Robustness, InfiniteTemplate) {
  EXPECT_TRUE(says(error_of("template <int N> struct A { static constexpr int v = A<N + 1>::v; };\n"
                            "kernel void k(device int* a) { a[0] = A<0>::v; }\n"),
                   1, 54, "maximum depth"));
}

TEST(Robustness, TextThatIsNotUtf8) {
  const Error error =
      error_of("kernel void k(device float* a) { a[0] = 1; }\n float \xc3\x28 = 1;\n");
  EXPECT_EQ(error.kind, ErrorKind::user);
  EXPECT_EQ(error.text().find('\xc3'), std::string::npos);
}

TEST(Robustness, DeepNesting) {
  const auto repeated = [](const char* text, int n) {
    std::string out;
    for (int i = 0; i < n; ++i) out += text;
    return out;
  };
  EXPECT_EQ(error_of("int x = " + repeated("(", 100'000) + "\n").kind, ErrorKind::user);
  EXPECT_EQ(error_of("void f() " + repeated("{", 100'000) + "\n").kind, ErrorKind::user);
  EXPECT_EQ(error_of("int x = " + repeated("1+", 500'000) + "1;\n").kind, ErrorKind::user);
  EXPECT_EQ(error_of("int x = " + repeated("-", 500'000) + "1;\n").kind, ErrorKind::user);
  EXPECT_EQ(
      error_of("void f(int a) { " + repeated("if (a) a = 1; else ", 100'000) + "a = 2; }\n").kind,
      ErrorKind::user);
  EXPECT_EQ(error_of("void f(int a) { " + repeated("if (a) ", 100'000) + "a = 2; }\n").kind,
            ErrorKind::user);
}

TEST(Robustness, LongExpressionsWithinTheLimitCompile) {
  std::string sum = "a[0]";
  for (int i = 0; i < 3000; ++i) sum += " + a[1]";
  EXPECT_TRUE(emit_only("kernel void k(device float* a) { a[2] = " + sum + "; }\n").module);
}

TEST(Robustness, TenMegabytes) {
  std::string text =
      "kernel void k(device float* a, uint i [[thread_position_in_grid]]) { a[i] = 1; }\n";
  while (text.size() < 10'000'000)
    text += "// a line of no importance, as generators write them by the thousand\nconstant int c" +
            std::to_string(text.size()) + " = 1;\n";
  EXPECT_TRUE(emit_only(text).module);
}

TEST(Robustness, ManyThreads) {
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([t] {
      for (int i = 0; i < 4; ++i) {
        const std::string factor = std::to_string(t * 10 + i);
        EXPECT_TRUE(emit_only("kernel void k(device int* a) { a[0] *= " + factor + "; }\n").module);
        EXPECT_FALSE(error_of("kernel void k(device int* a) { a[0] = b; }\n").diagnostics.empty());
      }
    });
  }
  for (auto& thread : threads) thread.join();
}

TEST(Robustness, PragmasThatCrashClangOnPurposeOrMakeItPrint) {
  for (const char* word : {"crash", "parser_crash", "llvm_fatal_error", "overflow_stack", "assert",
                           "handle_crash", "llvm_unreachable", "diag_mapping", "dump k",
                           "macro FOO", "module_map x", "modules all", "sloc_usage", "captured"}) {
    SCOPED_TRACE(word);
    testing::internal::CaptureStderr();
    auto parsed = parse(source_of(std::string("#pragma clang __debug ") + word +
                                  "\nkernel void k(device float* a) {}\n"),
                        {});
    EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
    EXPECT_TRUE(parsed.ok());
  }
}

}  // namespace
}  // namespace anymetal::language
