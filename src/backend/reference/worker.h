// A worker runs threadgroups, one after another, on the operating system's thread that holds it.
// What it needs for that (stacks, thread states, threadgroup memory) it keeps from run to run.
//
// Kernels without meeting points run as a plain loop over threads on one fibre; that is a fibre
// still, so that a thread that is stopped in the middle can be left behind. All other kernels get a
// fibre for each thread. The scheduler runs each fibre until it waits at a meeting or ends; when
// all wait, it decides who meets:
//
// - In each simdgroup the lanes with the smallest key (number_meeting_points.h) among those at
// simdgroup or quadgroup
//   calls meet. So lanes that parted meet again where their paths join, as on a machine that runs
//   simdgroups in lockstep.
// - Lanes at a threadgroup barrier wait until all live threads of the threadgroup are at one. Then
// in each simdgroup the
//   lanes with the smallest key go on. So no kernel, however it misuses barriers, hangs there.
//
// By default all simdgroups advance together, from one simdgroup call to the next: as forgiving as
// Apple's GPUs are to kernels that lack barriers. With a seed they advance in random order, one at
// a time, often right to the next barrier.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <random>
#include <span>
#include <vector>

#include "backend/backend.h"
#include "backend/kept_messages.h"
#include "backend/kernel_image.h"
#include "backend/message_format.h"
#include "backend/reference/fibre.h"
#include "backend/reference/meetings.h"
#include "backend/thread_state.h"

namespace anymetal::backend::reference {

/// The first access outside a buffer, as found by compiled code: plain data, since it is written on
/// a fibre that is never resumed.
struct Violation {
  uint32_t site = 0;
  uint32_t object = 0;
  uint64_t address = 0;
  uint64_t base = 0;
  uint64_t size = 0;   ///< of the object, in bytes
  uint64_t bytes = 0;  ///< of the access
  bool write = false;
  uint32_t thread[3] = {};
};

/// am_thread.
using Entry = void (*)(ThreadState*);

/// One dispatch while it runs.
struct Run {
  const KernelImage* image = nullptr;
  Entry entry = nullptr;
  const Dispatch* dispatch = nullptr;
  const uint32_t* stop = nullptr;
  ThreadgroupState common{};  ///< but for what differs between threadgroups
  uint64_t arena_bytes = 0;
  uint64_t seed = 0;
  uint64_t threadgroups = 0;
  uint64_t chunk = 1;
  std::atomic<uint64_t> next{0};    ///< the first threadgroup that nobody has taken yet
  std::atomic<uint32_t> failed{0};  ///< compiled code polls it
  std::atomic<bool> stopped{false};
  std::atomic<bool> out_of_memory{false};
  std::atomic<bool> claimed{false};  ///< by the thread that writes `violation`
  std::atomic<bool> has_violation{false};
  Violation violation;  ///< valid once has_violation is set
  DispatchMessages* messages = nullptr;
};

class Worker {
 public:
  Worker() = default;
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  /// Makes ready for `run`. False: no memory.
  [[nodiscard]] bool prepare(Run& run);
  /// Runs some of its threadgroups. False: none is left, or the run has failed or been stopped.
  [[nodiscard]] bool run_chunk();

  // For the functions that compiled code calls.
  [[noreturn]] void abandon(ThreadState& thread);
  void wait_at(ThreadState& thread, uint32_t site);
  void keep_message(const ThreadState& thread, uint32_t site,
                    std::span<const MessageArgument> arguments, uint32_t level);
  /// Hands what was kept over to the run.
  void give_messages() { messages_.give(); }
  [[nodiscard]] Run& run() { return *run_; }
  [[nodiscard]] const Fibre& fibre_of(const ThreadState& thread) const;

 private:
  enum class Status : uint8_t { ended, ready, waiting };

  [[nodiscard]] bool prepare_stacks(size_t count);
  [[nodiscard]] bool halted() const;
  void place_arguments();
  void begin_threadgroup(uint64_t index);
  void place_thread(ThreadState& thread, uint32_t index) const;
  void run_plain_chunk();
  void run_threadgroup_in_meetings(uint64_t index);
  void run_fibre(uint32_t thread);
  void run_simdgroup(uint32_t simdgroup);
  void run_together();
  void run_in_random_order(uint64_t index);
  [[nodiscard]] bool meet(uint32_t simdgroup);
  [[nodiscard]] bool pass_barrier();
  void reset_fibres();
  [[nodiscard]] uint32_t simdgroup_begin(uint32_t simdgroup) const {
    return simdgroup * kSimdgroupSize;
  }
  [[nodiscard]] uint32_t simdgroup_end(uint32_t simdgroup) const;
  /// Bits of the lanes of a simdgroup that wait, at a barrier or not, and have the smallest key
  /// among those.
  [[nodiscard]] uint32_t smallest_group(uint32_t simdgroup, bool at_barrier) const;
  [[nodiscard]] const MeetingSite& site_of(uint32_t thread) const;
  [[nodiscard]] bool key_less(uint32_t a, uint32_t b) const;

  static void plain_body(void* self);
  static void thread_body(void* thread);

  Run* run_ = nullptr;
  ThreadgroupState threadgroup_{};
  uint32_t thread_count_ = 0;  ///< of the current threadgroup
  uint32_t simdgroup_count_ = 0;
  uint32_t live_ = 0;
  bool abandoned_ = false;
  uint64_t chunk_begin_ = 0, chunk_end_ = 0;
  std::vector<ThreadState> threads_;
  std::vector<Status> status_;
  std::vector<uint64_t> keys_;
  std::vector<ArgumentSlot> arguments_;
  std::vector<uint64_t> arena_;  ///< aligned below
  uint8_t* arena_begin_ = nullptr;
  StackMemory stacks_;
  std::vector<std::unique_ptr<Fibre>> fibres_;
  std::minstd_rand random_;
  MessageKeeper messages_;
};

}  // namespace anymetal::backend::reference
