// Meetings of threads, in straight and in divergent control flow.
#include <numeric>
#include <set>

#include "backend/reference/test_kernel.h"

namespace anymetal::backend::reference {
namespace {

// %lane, %id, %wide and the declarations that the bodies below use.
std::string kernel_text(const std::string& body, const std::string& more = {}) {
  return R"(
declare i32 @am.thread_position_in_grid.x()
declare i32 @am.thread_index_in_simdgroup()
declare i32 @am.thread_index_in_threadgroup()
declare i32 @am.simdgroup_index_in_threadgroup()
declare i32 @am.threads_per_threadgroup.x()
declare i32 @am.dispatch_threads_per_threadgroup.x()
declare void @am.threadgroup_barrier(i32) convergent
declare i32 @am.simd_sum.u32(i32) convergent memory(none)
declare float @am.simd_sum.f32(float) convergent memory(none)
declare half @am.simd_max.f16(half) convergent memory(none)
declare i32 @am.simd_shuffle.u32(i32, i16) convergent memory(none)
declare i32 @am.simd_shuffle_up.u32(i32, i16) convergent memory(none)
declare i32 @am.simd_shuffle_and_fill_down.u32(i32, i32, i16, i16) convergent memory(none)
declare i32 @am.simd_prefix_exclusive_sum.u32(i32) convergent memory(none)
declare i32 @am.simd_broadcast_first.u32(i32) convergent memory(none)
declare i64 @am.simd_ballot(i1) convergent memory(none)
declare i1 @am.simd_is_first() convergent memory(none)
declare i32 @am.quad_sum.u32(i32) convergent memory(none)
)" + more +
         R"(
define void @k(ptr addrspace(1) %out) {
entry:
  %id = call i32 @am.thread_position_in_grid.x()
  %lane = call i32 @am.thread_index_in_simdgroup()
  %wide = zext i32 %id to i64
  %to = getelementptr i32, ptr addrspace(1) %out, i64 %wide
)" + body +
         "}\n";
}

/// Runs it and returns out, one u32 for each thread; 0xffffffff where nothing was written.
std::vector<uint32_t> run_text(const std::string& text, uint32_t grid, uint32_t threadgroup,
                               uint64_t seed = 0) {
  auto kernel = compile_text(text, {{"out", "uint"}});
  std::vector<uint32_t> out(grid, ~0u);
  if (!kernel) return out;
  const auto result = run(*kernel, {grid}, {threadgroup}, {argument(out)}, seed);
  EXPECT_TRUE(result.ok()) << result.error().text();
  return out;
}

constexpr uint64_t kSeeds[] = {0, 1, 2, 3, 4, 5, 6, 7};

TEST(Divergence, SumsOverWholeAndPartialSimdgroups) {
  const std::string text = kernel_text(R"(
  %s = call i32 @am.simd_sum.u32(i32 1)
  %n = call i32 @am.threads_per_threadgroup.x()
  %h = mul i32 %n, 1000
  %d = call i32 @am.dispatch_threads_per_threadgroup.x()
  %g = mul i32 %d, 1000000
  %hs = add i32 %h, %s
  %r = add i32 %hs, %g
  store i32 %r, ptr addrspace(1) %to
  ret void
)");
  const auto out =
      run_text(text, 100, 40);  // threadgroups of 40, 40, 20; simdgroups of 32, 8, 32, 8, 20
  for (uint32_t id = 0; id < 100; ++id) {
    const uint32_t lanes = id >= 80 ? 20 : id % 40 < 32 ? 32 : 8;
    const uint32_t threads = id >= 80 ? 20 : 40;
    EXPECT_EQ(out[id], 40'000'000 + threads * 1000 + lanes) << id;
  }
}

TEST(Divergence, OnlyActiveLanesTakePartAndAllMeetAgain) {
  const std::string text = kernel_text(R"(
  %m = urem i32 %lane, 3
  %c = icmp eq i32 %m, 0
  br i1 %c, label %yes, label %no
yes:
  %a = call i32 @am.simd_sum.u32(i32 1)
  br label %join
no:
  %b = call i32 @am.simd_sum.u32(i32 100)
  br label %join
join:
  %ab = phi i32 [ %a, %yes ], [ %b, %no ]
  %t = call i32 @am.simd_sum.u32(i32 1)
  %t2 = mul i32 %t, 100000
  %r = add i32 %t2, %ab
  store i32 %r, ptr addrspace(1) %to
  ret void
)");
  for (const uint64_t seed : kSeeds) {
    const auto out = run_text(text, 64, 64, seed);
    for (uint32_t id = 0; id < 64; ++id)
      EXPECT_EQ(out[id], 3'200'000 + (id % 32 % 3 == 0 ? 11 : 2100)) << id;
  }
}

TEST(Divergence, LanesOfALoopMeetInTheSameIteration) {
  // acc += simd_sum(1) while i <= lane: in iteration i, 32 - i lanes are there. Afterwards all
  // meet.
  const std::string text = kernel_text(R"(
  br label %loop
loop:
  %i = phi i32 [ 0, %entry ], [ %i1, %loop ]
  %acc = phi i32 [ 0, %entry ], [ %acc1, %loop ]
  %s = call i32 @am.simd_sum.u32(i32 1)
  %acc1 = add i32 %acc, %s
  %i1 = add i32 %i, 1
  %more = icmp ule i32 %i1, %lane
  br i1 %more, label %loop, label %done
done:
  %t = call i32 @am.simd_sum.u32(i32 1)
  %t2 = mul i32 %t, 100000
  %r = add i32 %t2, %acc1
  store i32 %r, ptr addrspace(1) %to
  ret void
)");
  for (const uint64_t seed : kSeeds) {
    const auto out = run_text(text, 96, 96, seed);
    for (uint32_t id = 0; id < 96; ++id) {
      uint32_t sum = 0;
      for (uint32_t i = 0; i <= id % 32; ++i) sum += 32 - i;
      EXPECT_EQ(out[id], 3'200'000 + sum) << id;
    }
  }
}

TEST(Divergence, NestedLoops) {
  // for i in 0..lane%4: for j in 0..(lane+i)%3: acc += simd_sum(1)
  const std::string text = kernel_text(R"(
  %n = urem i32 %lane, 4
  br label %outer
outer:
  %i = phi i32 [ 0, %entry ], [ %i1, %outer.end ]
  %acc = phi i32 [ 0, %entry ], [ %acc2, %outer.end ]
  %li = add i32 %lane, %i
  %m = urem i32 %li, 3
  br label %inner
inner:
  %j = phi i32 [ 0, %outer ], [ %j1, %inner ]
  %acc1 = phi i32 [ %acc, %outer ], [ %acc2, %inner ]
  %s = call i32 @am.simd_sum.u32(i32 1)
  %acc2 = add i32 %acc1, %s
  %j1 = add i32 %j, 1
  %morej = icmp ule i32 %j1, %m
  br i1 %morej, label %inner, label %outer.end
outer.end:
  %i1 = add i32 %i, 1
  %morei = icmp ule i32 %i1, %n
  br i1 %morei, label %outer, label %done
done:
  store i32 %acc2, ptr addrspace(1) %to
  ret void
)");
  for (const uint64_t seed : kSeeds) {
    const auto out = run_text(text, 32, 32, seed);
    std::vector<uint32_t> expected(32, 0);
    for (uint32_t i = 0; i < 4; ++i) {
      for (uint32_t j = 0; j < 3; ++j) {
        std::vector<uint32_t> there;
        for (uint32_t lane = 0; lane < 32; ++lane) {
          if (i <= lane % 4 && j <= (lane + i) % 3) there.push_back(lane);
        }
        for (const uint32_t lane : there) expected[lane] += uint32_t(there.size());
      }
    }
    EXPECT_EQ(out, expected);
  }
}

TEST(Divergence, LanesThatReturnedAreGone) {
  const std::string text = kernel_text(R"(
  %c = icmp ult i32 %lane, 5
  br i1 %c, label %leave, label %stay
leave:
  ret void
stay:
  call void @am.threadgroup_barrier(i32 2)
  %s = call i32 @am.simd_sum.u32(i32 1)
  store i32 %s, ptr addrspace(1) %to
  ret void
)");
  for (const uint64_t seed : kSeeds) {
    const auto out = run_text(text, 64, 64, seed);
    for (uint32_t id = 0; id < 64; ++id) EXPECT_EQ(out[id], id % 32 < 5 ? ~0u : 27u) << id;
  }
}

TEST(Divergence, IrreducibleLoopsMeetToo) {
  // Two blocks that jump to each other, entered at either.
  const std::string text = kernel_text(R"(
  %odd = and i32 %lane, 1
  %c = icmp eq i32 %odd, 0
  br i1 %c, label %a, label %b
a:
  %ia = phi i32 [ 0, %entry ], [ %ib1, %b ]
  %ia1 = add i32 %ia, 1
  %enda = icmp ugt i32 %ia1, 6
  br i1 %enda, label %done, label %b
b:
  %ib = phi i32 [ 0, %entry ], [ %ia1, %a ]
  %ib1 = add i32 %ib, 1
  %endb = icmp ugt i32 %ib1, 6
  br i1 %endb, label %done, label %a
done:
  %s = call i32 @am.simd_sum.u32(i32 1)
  store i32 %s, ptr addrspace(1) %to
  ret void
)");
  for (const uint32_t value : run_text(text, 32, 32)) EXPECT_EQ(value, 32u);
}

TEST(Divergence, MovesValues) {
  const std::string text = kernel_text(R"(
  %x = add i32 %lane, 100
  %from = xor i32 %lane, 5
  %from16 = trunc i32 %from to i16
  %a = call i32 @am.simd_shuffle.u32(i32 %x, i16 %from16)
  %b = call i32 @am.simd_shuffle_up.u32(i32 %x, i16 3)
  %fill = add i32 %lane, 200
  %c = call i32 @am.simd_shuffle_and_fill_down.u32(i32 %x, i32 %fill, i16 2, i16 8)
  %d = call i32 @am.simd_prefix_exclusive_sum.u32(i32 %lane)
  %b2 = mul i32 %b, 1000
  %c2 = mul i32 %c, 1000000
  %ab = add i32 %a, %b2
  %abc = add i32 %ab, %c2
  %big = icmp uge i32 %id, 32
  %r = select i1 %big, i32 %d, i32 %abc
  store i32 %r, ptr addrspace(1) %to
  ret void
)");
  const auto out = run_text(text, 64, 64);
  for (uint32_t lane = 0; lane < 32; ++lane) {
    const uint32_t a = 100 + (lane ^ 5), b = 100 + (lane < 3 ? lane : lane - 3);
    const uint32_t c = lane % 8 + 2 < 8 ? 100 + lane + 2 : 200 + lane + 2 - 8;
    EXPECT_EQ(out[lane], a + b * 1000 + c * 1000000) << lane;
    EXPECT_EQ(out[32 + lane], lane * (lane - 1) / 2) << lane;
  }
}

TEST(Divergence, InactiveLanesGiveNoVotesAndZeros) {
  const std::string text = kernel_text(R"(
  %odd = and i32 %lane, 1
  %c = icmp eq i32 %odd, 1
  br i1 %c, label %yes, label %no
yes:
  %low = icmp ult i32 %lane, 8
  %v = call i64 @am.simd_ballot(i1 %low)
  %v32 = trunc i64 %v to i32
  %first = call i1 @am.simd_is_first()
  %f32 = zext i1 %first to i32
  %f = shl i32 %f32, 20
  %x = add i32 %lane, 1
  %even = call i32 @am.simd_shuffle.u32(i32 %x, i16 2)
  %e = shl i32 %even, 24
  %vf = add i32 %v32, %f
  %r1 = add i32 %vf, %e
  store i32 %r1, ptr addrspace(1) %to
  ret void
no:
  %q = call i32 @am.quad_sum.u32(i32 %lane)
  store i32 %q, ptr addrspace(1) %to
  ret void
)");
  const auto out = run_text(text, 32, 32);
  for (uint32_t lane = 0; lane < 32; ++lane) {
    const uint32_t quad = lane / 4 * 4;
    EXPECT_EQ(out[lane], lane % 2 == 0 ? quad + quad + 2 : 0xaau + (lane == 1 ? 1u << 20 : 0))
        << lane;
  }
}

TEST(Divergence, HalfTravelsInItsOwnFormat) {
  const std::string text = kernel_text(R"(
  %f = uitofp i32 %lane to half
  %m = call half @am.simd_max.f16(half %f)
  %r = fptoui half %m to i32
  store i32 %r, ptr addrspace(1) %to
  ret void
)");
  for (const uint32_t value : run_text(text, 32, 32)) EXPECT_EQ(value, 31u);
}

// A sum over 1,024 threads in two levels, twice, without a barrier between the first's last read
// and the second's first write: a race that Apple's GPUs forgive.
std::string two_reductions() {
  const std::string step = R"(
  %s@ = call i32 @am.simd_sum.u32(i32 @v)
  %p@ = getelementptr [32 x i32], ptr addrspace(3) @am.threadgroup.part, i64 0, i64 %sgw
  store i32 %s@, ptr addrspace(3) %p@
  call void @am.threadgroup_barrier(i32 2)
  %q@ = getelementptr [32 x i32], ptr addrspace(3) @am.threadgroup.part, i64 0, i64 %lanew
  %l@ = load i32, ptr addrspace(3) %q@
  %t@ = call i32 @am.simd_sum.u32(i32 %l@)
)";
  const auto fill = [&](const std::string& number, const std::string& value) {
    std::string text = step;
    for (size_t at; (at = text.find("@v")) != std::string::npos;) text.replace(at, 2, value);
    for (size_t at = 0; (at = text.find('@', at)) != std::string::npos; ++at) {
      if (text.compare(at, 3, "@am") != 0) text.replace(at, 1, number);
    }
    return text;
  };
  return kernel_text(
      "  %sg = call i32 @am.simdgroup_index_in_threadgroup()\n"
      "  %sgw = zext i32 %sg to i64\n  %lanew = zext i32 %lane to i64\n" +
          fill("1", "1") + fill("2", "%id") +
          "  %r0 = mul i32 %t1, 1000000\n  %r = add i32 %r0, %t2\n"
          "  store i32 %r, ptr addrspace(1) %to\n  ret void\n",
      "@am.threadgroup.part = external addrspace(3) global [32 x i32], align 4\n");
}

