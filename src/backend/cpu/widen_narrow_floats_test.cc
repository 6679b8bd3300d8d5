// half and bfloat in vector code: each operation on all values of the type, against the host's
// doubles, rounded once. And that the pass leaves nothing that LLVM has no vector code for.
#include "backend/cpu/widen_narrow_floats.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <random>

#include "backend/backend.h"
#include "backend/narrow_floats.h"
#include "backend/pass_test.h"
#include "backend/reference/test_kernel.h"

namespace anymetal::backend::cpu {
namespace {

using reference::argument;
using reference::TestBuffer;

struct Format {
  std::string name;    ///< in IR
  std::string suffix;  ///< of intrinsics
  float (*value)(uint16_t);
  uint16_t (*bits)(double);
};
const Format kBfloat = {"bfloat", "bf16", bfloat_value, bfloat_bits};
const Format kHalf = {"half", "f16", half_value, half_bits};

/// An instruction that makes %rN of %x and %y, and what it gives. T is the type, S its suffix.
struct Operation {
  std::string text;
  std::function<double(double, double)> exact;
};

double truncated(double x) {
  if (std::isnan(x)) return 0;
  // An integer has no -0.
  return std::trunc(std::min(std::max(x, -30000.0), 30000.0)) + 0.0;
}

const std::vector<Operation>& operations() {
  static const auto* rows = new std::vector<Operation>{
      {"fadd T %x, %y", std::plus<>()},
      {"fsub T %x, %y", std::minus<>()},
      {"fmul T %x, %y", std::multiplies<>()},
      {"fdiv T %x, %y", std::divides<>()},
      {"fneg T %x", [](double x, double) { return -x; }},
      {"call T @llvm.fabs.S(T %x)", [](double x, double) { return std::abs(x); }},
      {"call T @llvm.copysign.S(T %x, T %y)",
       [](double x, double y) { return std::copysign(x, y); }},
      {"call T @llvm.minnum.S(T %x, T %y)", [](double x, double y) { return std::fmin(x, y); }},
      {"call T @llvm.maxnum.S(T %x, T %y)", [](double x, double y) { return std::fmax(x, y); }},
      {"call T @llvm.sqrt.S(T %x)", [](double x, double) { return std::sqrt(x); }},
      {"call T @llvm.floor.S(T %x)", [](double x, double) { return std::floor(x); }},
      {"call T @llvm.ceil.S(T %x)", [](double x, double) { return std::ceil(x); }},
      {"call T @llvm.trunc.S(T %x)", [](double x, double) { return std::trunc(x); }},
      {"call T @llvm.rint.S(T %x)", [](double x, double) { return std::nearbyint(x); }},
      {"call T @llvm.round.S(T %x)", [](double x, double) { return std::round(x); }},
      {"select i1 %less, T %x, T %y", [](double x, double y) { return x < y ? x : y; }},
      {"select i1 %unequal, T %x, T %y", [](double x, double y) { return x != y ? x : y; }},
      {"sitofp i16 %whole to T", [](double x, double) { return truncated(x); }},
      {"fptrunc float %sum to T",
       [](double x, double y) { return double(float(x) + float(y) * 0x1p-9f); }},
      {"phi T [ %x, %yes ], [ %y, %no ]", [](double x, double y) { return y > 0 ? x : y; }}};
  return *rows;
}

std::string kernel_of(const Format& format) {
  std::string text = R"(
declare i32 @am.thread_position_in_grid.x() memory(none)
declare i16 @llvm.fptosi.sat.i16.S(T)
declare T @llvm.copysign.S(T, T)
declare T @llvm.minnum.S(T, T)
declare T @llvm.maxnum.S(T, T)
)";
  for (const char* name : {"fabs", "sqrt", "floor", "ceil", "trunc", "rint", "round"})
    text += std::string("declare T @llvm.") + name + ".S(T)\n";
  text += R"(define void @k(ptr addrspace(1) %xs, ptr addrspace(1) %ys, ptr addrspace(1) %out) {
  %id = call i32 @am.thread_position_in_grid.x()
  %wide = zext i32 %id to i64
  %px = getelementptr T, ptr addrspace(1) %xs, i64 %wide
  %x = load T, ptr addrspace(1) %px
  %py = getelementptr T, ptr addrspace(1) %ys, i64 %wide
  %y = load T, ptr addrspace(1) %py
  %less = fcmp olt T %x, %y
  %unequal = fcmp une T %x, %y
  %low = call T @llvm.maxnum.S(T %x, T LOW)
  %limited = call T @llvm.minnum.S(T %low, T HIGH)
  %is_nan = fcmp uno T %x, %x
  %number = select i1 %is_nan, T 0.0, T %limited
  %whole = call i16 @llvm.fptosi.sat.i16.S(T %number)
  %fx = fpext T %x to float
  %fy = fpext T %y to float
  %part = fmul float %fy, 0x3F60000000000000
  %sum = fadd float %fx, %part
  %positive = fcmp ogt T %y, 0.0
  br i1 %positive, label %yes, label %no
yes:
  br label %end
no:
  br label %end
end:
)";
  const size_t count = operations().size();
  // Phis come first.
  for (size_t i = count; i-- > 0;) {
    const std::string n = std::to_string(i);
    text += "  %r" + n + " = " + operations()[i].text + "\n";
  }
  for (size_t i = 0; i < count; ++i) {
    const std::string n = std::to_string(i);
    text += "  %at" + n + " = add i64 %wide, " + std::to_string(i * 65536) + "\n  %to" + n +
            " = getelementptr T, ptr addrspace(1) %out, i64 %at" + n + "\n  store T %r" + n +
            ", ptr addrspace(1) %to" + n + "\n";
  }
  text += "  ret void\n}\n";
  // 30000 isn't a bfloat.
  const auto put = [&](const std::string& from, const std::string& to) {
    for (size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size())
      text.replace(at, from.size(), to);
  };
  put("LOW", format.name == "half" ? "0xHF753" : "0xRC6EA");
  put("HIGH", format.name == "half" ? "0xH7753" : "0xR46EA");
  put("T ", format.name + " ");
  put("T(", format.name + "(");
  put("T)", format.name + ")");
  put("T,", format.name + ",");
  put("T\n", format.name + "\n");
  put(".S(", "." + format.suffix + "(");
  return text;
}

