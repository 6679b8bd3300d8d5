// What barriers, simdgroup and quadgroup builtins compute, once it is known which lanes meet.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "backend/kernel_image.h"
#include "backend/thread_state.h"
#include "builtins/builtins.h"

namespace anymetal::backend::reference {

inline constexpr uint32_t kSimdgroupSize = 32;
inline constexpr uint32_t kQuadgroupSize = 4;

enum class Operation : uint16_t {
  threadgroup_barrier,
  simdgroup_barrier,
  quadgroup_barrier,
  lockstep,  ///< no barrier that Metal asks for: see insert_lockstep_points.h
  sum,
  product,
  min,
  max,
  bit_and,
  bit_or,
  bit_xor,
  prefix_inclusive_sum,
  prefix_exclusive_sum,
  prefix_inclusive_product,
  prefix_exclusive_product,
  broadcast,
  broadcast_first,
  shuffle,
  shuffle_up,
  shuffle_down,
  shuffle_xor,
  rotate_up,
  rotate_down,
  fill_up,
  fill_down,
  all,
  any,
  ballot,
  active_mask,
  is_first,
  multiply_accumulate,
};

/// An Operation, and among which lanes.
struct Meeting {
  Operation operation;
  bool of_quadgroup;
};

/// "simd_sum" → sum; nullopt for builtins at which threads don't meet.
[[nodiscard]] std::optional<Meeting> find_meeting(std::string_view builtin_name);

/// MeetingSite::operation from and to a Meeting.
[[nodiscard]] constexpr uint16_t encode(Meeting meeting) {
  return uint16_t(uint16_t(meeting.operation) << 1 | uint16_t(meeting.of_quadgroup));
}
[[nodiscard]] constexpr Meeting decode(uint16_t code) {
  return {Operation(code >> 1), (code & 1) != 0};
}

/// The lanes of one simdgroup that meet: bit i of `active` stands for lane i, which is lanes[i].
struct Lanes {
  ThreadState* lanes = nullptr;
  uint32_t count =
      0;  ///< of the simdgroup's threads: fewer than 32 in the last one of a threadgroup
  uint32_t active = 0;
};

/// Reads each active lane's operands and writes its result. Does nothing for barriers.
void perform(const MeetingSite& site, const Lanes& lanes);

}  // namespace anymetal::backend::reference