TEST(Divergence, TheDefaultOrderForgivesRacesBetweenSimdgroups) {
  const uint32_t right = 1024u * 1'000'000u + 1024u * 1023 / 2;
  for (const uint32_t value : run_text(two_reductions(), 1024, 1024)) ASSERT_EQ(value, right);
}

TEST(Divergence, SomeOtherOrderShowsTheRace) {
  const uint32_t right = 1024u * 1'000'000u + 1024u * 1023 / 2;
  int wrong = 0;
  for (uint64_t seed = 1; seed <= 16; ++seed) {
    for (const uint32_t value : run_text(two_reductions(), 1024, 1024, seed))
      wrong += value != right;
  }
  EXPECT_GT(wrong, 0);
}

// A scan over the lanes of a simdgroup in threadgroup memory, in place and without any barrier:
// right only if lanes run in lockstep.
const char* const kScanWithoutBarriers = R"(
  %lanew = zext i32 %lane to i64
  %own = getelementptr [32 x i32], ptr addrspace(3) @am.threadgroup.part, i64 0, i64 %lanew
  store i32 1, ptr addrspace(3) %own
  br label %loop
loop:
  %d = phi i32 [ 1, %entry ], [ %d2, %next ]
  %far = icmp uge i32 %lane, %d
  br i1 %far, label %add, label %next
