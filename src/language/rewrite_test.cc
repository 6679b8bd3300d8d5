// Each pass of the rewrite, by what the program then is.
#include "language/rewrite.h"

#include <llvm/IR/GlobalVariable.h>

#include "language/testing.h"

namespace anymetal::language {
namespace {

const std::string kBegin = "#include <metal_stdlib>\nusing namespace metal;\n";

std::string tokens_of(const std::string& text) {
  auto parsed = parse(source_of(text), {});
  if (!parsed) {
    ADD_FAILURE() << parsed.error().text();
    return {};
  }
  return (*parsed)->rewritten_text();
}

uint64_t threadgroup_variables(const ThreadIr& ir) {
  uint64_t count = 0;
  for (const auto& variable : ir.module->globals()) {
    if (variable.getAddressSpace() != kThreadgroupSpace) continue;
    EXPECT_TRUE(variable.isDeclaration());
    EXPECT_TRUE(variable.getName().starts_with("am.threadgroup."));
    ++count;
  }
  return count;
}

TEST(RewriteAddressSpaces, SeveralThreadgroupArraysInOneDeclaration) {
  const ThreadIr ir =
      emit_only(kBegin + R"(kernel void k(device float* a, uint i [[thread_index_in_threadgroup]]) {
  threadgroup float x[8], y[4];
  threadgroup float* p = x;
  x[i] = a[i]; y[i & 3] = 2;
  threadgroup_barrier(mem_flags::mem_threadgroup);
  a[i] = p[3] + y[1];
})");
  ASSERT_TRUE(ir.module);
  EXPECT_EQ(threadgroup_variables(ir), 2u);
  EXPECT_EQ(ir.interface.threadgroup_bytes, 48u);
}

TEST(RewriteAddressSpaces, TypeBeforeTheQualifier) {
  const ThreadIr ir = emit_only(kBegin + R"(struct P { static constexpr int constant n = 8; };
constant float table[2] = {1.5, 2.5};
kernel void k(device float* a, uint i [[thread_index_in_threadgroup]]) {
  float threadgroup x[P::n];
  constant float local[2] = {3, 4};
  constexpr constant int m = 2;
  x[i] = 1;
  a[i] = x[m] + table[i & 1] + local[i & 1];
})");
  ASSERT_TRUE(ir.module);
  EXPECT_EQ(threadgroup_variables(ir), 1u);
  for (const auto& variable : ir.module->globals()) {
    if (variable.getAddressSpace() == kThreadgroupSpace) continue;
    EXPECT_EQ(variable.getAddressSpace(), kConstantSpace) << variable.getName().str();
    EXPECT_TRUE(variable.isConstant() && variable.hasInternalLinkage());
  }
}

TEST(RewriteAddressSpaces, OverloadsTellSpacesApart) {
  const std::string text = ir_text(emit_only(kBegin + R"(
float f(device float* p) { return p[0] + 100; }
float f(threadgroup float* p) { return p[0] + 200; }
float f(constant float* p) { return p[0] + 300; }
float f(thread float* p) { return p[0] + 400; }
template <typename T> T g(const device T* p) { return *p; }
kernel void k(device float* a, constant float* b) {
  threadgroup float t[1]; float l[1] = {1};
  t[0] = 0;
  a[0] = f(a) + f(b) + f(t) + f(l) + g(a);
})"));
  for (const char* value : {"1.000000e+02", "2.000000e+02", "3.000000e+02", "4.000000e+02"}) {
    EXPECT_NE(text.find(value), std::string::npos) << value;
  }
}

// A call with a namespace looks like the definition of a method; two alike are two statements.
TEST(RewriteMethodQualifiers, StatementsStay) {
  const std::string text = ir_text(emit_only(kBegin + R"(
struct Cell {
  float value;
  float get() const device { return value; }
  float get() const thread { return value; }
};
namespace inner {
struct Box {
  int size() const threadgroup;
  int size() const device;
};
int Box::size() const threadgroup { return 1; }
int Box::size() const device { return 1; }
}
kernel void k(device float* a) {
  a[0] *= fast::exp(a[1] - a[2]);
  a[1] = a[0];
  a[0] *= fast::exp(a[1] - a[2]);
  metal::threadgroup_barrier(metal::mem_flags::mem_device);
  a[2] = a[0];
  metal::threadgroup_barrier(metal::mem_flags::mem_device);
  Cell cell = {a[3]};
  a[4] = cell.get() + ((const device Cell*)a)->get();
}
)"));
  const auto count = [&](std::string_view word) {
    size_t found = 0;
    for (size_t at = text.find(word); at != std::string::npos; at = text.find(word, at + 1))
      ++found;
    return found;
  };
  EXPECT_EQ(count("fmul "), 2U);
  EXPECT_EQ(count("call void @_ZN5metal19threadgroup_barrier"), 2U);
}

TEST(RewriteAttributes, EveryInputInEveryType) {
  std::string text = kBegin + "kernel void k(device uint* a,\n";
  const char* kThree[] = {"thread_position_in_grid",
                          "thread_position_in_threadgroup",
                          "threadgroup_position_in_grid",
                          "threads_per_grid",
                          "threads_per_threadgroup",
                          "threadgroups_per_grid",
                          "dispatch_threads_per_threadgroup",
                          "grid_origin",
                          "grid_size"};
  const char* kOne[] = {"thread_index_in_threadgroup",
                        "thread_index_in_simdgroup",
                        "thread_index_in_quadgroup",
                        "simdgroup_index_in_threadgroup",
                        "quadgroup_index_in_threadgroup",
                        "simdgroups_per_threadgroup",
                        "quadgroups_per_threadgroup",
                        "dispatch_simdgroups_per_threadgroup",
                        "dispatch_quadgroups_per_threadgroup",
                        "threads_per_simdgroup",
                        "thread_execution_width"};
  int n = 0;
  std::string sum = "0";
  for (const char* name : kThree) {
    for (const char* type : {"uint", "uint2", "uint3", "ushort", "ushort2", "ushort3"}) {
      const std::string p = "p" + std::to_string(n++);
      text += "  " + std::string(type) + " " + p + " [[" + name + "]],\n";
      sum += " + " + p + (std::string(type).find_first_of("23") == std::string::npos ? "" : ".x");
    }
  }
  for (const char* name : kOne) {
    for (const char* type : {"uint", "ushort"}) {
      const std::string p = "p" + std::to_string(n++);
      text += "  " + std::string(type) + " " + p + " [[" + name + "]],\n";
      sum += " + " + p;
    }
  }
  text.resize(text.size() - 2);
  text += ") {\n  a[0] = " + sum + ";\n}\n";
  const ThreadIr ir = emit_only(text);
  ASSERT_TRUE(ir.module);
  EXPECT_EQ(ir.interface.parameters.size(), static_cast<size_t>(n) + 1);
  EXPECT_EQ(ir.module->getFunction(ir.entry)->arg_size(), 1u);
}

TEST(RewriteAttributes, FormsOfAKernel) {
  const std::string text = kBegin + R"(
kernel void a(device float* x [[buffer(3)]], device float* y, constant int& n, threadgroup float* t [[threadgroup(1)]]) { x[n] = y[0] + t[0]; }
[[kernel, max_total_threads_per_threadgroup(64)]] void b(device float* x) { x[0] = 1; }
namespace n { [[kernel]] void c(device float* x) { x[0] = 1; } }
template <typename T, int N> kernel void d(device T* x) { x[0] = N; }
template [[host_name("d_half_3")]] kernel void d<half, 3>(device half*);
template [[host_name("d_float_4")]] [[kernel]] decltype(d<float, 4>) d<float, 4>;
)";
  auto parsed = parse(source_of(text), {});
  ASSERT_TRUE(parsed.ok()) << parsed.error().text();
  std::vector<std::string> names;
  for (const auto& kernel : (*parsed)->kernels()) {
    names.push_back(kernel.name);
    EXPECT_TRUE((*parsed)->emit(kernel.name).ok()) << kernel.name;
  }
  EXPECT_EQ(names, (std::vector<std::string>{"a", "b", "c", "d_half_3", "d_float_4"}));
  const auto& a = (*parsed)->kernels()[0];
  EXPECT_EQ(a.parameters[0].index, 3u);
  EXPECT_EQ(a.parameters[1].index, 0u);
  EXPECT_EQ(a.parameters[2].index, 1u);
  EXPECT_TRUE(a.parameters[2].is_reference);
  EXPECT_EQ(a.parameters[3].kind, ParameterKind::threadgroup);
  EXPECT_EQ(a.parameters[3].index, 1u);
  EXPECT_EQ((*parsed)->kernels()[1].max_total_threads_per_threadgroup, 64u);
  EXPECT_FALSE((*parsed)->emit("e").ok());
}

TEST(RewriteMethodQualifiers, DuplicatesFallAway) {
  EXPECT_TRUE(emit_only(kBegin + R"(
struct C {
  float re; float im;
  constexpr C(float a, float b) thread : re(a), im{b} {}
  constexpr C(float a) thread : re(a), im(0) {}
  constexpr C(float a) threadgroup : re(a), im(0) {}
  constexpr C() thread : re(0), im(0) {};
  constexpr C() threadgroup : re(0), im(0) {};
  operator float() const thread { return re; }
  operator float() const device { return re; }
  operator float() const threadgroup { return re; }
  operator float() const constant { return re; }
};
kernel void k(device C* a, constant C& b) {
  threadgroup C t[2];
  t[0] = a[0]; a[1] = C(float(b) + float(t[0]), 2);
})")
                  .module);
}

TEST(RewriteMethodQualifiers, AConstructorWithInitialisersIsOne) {
  EXPECT_TRUE(emit_only(kBegin + R"(
struct C {
  float re; float im;
  constexpr C(float a, float b) : re(a), im(b) {}
  constexpr C() : re(0), im(0) {};
  constexpr C() threadgroup : re(0), im(0) {};
};
kernel void k(device C* a) {
  threadgroup C t[2];
  t[0] = a[0]; a[1] = t[0];
})")
                  .module);
}

TEST(RewriteDefaultedConstructors, AggregatesStayAggregates) {
  EXPECT_TRUE(emit_only(kBegin + R"(
template <typename T>
struct Sum {
  uint count;
  T value;
  constexpr Sum<T>() = default;
  constexpr Sum<T>() threadgroup = default;
};
struct Plain {
 public:
  Plain() = default;
  int a, b;
};
struct Other {
  Other() = default;
  Other(int x) : a(x), b(2) {}
  int a, b;
};
kernel void k(device float* a, device Plain* p) {
  Sum<float> s = {1, 2}, none{};
  threadgroup Sum<float> t[2];
  t[0] = s;
  Plain q{3, 4};
  Other o, other(5);
  o.b = 1;
  a[0] = s.value + t[0].value + float(o.b + other.a) + none.value;
  p[0] = q;
})")
                  .module);
  // One with parameters remains, and is used.
  EXPECT_NE(error_of(kBegin + R"(struct S { S() = default; S(int x) : a(x) {} int a; int b; };
kernel void k(device int* a) { S s{1, 2}; a[0] = s.a; })")
                .text()
                .find("no matching constructor"),
            std::string::npos);
}

TEST(RewriteArrayParameters, BecomePointers) {
  EXPECT_TRUE(emit_only(kBegin + R"(
constant float table[4] = {1, 2, 3, 4};
float f(constant float t[4], threadgroup float m[2][3], device const int s[]) { return t[1] + m[1][2] + s[0]; }
kernel void k(device float* a, device const int* s) {
  threadgroup float m[2][3];
  m[1][2] = 1;
  a[0] = f(table, m, s);
})")
                  .module);
}

TEST(RewriteLiterals, HalfAndBfloat) {
  const std::string text = ir_text(emit_only(kBegin + R"(
kernel void k(device half* a, device bfloat* b, device float* c) {
  a[0] = 1.5h; a[1] = 2.h; b[0] = 1.5bf; c[0] = 0.1;
  static_assert(sizeof(1.0h) == 2 && sizeof(1.0bf) == 2 && sizeof(0.1) == 4, "types of literals");
})"));
  EXPECT_NE(text.find("half 0xH3E00"), std::string::npos);
}

// Clang's own option for such literals casts a double, and instantiating a template drops the cast.
TEST(RewriteLiterals, NothingIsDoubleInTemplates) {
  const std::string text = ir_text(emit_only(kBegin + R"(
template <typename T>
void f(device T* a, uint i) {
  T x = a[i];
  static_assert(sizeof(0.1) == 4 && sizeof(x + 1e-3) == 4 && sizeof(x * 0x1.8p0) == 4 && sizeof(1. + x) == 4, "");
  a[i] = fmin(1, x / 6 + 0.5) * (x + 0.1) - 1'000.25;
}
kernel void k(device float* a, uint i [[thread_position_in_grid]]) { f(a, i); })"));
  EXPECT_EQ(text.find("double"), std::string::npos) << text;
}

TEST(RewriteFunctionConstants, ValuesAndDerivedOnes) {
  const std::string text = kBegin + R"(
constant int n [[function_constant(0)]];
constant bool wide [[function_constant(1)]];
constant int twice = n * 2;
constant int other = is_function_constant_defined(wide) ? 7 : 9;
kernel void k(device int* a) { a[0] = twice; a[1] = other; a[2] = n; }
)";
  const int value = 21;
  const ConstantValue given{
      .name = "n", .index = 0, .bytes = std::string(reinterpret_cast<const char*>(&value), 4)};
  const ConstantValue by_index{.name = "", .index = 0, .bytes = given.bytes};
  for (const auto& constant : {given, by_index}) {
    const std::string ir = ir_text(emit_only(text, {}, std::span(&constant, 1)));
    EXPECT_NE(ir.find("constant i32 42"), std::string::npos) << ir;
    EXPECT_NE(ir.find("constant i32 9"), std::string::npos);
    EXPECT_NE(ir.find("constant i32 21"), std::string::npos);
    EXPECT_EQ(ir.find("global_ctors"), std::string::npos);
  }
  EXPECT_NE(error_of(text).text().find("function constant 'n' has no value"), std::string::npos);
}

TEST(RewriteConversions, ConditionalsAndCastsWhereClangRefuses) {
  EXPECT_TRUE(emit_only(kBegin + R"(
struct C { float re, im; };
kernel void k(device C* a, const device half* h, device bfloat* b, uint i [[thread_position_in_grid]]) {
  C zero = {0, 0};
  C x = i > 3 ? a[i] : C{1, 2};
  C y = i > 3 ? zero : a[0];
  half2 v = i > 3 ? ((const device half2*)h)[i] : half2(-HALF_MAX, 1);
  a[1] = x; a[2] = y; a[3].re = v.x;
  b[i] = static_cast<bfloat>(h[i]);
  b[i + 1] = bfloat(h[i]);
  b[i + 2] = (bfloat)h[i];
})")
                  .module);
}

TEST(CheckWords, LaterKeywordsAreIdentifiers) {
  EXPECT_TRUE(emit_only("kernel void k(device int* a) { int requires = 1, concept = 2, char8_t = "
                        "3; a[0] = requires + concept + char8_t; }\n")
                  .module);
}

TEST(Rewrite, TextShowsTheTokens) {
  const std::string text =
      tokens_of("kernel void k(device float* a) { threadgroup float x[2]; a[0] = x[1]; }\n");
  EXPECT_NE(text.find("__attribute__((opencl_global)) float* a"), std::string::npos) << text;
  EXPECT_NE(text.find("static __attribute__((opencl_local)) float x[2]"), std::string::npos)
      << text;
}

TEST(Emit, TailRecursionBecomesALoop) {
  EXPECT_TRUE(emit_only(R"(
struct L { int i; void next(int n, const constant int* s) thread { if (i > 10) return; i += n; if (n > 0) { next(n - 1, s); } } };
kernel void k(device int* a, constant int* s) { L l{a[0]}; l.next(3, s); a[0] = l.i; }
)")
                  .module);
}

TEST(Emit, ConvergenceIsWorkedOut) {
  const ThreadIr ir = emit_only(kBegin + R"(
float plain(float x) { return exp(x); }
float meets(float x) { return simd_sum(x); }
kernel void k(device float* a) { a[0] = plain(a[0]) + meets(a[1]); }
)");
  ASSERT_TRUE(ir.module);
  for (const auto& function : *ir.module) {
    if (function.getName().contains("plain")) EXPECT_FALSE(function.isConvergent());
    if (function.getName().contains("meets")) EXPECT_TRUE(function.isConvergent());
  }
}

TEST(Emit, EachKernelAlone) {
  auto parsed = parse(source_of(kBegin + R"(
float only_a(float x) { return x + 1; }
float only_b(float x) { return x + 2; }
kernel void a(device float* x) { x[0] = only_a(x[0]); }
kernel void b(device float* x) { x[0] = only_b(x[0]); }
)"),
                      {});
  ASSERT_TRUE(parsed.ok()) << parsed.error().text();
  for (int round = 0; round < 2; ++round) {
    auto a = (*parsed)->emit("a"), b = (*parsed)->emit("b");
    ASSERT_TRUE(a.ok() && b.ok());
    EXPECT_EQ(ir_text(*a).find("only_b"), std::string::npos);
    EXPECT_EQ(ir_text(*b).find("only_a"), std::string::npos);
  }
}

TEST(Emit, PrefixIsRewrittenAndRemembered) {
  Options options;
  options.prefix =
      "#include <metal_stdlib>\nusing namespace metal;\ntemplate <typename T> METAL_FUNC T "
      "load(const device T* p, constant int s[2]) { return p[s[1]]; }\n#define TWICE(x) ((x) * "
      "2)\n";
  for (int round = 0; round < 2; ++round) {
    EXPECT_TRUE(
        emit_only("kernel void k(device float* a, constant int* s) { a[0] = TWICE(load(a, s)); }\n",
                  options)
            .module);
  }
}

TEST(Emit, MathModes) {
  const std::string text =
      kBegin + "kernel void k(device float* a) { a[0] = a[1] * a[2] + a[3]; }\n";
  EXPECT_NE(
      ir_text(
          emit_only(text,
                    {.math_mode = MathMode::safe, .macros = {}, .include_dirs = {}, .prefix = ""}))
          .find("fmul contract float"),
      std::string::npos);
  EXPECT_NE(
      ir_text(
          emit_only(text,
                    {.math_mode = MathMode::fast, .macros = {}, .include_dirs = {}, .prefix = ""}))
          .find("fmul fast float"),
      std::string::npos);
  const std::string relaxed = ir_text(emit_only(
      text, {.math_mode = MathMode::relaxed, .macros = {}, .include_dirs = {}, .prefix = ""}));
  EXPECT_NE(relaxed.find("fmul reassoc nsz arcp contract afn float"), std::string::npos);
}

// The operators of vectors are functions of the library, which no pragma of the text reaches.
TEST(Emit, PragmasBindVectorsToo) {
  const std::string kernel = "kernel void k(device float4* a) { a[0] = a[1] * a[2] + a[3]; }\n";
  EXPECT_NE(ir_text(emit_only(kBegin + kernel)).find("contract"), std::string::npos);
  for (const char* pragma :
       {"METAL fp contract(off)", "clang fp contract(off)", "STDC FP_CONTRACT OFF"}) {
    EXPECT_EQ(ir_text(emit_only(kBegin + "#pragma " + pragma + "\n" + kernel)).find(" contract "),
              std::string::npos)
        << pragma;
  }
}

}  // namespace
}  // namespace anymetal::language
