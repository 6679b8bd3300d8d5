// What the code of a threadgroup finds when it is called: one ThreadgroupFrame. The code loads
// members by their offsets; the executor fills them in. Plain data, no owner, no constructor.
#pragma once

#include <cstddef>
#include <cstdint>

namespace anymetal::simt {

/// One argument of the entry: a buffer, a table of textures, or threadgroup memory.
struct FrameArgument {
  uint8_t* data;
  uint64_t size;  ///< bytes
};

struct ThreadgroupFrame {
  const FrameArgument* arguments;  ///< one for each parameter of the entry, in their order
  uint8_t* threadgroup_memory;     ///< static variables, aligned to 64; zeros at the start
  uint8_t* scratch;                ///< Report::scratch_bytes for this call alone, aligned to 64
  const uint32_t* stop;            ///< not 0: return soon
  void* worker;                    ///< the executor's own, handed on to what the code calls
  uint32_t threadgroup_position_in_grid[3];
  uint32_t dispatch_threads_per_threadgroup[3];
  uint32_t threads_per_grid[3];
  uint32_t threadgroups_per_grid[3];
  /// How many threads this one has: all of Options::threadgroup, unless is_partial.
  uint32_t active_threads;
  /// Bit n: nobody else touches the memory of argument n while this runs.
  uint32_t own_arguments;
};

}  // namespace anymetal::simt