add:
  %from = sub i32 %lane, %d
  %fromw = zext i32 %from to i64
  %other = getelementptr [32 x i32], ptr addrspace(3) @am.threadgroup.part, i64 0, i64 %fromw
  %a = load i32, ptr addrspace(3) %other
  %b = load i32, ptr addrspace(3) %own
  %s = add i32 %a, %b
  store i32 %s, ptr addrspace(3) %own
  br label %next
next:
  %d2 = shl i32 %d, 1
  %more = icmp ult i32 %d2, 32
  br i1 %more, label %loop, label %done
done:
  %r = load i32, ptr addrspace(3) %own
  store i32 %r, ptr addrspace(1) %to
  ret void
)";

TEST(Divergence, TheDefaultOrderForgivesRacesBetweenLanes) {
  const std::string text =
      kernel_text(kScanWithoutBarriers,
                  "@am.threadgroup.part = external addrspace(3) global [32 x i32], align 4\n");
  const auto out = run_text(text, 64, 32);
  for (uint32_t id = 0; id < 64; ++id) EXPECT_EQ(out[id], id % 32 + 1) << id;
  int wrong = 0;
  for (uint64_t seed = 1; seed < 8; ++seed) wrong += run_text(text, 64, 32, seed) != out;
  EXPECT_GT(wrong, 0);
}

