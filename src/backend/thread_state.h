// What compiled code and its runtime share: one ThreadState for each thread of a running
// threadgroup. The passes write loads and stores by the offsets of these members; the executor
// fills them in. Plain data, no owner, no constructor.
#pragma once

#include <cstddef>
#include <cstdint>

namespace anymetal::backend {

/// One argument of the entry, as compiled code reads it.
struct ArgumentSlot {
  uint8_t* data;
  uint64_t size;
};

/// What all threads of a threadgroup have in common.
struct ThreadgroupState {
  uint32_t threadgroup_position_in_grid[3];
  uint32_t threads_per_threadgroup[3];           ///< of this one: smaller at the edges of the grid
  uint32_t dispatch_threads_per_threadgroup[3];  ///< of the dispatch
  uint32_t threads_per_grid[3];
  uint32_t threadgroups_per_grid[3];
  uint32_t simdgroups_per_threadgroup;
  uint32_t dispatch_simdgroups_per_threadgroup;
  uint32_t quadgroups_per_threadgroup;
  uint32_t dispatch_quadgroups_per_threadgroup;
};

/// A piece of memory that belongs to the thread or the module: for pointers whose origin is lost.
struct PrivateRegion {
  uint64_t base;
  uint64_t size;
  uint64_t object;  ///< index into KernelImage::objects
};

// Numbers of objects that aren't indices into KernelImage::objects.
inline constexpr uint32_t kNowhere = 0x7fff'ffff;
inline constexpr uint32_t kResidentObject =
    0x7fff'fffe;  ///< memory that a pointer in a buffer led to
/// Beside the number of an object: the pointer's origin is unknown, and the object is what it
/// pointed into when it was loaded. So an access elsewhere is right if it is in any object.
inline constexpr uint32_t kGuessed = 0x8000'0000;

/// The origin of a pointer that was stored in a variable. It holds as long as that pointer is
/// there.
struct KeptPointer {
  uint64_t pointer;
  uint64_t base;
  uint64_t read_size;   ///< size + 1
  uint64_t write_size;  ///< size + 1; 1 if it mustn't be written to
  uint32_t object;
};

/// What a thread remembers of a read outside that it hasn't used yet.
struct DeferredRead {
  uint64_t address;
  uint64_t base;
  uint64_t size;    ///< of the object, + 1
  uint32_t object;  ///< index into KernelImage::objects
  uint32_t site;    ///< index into KernelImage::accesses
};

inline constexpr uint32_t kMaxOperands = 4;

struct ThreadState {
  const ThreadgroupState* threadgroup;
  const ArgumentSlot* arguments;
  uint8_t* arena;          ///< threadgroup memory: static variables first, then the dispatch's
  const uint32_t* stop;    ///< the dispatch's StopFlag
  const uint32_t* failed;  ///< not 0 once a thread of the dispatch has recorded an error
  void* worker;            ///< the executor's own
  uint32_t thread_position_in_grid[3];
  uint32_t thread_position_in_threadgroup[3];
  uint32_t thread_index_in_threadgroup;
  uint32_t thread_index_in_simdgroup;
  uint32_t simdgroup_index_in_threadgroup;
  uint32_t thread_index_in_quadgroup;
  uint32_t quadgroup_index_in_threadgroup;
  uint32_t site;  ///< of the meeting that the thread waits at
  uint64_t* key;  ///< of that meeting (number_meeting_points.h)
  uint64_t operands[kMaxOperands];
  uint64_t result;
  uint64_t found_base;        ///< am_find_region's answer
  uint64_t found_read_size;   ///< size + 1
  uint64_t found_write_size;  ///< size + 1; 1 if it mustn't be written to
  uint32_t found_object;
  uint32_t private_count;
  const PrivateRegion* private_regions;
};

}  // namespace anymetal::backend
