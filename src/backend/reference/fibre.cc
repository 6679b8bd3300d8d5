#include "backend/reference/fibre.h"

#include <sys/mman.h>
#include <unistd.h>

#include <atomic>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ANYMETAL_ADDRESS_SANITIZER 1
#endif
#if __has_feature(thread_sanitizer)
#define ANYMETAL_THREAD_SANITIZER 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) && !defined(ANYMETAL_ADDRESS_SANITIZER)
#define ANYMETAL_ADDRESS_SANITIZER 1
#endif
#if defined(__SANITIZE_THREAD__) && !defined(ANYMETAL_THREAD_SANITIZER)
#define ANYMETAL_THREAD_SANITIZER 1
#endif
#ifdef ANYMETAL_ADDRESS_SANITIZER
#include <sanitizer/asan_interface.h>
// cmake/llvm_uninstrumented.h makes it nothing for LLVM's headers.
#undef __asan_unpoison_memory_region
#include <sanitizer/common_interface_defs.h>
#endif
#ifdef ANYMETAL_THREAD_SANITIZER
#include <sanitizer/tsan_interface.h>
#endif

namespace anymetal::backend::reference {
namespace {

// Linux gives a process 65,530 mappings by default; a guarded stack takes two. Many workers with
// 1,024 stacks each would use them up, so stacks beyond these go without guards.
constexpr size_t kMaxGuardedStacks = 16384;
std::atomic<size_t> guarded_stacks{0};

size_t page_size() {
  static const auto size = size_t(sysconf(_SC_PAGESIZE));
  return size;
}

}  // namespace

bool StackMemory::map(size_t count, size_t bytes_each) {
  unmap();
  const size_t page = page_size();
  const size_t bytes = (bytes_each + page - 1) / page * page;
  const bool guarded = guarded_stacks.fetch_add(count) + count <= kMaxGuardedStacks;
  if (!guarded) guarded_stacks.fetch_sub(count);
  const size_t guard = guarded ? page : 0;
  void* memory = mmap(nullptr, count * (bytes + guard), PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) {
    if (guarded) guarded_stacks.fetch_sub(count);
    return false;
  }
  base_ = static_cast<uint8_t*>(memory);
  count_ = count;
  stride_ = bytes + guard;
  guard_ = guard;
  // A refused guard only makes a stack overflow, which the code's own checks exclude, less loud.
  for (size_t index = 0; guarded && index < count; ++index) {
    (void)mprotect(base_ + index * stride_, guard, PROT_NONE);
  }
  return true;
}

void StackMemory::unmap() {
  if (!base_) return;
#ifdef ANYMETAL_ADDRESS_SANITIZER
  __asan_unpoison_memory_region(base_, count_ * stride_);
#endif
  munmap(base_, count_ * stride_);
  if (guard_) guarded_stacks.fetch_sub(count_);
  base_ = nullptr;
  count_ = 0;
}

Fibre::~Fibre() {
#ifdef ANYMETAL_THREAD_SANITIZER
  if (thread_sanitizer_fibre_) __tsan_destroy_fiber(thread_sanitizer_fibre_);
#endif
}

void Fibre::reset(uint8_t* stack_bottom, size_t stack_bytes) {
#ifdef ANYMETAL_ADDRESS_SANITIZER
  // Frames that were abandoned have left their marks.
  __asan_unpoison_memory_region(stack_bottom, stack_bytes);
  fake_stack_ = nullptr;
#endif
#ifdef ANYMETAL_THREAD_SANITIZER
  if (thread_sanitizer_fibre_) __tsan_destroy_fiber(thread_sanitizer_fibre_);
  thread_sanitizer_fibre_ = __tsan_create_fiber(0);
#endif
  bottom_ = stack_bottom;
  bytes_ = stack_bytes;
  at_rest_ = true;
  context_ =
      boost::context::detail::make_fcontext(stack_bottom + stack_bytes, stack_bytes, &Fibre::start);
}

void Fibre::enter() {
#ifdef ANYMETAL_ADDRESS_SANITIZER
  __sanitizer_start_switch_fiber(&outside_fake_stack_, bottom_, bytes_);
#endif
#ifdef ANYMETAL_THREAD_SANITIZER
  thread_sanitizer_outside_ = __tsan_get_current_fiber();
  __tsan_switch_to_fiber(thread_sanitizer_fibre_, 0);
#endif
  at_rest_ = false;
  const auto transfer = boost::context::detail::jump_fcontext(context_, this);
  context_ = transfer.fctx;
#ifdef ANYMETAL_ADDRESS_SANITIZER
  __sanitizer_finish_switch_fiber(outside_fake_stack_, nullptr, nullptr);
#endif
}

void Fibre::leave() {
#ifdef ANYMETAL_ADDRESS_SANITIZER
  __sanitizer_start_switch_fiber(&fake_stack_, outside_bottom_, outside_bytes_);
#endif
#ifdef ANYMETAL_THREAD_SANITIZER
  __tsan_switch_to_fiber(thread_sanitizer_outside_, 0);
#endif
  const auto transfer = boost::context::detail::jump_fcontext(outside_, nullptr);
  outside_ = transfer.fctx;
#ifdef ANYMETAL_ADDRESS_SANITIZER
  __sanitizer_finish_switch_fiber(fake_stack_, &outside_bottom_, &outside_bytes_);
#endif
}

void Fibre::start(boost::context::detail::transfer_t transfer) {
  auto* fibre = static_cast<Fibre*>(transfer.data);
  fibre->outside_ = transfer.fctx;
#ifdef ANYMETAL_ADDRESS_SANITIZER
  __sanitizer_finish_switch_fiber(nullptr, &fibre->outside_bottom_, &fibre->outside_bytes_);
#endif
  for (;;) {
    fibre->body_(fibre->argument_);
    fibre->at_rest_ = true;
    fibre->leave();
  }
}

}  // namespace anymetal::backend::reference