TEST(Divergence, BarriersOrderThreadgroupMemory) {
  // Each of 7 rounds: part[i] = part[(i + 1) % n] + 1, with barriers between read and write.
  const std::string text =
      kernel_text(R"(
  %tid = call i32 @am.thread_index_in_threadgroup()
  %n = call i32 @am.threads_per_threadgroup.x()
  %tidw = zext i32 %tid to i64
  %own = getelementptr [100 x i32], ptr addrspace(3) @am.threadgroup.ring, i64 0, i64 %tidw
  store i32 %tid, ptr addrspace(3) %own
  %t1 = add i32 %tid, 1
  %t2 = urem i32 %t1, %n
  %t2w = zext i32 %t2 to i64
  %next = getelementptr [100 x i32], ptr addrspace(3) @am.threadgroup.ring, i64 0, i64 %t2w
  br label %loop
loop:
  %i = phi i32 [ 0, %entry ], [ %i1, %loop ]
  call void @am.threadgroup_barrier(i32 2)
  %v = load i32, ptr addrspace(3) %next
  call void @am.threadgroup_barrier(i32 2)
  %v1 = add i32 %v, 100
  store i32 %v1, ptr addrspace(3) %own
  %i1 = add i32 %i, 1
  %more = icmp ult i32 %i1, 7
  br i1 %more, label %loop, label %done
done:
  store i32 %v1, ptr addrspace(1) %to
  ret void
)",
                  "@am.threadgroup.ring = external addrspace(3) global [100 x i32], align 4\n");
  for (const uint64_t seed : kSeeds) {
    const auto out = run_text(text, 1000, 100, seed);
    for (uint32_t id = 0; id < 1000; ++id)
      ASSERT_EQ(out[id], (id % 100 + 7) % 100 + 700) << id << " seed " << seed;
  }
}

TEST(Divergence, DivergentBarriersDontHang) {
  const std::string text = kernel_text(R"(
  %odd = and i32 %id, 1
  %c = icmp eq i32 %odd, 1
  br i1 %c, label %yes, label %join
yes:
  call void @am.threadgroup_barrier(i32 2)
  br label %join
join:
  %s = call i32 @am.simd_sum.u32(i32 1)
  call void @am.threadgroup_barrier(i32 2)
  store i32 %s, ptr addrspace(1) %to
  ret void
)");
  for (const uint64_t seed : kSeeds) {
    std::set<uint32_t> values;
    for (const uint32_t value : run_text(text, 64, 64, seed)) values.insert(value);
    EXPECT_EQ(values, std::set<uint32_t>{16}) << "odd and even lanes call simd_sum apart";
  }
}

}  // namespace
}  // namespace anymetal::backend::reference
