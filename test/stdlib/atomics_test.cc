// Every atomic operation of every type that Metal names, in device and threadgroup memory, under
// every memory order: the values that it returns and leaves behind are those of some order of the
// threads. And every barrier and fence, with every flag.
#include <algorithm>

#include "run_text.h"

namespace anymetal {
namespace {

constexpr int kThreads = 256;

const char* const kText = R"(
template <class P>
void each(P object, device TYPE* old, TYPE operand, uint i) {
  old[0 * 256 + i] = atomic_fetch_add_explicit(object + 0, TYPE(1), memory_order_ORDER);
  old[1 * 256 + i] = atomic_fetch_sub_explicit(object + 1, TYPE(1), memory_order_ORDER);
  old[2 * 256 + i] = atomic_exchange_explicit(object + 2, TYPE(i), memory_order_ORDER);
  TYPE seen = atomic_load_explicit(object + 3, memory_order_relaxed);
  while (!atomic_compare_exchange_weak_explicit(object + 3, &seen, TYPE(seen + 1), memory_order_ORDER, memory_order_relaxed)) {}
  old[3 * 256 + i] = seen;
#if INTEGER
  old[4 * 256 + i] = atomic_fetch_min_explicit(object + 4, operand, memory_order_ORDER);
  old[5 * 256 + i] = atomic_fetch_max_explicit(object + 5, operand, memory_order_ORDER);
  old[6 * 256 + i] = atomic_fetch_and_explicit(object + 6, TYPE(~(TYPE(1) << (i % 8))), memory_order_ORDER);
  old[7 * 256 + i] = atomic_fetch_or_explicit(object + 7, TYPE(TYPE(1) << (i % 8)), memory_order_ORDER);
  old[8 * 256 + i] = atomic_fetch_xor_explicit(object + 8, TYPE(i), memory_order_ORDER);
#if WIDE
  atomic_min_explicit(object + 9, operand, memory_order_ORDER);
  atomic_max_explicit(object + 10, operand, memory_order_ORDER);
#endif
#endif
}
kernel void k(device atomic<TYPE>* out, device TYPE* old, device TYPE* local_out, device TYPE* local_old,
              device const TYPE* operands, uint i [[thread_position_in_grid]]) {
  threadgroup atomic<TYPE> local[12];
  if (i < 12) atomic_store_explicit(&local[i], atomic_load_explicit(out + i, memory_order_relaxed), memory_order_relaxed);
  threadgroup_barrier(mem_flags::mem_threadgroup | mem_flags::mem_device);
  each(out, old, operands[i], i);
  each((threadgroup atomic<TYPE>*)local, local_old, operands[i], i);
  atomic_thread_fence(mem_flags::mem_device, memory_order_seq_cst, thread_scope_device);
  threadgroup_barrier(mem_flags::mem_threadgroup);
  if (i < 12) local_out[i] = atomic_load_explicit(&local[i], memory_order_relaxed);
})";

/// Texts in which words are replaced.
std::string with(std::string text, const std::string& from, const std::string& to) {
  for (size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size())
    text.replace(at, from.size(), to);
  return text;
}

/// That the values which `operation` returned are those before and between 256 steps from `start`.
template <class T>
void expect_chain(const T* old, T start, int step, const char* operation) {
  std::vector<T> sorted(old, old + kThreads), want;
  for (int i = 0; i < kThreads; ++i) want.push_back(T(start + T(i * step)));
  std::sort(sorted.begin(), sorted.end());
  std::sort(want.begin(), want.end());
  EXPECT_EQ(sorted, want) << operation;
}

template <class T>
void expect_results(const std::vector<T>& out, const std::vector<T>& old,
                    const std::vector<T>& operands, bool wide) {
  expect_chain(&old[0], T(5), 1, "add");
  EXPECT_EQ(out[0], T(5 + kThreads));
  expect_chain(&old[kThreads], T(1000), -1, "sub");
  EXPECT_EQ(out[1], T(1000 - kThreads));
  // Exchanges pass every value on once, but the last, which stays.
  std::vector<T> passed(old.begin() + 2 * kThreads, old.begin() + 3 * kThreads), want = {T(777)};
  passed.push_back(out[2]);
  for (int i = 0; i < kThreads; ++i) want.push_back(T(i));
  std::sort(passed.begin(), passed.end());
  std::sort(want.begin(), want.end());
  EXPECT_EQ(passed, want);
  expect_chain(&old[3 * kThreads], T(0), 1, "compare_exchange");
  EXPECT_EQ(out[3], T(kThreads));
  if constexpr (std::is_integral_v<T>) {
    const auto [least, greatest] = std::minmax_element(operands.begin(), operands.end());
    EXPECT_EQ(out[4], std::min(*least, T(50)));
    EXPECT_EQ(out[5], std::max(*greatest, T(50)));
    EXPECT_EQ(out[6], T(~T(255)));
    EXPECT_EQ(out[7], T(255));
    EXPECT_EQ(out[8], T(9)) << "every bit is turned an even number of times";
    if (wide) {
      EXPECT_EQ(out[9], std::min(*least, T(50)));
      EXPECT_EQ(out[10], std::max(*greatest, T(50)));
    }
    // A minimum never returns less than it leaves.
    for (int i = 0; i < kThreads; ++i) EXPECT_GE(old[4 * kThreads + i], out[4]);
  }
}

template <class T>
void check(const std::string& type, const std::string& order) {
  const bool wide = type == "ulong";
  std::string text = with(with(kText, "TYPE", type), "ORDER", order);
  text = with(with(text, "#if INTEGER", std::is_integral_v<T> ? "#if 1" : "#if 0"), "#if WIDE",
              wide ? "#if 1" : "#if 0");
  std::vector<T> out = {5, 1000, 777, 0, 50, 50, T(-1), 0, 9, 50, 50, 0}, old(9 * kThreads),
                 local_out(12), local_old(9 * kThreads), operands(kThreads);
  for (int i = 0; i < kThreads; ++i) operands[i] = T((i * 37 % 256 - 100) * (wide ? 1l << 40 : 3));
  ASSERT_TRUE(run_text(
      text,
      {argument(out), argument(old), argument(local_out), argument(local_old), argument(operands)},
      kThreads, kThreads));
  SCOPED_TRACE(type + " " + order);
  expect_results(out, old, operands, wide);
  expect_results(local_out, local_old, operands, wide);
}

TEST(Atomics, EveryTypeAndOrder) {
  check<int>("int", "relaxed");
  check<uint32_t>("uint", "acq_rel");
  check<int64_t>("long", "seq_cst");
  check<uint64_t>("ulong", "relaxed");
  check<float>("float", "relaxed");
  check<uint32_t>("uint", "seq_cst");
}

TEST(Atomics, Bool) {
  std::vector<uint8_t> flags = {0, 1, 0, 0};
  std::vector<int> out(4);
  ASSERT_TRUE(run_text(R"(
kernel void k(device atomic_bool* flags, device atomic_int* out, uint i [[thread_position_in_grid]]) {
  if (!atomic_exchange_explicit(&flags[0], true, memory_order_relaxed)) atomic_fetch_add_explicit(&out[0], 1, memory_order_relaxed);
  bool expected = true;
  if (atomic_compare_exchange_weak_explicit(&flags[1], &expected, false, memory_order_relaxed, memory_order_relaxed))
    atomic_fetch_add_explicit(&out[1], 1, memory_order_relaxed);
  else
    atomic_fetch_add_explicit(&out[2], expected ? 1000 : 1, memory_order_relaxed);
  if (i == 3) atomic_store_explicit(&flags[2], true, memory_order_relaxed);
  if (atomic_load_explicit(&flags[3], memory_order_relaxed)) atomic_fetch_add_explicit(&out[3], 1, memory_order_relaxed);
})",
                       {argument(flags), argument(out)}, 64, 32));
  EXPECT_EQ(flags, (std::vector<uint8_t>{1, 0, 1, 0}));
  EXPECT_EQ(out, (std::vector<int>{1, 1, 63, 0}));
}

