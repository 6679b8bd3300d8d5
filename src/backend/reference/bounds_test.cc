// Accesses outside of what a kernel was given: found and told (error), or harmless (robust).
#include <cstring>
#include <numeric>

#include "backend/reference/test_kernel.h"

namespace anymetal::backend::reference {
namespace {

// A kernel over (x: const float, out: float, n: constant uint) with a place for each instruction of
// the body.
std::string kernel_text(std::string body, const std::string& more = {}) {
  return with_places(R"(
declare i32 @am.thread_position_in_grid.x()
declare i32 @am.thread_index_in_threadgroup()
declare void @am.threadgroup_barrier(i32) convergent
declare void @llvm.memcpy.p0.p1.i64(ptr, ptr addrspace(1), i64, i1)
declare void @llvm.memset.p1.i64(ptr addrspace(1), i8, i64, i1)
)" + more +
                         R"(
define void @k(ptr addrspace(1) %x, ptr addrspace(1) %out, ptr addrspace(5) %n) !dbg !4 {
entry:
  %id = call i32 @am.thread_position_in_grid.x(), !dbg !9
  %wide = zext i32 %id to i64
)",
                     std::move(body));
}

struct Outcome {
  std::string message;  ///< empty: no error
  std::vector<float> out;
};

/// 64 elements in x (1, 2, 3, ...) and in out (-1); n is one uint.
Outcome run_text(const std::string& text, uint32_t grid, Bounds bounds) {
  auto kernel =
      compile_text(text, {{"x", "float", 4, true}, {"out"}, {"n", "uint", 4, true}}, bounds);
  if (!kernel) return {"doesn't compile", {}};
  // Guards before and behind show writes that escape.
  std::vector<float> x(64), memory(64 + 2 * 1024, -1);
  std::iota(x.begin(), x.end(), 1.0f);
  std::vector<uint32_t> n{7};
  const auto result =
      run(*kernel, {grid}, {64}, {argument(x), {memory.data() + 1024, 64 * 4}, argument(n)});
  for (size_t at = 0; at < 1024; ++at) {
    EXPECT_EQ(memory[at], -1) << "written before the buffer";
    EXPECT_EQ(memory[1024 + 64 + at], -1) << "written behind the buffer";
  }
  if (!result.ok()) EXPECT_EQ(result.error().kind, ErrorKind::execution);
  return {result.ok() ? "" : result.error().message,
          {memory.begin() + 1024, memory.begin() + 1024 + 64}};
}

struct Case {
  const char* name;
  std::string body;
  uint32_t grid;
  std::string message;
  float first = -1;  ///< out[0] under robust
  std::string more;
};

// Each stores something to out[0] where it can.
const Case kCases[] = {
    {"ReadBehind",
     "  %i = add i64 %wide, 5\n"
     "  %p = getelementptr inbounds float, ptr addrspace(1) %x, i64 %i\n"
     "  %v = load float, ptr addrspace(1) %p ; line 7\n"
     "  %late = icmp ult i64 %wide, 59\n"
     "  %w = select i1 %late, float 0.0, float %v\n"
     "  store float %w, ptr addrspace(1) %out ; line 8\n  ret void\n",
     60,
     "kernel 'k': read outside buffer 'x' at k.source:7: thread (59,0,0) reads element 64 of 64 "
     "(float)",
     0},
    {"ReadBefore",
     "  %p = getelementptr inbounds float, ptr addrspace(1) %x, i64 -1\n"
     "  %v = load float, ptr addrspace(1) %p ; line 3\n"
     "  store float %v, ptr addrspace(1) %out ; line 4\n  ret void\n",
     1,
     "kernel 'k': read outside buffer 'x' at k.source:3: thread (0,0,0) reads element -1 of 64 "
     "(float)",
     0},
    {"ReadFarAway",
     "  %p = getelementptr float, ptr addrspace(1) %x, i64 4611686018427387904\n"
     "  %q = getelementptr i8, ptr addrspace(1) %p, i64 -4611686018427387905\n"
     "  %v = load float, ptr addrspace(1) %q ; line 3\n"
     "  store float %v, ptr addrspace(1) %out ; line 4\n  ret void\n",
     1, "kernel 'k': read outside buffer 'x' at k.source:3", 0},
    {"ReadAcrossTheEnd",
     "  %p = getelementptr float, ptr addrspace(1) %x, i64 62\n"
     "  %v = load <4 x float>, ptr addrspace(1) %p, align 16 ; line 3\n"
     "  %e = extractelement <4 x float> %v, i32 0\n"
     "  store float %e, ptr addrspace(1) %out ; line 4\n  ret void\n",
     1,
     "kernel 'k': read outside buffer 'x' at k.source:3: thread (0,0,0) reads element 62 of 64 "
     "(float)",
     0},
    {"WriteBehind",
     "  %p = getelementptr float, ptr addrspace(1) %out, i64 %wide\n"
     "  store float 2.0, ptr addrspace(1) %p ; line 3\n  ret void\n",
     65,
     "kernel 'k': write outside buffer 'out' at k.source:3: thread (64,0,0) writes element 64 of "
     "64 (float)",
     2},
    {"WriteToConst", "  store float 2.0, ptr addrspace(1) %x ; line 3\n  ret void\n", 1,
     "kernel 'k': write to buffer 'x', which is const, at k.source:3", -1},
    {"AtomicBehind",
     "  %p = getelementptr float, ptr addrspace(1) %out, i64 64\n"
     "  %v = atomicrmw fadd ptr addrspace(1) %p, float 1.0 monotonic, align 4 ; line 3\n"
     "  store float %v, ptr addrspace(1) %out ; line 4\n  ret void\n",
     1,
     "kernel 'k': write outside buffer 'out' at k.source:3: thread (0,0,0) writes element 64 of 64 "
     "(float)",
     0},
    {"AtomicMisaligned",
     "  %p = getelementptr i8, ptr addrspace(1) %out, i64 2\n"
     "  %v = atomicrmw add ptr addrspace(1) %p, i32 1 monotonic, align 4 ; line 3\n  ret void\n",
     1,
     "kernel 'k': misaligned atomic operation on buffer 'out' at k.source:3: thread (0,0,0) at "
     "byte 2",
     -1},
    {"CompareExchangeBehind",
     "  %p = getelementptr i32, ptr addrspace(1) %out, i64 64\n"
     "  %v = cmpxchg ptr addrspace(1) %p, i32 0, i32 1 monotonic monotonic, align 4 ; line 3\n  "
     "ret void\n",
     1, "kernel 'k': write outside buffer 'out' at k.source:3", -1},
    {"PrivateArray",
     "  %a = alloca [8 x float]\n  %i = add i64 %wide, 8\n"
     "  %p = getelementptr inbounds [8 x float], ptr %a, i64 0, i64 %i\n"
     "  store float 2.0, ptr %p ; line 3\n"
     "  %v = load float, ptr %p ; line 4\n"
     "  store float %v, ptr addrspace(1) %out ; line 5\n  ret void\n",
     1,
     "kernel 'k': write outside variable 'a' at k.source:3: thread (0,0,0) writes element 8 of 8 "
     "(float)",
     0},
    {"ThreadgroupArray",
     "  %p = getelementptr [8 x float], ptr addrspace(3) @am.threadgroup.part, i64 0, i64 %wide\n"
     "  store float 2.0, ptr addrspace(3) %p ; line 3\n  ret void\n",
     9,
     "kernel 'k': write outside threadgroup memory 'part' at k.source:3: thread (8,0,0) writes "
     "element 8 of 8 "
     "(float)",
     -1, "@am.threadgroup.part = external addrspace(3) global [8 x float], align 4\n"},
    {"ConstantTable",
     "  %i = add i64 %wide, 4\n"
     "  %p = getelementptr [4 x float], ptr addrspace(5) @table, i64 0, i64 %i\n"
     "  %v = load float, ptr addrspace(5) %p ; line 3\n"
     "  store float %v, ptr addrspace(1) %out ; line 5\n  ret void\n",
     1,
     "kernel 'k': read outside constant 'table' at k.source:3: thread (0,0,0) reads element 4 of 4 "
     "(float)",
     0,
     "@table = internal addrspace(5) constant [4 x float] [float 1.0, float 2.0, float 3.0, float "
     "4.0]\n"},
    {"NullPointer",
     "  %v = load float, ptr null ; line 3\n"
     "  store float %v, ptr addrspace(1) %out ; line 5\n  ret void\n",
     1, "kernel 'k': read outside all memory of the kernel at k.source:3", 0},
    {"PointerFromAnInteger",
     "  %i = add i64 %wide, 4096\n  %p = inttoptr i64 %i to ptr\n"
     "  store float 1.0, ptr %p ; line 3\n  ret void\n",
     1, "kernel 'k': write outside all memory of the kernel at k.source:3", -1},
    {"OneOfTwoBuffers",
     "  %c = icmp eq i64 %wide, 1\n"
     "  %b = select i1 %c, ptr addrspace(1) %x, ptr addrspace(1) %out\n"
     "  %p = getelementptr float, ptr addrspace(1) %b, i64 70\n"
     "  %safe = select i1 %c, ptr addrspace(1) %p, ptr addrspace(1) %out\n"
     "  %v = load float, ptr addrspace(1) %safe ; line 3\n"
     "  store float %v, ptr addrspace(1) %out ; line 5\n  ret void\n",
     2,
     "kernel 'k': read outside buffer 'x' at k.source:3: thread (1,0,0) reads element 70 of 64 "
     "(float)",
     0},
    {"PointerThatWalksAway",
     "  br label %loop\nloop:\n"
     "  %p = phi ptr addrspace(1) [ %out, %entry ], [ %q, %loop ]\n"
     "  store float 3.0, ptr addrspace(1) %p ; line 3\n"
     "  %q = getelementptr inbounds float, ptr addrspace(1) %p, i64 1\n"
     "  %i = ptrtoint ptr addrspace(1) %q to i64\n  %b = ptrtoint ptr addrspace(1) %out to i64\n"
     "  %d = sub i64 %i, %b\n  %more = icmp ult i64 %d, 4000\n"
     "  br i1 %more, label %loop, label %done\ndone:\n  ret void\n",
     1,
     "kernel 'k': write outside buffer 'out' at k.source:3: thread (0,0,0) writes element 64 of 64 "
     "(float)",
     3},
    {"CopyBehind",
     "  %a = alloca [8 x float]\n"
     "  %p = getelementptr float, ptr addrspace(1) %x, i64 60\n"
     "  call void @llvm.memcpy.p0.p1.i64(ptr %a, ptr addrspace(1) %p, i64 32, i1 false) ; line 3\n"
     "  %q = getelementptr inbounds [8 x float], ptr %a, i64 0, i64 %wide\n"
     "  %v = load float, ptr %q ; line 4\n"
     "  store float %v, ptr addrspace(1) %out ; line 5\n  ret void\n",
     1,
     "kernel 'k': read outside buffer 'x' at k.source:3: thread (0,0,0) reads element 60 of 64 "
     "(float)",
     0},
    {"FillBehind",
     "  %p = getelementptr float, ptr addrspace(1) %out, i64 60\n"
     "  call void @llvm.memset.p1.i64(ptr addrspace(1) %p, i8 0, i64 32, i1 false) ; line 3\n  ret "
     "void\n",
     1,
     "kernel 'k': write outside buffer 'out' at k.source:3: thread (0,0,0) writes element 60 of 64 "
     "(float)",
     -1},
};

TEST(Bounds, ErrorsNameTheAccess) {
  for (const Case& each : kCases) {
    SCOPED_TRACE(each.name);
    const Outcome outcome = run_text(kernel_text(each.body, each.more), each.grid, Bounds::error);
    EXPECT_TRUE(outcome.message.starts_with(each.message)) << outcome.message << "\ninstead of\n"
                                                           << each.message;
  }
}

TEST(Bounds, RobustReadsGiveZeroAndWritesAreDropped) {
  for (const Case& each : kCases) {
    SCOPED_TRACE(each.name);
    const Outcome outcome = run_text(kernel_text(each.body, each.more), each.grid, Bounds::robust);
    EXPECT_EQ(outcome.message, "");
    ASSERT_FALSE(outcome.out.empty());
    EXPECT_EQ(outcome.out[0], each.first);
  }
}

// Pointers that were stored and loaded again, to a variable, a buffer and a table; all accesses are
// legal.
const char* const kLostPointers =
    "  %list = alloca [3 x ptr]\n  %own = alloca [4 x float]\n"
    "  %xs = addrspacecast ptr addrspace(1) %x to ptr\n"
    "  %ts = addrspacecast ptr addrspace(5) @table to ptr\n"
    "  %l1 = getelementptr [3 x ptr], ptr %list, i64 0, i64 1\n"
    "  %l2 = getelementptr [3 x ptr], ptr %list, i64 0, i64 2\n"
    "  store ptr %own, ptr %list\n  store ptr %xs, ptr %l1\n  store ptr %ts, ptr %l2\n"
    "  %o3 = getelementptr [4 x float], ptr %own, i64 0, i64 3\n  store float 40.0, ptr %o3\n"
    "  %which = urem i64 %wide, 3\n"
    "  %slot = getelementptr [3 x ptr], ptr %list, i64 0, i64 %which\n"
    "  %p = load ptr, ptr %slot\n"
    "  %q = getelementptr float, ptr %p, i64 INDEX\n"
    "  %v = load float, ptr %q ; line 3\n"
    "  %to = getelementptr float, ptr addrspace(1) %out, i64 %wide\n"
    "  store float %v, ptr addrspace(1) %to ; line 5\n  ret void\n";
const char* const kTable =
    "@table = internal addrspace(5) constant [4 x float] [float 1.0, float 2.0, float 3.0, float "
    "400.0]\n";

std::string lost_pointers(const std::string& index) {
  std::string body = kLostPointers;
  return kernel_text(body.replace(body.find("INDEX"), 5, index), kTable);
}

TEST(Bounds, FindsTheObjectOfALostPointer) {
  for (const Bounds bounds : {Bounds::error, Bounds::robust, Bounds::off}) {
    const Outcome outcome = run_text(lost_pointers("3"), 64, bounds);
    EXPECT_EQ(outcome.message, "");
    for (size_t id = 0; id < 64; ++id) {
      const float expected[] = {40, 4, 400};
      EXPECT_EQ(outcome.out[id], expected[id % 3]) << id;
    }
  }
}

TEST(Bounds, ALostPointerStaysInItsObject) {
  const Outcome outcome = run_text(lost_pointers("64"), 3, Bounds::error);
  EXPECT_TRUE(outcome.message.starts_with("kernel 'k': read outside")) << outcome.message;
  const Outcome robust = run_text(lost_pointers("64"), 3, Bounds::robust);
  EXPECT_EQ(robust.out[0], 0);
  EXPECT_EQ(robust.out[1], 0);
  EXPECT_EQ(robust.out[2], 0);
}

// Pointers that were outside of their buffer while they were stored. x (elements 1 to 64) and out
// lie side by side, so that such a pointer points into the other one. The texts store %far, which
// is %bias elements behind x, load it as %p, and read %back elements before that.
struct Stray {
  const char* name;
  const char* text;
};
const Stray kStrays[] = {
    {"InAVariable",
     "  %list = alloca [2 x ptr addrspace(1)]\n"
     "  %slot = getelementptr [2 x ptr addrspace(1)], ptr %list, i64 0, i64 %wide\n"
     "  store ptr addrspace(1) %far, ptr %slot\n  %p = load ptr addrspace(1), ptr %slot\n"},
    {"AmongOtherMembers",
     "  %list = alloca [2 x { i32, ptr addrspace(1), [3 x i8] }]\n"
     "  %slot = getelementptr [2 x { i32, ptr addrspace(1), [3 x i8] }], ptr %list, i64 0, i64 "
     "%wide, i32 1\n"
     "  store ptr addrspace(1) %far, ptr %slot\n  %p = load ptr addrspace(1), ptr %slot\n"},
    {"FromOneVariableToAnother",
     "  %list = alloca [2 x ptr addrspace(1)]\n  %more = alloca [2 x ptr addrspace(1)]\n"
     "  %slot = getelementptr [2 x ptr addrspace(1)], ptr %list, i64 0, i64 %wide\n"
     "  %next = getelementptr [2 x ptr addrspace(1)], ptr %more, i64 0, i64 %wide\n"
     "  store ptr addrspace(1) %far, ptr %slot\n  %half = load ptr addrspace(1), ptr %slot\n"
     "  store ptr addrspace(1) %half, ptr %next\n  %p = load ptr addrspace(1), ptr %next\n"},
    {"CopiedWithItsVariable",
     "  %list = alloca [2 x ptr addrspace(1)]\n  %more = alloca [2 x ptr addrspace(1)]\n"
     "  %slot = getelementptr [2 x ptr addrspace(1)], ptr %list, i64 0, i64 %wide\n"
     "  %next = getelementptr [2 x ptr addrspace(1)], ptr %more, i64 0, i64 %wide\n"
     "  store ptr addrspace(1) %far, ptr %slot\n"
     "  call void @llvm.memcpy.p0.p0.i64(ptr %more, ptr %list, i64 16, i1 false)\n"
     "  %p = load ptr addrspace(1), ptr %next\n"},
    {"InThreadgroupMemory",
     "  %slot = getelementptr [2 x ptr addrspace(1)], ptr addrspace(3) @am.threadgroup.p, i64 0, "
     "i64 %wide\n"
     "  store ptr addrspace(1) %far, ptr addrspace(3) %slot\n"
     "  %p = load ptr addrspace(1), ptr addrspace(3) %slot\n"},
    {"AsAnInteger",
     "  %list = alloca [2 x i64]\n"
     "  %slot = getelementptr [2 x i64], ptr %list, i64 0, i64 %wide\n"
     "  %number = ptrtoint ptr addrspace(1) %far to i64\n"
     "  store i64 %number, ptr %slot\n  %same = load i64, ptr %slot\n"
     "  %p = inttoptr i64 %same to ptr addrspace(1)\n"},
};
constexpr size_t kExact = 3;  // as many keep where they come from

Outcome run_stray(const Stray& stray, int64_t bias, int64_t back, Bounds bounds) {
  const std::string text = kernel_text(
      "  %far = getelementptr float, ptr addrspace(1) %x, i64 " + std::to_string(bias) + "\n" +
          stray.text + "  %q = getelementptr float, ptr addrspace(1) %p, i64 " +
          std::to_string(-back) +
          "\n  %v = load float, ptr addrspace(1) %q ; line 3\n"
          "  store float %v, ptr addrspace(1) %out ; line 5\n  ret void\n",
      "declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)\n"
      "@am.threadgroup.p = external addrspace(3) global [2 x ptr addrspace(1)], align 8\n");
  auto kernel =
      compile_text(text, {{"x", "float", 4, true}, {"out"}, {"n", "uint", 4, true}}, bounds);
  if (!kernel) return {"doesn't compile", {}};
  std::vector<float> memory(192, -1);
  std::iota(memory.begin(), memory.begin() + 64, 1.0f);
  std::vector<uint32_t> n{7};
  const auto result =
      run(*kernel, {1}, {1}, {{memory.data(), 256}, {memory.data() + 64, 256}, argument(n)});
  return {result.ok() ? "" : result.error().message, {memory.begin() + 64, memory.begin() + 128}};
}

TEST(Bounds, APointerMayLeaveItsBufferAndComeBack) {
  for (const Stray& stray : kStrays) {
    SCOPED_TRACE(stray.name);
    for (const Bounds bounds : {Bounds::error, Bounds::robust}) {
      for (const int64_t bias : {-5, -100'000, 64, 70, 128, 1'000'000}) {
        const Outcome outcome = run_stray(stray, bias, bias - 9, bounds);
        EXPECT_EQ(outcome.message, "") << bias;
        EXPECT_EQ(outcome.out[0], 10) << bias;
      }
    }
  }
}

TEST(Bounds, APointerThatDoesNotComeBackIsTold) {
  for (size_t at = 0; at < std::size(kStrays); ++at) {
    SCOPED_TRACE(kStrays[at].name);
    for (const int64_t place : {-1, 128, 1'000'000}) {  // outside of both
      const Outcome outcome = run_stray(kStrays[at], 70, 70 - place, Bounds::error);
      EXPECT_TRUE(outcome.message.starts_with("kernel 'k': read outside ")) << outcome.message;
      EXPECT_EQ(run_stray(kStrays[at], 70, 70 - place, Bounds::robust).out[0], 0);
    }
    if (at >= kExact) continue;
    EXPECT_EQ(run_stray(kStrays[at], 70, 0, Bounds::error).message,
              "kernel 'k': read outside buffer 'x' at k.source:3: thread (0,0,0) reads element 70 "
              "of 64 (float)");
  }
}

TEST(Bounds, APointerFromAVariableThatWasOverwrittenIsNotTakenForTheOld) {
  // Two pointers to one address, of x and of out: the last one counts.
  const Stray stray{"",
                    "  %list = alloca [2 x ptr addrspace(1)]\n"
                    "  %slot = getelementptr [2 x ptr addrspace(1)], ptr %list, i64 0, i64 %wide\n"
                    "  store ptr addrspace(1) %far, ptr %slot\n"
                    "  store ptr addrspace(1) %out, ptr %slot\n"
                    "  %p = load ptr addrspace(1), ptr %slot\n"};
  EXPECT_EQ(run_stray(stray, 64, 0, Bounds::error).message, "");
  EXPECT_TRUE(run_stray(stray, 64, 1, Bounds::error)
                  .message.starts_with("kernel 'k': read outside buffer 'out'"));
}

TEST(Bounds, APointerFromOutsideStaysInItsObject) {
  const std::string text = kernel_text(
      "  %p = load ptr addrspace(1), ptr addrspace(1) %out\n"
      "  %i = load i32, ptr addrspace(5) %n\n"
      "  %q = getelementptr float, ptr addrspace(1) %p, i32 %i\n"
      "  %v = load float, ptr addrspace(1) %q ; line 3\n"
      "  %to = getelementptr float, ptr addrspace(1) %out, i64 2\n"
      "  store float %v, ptr addrspace(1) %to ; line 5\n  ret void\n");
  auto kernel = compile_text(text, {{"x", "float", 4, true}, {"out"}, {"n", "uint", 4, true}});
  std::vector<float> memory(128, 5);
  const float* start = memory.data();
  std::memcpy(memory.data() + 64, &start, sizeof start);
  const auto read = [&](uint32_t element) {
    std::vector<uint32_t> n{element};
    const auto result =
        run(*kernel, {1}, {1}, {{memory.data(), 256}, {memory.data() + 64, 256}, argument(n)});
    return result.ok() ? "" : result.error().message;
  };
  EXPECT_EQ(read(63), "");
  EXPECT_EQ(read(64),
            "kernel 'k': read outside buffer 'x' at k.source:3: thread (0,0,0) reads element 64 of "
            "64 (float)");
}

TEST(Bounds, UnusedNullBuffersAreFine) {
  const std::string text =
      kernel_text("  store float 2.0, ptr addrspace(1) %out ; line 3\n  ret void\n");
  auto kernel = compile_text(text, {{"x", "float", 4, true}, {"out"}, {"n", "uint", 4, true}});
  std::vector<float> out(1);
  EXPECT_TRUE(run(*kernel, {1}, {1}, {{nullptr, 0}, argument(out), {nullptr, 0}}).ok());
  EXPECT_EQ(out[0], 2);
  const auto result = run(*kernel, {1}, {1}, {{nullptr, 0}, {nullptr, 0}, {nullptr, 0}});
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().message,
            "kernel 'k': write outside buffer 'out' at k.source:3: thread (0,0,0) writes element 0 "
            "of 0 (float)");
}

TEST(Bounds, ThreadgroupArgumentsHaveTheSizeOfTheDispatch) {
  const std::string text = R"(
declare i32 @am.thread_position_in_grid.x()
define void @k(ptr addrspace(3) %a, ptr addrspace(3) %b, ptr addrspace(1) %out) {
  %id = call i32 @am.thread_position_in_grid.x()
  %wide = zext i32 %id to i64
  %p = getelementptr float, ptr addrspace(3) %b, i64 %wide
  store float 2.0, ptr addrspace(3) %p
  store float 1.0, ptr addrspace(3) %a
  %v = load float, ptr addrspace(3) %p
  %to = getelementptr float, ptr addrspace(1) %out, i64 %wide
  store float %v, ptr addrspace(1) %to
  ret void
})";
  auto kernel = compile_text(text, {{"a", "float", 4, false, ParameterKind::threadgroup},
                                    {"b", "float", 4, false, ParameterKind::threadgroup},
                                    {"out"}});
  std::vector<float> out(8);
  EXPECT_TRUE(run(*kernel, {8}, {8}, {{nullptr, 4}, {nullptr, 32}, argument(out)}).ok());
  EXPECT_EQ(out, std::vector<float>(8, 2));
  const auto result = run(*kernel, {8}, {8}, {{nullptr, 4}, {nullptr, 16}, argument(out)});
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().message,
            "kernel 'k': write outside threadgroup memory 'b' at an unknown line: thread (4,0,0) "
            "writes element 4 of 4 "
            "(float)");
}

}  // namespace
}  // namespace anymetal::backend::reference
