// What must not kill or hang the process, and many runs at once.
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cmath>
#include <limits>
#include <thread>

#include "backend/reference/test_kernel.h"
#include "backend/thread_pool.h"

namespace anymetal::backend::reference {
namespace {

/// out[i] = the body's %r (i32), from %a and %b, which are x[2 * i] and x[2 * i + 1].
std::vector<int32_t> run_integers(const std::string& body, std::vector<int32_t> x) {
  auto kernel = compile_text(R"(
declare i32 @am.thread_position_in_grid.x()
declare i32 @llvm.ctlz.i32(i32, i1)
declare void @llvm.trap()
declare void @llvm.assume(i1)
define void @k(ptr addrspace(1) %x, ptr addrspace(1) %out) {
  %id = call i32 @am.thread_position_in_grid.x()
  %wide = zext i32 %id to i64
  %pa = getelementptr [2 x i32], ptr addrspace(1) %x, i64 %wide, i64 0
  %pb = getelementptr [2 x i32], ptr addrspace(1) %x, i64 %wide, i64 1
  %to = getelementptr i32, ptr addrspace(1) %out, i64 %wide
  %a = load i32, ptr addrspace(1) %pa
  %b = load i32, ptr addrspace(1) %pb
)" + body + R"(
  store i32 %r, ptr addrspace(1) %to
  ret void
})",
                             {{"x", "int"}, {"out", "int"}});
  std::vector<int32_t> out(x.size() / 2, -7);
  if (!kernel) return out;
  const auto result = run(*kernel, {uint32_t(out.size())}, {32}, {argument(x), argument(out)});
  EXPECT_TRUE(result.ok()) << result.error().text();
  return out;
}

constexpr int32_t kLeast = std::numeric_limits<int32_t>::min(),
                  kGreatest = std::numeric_limits<int32_t>::max();
using Integers = std::vector<int32_t>;

TEST(Endurance, DivisionNeverTraps) {
  const Integers pairs{7, 2, -7, 2, 7, 0, kLeast, -1, 0, 0, 5, -1};
  EXPECT_EQ(run_integers("  %r = sdiv i32 %a, %b", pairs), (Integers{3, -3, 7, kLeast, 0, -5}));
  EXPECT_EQ(run_integers("  %r = srem i32 %a, %b", pairs), (Integers{1, -1, 0, 0, 0, 0}));
  EXPECT_EQ(run_integers("  %r = udiv i32 %a, %b", {7, 2, 7, 0}), (Integers{3, 7}));
  EXPECT_EQ(run_integers("  %r = urem i32 %a, %b", {7, 2, 7, 0}), (Integers{1, 0}));
  EXPECT_EQ(run_integers("  %r = sdiv exact i32 %a, 0", {7, 2}), (Integers{7}));
}

TEST(Endurance, ShiftsTakeTheirAmountModuloTheWidth) {
  EXPECT_EQ(run_integers("  %r = shl nuw i32 %a, %b", {1, 33, 1, 31, 1, -1}),
            (Integers{2, kLeast, kLeast}));
  EXPECT_EQ(run_integers("  %r = ashr exact i32 %a, %b", {-8, 33, -8, 2}), (Integers{-4, -2}));
  EXPECT_EQ(run_integers("  %r = lshr i32 %a, 35", {64, 0}), (Integers{8}));
}

TEST(Endurance, ConversionsSaturate) {
  const std::string convert = "  %f = bitcast i32 %a to float\n  %r = fptosi float %f to i32";
  const auto bits = [](float value) { return std::bit_cast<int32_t>(value); };
  EXPECT_EQ(run_integers(convert, {bits(-2.7f), 0, bits(1e20f), 0, bits(-1e20f), 0, bits(NAN), 0,
                                   bits(INFINITY), 0}),
            (Integers{-2, kGreatest, kLeast, 0, kGreatest}));
  const std::string to_unsigned = "  %f = bitcast i32 %a to float\n  %r = fptoui float %f to i32";
  EXPECT_EQ(run_integers(to_unsigned, {bits(-2.7f), 0, bits(4e9f), 0, bits(1e20f), 0}),
            (Integers{0, int32_t(4000000000u), -1}));
}

TEST(Endurance, UndefinedThingsHaveSomeValue) {
  EXPECT_EQ(run_integers("  %r = call i32 @llvm.ctlz.i32(i32 %a, i1 true)", {0, 0, 1, 0}),
            (Integers{32, 31}));
  EXPECT_EQ(run_integers("  %v = alloca i32\n  %r = load i32, ptr %v", {0, 0}), (Integers{0}));
  EXPECT_EQ(
      run_integers(
          "  %c = icmp eq i32 %a, 3\n  call void @llvm.assume(i1 %c)\n  %r = add nsw i32 %a, %b",
          {kGreatest, 1, 4, 5}),
      (Integers{kLeast, 9}));
}

TEST(Endurance, UnreachableCodeEndsTheThread) {
  const Integers out = run_integers(R"(
  %c = icmp eq i32 %a, 1
  br i1 %c, label %bad, label %good
bad:
  call void @llvm.trap()
  unreachable
good:
  %r = add i32 %a, %b)",
                                    {1, 1, 2, 3, 1, 0, 4, 5});
  EXPECT_EQ(out, (Integers{-7, 5, -7, 9}));
}