class NarrowFloats : public testing::TestWithParam<const Format*> {};

TEST_P(NarrowFloats, AreRoundedOnce) {
  const Format& format = *GetParam();
  const std::vector<TestBuffer> buffers = {
      {"x", format.name, 2, true}, {"y", format.name, 2, true}, {"out", format.name, 2}};
  auto kernel = cpu_backend().compile(reference::make_ir(kernel_of(format), buffers),
                                      {.bounds = Bounds::off, .threadgroup = {256}});
  ASSERT_TRUE(kernel.ok()) << kernel.error().text();
  // What LLVM calls for one lane after another.
  EXPECT_EQ((*kernel)->object().find("__truncsfbf2"), std::string_view::npos);
  EXPECT_EQ((*kernel)->object().find("fminf"), std::string_view::npos);
  constexpr uint32_t count = 65536;
  std::vector<uint16_t> x(count), y(count), out(count * operations().size());
  std::mt19937 random(1);
  for (uint32_t i = 0; i < count; ++i) {
    x[i] = uint16_t(i);
    // Near x, where sums cancel; or anything.
    y[i] = uint16_t(random() % 2 ? i ^ 0x8000 ^ random() % 1024 : random());
  }
  const auto ran =
      reference::run(**kernel, {count}, {256}, {argument(x), argument(y), argument(out)});
  ASSERT_TRUE(ran.ok()) << ran.error().text();
  for (size_t f = 0; f < operations().size(); ++f) {
    const std::string& text = operations()[f].text;
    for (uint32_t i = 0; i < count; ++i) {
      double a = format.value(x[i]);
      const double b = format.value(y[i]),
                   top = format.value(format.name == "half" ? 0x7753 : 0x46ea);
      if (text.starts_with("sitofp") && !std::isnan(a)) a = std::min(std::max(a, -top), top);
      const double exact = operations()[f].exact(a, b);
      const uint16_t got = out[f * count + i];
      if (std::isnan(exact)) {
        ASSERT_TRUE(std::isnan(format.value(got))) << text << " of " << a << ", " << b;
      } else if (text.find("num") != std::string::npos && exact == 0) {
        // Of two zeros either.
        ASSERT_EQ(format.value(got), 0) << text << " of " << a << ", " << b;
      } else {
        ASSERT_EQ(got, format.bits(exact)) << text << " of " << a << ", " << b;
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Formats, NarrowFloats, testing::Values(&kBfloat, &kHalf),
                         [](const auto& info) { return info.param->name; });

using WidenNarrowFloats = PassTest;

TEST_F(WidenNarrowFloats, LeavesNoBfloat) {
  llvm::Function& function = read(R"(
declare <16 x bfloat> @llvm.masked.load.v16bf16.p0(ptr, i32, <16 x i1>, <16 x bfloat>)
declare void @llvm.masked.store.v16bf16.p0(<16 x bfloat>, ptr, i32, <16 x i1>)
declare bfloat @llvm.vector.reduce.fmax.v16bf16(<16 x bfloat>)
define void @k(ptr %p, <16 x i1> %m, i32 %n) {
entry:
  %x = load <16 x bfloat>, ptr %p
  br label %loop
loop:
  %a = phi <16 x bfloat> [ zeroinitializer, %entry ], [ %next, %loop ]
  %y = call <16 x bfloat> @llvm.masked.load.v16bf16.p0(ptr %p, i32 2, <16 x i1> %m, <16 x bfloat> %a)
  %s = shufflevector <16 x bfloat> %y, <16 x bfloat> %x, <16 x i32> zeroinitializer
  %next = fadd contract <16 x bfloat> %s, splat (bfloat 1.0)
  %c = fcmp olt <16 x bfloat> %next, %x
  call void @llvm.masked.store.v16bf16.p0(<16 x bfloat> %next, ptr %p, i32 2, <16 x i1> %c)
  %top = call bfloat @llvm.vector.reduce.fmax.v16bf16(<16 x bfloat> %next)
  store bfloat %top, ptr %p
  %e = extractelement <16 x bfloat> %y, i32 %n
  %stop = fcmp oeq bfloat %e, 0.0
  br i1 %stop, label %end, label %loop
end:
  ret void
})");
  widen_narrow_floats(function, false);
  std::string text;
  llvm::raw_string_ostream stream(text);
  function.print(stream);
  EXPECT_EQ(text.find("bfloat"), std::string::npos) << text;
  EXPECT_NE(text.find("fadd contract <16 x float>"), std::string::npos) << text;
  EXPECT_NE(text.find("phi <16 x i16>"), std::string::npos) << text;
  (void)written();
}

TEST_F(WidenNarrowFloats, ComparesHalvesAsFloats) {
  const char* const text = R"(
declare <16 x half> @llvm.minnum.v16f16(<16 x half>, <16 x half>)
define void @k(ptr %p) {
  %x = load <16 x half>, ptr %p
  %c = fcmp olt <16 x half> %x, zeroinitializer
  %m = call nnan <16 x half> @llvm.minnum.v16f16(<16 x half> %x, <16 x half> zeroinitializer)
  %s = fadd <16 x half> %m, %x
  %y = select <16 x i1> %c, <16 x half> %m, <16 x half> %s
  store <16 x half> %y, ptr %p
  ret void
})";
  widen_narrow_floats(read(text), false);
  const std::string widened = written();
  expect_in_order(widened, {"fcmp olt <16 x float>", "@llvm.minnum.v16f32", "fadd <16 x half>",
                            "select <16 x i1>", "store <16 x half>"});
  widen_narrow_floats(read(text), true);
  EXPECT_EQ(written().find("<16 x float>"), std::string::npos);
}

}  // namespace
}  // namespace anymetal::backend::cpu
