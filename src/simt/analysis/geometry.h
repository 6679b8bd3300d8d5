// The threadgroup as the code sees it: simdgroups in steps, steps in chunks, chunks in lanes; and
// where a thread stands, as shapes.
#pragma once

#include <optional>
#include <string_view>

#include "simt/analysis/shape.h"
#include "simt/simt.h"

namespace anymetal::simt {

struct Geometry {
  uint32_t size[3] = {1, 1, 1};           ///< of the threadgroup, or of all that run together
  uint32_t dispatch_size[3] = {1, 1, 1};  ///< as the dispatch gave it
  bool is_partial = false;                ///< fewer threads than that may exist
  unsigned chunk = 8;                     ///< lanes
  unsigned together = 1;                  ///< simdgroups that advance together, one step
  unsigned large = 0;                     ///< Options::large
  uint32_t threadgroups = 1;              ///< side by side along x (transform/join_threadgroups.h)

  [[nodiscard]] uint32_t threads() const { return size[0] * size[1] * size[2]; }
  [[nodiscard]] uint32_t simdgroups() const {
    return (threads() + kSimdgroupSize - 1) / kSimdgroupSize;
  }
  [[nodiscard]] uint32_t steps() const { return (simdgroups() + together - 1) / together; }
  [[nodiscard]] unsigned chunks_of_simdgroup() const { return kSimdgroupSize / chunk; }
  [[nodiscard]] unsigned chunks() const { return together * chunks_of_simdgroup(); }
  [[nodiscard]] uint32_t threads_of_step() const { return together * kSimdgroupSize; }
  /// Of one threadgroup along x.
  [[nodiscard]] uint32_t length() const { return size[0] / threadgroups; }
  /// That of `count` threadgroups like this one, side by side.
  [[nodiscard]] Geometry joined(uint32_t count, unsigned simdgroups_together) const {
    Geometry wide = *this;
    wide.size[0] *= count;
    wide.threadgroups = count;
    wide.together = simdgroups_together;
    return wide;
  }
  /// Whether every lane of every step is a thread.
  [[nodiscard]] bool is_full() const { return !is_partial && threads() % threads_of_step() == 0; }
};

/// A position as a function of thread_index_in_threadgroup: index / divisor % modulus, then plus
/// what the grid adds. modulus 0: none.
struct PositionRule {
  uint32_t divisor = 1;
  uint32_t modulus = 0;
  int grid_axis = -1;  ///< of the threadgroup's position that is added
};

/// For the position builtins that differ between threads ("thread_position_in_grid.x"); nullopt for
/// all other names.
[[nodiscard]] std::optional<PositionRule> find_position_rule(std::string_view name,
                                                             const Geometry& geometry);

/// The shape of index / divisor % modulus.
[[nodiscard]] Shape position_shape(const PositionRule& rule, const Geometry& geometry);

}  // namespace anymetal::simt
