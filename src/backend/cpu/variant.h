// A kernel is compiled for threadgroups of one size. Where the grid isn't a multiple of it, those
// at its edges are smaller; they run other variants of the code.
#pragma once

#include <cstdint>

#include "backend/backend.h"

namespace anymetal::backend::cpu {

struct Variant {
  Extent dispatch;     ///< the threadgroup's size as the dispatch says it
  Extent threadgroup;  ///< that of the threadgroups that this variant runs
  /// Of these, only the first threads exist, in the order of their index: the last axis is cut.
  bool is_partial = false;
  Bounds bounds = Bounds::off;  ///< robust or off
  /// For dispatches that write more than the caches hold (stream_stores.h).
  bool streams = false;
  /// No buffer has 2^31 << large bytes or more.
  uint32_t large = 0;
  /// That one call runs, side by side along x.
  uint32_t threadgroups_together = 1;

  bool operator==(const Variant&) const = default;
};

/// The last axis that isn't 1: threads that lack there are the last ones of all. 0 if there is
/// none.
[[nodiscard]] inline unsigned last_axis(const Extent& extent) {
  return extent.z > 1 ? 2 : extent.y > 1 ? 1 : 0;
}

[[nodiscard]] inline uint32_t along(const Extent& extent, unsigned axis) {
  return axis == 0 ? extent.x : axis == 1 ? extent.y : extent.z;
}

[[nodiscard]] inline uint32_t& along(Extent& extent, unsigned axis) {
  return axis == 0 ? extent.x : axis == 1 ? extent.y : extent.z;
}

}  // namespace anymetal::backend::cpu
