// How threadgroups get to the processors. Whoever dispatches begins at once, alone: a small grid is
// done before another thread would have woken up. How long a threadgroup takes is measured as it
// goes and kept for the kernel, so that the next large grid is shared out from its start, and in
// pieces of about the same time.
#include "backend/cpu/run_grid.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <optional>

#include "backend/cpu/arena.h"
#include "backend/cpu/lane_messages.h"
#include "backend/cpu/reached_memory.h"
#include "backend/cpu/shares.h"
#include "backend/cpu/stream_stores.h"
#include "backend/float_environment.h"
#include "backend/thread_pool.h"

namespace anymetal::backend::cpu {
namespace {

using Clock = std::chrono::steady_clock;
using simt::FrameArgument;
using simt::ThreadgroupFrame;

// Waking a thread takes 5 to 50 µs: less work than that is done sooner alone.
constexpr uint64_t kWorthHelp = 40'000'000;  // picoseconds
// Where runs follow each other, helpers are awake.
constexpr uint64_t kWorthHelpAwake = 20'000'000;
// A piece of the grid: long beside taking it, short beside what one would wait for at the end.
constexpr uint64_t kPiece = 25'000'000;

/// UndefinedBehaviorSanitizer would look for a function's type before its code: compiled kernels
/// have none there.
#ifdef __clang__
__attribute__((no_sanitize("function")))
#endif
void call_compiled(Entry entry, const ThreadgroupFrame& frame) {
  entry(&frame);
}

uint64_t aligned(uint64_t bytes) {
  return (bytes + 63) / 64 * 64;
}

/// Where things are in an arena: the threadgroup's variables, its memory that is given as
/// arguments, the frame's arguments, scratch, buffers that this thread collects sums in.
struct Layout {
  uint64_t threadgroup_bytes = 0;  ///< the first two: zeros at the start of a threadgroup
  uint64_t arguments = 0;
  uint64_t scratch = 0;
  uint64_t accumulators = 0;
  uint64_t bytes = 0;
};

class GridRun final : public ThreadPool::Job {
 public:
  GridRun(const Dispatch& dispatch, const GridShape& shape, const Parts& parts, const Row& row,
          std::span<const bool> is_threadgroup_memory, Pace& pace, DispatchMessages* messages)
      : dispatch_(dispatch),
        shape_(shape),
        parts_(parts),
        row_(row),
        is_threadgroup_memory_(is_threadgroup_memory),
        pace_(pace),
        messages_(messages),
        threadgroups_(shape.volume()),
        threads_(ThreadPool::shared().size()),
        shares_(threadgroups_, ThreadPool::shared().threads_of_nodes()) {
    static const std::atomic<uint32_t> never{0};
    stop_ = dispatch.stop ? dispatch.stop->address() : &never;
    if (threads_ > 1 && threadgroups_ > 1) choose_accumulators();
    lay_out();
  }

  Outcome run() {
    ThreadPool& pool = ThreadPool::shared();
    set_piece(pace_.of_threadgroup());
    bool enlisted = threads_ == 1 || threadgroups_ == 1, has_helpers = false;
    const auto enlist = [&](uint64_t picoseconds_left) {
      enlisted = true;
      const uint64_t helpers =
          std::min(threads_ - 1, std::max<uint64_t>(1, picoseconds_left / kPiece));
      has_helpers = helpers != 0;
      if (has_helpers) pool.enlist(*this, helpers);
    };
    const uint64_t expected = saturating_product(pace_.of_threadgroup(), threadgroups_);
    const bool may_follow = !enlisted && expected >= kWorthHelpAwake;
    if (may_follow && (expected >= kWorthHelp || pool.runs_follow())) enlist(expected);
    const bool timed = threadgroups_ > 1;
    const auto start = timed ? Clock::now() : Clock::time_point();
    uint64_t done = 0;
    const bool has_memory = work([&](uint64_t count) {
      done += count;
      if (enlisted && pace_.of_threadgroup() != 0) return;
      // The first times: what is seen now says how to go on.
      const uint64_t each = picoseconds_since(start) / done;
      set_piece(each);
      const uint64_t rest = saturating_product(each, shares_.left());
      if (!enlisted && rest >= kWorthHelp) enlist(rest);
    });
    if (timed && done != 0) pace_.learn(std::max<uint64_t>(1, picoseconds_since(start) / done));
    if (has_helpers) pool.dismiss(*this);
    if (may_follow) pool.note_run();
    if (!has_memory) return Outcome::out_of_memory;
    return stopped_ ? Outcome::stopped : Outcome::done;
  }

  void help() noexcept override {
    work([](uint64_t) {});
  }

 private:
  static uint64_t saturating_product(uint64_t a, uint64_t b) {
    uint64_t product = 0;
    return __builtin_mul_overflow(a, b, &product) ? UINT64_MAX : product;
  }

  static uint64_t picoseconds_since(Clock::time_point start) {
    const auto time = std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now() - start);
    return uint64_t(time.count()) * 1000;
  }

