// Each pass alone, on text. What they do together is tested by running kernels
// (reference/*_test.cc).
#include <set>

#include "backend/choose_values.h"
#include "backend/define_behaviour.h"
#include "backend/insert_lockstep_points.h"
#include "backend/instrument_bounds.h"
#include "backend/instrument_loops.h"
#include "backend/lower_builtins.h"
#include "backend/lower_threadgroup_memory.h"
#include "backend/number_meeting_points.h"
#include "backend/pass_test.h"
#include "backend/reference/meetings.h"
#include "backend/reference/runtime_functions.h"
#include "builtins/builtins.h"

namespace anymetal::backend {
namespace {

TEST_F(PassTest, InlineCallsLeavesOneFunction) {
  llvm::Function& entry = read(R"(
define internal i32 @one() noinline { ret i32 1 }
define internal i32 @two() { %a = call i32 @one()
  %b = call i32 @one()
  %c = add i32 %a, %b
  ret i32 %c }
define void @k(ptr addrspace(1) %out) {
  %c = call i32 @two()
  store i32 %c, ptr addrspace(1) %out
  ret void })");
  ASSERT_TRUE(inline_calls(entry).ok());
  const ThreadFunction thread = make_thread_function(entry);
  EXPECT_EQ(thread.data.size(), 1u);
  const std::string text = written();
  EXPECT_EQ(count(text, "call"), 0u) << text;
  EXPECT_EQ(count(text, "define"), 1u) << text;
  expect_in_order(
      text, {"define void @am_thread(ptr %state)", "%out = load ptr addrspace(1)", "store i32"});
}

TEST_F(PassTest, InlineCallsRefusesRecursion) {
  llvm::Function& entry = read("define void @k(ptr %x) {\n  call void @k(ptr %x)\n  ret void\n}");
  EXPECT_FALSE(inline_calls(entry).ok());
}

TEST_F(PassTest, DefineBehaviourDefinesACalleeOnce) {
  llvm::Function& entry = read(R"(
define internal i32 @half(i32 %a, i32 %b) {
  %v = alloca i32
  %d = sdiv i32 %a, %b
  %s = shl i32 %d, %b
  store i32 %s, ptr %v
  %w = load i32, ptr %v
  ret i32 %w
}
define void @k(ptr addrspace(1) %out) {
  %a = load i32, ptr addrspace(1) %out
  %c = call i32 @half(i32 7, i32 %a)
  store i32 %c, ptr addrspace(1) %out
  ret void
})");
  ASSERT_TRUE(inline_calls(entry, define_callee).ok());
  define_behaviour(entry);
  const std::string text = written().substr(written().find("@k("));
  EXPECT_EQ(count(text, "select i1"), 1u) << text;
  EXPECT_EQ(count(text, "and i32"), 1u) << text;
  EXPECT_EQ(count(text, "store i32 0"), 1u) << text;
}

TEST_F(PassTest, ChooseValuesLeavesNoBranchThatOnlyChooses) {
  choose_values(read(R"(
define void @k(ptr addrspace(1) %out, float %x, i1 %a, i1 %b) {
entry:
  br i1 %a, label %yes, label %no
yes:
  br i1 %b, label %inner, label %around
inner:
  %m = fneg float %x
  br label %around
around:
  %p = phi float [ %m, %inner ], [ %x, %yes ]
  br label %done
no:
  %d = fadd float %x, 1.0
  br label %done
done:
  %r = phi float [ %p, %around ], [ %d, %no ]
  store float %r, ptr addrspace(1) %out
  ret void
})"));
  const std::string text = written();
  EXPECT_EQ(count(text, "br "), 0u) << text;
  expect_in_order(text, {"select i1 %b, float %m, float %x", "select i1 %a", "store float"});
}

TEST_F(PassTest, ChooseValuesLeavesWhatDoesMore) {
  for (const char* more :
       {"  store float 2.0, ptr addrspace(1) %out\n", "  %v = load float, ptr addrspace(1) %out\n",
        "  call void @am.threadgroup_barrier(i32 1)\n", "  %q = srem i64 %x, %d\n"}) {
    choose_values(
        read(std::string("declare void @am.threadgroup_barrier(i32) convergent\n"
                         "define void @k(ptr addrspace(1) %out, i1 %a, i64 %x, i64 %d) {\n"
                         "entry:\n  br i1 %a, label %yes, label %done\nyes:\n") +
             more +
             "  br label %done\ndone:\n  %r = phi float [ 1.0, %yes ], [ 0.0, %entry ]\n"
             "  store float %r, ptr addrspace(1) %out\n  ret void\n}"));
    EXPECT_EQ(count(written(), "br i1"), 1u) << written();
  }
}

TEST_F(PassTest, DefineBehaviourDropsPromises) {
  define_behaviour(read(R"(
define void @k(ptr addrspace(1) %out) mustprogress willreturn {
  %v = load i32, ptr addrspace(1) %out, align 4, !range !0
  %p = getelementptr inbounds i32, ptr addrspace(1) %out, i64 1
  %s = add nuw nsw i32 %v, 1
  store i32 %s, ptr addrspace(1) %p, align 64
  ret void
}
!0 = !{i32 0, i32 2})"));
  const std::string text = written();
  for (const char* promise :
       {"inbounds", "nuw", "nsw", "!range", "align 4", "align 64", "mustprogress", "willreturn"}) {
    EXPECT_EQ(count(text, promise), 0u) << promise << " in\n" << text;
  }
}

TEST_F(PassTest, DefineBehaviourGuardsOperands) {
  define_behaviour(read(R"(
define void @k(ptr addrspace(1) %out) {
  %a = load i32, ptr addrspace(1) %out
  %d = sdiv i32 100, %a
  %s = shl i32 %d, %a
  %five = udiv i32 %s, 5
  %v = insertelement <3 x i32> zeroinitializer, i32 %five, i32 %a
  %e = extractelement <3 x i32> %v, i32 1
  store i32 %e, ptr addrspace(1) %out
  ret void
})"));
  expect_in_order(written(), {"select i1", ", i32 1, i32 %a", "sdiv i32 100", "and i32 %a, 31",
                              "shl i32", "udiv i32 %s, 5", "urem i32 %a, 3", "insertelement"});
}

const char* const kTwoLoops = R"(
declare void @am.threadgroup_barrier(i32) convergent
declare i32 @am.simd_sum.u32(i32) convergent
define void @k(ptr addrspace(1) %out) {
entry:
  br label %outer
outer:
  %i = phi i32 [ 0, %entry ], [ %i1, %latch ]
  br label %inner
inner:
  %j = phi i32 [ 0, %outer ], [ %j1, %inner ]
  %s = call i32 @am.simd_sum.u32(i32 %j)
  %j1 = add i32 %j, 1
  %morej = icmp ult i32 %j1, %s
  br i1 %morej, label %inner, label %latch
latch:
  call void @am.threadgroup_barrier(i32 2)
  %i1 = add i32 %i, 1
  %morei = icmp ult i32 %i1, 40000
  br i1 %morei, label %outer, label %done
done:
  %t = call i32 @am.simd_sum.u32(i32 1)
  store i32 %t, ptr addrspace(1) %out
  ret void
})";

TEST_F(PassTest, NumberMeetingPointsCountsIterations) {
  ThreadFunction thread = read_thread(kTwoLoops);
  EXPECT_TRUE(has_meeting_points(*thread.function));
  KernelImage image;
  number_meeting_points(thread, analyses_, image);
  EXPECT_FALSE(has_meeting_points(*thread.function));
  const std::string text = written();
  EXPECT_EQ(count(text, "call void @am_meet"), 3u) << text;
  EXPECT_EQ(count(text, "= phi i64"), 2u) << text;  // a counter for each loop
  ASSERT_EQ(image.meetings.size(), 3u);
  std::multiset<uint32_t> lengths;
  for (const MeetingSite& site : image.meetings) lengths.insert(site.key_length);
  EXPECT_EQ(lengths,
            (std::multiset<uint32_t>{1, 3, 5}));  // behind the loops, in the outer, in both
  EXPECT_EQ(image.key_length, 5u);
}

TEST_F(PassTest, InsertLockstepPointsWhereLoadsAndStoresMeet) {
  const auto points = [&](const std::string& body) {
    llvm::Function& entry = read(R"(
@am.threadgroup.a = external addrspace(3) global [32 x i32], align 4
declare void @am.threadgroup_barrier(i32) convergent
define void @k(ptr addrspace(1) %out, i1 %c) {
entry:
)" + body + "  ret void\n}");
    insert_lockstep_points(entry);
    return count(written(), "call void @am.simdgroup_barrier");
  };
  const std::string store = "  store i32 1, ptr addrspace(3) @am.threadgroup.a\n";
  const std::string load = "  %v = load i32, ptr addrspace(3) @am.threadgroup.a\n";
  const std::string barrier = "  call void @am.threadgroup_barrier(i32 2)\n";
  EXPECT_EQ(points(store + store), 0u);
  EXPECT_EQ(points(store + load), 1u);
  EXPECT_EQ(points(load + store), 1u);
  EXPECT_EQ(points(store + barrier + load + barrier), 0u);
  EXPECT_EQ(points("  store i32 1, ptr addrspace(1) %out\n" + load), 0u);
  EXPECT_EQ(points("  br label %loop\nloop:\n" + store + barrier + load +
                   "  br i1 %c, label %loop, label %done\ndone:\n"),
            1u);
}

TEST_F(PassTest, InstrumentLoopsPollsAtEachBackEdge) {
  ThreadFunction thread = read_thread(kTwoLoops);
  EXPECT_TRUE(instrument_loops(thread, analyses_));
  const std::string text = written();
  EXPECT_EQ(count(text, "call void @am_stopped"), 2u) << text;
  EXPECT_EQ(count(text, "load atomic i32"), 4u) << text;
}

/// A loop around one whose counter is `counter`, of 8 turns if they are counted.
std::string loop_of(const std::string& type, const std::string& start, const std::string& step,
                    const std::string& condition) {
  return "define void @k(i32 %n) {\nentry:\n  br label %head\nhead:\n  %i = phi " + type + " [ " +
         start + ", %entry ], [ %next, %body ]\n  " + condition +
         "\n  br i1 %go, label %body, label %end\nbody:\n  " + step +
         "\n  br label %head\nend:\n  ret void\n}";
}

TEST_F(PassTest, InstrumentLoopsLeavesShortLoopsAlone) {
  const std::string add = "%next = add i32 %i, 1";
  const std::pair<std::string, unsigned> kLoops[] = {
      {loop_of("i32", "0", add, "%go = icmp slt i32 %i, 8"), 0},
      {loop_of("i32", "0", add, "%go = icmp slt i32 %i, 5000"), 1},
      {loop_of("i32", "0", add, "%go = icmp slt i32 %i, %n"), 1},
      {loop_of("i32", "0", "%next = add i32 %i, 0", "%go = icmp slt i32 %i, 8"), 1},
      {loop_of("i32", "%n", add, "%go = icmp slt i32 %i, 8"), 1},
      {loop_of("i32", "256", "%next = lshr i32 %i, 1", "%go = icmp ne i32 %i, 0"), 0},
      {loop_of("i8", "0", "%next = add i8 %i, 1",
               "%w = zext i8 %i to i32\n  %go = icmp ult i32 %w, 256"),
       1},  // never ends: the counter wraps
      {loop_of("i16", "0", "%next = add i16 %i, 3",
               "%w = sext i16 %i to i32\n  %go = icmp slt i32 %w, 9"),
       0}};
  for (const auto& [text, checks] : kLoops) {
    analyses_.clear();
    ThreadFunction thread = read_thread(text);
    EXPECT_TRUE(instrument_loops(thread, analyses_));
    EXPECT_EQ(count(written(), "call void @am_stopped"), checks) << text;
  }
}

TEST_F(PassTest, InstrumentLoopsCountsNestedLoopsTogether) {
  const std::string head = R"(
define void @k() {
entry:
  br label %outer
outer:
  %i = phi i32 [ 0, %entry ], [ %i2, %next ]
  br label %inner
inner:
  %j = phi i32 [ 0, %outer ], [ %j2, %inner ]
  %j2 = add i32 %j, 1
  %again = icmp slt i32 %j2, 60
  br i1 %again, label %inner, label %next
next:
  %i2 = add i32 %i, 1
  %more = icmp slt i32 %i2, )";
  const std::string tail = "\n  br i1 %more, label %outer, label %end\nend:\n  ret void\n}";
  ThreadFunction few = read_thread(head + "10" + tail);
  EXPECT_TRUE(instrument_loops(few, analyses_));
  EXPECT_EQ(count(written(), "call void @am_stopped"), 0u);
  analyses_.clear();
  ThreadFunction many = read_thread(head + "100" + tail);
  EXPECT_TRUE(instrument_loops(many, analyses_));
  EXPECT_EQ(count(written(), "call void @am_stopped"), 1u);
}

TEST_F(PassTest, InstrumentLoopsLeavesStraightCodeAlone) {
  ThreadFunction thread = read_thread("define void @k() {\n  ret void\n}");
  EXPECT_FALSE(instrument_loops(thread, analyses_));
  EXPECT_EQ(count(written(), "load"), 0u);
}

const char* const kAccesses = R"(
define void @k(ptr addrspace(1) %x, ptr addrspace(1) %out) {
  %a = alloca [4 x float]
  %inside = getelementptr [4 x float], ptr %a, i64 0, i64 3
  store float 1.0, ptr %inside
  %v = load float, ptr addrspace(1) %x
  store float %v, ptr addrspace(1) %out
  ret void
})";

TEST_F(PassTest, InstrumentBoundsChecksWhatIsntKnown) {
  ThreadFunction thread = read_thread(kAccesses);
  KernelImage image;
  image.objects.resize(2);
  instrument_bounds(thread, image);
  const std::string text = written();
  EXPECT_EQ(count(text, "call void @am_bounds_failed"), 2u) << text;
  EXPECT_EQ(count(text, "@am_find_region"), 0u) << text;
  ASSERT_EQ(image.accesses.size(), 2u);
  EXPECT_FALSE(image.accesses[0].write);
  EXPECT_TRUE(image.accesses[1].write);
}

TEST_F(PassTest, InstrumentBoundsAddsNoBranchesWhenRobust) {
  ThreadFunction thread = read_thread(kAccesses);
  KernelImage image;
  image.bounds = Bounds::robust;
  image.objects.resize(2);
  instrument_bounds(thread, image);
  const std::string text = written();
  EXPECT_EQ(thread.function->size(), 1u) << text;
  EXPECT_EQ(count(text, "select i1"), 3u) << text;  // two pointers, and the value that was read
}

TEST_F(PassTest, InstrumentBoundsDoesNothingWhenOff) {
  ThreadFunction thread = read_thread(kAccesses);
  const std::string before = written();
  KernelImage image;
  image.bounds = Bounds::off;
  image.objects.resize(2);
  instrument_bounds(thread, image);
  EXPECT_EQ(written(), before);
}

TEST_F(PassTest, InstrumentBoundsFollowsPointersThroughLoops) {
  ThreadFunction thread = read_thread(R"(
define void @k(ptr addrspace(1) %x, ptr addrspace(1) %y, i1 %c) {
entry:
  br i1 %c, label %loop, label %other
other:
  br label %loop
loop:
  %p = phi ptr addrspace(1) [ %x, %entry ], [ %y, %other ], [ %q, %loop ]
  store float 0.0, ptr addrspace(1) %p
  %q = getelementptr float, ptr addrspace(1) %p, i64 1
  br label %loop
})");
  KernelImage image;
  image.objects.resize(3);
  instrument_bounds(thread, image);
  const std::string text = written();
  EXPECT_EQ(count(text, "phi i64"), 3u) << text;  // base, size to read, size to write
  EXPECT_EQ(count(text, "@am_find_region"), 0u) << text;
}

TEST_F(PassTest, LowerThreadgroupMemoryAlignsTo16) {
  ThreadFunction thread = read_thread(R"(
@am.threadgroup.a = external addrspace(3) global [3 x float], align 4
@am.threadgroup.b = external addrspace(3) global i8, align 1
@am.threadgroup.c = external addrspace(3) global [2 x float], align 64
define void @k() {
  store i8 1, ptr addrspace(3) @am.threadgroup.b
  store float 1.0, ptr addrspace(3) getelementptr (i8, ptr addrspace(3) @am.threadgroup.a, i64 4)
  store float 1.0, ptr addrspace(3) @am.threadgroup.c
  ret void
})");
  EXPECT_EQ(lower_threadgroup_memory(*thread.function, offsetof(ThreadState, arena), 16), 80u);
  const std::string text = written();
  EXPECT_EQ(count(text, "@am.threadgroup"), 0u) << text;
  expect_in_order(text, {"i64 16", "i64 64"});
}

/// Every row of the table has a lowering: to instructions, to a meeting, or to a function of the
/// runtime.
TEST(LowerBuiltins, CoversTheTable) {
  std::set<std::string> functions;
  for (const auto& symbol : reference::runtime_symbols()) functions.insert(symbol.first);
  for (const builtins::Builtin& builtin : builtins::table()) {
    const bool lowered = lowers_to_instructions(builtin.name);
    const bool meets = reference::find_meeting(builtin.name).has_value();
    size_t linked = 0;
    const auto names = builtins::ir_names(builtin);
    for (const std::string& name : names) linked += functions.contains(name);
    EXPECT_EQ(int(lowered) + int(meets) + int(linked == names.size()), 1) << builtin.name;
    EXPECT_TRUE(linked == 0 || linked == names.size()) << builtin.name << " lacks a type";
    EXPECT_EQ(meets, builtin.convergent) << builtin.name;
  }
}

// Ordinary loops keep their speed: no load of a sum is deferred.
TEST_F(PassTest, InstrumentBoundsDefersOnlyWhatMayBeThrownAway) {
  const std::string loop = R"(
define void @k(ptr addrspace(1) %x, ptr addrspace(1) %out) {
entry:
  br label %loop
loop:
  %i = phi i64 [ 0, %entry ], [ %i1, %loop ]
  %sum = phi float [ 0.0, %entry ], [ %more, %loop ]
  %p = getelementptr float, ptr addrspace(1) %x, i64 %i
  %v = load float, ptr addrspace(1) %p
  %more = fadd float %sum, %v
  %i1 = add i64 %i, 1
  %again = icmp ult i64 %i1, 8
  br i1 %again, label %loop, label %done
done:
  store float RESULT, ptr addrspace(1) %out
  ret void
})";
  for (const std::string result : {"%more", "%v"}) {
    std::string text = loop;
    ThreadFunction thread = read_thread(text.replace(text.find("RESULT"), 6, result));
    KernelImage image;
    image.bounds = Bounds::error;
    image.objects.resize(2);
    image.argument_count = 2;
    instrument_bounds(thread, image);
    EXPECT_EQ(count(written(), "call void @am_deferred_read_failed"), 0u) << result;
    EXPECT_EQ(count(written(), "call void @am_bounds_failed"), 2u) << result;
  }
}

}  // namespace
}  // namespace anymetal::backend