const char* const kEndless[] = {
    // Nothing in the loop: LLVM may take such a loop for one that ends, if it isn't told otherwise.
    "define void @k(ptr addrspace(1) %x) mustprogress {\n  br label %loop\nloop:\n  br label "
    "%loop\n}\n",
    // Waits for something that never comes.
    "define void @k(ptr addrspace(1) %x) {\n  br label %loop\nloop:\n  %v = load atomic i32, ptr "
    "addrspace(1) %x "
    "monotonic, align 4\n  %c = icmp eq i32 %v, 0\n  br i1 %c, label %loop, label %done\ndone:\n  "
    "ret void\n}\n",
    // With meetings.
    "declare void @am.threadgroup_barrier(i32) convergent\ndefine void @k(ptr addrspace(1) %x) {\n "
    " br label %loop\n"
    "loop:\n  call void @am.threadgroup_barrier(i32 2)\n  br label %loop\n}\n",
    // Some lanes wait at a barrier for others that never come.
    "declare void @am.threadgroup_barrier(i32) convergent\ndeclare i32 "
    "@am.thread_index_in_simdgroup()\n"
    "define void @k(ptr addrspace(1) %x) {\n  %l = call i32 @am.thread_index_in_simdgroup()\n"
    "  %c = icmp ult i32 %l, 7\n  br i1 %c, label %wait, label %loop\nwait:\n"
    "  call void @am.threadgroup_barrier(i32 2)\n  ret void\nloop:\n  br label %loop\n}\n",
};

TEST(Endurance, EndlessKernelsAreStopped) {
  for (const char* text : kEndless) {
    for (const uint64_t seed : {0, 1}) {
      auto kernel = compile_text(text, {{"x", "uint"}});
      ASSERT_TRUE(kernel);
      std::vector<uint32_t> x(1);
      StopFlag stop;
      std::thread stopper([&] {
        std::this_thread::sleep_for(std::chrono::milliseconds(30));
        stop.request(1);
      });
      const auto result = run(*kernel, {640}, {64}, {argument(x)}, seed, &stop);
      stopper.join();
      ASSERT_FALSE(result.ok());
      EXPECT_EQ(result.error().kind, ErrorKind::stopped);
      EXPECT_EQ(result.error().message, "kernel 'k' was stopped");
    }
  }
}

TEST(Endurance, AnErrorEndsAllThreads) {
  if (ThreadPool::shared().size() == 1)
    GTEST_SKIP() << "the first threadgroup never ends, and nobody runs the second";
  // Thread 256 writes outside, in the second threadgroup; all others never end.
  auto kernel = compile_text(R"(
declare i32 @am.thread_position_in_grid.x()
define void @k(ptr addrspace(1) %x) {
  %id = call i32 @am.thread_position_in_grid.x()
  %c = icmp eq i32 %id, 256
  br i1 %c, label %bad, label %loop
bad:
  %p = getelementptr i32, ptr addrspace(1) %x, i64 9
  store i32 1, ptr addrspace(1) %p
  ret void
loop:
  br label %loop
})",
                             {{"x", "uint"}});
  ASSERT_TRUE(kernel);
  std::vector<uint32_t> x(1);
  const auto result = run(*kernel, {512}, {256}, {argument(x)});
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().kind, ErrorKind::execution) << result.error().message;
}

const char* const kCount = R"(
declare i32 @am.thread_position_in_grid.x()
declare void @am.threadgroup_barrier(i32) convergent
declare i32 @am.simd_sum.u32(i32) convergent memory(none)
define void @k(ptr addrspace(1) %count, ptr addrspace(1) %out) {
  %id = call i32 @am.thread_position_in_grid.x()
  %wide = zext i32 %id to i64
  %s = call i32 @am.simd_sum.u32(i32 1)
  call void @am.threadgroup_barrier(i32 2)
  %old = atomicrmw add ptr addrspace(1) %count, i32 %s monotonic, align 4
  %to = getelementptr i32, ptr addrspace(1) %out, i64 %wide
  %t = load i32, ptr addrspace(1) %to
  %t1 = add i32 %t, %s
  store i32 %t1, ptr addrspace(1) %to
  ret void
})";