  /// Threadgroups that are taken at once. Nothing is known: one, to see.
  void set_piece(uint64_t picoseconds) {
    uint64_t count = 1;
    if (picoseconds != 0) {
      const uint64_t fair = std::max<uint64_t>(1, threadgroups_ / (threads_ * 4));
      count = threads_ == 1 ? kPiece / picoseconds : std::min(fair, kPiece / picoseconds);
    }
    const uint64_t row = row_.threadgroups;
    count = std::max<uint64_t>(1, (count + row / 2) / row) * row;
    piece_.store(count, std::memory_order_relaxed);
  }

  template <class Body>
  void for_each_code(Body body) const {
    for (const Part& part : parts_)
      if (part.code) body(*part.code);
    if (row_.code) body(*row_.code);
  }

  /// What threadgroups of one size only add to, those of another may read.
  void choose_accumulators() {
    const VariantCode* first = nullptr;
    for_each_code([&](const VariantCode& code) {
      if (first) return accumulators_.keep(code.accumulators);
      first = &code;
      accumulators_.choose(code.accumulators, dispatch_.arguments, dispatch_.grid.volume());
    });
  }

  void lay_out() {
    uint64_t variables = 0, scratch = 0;
    for_each_code([&](const VariantCode& code) {
      variables = std::max(variables, code.threadgroup_bytes);
      scratch = std::max(scratch, code.scratch_bytes);
    });
    uint64_t bytes = aligned(variables);
    argument_memory_ = bytes;
    for (size_t index = 0; index < dispatch_.arguments.size(); ++index) {
      if (is_threadgroup_memory_[index]) bytes += aligned(dispatch_.arguments[index].size);
    }
    layout_.threadgroup_bytes = bytes;
    layout_.arguments = bytes;
    layout_.scratch = bytes + aligned(dispatch_.arguments.size() * sizeof(FrameArgument));
    layout_.accumulators = layout_.scratch + aligned(scratch);
    layout_.bytes = layout_.accumulators;
    for (const Accumulator& each : accumulators_)
      layout_.bytes += aligned(dispatch_.arguments[each.argument].size);
  }

  void place_arguments(uint8_t* memory) const {
    auto* arguments = reinterpret_cast<FrameArgument*>(memory + layout_.arguments);
    uint64_t offset = argument_memory_;
    for (size_t index = 0; index < dispatch_.arguments.size(); ++index) {
      const Argument& argument = dispatch_.arguments[index];
      arguments[index] = {static_cast<uint8_t*>(argument.data), argument.size};
      if (!is_threadgroup_memory_[index]) continue;
      arguments[index].data = memory + offset;
      offset += aligned(argument.size);
    }
    for_each_accumulator(memory, [&](const Accumulator& each, uint32_t* words, uint64_t count) {
      clear_accumulator(each.what, words, count);
      arguments[each.argument].data = reinterpret_cast<uint8_t*>(words);
    });
  }

  template <class Body>
  void for_each_accumulator(uint8_t* memory, Body body) const {
    uint8_t* own = memory + layout_.accumulators;
    for (const Accumulator& each : accumulators_) {
      const uint64_t bytes = dispatch_.arguments[each.argument].size;
      body(each, reinterpret_cast<uint32_t*>(own), bytes / 4);
      own += aligned(bytes);
    }
  }

  void add_accumulators(uint8_t* memory) const {
    for_each_accumulator(memory, [&](const Accumulator& each, uint32_t* words, uint64_t count) {
      add_accumulator(each.what, words, count,
                      static_cast<uint32_t*>(dispatch_.arguments[each.argument].data));
    });
  }

  [[nodiscard]] ThreadgroupFrame make_frame(uint8_t* memory) {
    ThreadgroupFrame frame{};
    frame.arguments = reinterpret_cast<const FrameArgument*>(memory + layout_.arguments);
    frame.threadgroup_memory = memory;
    frame.scratch = memory + layout_.scratch;
    frame.stop = reinterpret_cast<const uint32_t*>(stop_);
    for (const Accumulator& each : accumulators_)
      if (each.argument < 32) frame.own_arguments |= uint32_t{1} << each.argument;
    for (unsigned axis = 0; axis < 3; ++axis) {
      frame.dispatch_threads_per_threadgroup[axis] = along(dispatch_.threadgroup, axis);
      frame.threads_per_grid[axis] = along(dispatch_.grid, axis);
      frame.threadgroups_per_grid[axis] = shape_.threadgroups[axis];
    }
    return frame;
  }

  /// What one thread contributes. Calls `between` after each piece with the number of its
  /// threadgroups. False: there is no memory; others may have done the work.
  template <class Between>
  bool work(Between between) noexcept {
    const DefaultFloatEnvironment environment;
    uint8_t* memory = Arena::of_this_thread().reserve(layout_.bytes);
    if (!memory) return false;
    const ReachedMemory reached(dispatch_);
    std::optional<LaneMessages> messages;
    if (messages_) messages.emplace(*messages_, dispatch_.threadgroup.volume());
    place_arguments(memory);
    ThreadgroupFrame frame = make_frame(memory);
    const size_t node = ThreadPool::shared().node_of_this_thread();
    for (;;) {
      const uint64_t piece = piece_.load(std::memory_order_relaxed);
      const auto [begin, end] = shares_.take(node, piece);
      if (begin == end) break;
      if (!run_piece(frame, begin, end, messages ? &*messages : nullptr)) break;
      between(end - begin);
    }
    add_accumulators(memory);
    finish_streamed_stores();
    return true;
  }

