// Dispatches allocate nothing once a kernel has run: all calls of operator new are counted here.
#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <new>
#include <numeric>

#include "backend/reference/test_kernel.h"

#if !defined(__has_feature)
#define __has_feature(x) 0
#endif

// Sanitizers have an operator new of their own.
#if !__has_feature(address_sanitizer) && !__has_feature(thread_sanitizer) && \
    !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)

namespace {

std::atomic<uint64_t> allocations{0};

void* allocate(std::size_t bytes) {
  allocations.fetch_add(1, std::memory_order_relaxed);
  if (void* memory = std::malloc(bytes == 0 ? 1 : bytes)) return memory;
  throw std::bad_alloc();
}

}  // namespace

void* operator new(std::size_t bytes) {
  return allocate(bytes);
}
void* operator new[](std::size_t bytes) {
  return allocate(bytes);
}
void operator delete(void* memory) noexcept {
  std::free(memory);
}
void operator delete[](void* memory) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
  std::free(memory);
}
void operator delete[](void* memory, std::size_t) noexcept {
  std::free(memory);
}

namespace anymetal::backend::cpu {
namespace {

using reference::argument;

// Sums in buffers that only grow, and threadgroup memory that is an argument.
constexpr const char* kCount = R"(
declare i32 @am.thread_position_in_grid.x() memory(none)
define void @k(ptr addrspace(1) %x, ptr addrspace(1) %bins, ptr addrspace(1) %total) {
  %id = call i32 @am.thread_position_in_grid.x()
  %w = zext i32 %id to i64
  %from = getelementptr i32, ptr addrspace(1) %x, i64 %w
  %v = load i32, ptr addrspace(1) %from
  %bin = and i32 %v, 255
  %bw = zext i32 %bin to i64
  %at = getelementptr i32, ptr addrspace(1) %bins, i64 %bw
  %old = atomicrmw add ptr addrspace(1) %at, i32 1 monotonic
  %sum = atomicrmw add ptr addrspace(1) %total, i32 %v monotonic
  ret void
}
)";

TEST(DispatchAllocations, NoneOnceAKernelHasRun) {
  ASSERT_GT(allocations.load(), 0u);  // they are counted
  for (const Bounds bounds : {Bounds::off, Bounds::robust}) {
    auto kernel = cpu_backend().compile(
        reference::make_ir(kCount, {{"x", "uint"}, {"bins", "uint"}, {"total", "uint"}}),
        {.bounds = bounds, .threadgroup = {64}});
    ASSERT_TRUE(kernel.ok()) << kernel.error().text();
    std::vector<uint32_t> x(1 << 16), bins(256), total(1);
    std::iota(x.begin(), x.end(), 0);
    const Argument arguments[] = {argument(x), argument(bins), argument(total)};
    uint32_t runs = 0;
    // A whole grid, and one whose last threadgroup is cut.
    for (const uint32_t grid : {1u << 16, (1u << 16) - 5}) {
      const Dispatch dispatch{.grid = {grid}, .threadgroup = {64}, .arguments = arguments};
      // The pool's threads start when they are first needed, whenever that is.
      uint64_t most = 1;
      for (int round = 0; round < 50 && most != 0; ++round) {
        const uint64_t before = allocations.load();
        for (int i = 0; i < 20; ++i, ++runs) {
          const bool ran = (*kernel)->run(dispatch).ok();
          if (!ran) FAIL();
        }
        most = allocations.load() - before;
      }
      EXPECT_EQ(most, 0u);
    }
    EXPECT_EQ(bins[3], runs * 256);
  }
}

}  // namespace
}  // namespace anymetal::backend::cpu

#endif
