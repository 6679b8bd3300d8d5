// Runs the threadgroups of a grid on the threads of the pool.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "backend/backend.h"
#include "backend/cpu/accumulators.h"
#include "backend/cpu/variant.h"
#include "backend/kept_messages.h"
#include "backend/object_linker.h"
#include "simt/threadgroup_frame.h"

namespace anymetal::backend::cpu {

/// am_threadgroup.
using Entry = void (*)(const simt::ThreadgroupFrame*);

/// A variant that can be run.
struct VariantCode {
  std::unique_ptr<LinkedObject> object;
  Entry entry = nullptr;
  uint64_t threadgroup_bytes = 0;
  uint64_t scratch_bytes = 0;
  std::vector<Accumulator> accumulators;
};

/// Threadgroups are of up to eight sizes: bit a of the index is set for those that the grid's end
/// cuts along axis a.
struct Part {
  const VariantCode* code = nullptr;  ///< null: there are none
  uint32_t active_threads = 0;
};
using Parts = std::array<Part, 8>;

/// Code for several full threadgroups, side by side along x.
struct Row {
  const VariantCode* code = nullptr;  ///< null: each runs alone
  uint32_t threadgroups = 1;
};

/// Which sizes of threadgroups a dispatch has: of its eight parts, those that exist.
struct GridShape {
  uint32_t threadgroups[3] = {1, 1, 1};  ///< along each axis
  uint32_t rest[3] = {};                 ///< threads of the last one along the axis; 0: it is full
  std::array<bool, 8> exists = {};

  explicit GridShape(const Dispatch& dispatch);
  /// How many should run in one call, of `most` that may: a power of two, such that `threads`
  /// threads have about the same to do.
  [[nodiscard]] uint32_t threadgroups_together(uint32_t most, uint64_t threads) const;
  [[nodiscard]] uint64_t volume() const {
    return uint64_t{threadgroups[0]} * threadgroups[1] * threadgroups[2];
  }
};

/// What is known of how long the threadgroups of a kernel take. Guides how a grid is shared out.
class Pace {
 public:
  /// Picoseconds; 0: nothing is known yet.
  [[nodiscard]] uint64_t of_threadgroup() const {
    return picoseconds_.load(std::memory_order_relaxed);
  }
  void learn(uint64_t picoseconds) {
    const uint64_t before = of_threadgroup();
    picoseconds_.store(before == 0 ? picoseconds : (before * 3 + picoseconds) / 4,
                       std::memory_order_relaxed);
  }

 private:
  std::atomic<uint64_t> picoseconds_{0};
};

enum class Outcome : uint8_t { done, stopped, out_of_memory };

/// `is_threadgroup_memory`: of each argument. `messages` may be null: none are written.
[[nodiscard]] Outcome run_grid(const Dispatch& dispatch, const GridShape& shape, const Parts& parts,
                               const Row& row, std::span<const bool> is_threadgroup_memory,
                               Pace& pace, DispatchMessages* messages);

}  // namespace anymetal::backend::cpu