TEST(Endurance, ManyDispatchesFromManyThreads) {
  auto shared = compile_text(kCount, {{"count", "uint"}, {"out", "uint"}});
  ASSERT_TRUE(shared);
  std::atomic<int> failures{0};
  std::vector<std::thread> threads;
  for (uint32_t number = 0; number < 4; ++number) {
    threads.emplace_back([&, number] {
      for (int round = 0; round < 50; ++round) {
        // Every tenth time a kernel of its own, which is freed again.
        auto own =
            round % 10 == 0 ? compile_text(kCount, {{"count", "uint"}, {"out", "uint"}}) : nullptr;
        CompiledKernel& kernel = own ? *own : *shared;
        const uint32_t size = 100 + 300 * number + uint32_t(round);
        std::vector<uint32_t> count(1), out(size, number);
        const auto result = run(kernel, {size}, {32u << number % 3},
                                {argument(count), argument(out)}, uint64_t(round % 3));
        uint32_t expected = 0;
        for (uint32_t id = 0; id < size; ++id) {
          const uint32_t lanes = std::min(32u, size - id / 32 * 32);
          expected += lanes;
          if (out[id] != number + lanes) ++failures;
        }
        if (!result.ok() || count[0] != expected) ++failures;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(failures, 0);
}

TEST(Endurance, AForkedChildRuns) {
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
  GTEST_SKIP() << "ThreadSanitizer doesn't follow a fork of several threads";
#endif
#endif
  auto kernel = compile_text(kCount, {{"count", "uint"}, {"out", "uint"}});
  ASSERT_TRUE(kernel);
  std::vector<uint32_t> count(1), out(100'000);
  const auto dispatch = [&] {
    count[0] = 0;
    return run(*kernel, {100'000}, {32}, {argument(count), argument(out)}).ok() &&
           count[0] == 3'200'000;
  };
  EXPECT_TRUE(dispatch());
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    alarm(20);
    _exit(dispatch() ? 42 : 1);
  }
  EXPECT_TRUE(dispatch());
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 42) << status;
}

std::string kernel_with_variable(uint64_t bytes, const std::string& call) {
  return "declare void @am.threadgroup_barrier(i32) convergent\n"
         "define void @k(ptr addrspace(1) %x) {\n  %a = alloca [" +
         std::to_string(bytes) + " x i8]\n  %i = load i64, ptr addrspace(1) %x\n" + call +
         "  %p = getelementptr i8, ptr %a, i64 %i\n  store i8 7, ptr %p\n  %v = load i8, ptr %p\n"
         "  store i8 %v, ptr addrspace(1) %x\n  ret void\n}";
}

// Freeing code takes the linker's lock, as linking it does.
TEST(Endurance, AChildLinksWhileItsParentFreesCode) {
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
  GTEST_SKIP() << "ThreadSanitizer doesn't follow a fork of several threads";
#endif
#endif
  const auto kernel = compile_text("define void @k() {\n  ret void\n}", {});
  ASSERT_TRUE(kernel);
  const std::string object(kernel->object());
  const auto links = [&] {
    return reference_backend().load(object, kernel->interface(), {.bounds = Bounds::error}).ok();
  };
  std::atomic<bool> done{false};
  std::thread other([&] {
    while (!done) links();
  });
  for (int n = 0; n < 100 && !HasFailure(); ++n) {
    const pid_t child = fork();
    if (child == 0) {
      alarm(30);  // a deadlock ends the child, and the test fails
      _exit(links() ? 0 : 1);
    }
    int status = -1;
    EXPECT_EQ(waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0) << "child " << n;
  }
  done = true;
  other.join();
}

TEST(Endurance, LargeVariablesWorkOrAreRefused) {
  const std::string barrier = "  call void @am.threadgroup_barrier(i32 2)\n";
  std::vector<uint64_t> x{100'000};
  auto kernel = compile_text(kernel_with_variable(1 << 20, barrier), {{"x", "ulong"}});
  ASSERT_TRUE(kernel);
  EXPECT_TRUE(run(*kernel, {16}, {16}, {argument(x)}).ok());
  const auto result = run(*kernel, {1024}, {1024}, {argument(x)});
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().kind, ErrorKind::environment);
  const auto refused =
      reference_backend().compile(make_ir(kernel_with_variable(1 << 26, ""), {{"x", "ulong"}}), {});
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().kind, ErrorKind::unsupported);
}

TEST(Endurance, AStopBetweenMeetingsIsTold) {
  // No loop, so only the scheduler can notice.
  auto kernel = compile_text(kCount, {{"count", "uint"}, {"out", "uint"}});
  ASSERT_TRUE(kernel);
  std::vector<uint32_t> count(1), out(64);
  StopFlag stop;
  stop.request(1);
  const auto result = run(*kernel, {64}, {64}, {argument(count), argument(out)}, 0, &stop);
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().kind, ErrorKind::stopped);
}

TEST(Endurance, UnknownBuiltinsAreNamed) {
  for (const char* call : {"am.nonsense", "am.simd_sum.f99", "puts"}) {
    auto kernel = reference_backend().compile(
        make_ir("declare void @" + std::string(call) + "()\ndefine void @k() {\n  call void @" +
                    call + "()\n  ret void\n}\n",
                {}),
        {});
    ASSERT_FALSE(kernel.ok());
    EXPECT_EQ(kernel.error().kind, ErrorKind::internal);
    EXPECT_NE(kernel.error().message.find(call), std::string::npos) << kernel.error().message;
  }
}

}  // namespace
}  // namespace anymetal::backend::reference
