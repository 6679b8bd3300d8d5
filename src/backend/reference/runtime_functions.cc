#include "backend/reference/runtime_functions.h"

#include <algorithm>
#include <cstring>

#include "backend/host_functions.h"
#include "backend/memory_range.h"
#include "backend/reference/math_functions.h"
#include "backend/reference/texture_functions.h"
#include "backend/reference/worker.h"

namespace anymetal::backend::reference {
namespace {

Worker& worker_of(ThreadState* thread) {
  return *static_cast<Worker*>(thread->worker);
}

/// A thread waits here until those that it meets have come, and its result is there.
void meet(ThreadState* thread, uint32_t site) {
  worker_of(thread).wait_at(*thread, site);
}

/// The dispatch is to end: by its StopFlag, or because another thread has failed.
[[noreturn]] void stopped(ThreadState* thread) {
  Worker& worker = worker_of(thread);
  if (__atomic_load_n(thread->stop, __ATOMIC_RELAXED) != 0) worker.run().stopped = true;
  worker.abandon(*thread);
}

/// Keeps the first violation of the run, ends it, and leaves this thread.
[[noreturn]] void fail(ThreadState* thread, const Violation& violation) {
  Worker& worker = worker_of(thread);
  Run& run = worker.run();
  if (!run.claimed.exchange(true)) {
    run.violation = violation;
    std::copy_n(thread->thread_position_in_grid, 3, run.violation.thread);
    run.has_violation = true;
  }
  run.failed = 1;
  worker.abandon(*thread);
}

[[noreturn]] void bounds_failed(ThreadState* thread, uint32_t site, uint64_t address, uint64_t base,
                                uint64_t size, uint32_t object) {
  const AccessSite& access = worker_of(thread).run().image->accesses[site];
  fail(thread, {site, object & ~kGuessed, address, base, size - 1, access.bytes, access.write, {}});
}

/// `number` is the shadow of a value that was used (defer_reads.h).
[[noreturn]] void deferred_read_failed(ThreadState* thread, const DeferredRead* reads,
                                       uint32_t number) {
  const DeferredRead& read = reads[number - 1];
  bounds_failed(thread, read.site, read.address, read.base, read.size, read.object);
}

bool is_within(uint64_t address, uint64_t bytes, uint64_t base, uint64_t size) {
  return address - base < size && bytes <= size - (address - base);
}

/// A piece of memory that the thread may touch.
struct Region {
  uint64_t base = 0;
  uint64_t size = 0;
  uint32_t object = kNowhere;
  bool is_const = false;
};

/// The region around an access, one that may be written to if there is any. Two may lie at one
/// place, when a buffer is given twice.
Region region_around(const ThreadState* thread, uint64_t address, uint64_t bytes) {
  const Run& run = static_cast<Worker*>(thread->worker)->run();
  const KernelImage& image = *run.image;
  Region best;
  const auto consider = [&](uint64_t base, uint64_t size, uint32_t object) {
    const bool is_const = object < image.objects.size() && image.objects[object].is_const;
    if (is_within(address, bytes, base, size) && (best.object == kNowhere || best.is_const)) {
      best = {base, size, object, is_const};
    }
    return best.object != kNowhere && !best.is_const;
  };
  for (size_t index = 0; index < run.dispatch->arguments.size(); ++index) {
    const ArgumentSlot& slot = thread->arguments[index];
    if (consider(reinterpret_cast<uint64_t>(slot.data), slot.size, uint32_t(index))) return best;
  }
  for (uint32_t index = 0; index < thread->private_count; ++index) {
    const PrivateRegion& region = thread->private_regions[index];
    if (consider(region.base, region.size, uint32_t(region.object))) return best;
  }
  for (const Argument& memory : run.dispatch->resident) {
    if (consider(reinterpret_cast<uint64_t>(memory.data), memory.size, kResidentObject)) break;
  }
  return best;
}

/// The region of a pointer that was loaded, with the buffers that share memory with it.
Region joined_region(const ThreadState* thread, uint64_t address) {
  const Run& run = static_cast<Worker*>(thread->worker)->run();
  Region region = region_around(thread, address, 1);
  const bool is_argument = region.object < run.dispatch->arguments.size();
  if (!is_argument && region.object != kResidentObject) return region;
  const MemoryRange range = memory_around(address, [&](auto look) {
    for (size_t index = 0; index < run.dispatch->arguments.size(); ++index) {
      const ArgumentSlot& slot = thread->arguments[index];
      look({reinterpret_cast<uint64_t>(slot.data), slot.size});
    }
    for (const Argument& memory : run.dispatch->resident)
      look({reinterpret_cast<uint64_t>(memory.data), memory.size});
  });
  region.base = range.base;
  region.size = range.size;
  return region;
}

/// The origin of a pointer that was loaded, or made from an integer: what was kept of it when it
/// was stored, or the object that it points into now. That is a guess, unless the pointer comes
/// from outside the kernel: it may be on its way.
void find_region(ThreadState* thread, uint64_t address, const KeptPointer* kept,
                 uint32_t from_outside) {
  if (kept && address != 0 && kept->pointer == address) {
    thread->found_base = kept->base;
    thread->found_read_size = kept->read_size;
    thread->found_write_size = kept->write_size;
    thread->found_object = kept->object;
    return;
  }
  const Region region = joined_region(thread, address);
  const bool sure = from_outside != 0 && region.object != kNowhere;
  thread->found_base = region.base;
  thread->found_read_size = region.size + 1;
  thread->found_write_size = region.is_const ? 1 : region.size + 1;
  thread->found_object = region.object | (sure ? 0 : kGuessed);
}

/// Whether an access is inside of any object, whatever its pointer was meant for.
uint32_t is_inside(ThreadState* thread, uint64_t address, uint64_t bytes, uint32_t write) {
  const Region region = region_around(thread, address, bytes);
  return region.object != kNowhere && !(write != 0 && region.is_const) ? 1 : 0;
}

/// One side of a transfer, as compiled code gives it.
struct Side {
  uint32_t site;
  uint64_t address, base, size_and_one;
  uint32_t object;
};

/// Whether the transfer may touch this side; under Bounds::error, failing ends the thread.
bool allow(ThreadState* thread, const Side& side, uint64_t length, bool write) {
  const KernelImage& image = *worker_of(thread).run().image;
  const uint64_t size = side.size_and_one - 1, offset = side.address - side.base;
  const uint32_t object = side.object & ~kGuessed;
  const bool is_const = write && object < image.objects.size() && image.objects[object].is_const;
  if (length == 0 || (!is_const && offset <= size && length <= size - offset)) return true;
  if (object != side.object && is_inside(thread, side.address, length, write ? 1 : 0) != 0) {
    return true;
  }
  if (image.bounds == Bounds::error) {
    fail(thread, {side.site, object, side.address, side.base, size, length, write, {}});
  }
  return false;
}

void copy(ThreadState* thread, uint32_t to_site, uint64_t to, uint64_t to_base, uint64_t to_size,
          uint32_t to_object, uint32_t from_site, uint64_t from, uint64_t from_base,
          uint64_t from_size, uint32_t from_object, uint64_t length) {
  const bool readable =
      allow(thread, {from_site, from, from_base, from_size, from_object}, length, false);
  const bool writable = allow(thread, {to_site, to, to_base, to_size, to_object}, length, true);
  if (!writable) return;
  if (readable) {
    std::memmove(reinterpret_cast<void*>(to), reinterpret_cast<const void*>(from), length);
  } else {
    std::memset(reinterpret_cast<void*>(to), 0, length);
  }
}

void fill(ThreadState* thread, uint32_t site, uint64_t to, uint64_t base, uint64_t size,
          uint32_t object, uint8_t value, uint64_t length) {
  if (allow(thread, {site, to, base, size, object}, length, true)) {
    std::memset(reinterpret_cast<void*>(to), value, length);
  }
}

/// A thread writes a message; its text is made when the dispatch has ended.
void message(ThreadState* thread, uint32_t site, const MessageArgument* arguments, uint32_t count,
             uint32_t level) {
  worker_of(thread).keep_message(*thread, site, {arguments, count}, level);
}

template <class Function>
void* address(Function* function) {
  return reinterpret_cast<void*>(function);
}

RuntimeSymbols build_symbols() {
  RuntimeSymbols symbols;
  symbols.emplace_back("am_meet", address(&meet));
  symbols.emplace_back("am_stopped", address(&stopped));
  symbols.emplace_back("am_bounds_failed", address(&bounds_failed));
  symbols.emplace_back("am_deferred_read_failed", address(&deferred_read_failed));
  symbols.emplace_back("am_find_region", address(&find_region));
  symbols.emplace_back("am_is_inside", address(&is_inside));
  symbols.emplace_back("am_copy", address(&copy));
  symbols.emplace_back("am_fill", address(&fill));
  symbols.emplace_back("am_message", address(&message));
  add_host_functions(symbols);
  symbols.insert(symbols.end(), math_functions().begin(), math_functions().end());
  const RuntimeSymbols textures = texture_functions();
  symbols.insert(symbols.end(), textures.begin(), textures.end());
  return symbols;
}

}  // namespace

const RuntimeSymbols& runtime_symbols() {
  static const auto* symbols = new RuntimeSymbols(build_symbols());
  return *symbols;
}

}  // namespace anymetal::backend::reference
