#include "backend/reference/worker.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <iterator>
#include <new>
#include <utility>

namespace anymetal::backend::reference {
namespace {

// Below the kernel's own frame stand those of runtime and math functions, and what a signal handler
// or the dynamic linker's first call of a function saves (all vector registers).
constexpr size_t kStackSlack = size_t{24} << 10;

// Variables start as zeros, so all of it is touched: more could bring the machine down.
constexpr size_t kMaxStackMemory = size_t{1} << 30;

/// UndefinedBehaviorSanitizer would look for a function's type before its code: compiled kernels
/// have none there.
#ifdef __clang__
__attribute__((no_sanitize("function")))
#endif
void call_compiled(Entry entry, ThreadState& thread) {
  entry(&thread);
}

uint32_t ceil_divide(uint32_t a, uint32_t b) {
  return a / b + (a % b != 0);
}

}  // namespace

bool Worker::prepare(Run& run) {
  run_ = &run;
  messages_.start(*run.messages);
  const bool meets = !run.image->meetings.empty();
  const size_t threads = meets ? size_t(run.dispatch->threadgroup.volume()) : 1;
  threads_.resize(threads);
  status_.assign(threads, Status::ended);
  keys_.resize(threads * run.image->key_length);
  if (!prepare_stacks(threads)) return false;
  arena_.assign(run.arena_bytes / 8 + 8, 0);
  void* begin = arena_.data();
  size_t space = arena_.size() * 8;
  arena_begin_ = static_cast<uint8_t*>(std::align(64, 1, begin, space));
  place_arguments();
  for (size_t index = 0; index < threads; ++index) {
    ThreadState& thread = threads_[index];
    thread = {};
    thread.threadgroup = &threadgroup_;
    thread.arguments = arguments_.data();
    thread.arena = arena_begin_;
    thread.stop = run.stop;
    thread.failed = reinterpret_cast<const uint32_t*>(&run.failed);
    thread.worker = this;
    thread.key = keys_.data() + index * run.image->key_length;
  }
  for (size_t index = 0; index < threads; ++index) {
    if (meets) {
      fibres_[index]->set_body(&Worker::thread_body, &threads_[index]);
    } else {
      fibres_[index]->set_body(&Worker::plain_body, this);
    }
  }
  return true;
}

bool Worker::prepare_stacks(size_t count) {
  const size_t bytes = run_->image->stack_bytes + kStackSlack;
  if (stacks_.count() < count || stacks_.bytes_each() < bytes) {
    // As many as before, unless those are too large for it now.
    const size_t more =
        stacks_.count() * bytes > kMaxStackMemory ? count : std::max(count, stacks_.count());
    if (more * bytes > kMaxStackMemory) return false;
    if (!stacks_.map(more, bytes)) {
      fibres_.clear();  // their stacks are gone
      return false;
    }
    fibres_.resize(more);
    for (size_t index = 0; index < more; ++index) {
      if (!fibres_[index]) fibres_[index] = std::make_unique<Fibre>();
      fibres_[index]->reset(stacks_.bottom(index), stacks_.bytes_each());
    }
  }
  return true;
}

/// Threadgroup arguments lie behind the static variables, each aligned to 16.
void Worker::place_arguments() {
  const auto arguments = run_->dispatch->arguments;
  arguments_.clear();
  uint64_t offset = (uint64_t(run_->image->threadgroup_bytes) + 15) / 16 * 16;
  for (size_t index = 0; index < arguments.size(); ++index) {
    ArgumentSlot slot{static_cast<uint8_t*>(arguments[index].data), arguments[index].size};
    const bool local = index < run_->image->objects.size() &&
                       run_->image->objects[index].kind == ObjectKind::threadgroup;
    if (local) {
      slot.data = arena_begin_ + offset;
      offset += (slot.size + 15) / 16 * 16;
    }
    arguments_.push_back(slot);
  }
}

bool Worker::halted() const {
  return run_->failed.load(std::memory_order_relaxed) != 0 ||
         __atomic_load_n(run_->stop, __ATOMIC_RELAXED) != 0;
}

bool Worker::run_chunk() {
  if (halted()) {
    if (__atomic_load_n(run_->stop, __ATOMIC_RELAXED) != 0) run_->stopped = true;
    return false;
  }
  chunk_begin_ = run_->next.fetch_add(run_->chunk, std::memory_order_relaxed);
  if (chunk_begin_ >= run_->threadgroups) return false;
  chunk_end_ = std::min(chunk_begin_ + run_->chunk, run_->threadgroups);
  abandoned_ = false;
  if (run_->image->meetings.empty()) {
    run_plain_chunk();
  } else {
    for (uint64_t index = chunk_begin_; index < chunk_end_ && !abandoned_; ++index) {
      if (halted()) break;
      run_threadgroup_in_meetings(index);
    }
  }
  if (abandoned_ && __atomic_load_n(run_->stop, __ATOMIC_RELAXED) != 0) run_->stopped = true;
  return !abandoned_;
}

void Worker::begin_threadgroup(uint64_t index) {
  threadgroup_ = run_->common;
  ThreadgroupState& group = threadgroup_;
  uint32_t* position = group.threadgroup_position_in_grid;
  position[0] = uint32_t(index % group.threadgroups_per_grid[0]);
  index /= group.threadgroups_per_grid[0];
  position[1] = uint32_t(index % group.threadgroups_per_grid[1]);
  position[2] = uint32_t(index / group.threadgroups_per_grid[1]);
  thread_count_ = 1;
  for (int axis = 0; axis < 3; ++axis) {
    const uint32_t full = group.dispatch_threads_per_threadgroup[axis];
    const uint64_t before = uint64_t{position[axis]} * full;
    group.threads_per_threadgroup[axis] =
        uint32_t(std::min<uint64_t>(full, group.threads_per_grid[axis] - before));
    thread_count_ *= group.threads_per_threadgroup[axis];
  }
  simdgroup_count_ = ceil_divide(thread_count_, kSimdgroupSize);
  group.simdgroups_per_threadgroup = simdgroup_count_;
  group.quadgroups_per_threadgroup = ceil_divide(thread_count_, kQuadgroupSize);
  // Metal promises nothing about its first contents. Zeros make runs repeatable.
  if (run_->arena_bytes != 0) std::memset(arena_begin_, 0, run_->arena_bytes);
}

void Worker::place_thread(ThreadState& thread, uint32_t index) const {
  const uint32_t* size = threadgroup_.threads_per_threadgroup;
  uint32_t* position = thread.thread_position_in_threadgroup;
  position[0] = index % size[0];
  position[1] = index / size[0] % size[1];
  position[2] = index / size[0] / size[1];
  for (int axis = 0; axis < 3; ++axis) {
    thread.thread_position_in_grid[axis] = threadgroup_.threadgroup_position_in_grid[axis] *
                                               threadgroup_.dispatch_threads_per_threadgroup[axis] +
                                           position[axis];
  }
  thread.thread_index_in_threadgroup = index;
  thread.thread_index_in_simdgroup = index % kSimdgroupSize;
  thread.simdgroup_index_in_threadgroup = index / kSimdgroupSize;
  thread.thread_index_in_quadgroup = index % kQuadgroupSize;
  thread.quadgroup_index_in_threadgroup = index / kQuadgroupSize;
}

void Worker::plain_body(void* self) {
  auto& worker = *static_cast<Worker*>(self);
  ThreadState& thread = worker.threads_[0];
  for (uint64_t index = worker.chunk_begin_; index < worker.chunk_end_; ++index) {
    worker.begin_threadgroup(index);
    for (uint32_t each = 0; each < worker.thread_count_; ++each) {
      worker.place_thread(thread, each);
      call_compiled(worker.run_->entry, thread);
    }
    if (worker.halted()) return;
  }
}

void Worker::run_plain_chunk() {
  fibres_[0]->enter();
  if (abandoned_) reset_fibres();
}

void Worker::thread_body(void* thread) {
  auto* state = static_cast<ThreadState*>(thread);
  call_compiled(static_cast<Worker*>(state->worker)->run_->entry, *state);
}

void Worker::run_threadgroup_in_meetings(uint64_t index) {
  begin_threadgroup(index);
  for (uint32_t thread = 0; thread < thread_count_; ++thread) {
    place_thread(threads_[thread], thread);
    status_[thread] = Status::ready;
  }
  live_ = thread_count_;
  if (run_->seed == 0) {
    run_together();
  } else {
    run_in_random_order(index);
  }
  if (abandoned_) reset_fibres();
}

/// Threads that wait when the run ends are left where they are.
void Worker::reset_fibres() {
  for (size_t index = 0; index < threads_.size(); ++index) {
    if (fibres_[index]->at_rest()) continue;
    fibres_[index]->reset(stacks_.bottom(index), stacks_.bytes_each());
  }
}

void Worker::run_fibre(uint32_t thread) {
  fibres_[thread]->enter();
  if (fibres_[thread]->at_rest()) {
    status_[thread] = Status::ended;
    --live_;
  } else {
    status_[thread] = Status::waiting;
  }
}

uint32_t Worker::simdgroup_end(uint32_t simdgroup) const {
  return std::min(thread_count_, (simdgroup + 1) * kSimdgroupSize);
}

/// Runs each ready lane until it waits or ends; in random order if there is a seed.
void Worker::run_simdgroup(uint32_t simdgroup) {
  uint32_t order[kSimdgroupSize];
  uint32_t count = 0;
  for (uint32_t thread = simdgroup_begin(simdgroup); thread < simdgroup_end(simdgroup); ++thread) {
    if (status_[thread] == Status::ready) order[count++] = thread;
  }
  if (run_->seed != 0) std::shuffle(order, order + count, random_);
  for (uint32_t index = 0; index < count && !abandoned_; ++index) run_fibre(order[index]);
}

void Worker::run_together() {
  while (live_ != 0 && !abandoned_) {
    for (uint32_t simdgroup = 0; simdgroup < simdgroup_count_ && !abandoned_; ++simdgroup) {
      run_simdgroup(simdgroup);
    }
    if (live_ == 0 || abandoned_) return;
    abandoned_ = halted();
    bool met = false;
    for (uint32_t simdgroup = 0; simdgroup < simdgroup_count_; ++simdgroup) met |= meet(simdgroup);
    if (!met && !pass_barrier()) return;
  }
}

void Worker::run_in_random_order(uint64_t index) {
  random_.seed(uint32_t(run_->seed * 0x9e3779b97f4a7c15u >> 32 ^ index * 0x85ebca6bu));
  const bool strict = random_() % 2 == 0;
  std::vector<uint32_t> waiting;  // simdgroups that can't go on without the others
  std::vector<uint32_t> order(simdgroup_count_);
  for (uint32_t simdgroup = 0; simdgroup < simdgroup_count_; ++simdgroup)
    order[simdgroup] = simdgroup;
  while (live_ != 0 && !abandoned_) {
    std::vector<uint32_t> able = order;
    while (!able.empty() && !abandoned_) {
      const size_t pick = random_() % able.size();
      bool more = true;
      do {
        run_simdgroup(able[pick]);
        abandoned_ |= halted();
        more = !abandoned_ && meet(able[pick]);
      } while (more && strict);
      if (!more) able.erase(able.begin() + ptrdiff_t(pick));
    }
    if (live_ != 0 && !abandoned_ && !pass_barrier()) return;
  }
}

const MeetingSite& Worker::site_of(uint32_t thread) const {
  return run_->image->meetings[threads_[thread].site];
}

bool Worker::key_less(uint32_t a, uint32_t b) const {
  const uint32_t length = std::min(site_of(a).key_length, site_of(b).key_length);
  const uint64_t* left = threads_[a].key;
  const uint64_t* right = threads_[b].key;
  return std::lexicographical_compare(left, left + length, right, right + length);
}

uint32_t Worker::smallest_group(uint32_t simdgroup, bool at_barrier) const {
  const uint32_t begin = simdgroup_begin(simdgroup);
  constexpr uint16_t barrier = encode({Operation::threadgroup_barrier, false});
  uint32_t group = 0, best = 0;
  for (uint32_t thread = begin; thread < simdgroup_end(simdgroup); ++thread) {
    if (status_[thread] != Status::waiting || (site_of(thread).operation == barrier) != at_barrier)
      continue;
    const uint32_t bit = 1u << (thread - begin);
    if (group == 0 || key_less(thread, best)) {
      group = bit;
      best = thread;
    } else if (!key_less(best, thread)) {
      group |= bit;
    }
  }
  return group;
}

/// Lets the lanes that are first in order meet, if any wait at a call of the simdgroup.
bool Worker::meet(uint32_t simdgroup) {
  const uint32_t group = smallest_group(simdgroup, false);
  if (group == 0) return false;
  const uint32_t begin = simdgroup_begin(simdgroup);
  const uint32_t first = begin + uint32_t(std::countr_zero(group));
  perform(site_of(first), {&threads_[begin], simdgroup_end(simdgroup) - begin, group});
  for (uint32_t rest = group; rest != 0; rest &= rest - 1) {
    status_[begin + uint32_t(std::countr_zero(rest))] = Status::ready;
  }
  return true;
}

/// All live threads wait at barriers.
bool Worker::pass_barrier() {
  bool passed = false;
  for (uint32_t simdgroup = 0; simdgroup < simdgroup_count_; ++simdgroup) {
    for (uint32_t rest = smallest_group(simdgroup, true); rest != 0; rest &= rest - 1) {
      status_[simdgroup_begin(simdgroup) + uint32_t(std::countr_zero(rest))] = Status::ready;
      passed = true;
    }
  }
  return passed;
}

void Worker::keep_message(const ThreadState& thread, uint32_t site,
                          std::span<const MessageArgument> arguments, uint32_t level) {
  const uint32_t* position = threadgroup_.threadgroup_position_in_grid;
  const uint32_t* groups = threadgroup_.threadgroups_per_grid;
  const uint64_t threadgroup =
      (uint64_t{position[2]} * groups[1] + position[1]) * groups[0] + position[0];
  KeptMessage* message = messages_.keep(threadgroup, site, level, thread.thread_position_in_grid,
                                        uint32_t(arguments.size()));
  if (message) message->arguments.assign(arguments.begin(), arguments.end());
}

const Fibre& Worker::fibre_of(const ThreadState& thread) const {
  return *fibres_[size_t(&thread - threads_.data())];
}

void Worker::abandon(ThreadState& thread) {
  abandoned_ = true;
  fibres_[size_t(&thread - threads_.data())]->leave();
  __builtin_unreachable();  // nobody enters it again before it is reset
}

void Worker::wait_at(ThreadState& thread, uint32_t site) {
  constexpr uint16_t lockstep = encode({Operation::lockstep, false});
  if (run_->seed != 0 && run_->image->meetings[site].operation == lockstep) return;
  thread.site = site;
  fibres_[size_t(&thread - threads_.data())]->leave();
}

}  // namespace anymetal::backend::reference