  /// False: the dispatch was stopped.
  bool run_piece(ThreadgroupFrame& frame, uint64_t begin, uint64_t end, LaneMessages* messages) {
    uint32_t* position = frame.threadgroup_position_in_grid;
    position[0] = uint32_t(begin % shape_.threadgroups[0]);
    position[1] = uint32_t(begin / shape_.threadgroups[0] % shape_.threadgroups[1]);
    position[2] = uint32_t(begin / shape_.threadgroups[0] / shape_.threadgroups[1]);
    for (uint64_t index = begin, count = 1; index < end; index += count) {
      if (stop_->load(std::memory_order_relaxed) != 0) {
        stopped_ = true;
        return false;
      }
      if (messages) messages->set_threadgroup(index);
      const Part& part = parts_[cut_axes(position)];
      frame.active_threads = part.active_threads;
      const bool is_row = begins_row(position, end - index);
      count = is_row ? row_.threadgroups : 1;
      // Metal promises nothing about its first contents. Zeros make runs repeatable.
      if (layout_.threadgroup_bytes != 0)
        std::memset(frame.threadgroup_memory, 0, layout_.threadgroup_bytes);
      call_compiled(is_row ? row_.code->entry : part.code->entry, frame);
      position[0] += uint32_t(count);
      for (unsigned axis = 0; axis < 2 && position[axis] == shape_.threadgroups[axis]; ++axis) {
        position[axis] = 0;
        ++position[axis + 1];
      }
    }
    // The code leaves early when it is stopped.
    if (stop_->load(std::memory_order_relaxed) != 0) stopped_ = true;
    return !stopped_;
  }

  /// Whether the next threadgroups are full, in one row, and the piece's.
  [[nodiscard]] bool begins_row(const uint32_t* position, uint64_t left) const {
    const uint32_t last = shape_.threadgroups[0] - (shape_.rest[0] != 0 ? 1 : 0);
    return row_.code && left >= row_.threadgroups && position[0] + row_.threadgroups <= last &&
           cut_axes(position) == 0;
  }

  [[nodiscard]] unsigned cut_axes(const uint32_t* position) const {
    unsigned cut = 0;
    for (unsigned axis = 0; axis < 3; ++axis) {
      if (shape_.rest[axis] != 0 && position[axis] == shape_.threadgroups[axis] - 1)
        cut |= 1u << axis;
    }
    return cut;
  }

  const Dispatch& dispatch_;
  const GridShape& shape_;
  const Parts& parts_;
  const Row& row_;
  const std::span<const bool> is_threadgroup_memory_;
  ChosenAccumulators accumulators_;
  Pace& pace_;
  DispatchMessages* const messages_;
  const uint64_t threadgroups_;
  const uint64_t threads_;
  const std::atomic<uint32_t>* stop_ = nullptr;
  Layout layout_;
  uint64_t argument_memory_ = 0;  ///< where memory that is an argument begins
  Shares shares_;
  std::atomic<uint64_t> piece_{1};
  std::atomic<bool> stopped_{false};
};

}  // namespace

GridShape::GridShape(const Dispatch& dispatch) {
  for (unsigned axis = 0; axis < 3; ++axis) {
    const uint32_t grid = along(dispatch.grid, axis), group = along(dispatch.threadgroup, axis);
    threadgroups[axis] = grid / group + (grid % group != 0);
    rest[axis] = grid % group;
  }
  for (unsigned cut = 0; cut < 8; ++cut) {
    exists[cut] = true;
    for (unsigned axis = 0; axis < 3; ++axis) {
      const bool is_cut = (cut >> axis & 1) != 0;
      const bool has_full = rest[axis] == 0 || threadgroups[axis] > 1;
      if (is_cut ? rest[axis] == 0 : !has_full) exists[cut] = false;
    }
  }
}

uint32_t GridShape::threadgroups_together(uint32_t most, uint64_t threads) const {
  const uint64_t in_row = threadgroups[0] - (rest[0] != 0 ? 1 : 0);
  // Where there are few calls for each thread, none may have one more than another.
  constexpr uint64_t kMany = 4;
  for (uint32_t count = most; count > 1; count /= 2) {
    const uint64_t calls = volume() / count;
    if (count <= in_row && (calls >= kMany * threads || (calls != 0 && calls % threads == 0)))
      return count;
  }
  return 1;
}

Outcome run_grid(const Dispatch& dispatch, const GridShape& shape, const Parts& parts,
                 const Row& row, std::span<const bool> is_threadgroup_memory, Pace& pace,
                 DispatchMessages* messages) {
  return GridRun(dispatch, shape, parts, row, is_threadgroup_memory, pace, messages).run();
}

}  // namespace anymetal::backend::cpu