// A histogram in threadgroup memory between barriers of every flag and scope: each one must hold
// the threads back.
TEST(Barriers, EveryFlagAndScope) {
  std::vector<int> out(512 * 9, -1);
  ASSERT_TRUE(run_text(R"(
kernel void k(device int* out, uint i [[thread_position_in_grid]], uint t [[thread_index_in_threadgroup]]) {
  threadgroup int shared[128];
  int n = 0;
#define AFTER(...)                     \
  shared[t] = int(t) + n;              \
  __VA_ARGS__;                         \
  out[n++ * 512 + i] = shared[127 - t]; \
  threadgroup_barrier(mem_flags::mem_threadgroup);
  AFTER(threadgroup_barrier(mem_flags::mem_none))
  AFTER(threadgroup_barrier(mem_flags::mem_threadgroup))
  AFTER(threadgroup_barrier(mem_flags::mem_device))
  AFTER(threadgroup_barrier(mem_flags::mem_texture))
  AFTER(threadgroup_barrier(mem_flags::mem_object_data))
  AFTER(threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup | mem_flags::mem_texture))
  AFTER(threadgroup_barrier(mem_flags::mem_threadgroup, thread_scope_threadgroup))
  AFTER(threadgroup_barrier(mem_flags(3)))
  shared[t] = int(t);
  simdgroup_barrier(mem_flags::mem_threadgroup);
  quadgroup_barrier(mem_flags::mem_none);
  out[8 * 512 + i] = shared[t ^ 31];
})",
                       {argument(out)}, 512, 128));
  for (int i = 0; i < 512; ++i) {
    for (int n = 0; n < 8; ++n) EXPECT_EQ(out[n * 512 + i], 127 - i % 128 + n) << n;
    EXPECT_EQ(out[8 * 512 + i], i % 128 ^ 31);
  }
}

TEST(Atomics, OfWhatHasNoneAreRefused) {
  for (const char* text :
       {"kernel void k(device atomic<float4>* o) { atomic_store_explicit(o, float4(1), "
        "memory_order_relaxed); }",
        "kernel void k(device int* o) { atomic_fetch_add_explicit(o, 1, memory_order_relaxed); }",
        "kernel void k(device float* o) { thread atomic_int a; atomic_store_explicit(&a, 1, "
        "memory_order_relaxed); }",
        "kernel void k(constant atomic_int* a) { atomic_store_explicit(a, 1, "
        "memory_order_relaxed); }"}) {
    EXPECT_FALSE(parse_error(text).text().empty()) << text;
  }
}

}  // namespace
}  // namespace anymetal
