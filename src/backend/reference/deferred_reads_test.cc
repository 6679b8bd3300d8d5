// Reads outside whose value is thrown away are fine under Bounds::error; used ones fail, as the
// read that they are.
#include <cmath>
#include <numeric>

#include "backend/reference/test_kernel.h"

namespace anymetal::backend::reference {
namespace {

// x has 64 floats (1, 2, ...), n is 64; 66 threads, so that the last two read outside. Lines of
// the body that end in "; line N" get that place.
std::string kernel_text(std::string body) {
  return with_places(R"(
declare i32 @am.thread_position_in_grid.x()
declare float @am.exp.f32(float)
declare float @am.simd_sum.f32(float) convergent
declare float @llvm.fabs.f32(float)
define void @k(ptr addrspace(1) %x, ptr addrspace(1) %out, ptr addrspace(5) %n) !dbg !4 {
entry:
  %id = call i32 @am.thread_position_in_grid.x()
  %wide = zext i32 %id to i64
  %count = load i32, ptr addrspace(5) %n
  %inside = icmp ult i32 %id, %count
  %p = getelementptr float, ptr addrspace(1) %x, i64 %wide
  %to = getelementptr float, ptr addrspace(1) %out, i64 %wide
)",
                     std::move(body));
}

struct Outcome {
  std::string message;
  std::vector<float> out;
};

Outcome run_body(const std::string& body, uint32_t n = 64) {
  auto kernel =
      compile_text(kernel_text(body), {{"x", "float", 4, true}, {"out"}, {"n", "uint", 4, true}});
  if (!kernel) return {"doesn't compile", {}};
  std::vector<float> x(64), out(66, -1);
  std::iota(x.begin(), x.end(), 1.0f);
  std::vector<uint32_t> count{n};
  const auto result = run(*kernel, {66}, {66}, {argument(x), argument(out), argument(count)});
  return {result.ok() ? "" : result.error().message, out};
}

constexpr std::string_view kMessage =
    "kernel 'k': read outside buffer 'x' at k.source:7: thread (64,0,0) reads element 64 of 64 "
    "(float)";

const char* const kSelect =
    "  %v = load float, ptr addrspace(1) %p ; line 7\n"
    "  %a = call float @llvm.fabs.f32(float %v)\n  %s = fmul float %a, 2.0\n"
    "  %w = select i1 %inside, float %s, float 0.0\n"
    "  store float %w, ptr addrspace(1) %to ; line 8\n  ret void\n";
const char* const kPhi =
    "  %v = load float, ptr addrspace(1) %p ; line 7\n"
    "  br i1 %inside, label %then, label %done\nthen:\n"
    "  %s = call float @am.exp.f32(float %v)\n  br label %done\ndone:\n"
    "  %w = phi float [ %s, %then ], [ 0.0, %entry ]\n"
    "  store float %w, ptr addrspace(1) %to ; line 8\n  ret void\n";
const char* const kStoreInBranch =
    "  %v = load float, ptr addrspace(1) %p ; line 7\n"
    "  br i1 %inside, label %then, label %done\nthen:\n"
    "  store float %v, ptr addrspace(1) %to ; line 8\n  br label %done\ndone:\n  ret void\n";
const char* const kVector =
    "  %v = load <4 x float>, ptr addrspace(1) %p ; line 7\n"
    "  %e = extractelement <4 x float> %v, i32 0\n"
    "  %i = insertelement <4 x float> zeroinitializer, float %e, i32 1\n"
    "  %c = insertelement <4 x i1> zeroinitializer, i1 %inside, i32 1\n"
    "  %m = select <4 x i1> %c, <4 x float> %i, <4 x float> zeroinitializer\n"
    "  %w = extractelement <4 x float> %m, i32 1\n"
    "  store float %w, ptr addrspace(1) %to ; line 8\n  ret void\n";
const char* const kAnd =
    "  %v = load float, ptr addrspace(1) %p ; line 7\n"
    "  %big = fcmp ogt float %v, 2.0\n  %both = and i1 %big, %inside\n"
    "  br i1 %both, label %then, label %done\nthen:\n"
    "  store float 2.0, ptr addrspace(1) %to ; line 8\n  br label %done\ndone:\n  ret void\n";
const char* const kSum =
    "  br label %loop\nloop:\n  %i = phi i32 [ 0, %entry ], [ %i1, %next ]\n"
    "  %sum = phi float [ 0.0, %entry ], [ %kept, %next ]\n"
    "  %at = add i32 %id, %i\n  %far = zext i32 %at to i64\n"
    "  %q = getelementptr float, ptr addrspace(1) %x, i64 %far\n"
    "  %v = load float, ptr addrspace(1) %q ; line 7\n"
    "  %fits = icmp ult i32 %at, %count\n  br i1 %fits, label %add, label %next\nadd:\n"
    "  %more = fadd float %sum, %v\n  br label %next\nnext:\n"
    "  %kept = phi float [ %more, %add ], [ %sum, %loop ]\n"
    "  %i1 = add i32 %i, 1\n  %again = icmp ult i32 %i1, 3\n"
    "  br i1 %again, label %loop, label %done\ndone:\n"
    "  store float %kept, ptr addrspace(1) %to ; line 8\n  ret void\n";

// As conversions of small floating-point numbers do it: questions about the value, before the one
// about the place. out is 0 for 1, else |v - 8| + 0.5.
const char* const kQuestions =
    "  %v = load float, ptr addrspace(1) %p ; line 7\n"
    "  %one = fcmp oeq float %v, 1.0\n  br i1 %one, label %yes, label %no\nyes:\n"
    "  br label %made\nno:\n"
    "  %b = fsub float %v, 8.0\n  %low = fcmp olt float %b, 0.0\n"
    "  br i1 %low, label %turn, label %turned\nturn:\n"
    "  %m = fneg float %b\n  br label %turned\nturned:\n"
    "  %t = phi float [ %m, %turn ], [ %b, %no ]\n  %h = fadd float %t, 0.5\n"
    "  br label %made\nmade:\n"
    "  %w = phi float [ 0.0, %yes ], [ %h, %turned ]\n"
    "  br i1 %inside, label %then, label %done\nthen:\n"
    "  store float %w, ptr addrspace(1) %to ; line 8\n  br label %done\ndone:\n  ret void\n";

// With n = 64 the kernel throws away what it read outside; with n = 1000 it uses it.
TEST(DeferredReads, FailOnlyIfTheValueIsUsed) {
  for (const char* body : {kSelect, kPhi, kStoreInBranch, kAnd, kSum, kQuestions}) {
    SCOPED_TRACE(body);
    EXPECT_EQ(run_body(body).message, "");
    const Outcome used = run_body(body, 1000);
    EXPECT_TRUE(used.message.starts_with("kernel 'k': read outside buffer 'x' at k.source:7: "))
        << used.message;
    if (body != kSum) EXPECT_EQ(used.message.substr(0, kMessage.size()), kMessage);
  }
  const Outcome vector = run_body(kVector, 61);
  EXPECT_EQ(vector.message, "");
  EXPECT_EQ(vector.out[60], 61);
  EXPECT_EQ(vector.out[61], 0);
  EXPECT_NE(run_body(kVector, 1000).message, "");
}

TEST(DeferredReads, GiveTheValuesThatWereKept) {
  const Outcome select = run_body(kSelect), sum = run_body(kSum), both = run_body(kAnd);
  for (size_t id = 0; id < 64; ++id) {
    EXPECT_EQ(select.out[id], 2.0f * float(id + 1));
    float expected = 0;
    for (size_t at = id; at < id + 3 && at < 64; ++at) expected += float(at + 1);
    EXPECT_EQ(sum.out[id], expected) << id;
    EXPECT_EQ(both.out[id], id < 2 ? -1 : 2) << id;
  }
  const Outcome questions = run_body(kQuestions);
  for (size_t id = 0; id < 66; ++id) {
    const float v = float(id + 1), expected = id == 0 ? 0 : std::abs(v - 8) + 0.5f;
    EXPECT_EQ(questions.out[id], id < 64 ? expected : -1);
  }
  EXPECT_EQ(select.out[64], 0);
  EXPECT_EQ(sum.out[65], 0);
}

// Each use is one that the code may skip; here it never does.
TEST(DeferredReads, EachKindOfUseFails) {
  const std::string start =
      "  %v = load float, ptr addrspace(1) %p ; line 7\n"
      "  %i = fptoui float %v to i32\n  br i1 %inside, label %then, label %done\nthen:\n";
  const std::string end = "  br label %done\ndone:\n  ret void\n";
  for (const std::string use : {
           "  %q = getelementptr float, ptr addrspace(1) %out, i32 %i\n"
           "  store float 1.0, ptr addrspace(1) %q ; line 8\n",
           "  %m = sub i32 %i, 1\n  %q = getelementptr float, ptr addrspace(1) %x, i32 %m\n"
           "  %l = load float, ptr addrspace(1) %q ; line 8\n"
           "  store float %l, ptr addrspace(1) %to ; line 9\n",
           "  %q = atomicrmw fadd ptr addrspace(1) %out, float %v monotonic, align 4 ; line 8\n",
           "  %c = fcmp oeq float %v, 0.0\n  br i1 %c, label %more, label %done\nmore:\n",
           "  switch i32 %i, label %more [ i32 0, label %done ]\nmore:\n",
           "  %s = call float @am.simd_sum.f32(float %v) ; line 8\n",
       }) {
    SCOPED_TRACE(use);
    std::string body = start;
    body += use;
    body += end;
    EXPECT_EQ(run_body(body, 62).message, "");
    EXPECT_TRUE(run_body(body, 1000).message.starts_with(kMessage)) << run_body(body, 1000).message;
  }
}

TEST(DeferredReads, OtherReadsFailAtOnce) {
  const std::string load = "  %v = load float, ptr addrspace(1) %p ; line 7\n";
  for (const std::string use : {
           "  store float %v, ptr addrspace(1) %to ; line 8\n  ret void\n",
           "  %c = fcmp oeq float %v, 0.0\n  br i1 %c, label %a, label %b\na:\n  ret void\nb:\n"
           "  ret void\n",
           "  %c = fcmp oeq float %v, 0.0\n  br i1 %c, label %a, label %b\na:\n"
           "  store float 1.0, ptr addrspace(1) %to\n  br label %b\nb:\n  ret void\n",
           "  %i = fptoui float %v to i32\n  %m = sub i32 %i, 1\n"
           "  %q = getelementptr float, ptr addrspace(1) %x, i32 %m\n"
           "  %l = load float, ptr addrspace(1) %q ; line 8\n"
           "  store float %l, ptr addrspace(1) %to ; line 9\n  ret void\n",
       }) {
    SCOPED_TRACE(use);
    EXPECT_TRUE(run_body(load + use).message.starts_with(kMessage)) << run_body(load + use).message;
  }
}

// Two values that are both bad decide nothing about each other.
TEST(DeferredReads, AndOfTwoBadValues) {
  const std::string body =
      "  %v = load float, ptr addrspace(1) %p ; line 7\n  %a = fcmp ogt float %v, 2.0\n"
      "  %b = fcmp ogt float %v, 3.0\n  %both = and i1 %a, %b\n"
      "  br i1 %both, label %then, label %done\nthen:\n"
      "  store float 2.0, ptr addrspace(1) %to ; line 8\n  br label %done\ndone:\n  ret void\n";
  EXPECT_TRUE(run_body(body).message.starts_with(kMessage)) << run_body(body).message;
}

}  // namespace
}  // namespace anymetal::backend::reference
