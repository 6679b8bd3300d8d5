// Runs one Metal thread after the other on the host: each is a ucontext, which runs until it has to
// wait for others (a barrier, a simdgroup function). Written for this oracle alone; it shares
// nothing with the executors that it judges.
//
// Which lanes take part in a simdgroup function is said by the text itself: SIMD_IF, SIMD_FOR and
// their like are plain `if` and `for` to Metal, and here the places at which lanes part and meet
// again.
#pragma once

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

#include <vector>

namespace host {

struct Size {
  uint32_t x, y, z;
};

/// Where a thread is, in Metal's words.
struct Place {
  Size in_grid, in_threadgroup, group, grid, threads_per_threadgroup,
      dispatch_threads_per_threadgroup;
  uint32_t index_in_threadgroup, lane, simdgroup, simdgroups;
};

struct Launch {
  Size grid, threadgroup;
  void* buffers[8];
};

/// What the lanes of one simdgroup tell each other. A meeting is over when every lane that takes
/// part has come; the last one opens the door.
struct Simdgroup {
  uint32_t present = 0;        // lanes that exist
  uint32_t left[16] = {};      // by depth: lanes that have left the construct of that depth
  uint64_t values[64] = {};    // what each lane brought to its meeting
  uint64_t meetings[64] = {};  // how many meetings each lane has come to
  int waiting[64] = {};        // 0: not; else the depth at which it waits, plus 1
  uint32_t masks[64] = {};     // the lanes that each lane last met with
};

struct Thread {
  ucontext_t context;
  Place place;
  bool done = false;
  uint64_t barriers = 0;
  int depth = 0;
  uint32_t stack[16];  // the lanes that may be active, by depth of SIMD_ construct
};

struct Threadgroup {
  std::vector<Thread> threads;
  Simdgroup simdgroups[32];
  ucontext_t scheduler;
  Thread* now = nullptr;
  uint64_t waits = 0, progress = 0;
};

inline Threadgroup* group;

inline Thread& self() {
  return *group->now;
}
inline Simdgroup& simdgroup() {
  return group->simdgroups[self().place.simdgroup];
}
inline void yield() {
  swapcontext(&self().context, &group->scheduler);
}

/// The lanes that are active now: those of the innermost construct, less those that have left it or
/// one around it.
inline uint32_t active() {
  Thread& thread = self();
  uint32_t mask = thread.stack[thread.depth];
  for (int depth = 0; depth <= thread.depth; ++depth) mask &= ~simdgroup().left[depth];
  return mask;
}

/// All active lanes come; gives which ones these are.
inline uint32_t meet() {
  Simdgroup& lanes = simdgroup();
  const uint32_t lane = self().place.lane;
  const int here = self().depth + 1;  // who waits deeper inside waits for others
  lanes.waiting[lane] = here;
  const uint64_t meeting = lanes.meetings[lane];
  for (;;) {
    if (lanes.meetings[lane] != meeting) break;  // the last one to come has opened the door
    const uint32_t expected = active();
    bool all = true;
    for (uint32_t other = 0; other < 32; ++other)
      if ((expected >> other & 1) && lanes.waiting[other] != here) all = false;
    if (all) {
      for (uint32_t other = 0; other < 32; ++other)
        if (expected >> other & 1) {
          lanes.waiting[other] = 0;
          lanes.masks[other] = expected;
          ++lanes.meetings[other];
        }
      break;
    }
    yield();
  }
  return lanes.masks[lane];
}

/// All active lanes bring a value and read those of the others. They part together, so that nobody
/// brings his next value before all have read this one.
template <class Use>
auto exchange(uint64_t value, Use use) {
  simdgroup().values[self().place.lane] = value;
  const uint32_t mask = meet();
  auto result = use(mask, simdgroup().values, self().place.lane);
  meet();
  return result;
}

struct Vote {
  uint32_t yes, no;
};

inline Vote vote(bool condition) {
  return exchange(condition, [](uint32_t mask, const uint64_t* values, uint32_t) {
    Vote result{0, 0};
    for (uint32_t lane = 0; lane < 32; ++lane)
      if (mask >> lane & 1) (values[lane] ? result.yes : result.no) |= 1u << lane;
    return result;
  });
}

// ---- SIMD_IF and its like ----

inline void push(uint32_t mask) {
  Thread& thread = self();
  thread.stack[++thread.depth] = mask;
}

inline bool begin_if(bool condition) {
  const Vote lanes = vote(condition);
  push(condition ? lanes.yes : lanes.no);
  return condition;
}

/// The end of an `if` or of a loop: all who went in, and haven't left something around it, meet.
inline void end() {
  Thread& thread = self();
  --thread.depth;
  meet();
  simdgroup().left[thread.depth + 1] &=
      ~(1u << thread.place.lane);  // other lanes may be as deep, elsewhere
  meet();
}

/// Leaves the construct that is `up` levels above the innermost: `break` out of a loop, or a return
/// (`up` is the depth).
inline bool leave(bool condition, int up) {
  Thread& thread = self();
  if (condition) {
    thread.depth -= up;
    simdgroup().left[thread.depth] |= 1u << thread.place.lane;
  }
  return condition;
}

/// At the head of each turn of a loop; those whose condition is false wait at the end.
inline void begin_loop() {
  push(active());
}
inline bool loop(bool condition) {
  vote(condition);
  return !leave(!condition, 0);
}

inline bool leave_all(bool condition) {
  return leave(condition, self().depth);
}

// ---- threadgroups ----

inline void barrier() {
  Thread& thread = self();
  ++thread.barriers;
  for (;;) {
    bool all = true;
    for (Thread& other : group->threads)
      if (!other.done && other.barriers < thread.barriers) all = false;
    if (all) return;
    yield();
  }
}

using Body = void (*)(Launch&, const Place&);
inline Body body;
inline Launch* launch;

inline void enter() {
  body(*launch, self().place);
  Thread& thread = self();
  thread.depth = 0;
  simdgroup().left[0] |= 1u << thread.place.lane;
  thread.done = true;
  yield();
}

constexpr size_t kStack = 256 << 10;

/// False: the threads wait for each other for ever.
inline bool run_threadgroup(Launch& l, Size position, char* stacks) {
  const auto left = [](uint32_t grid, uint32_t size, uint32_t at) {
    return grid - at * size < size ? grid - at * size : size;
  };
  const Size size{left(l.grid.x, l.threadgroup.x, position.x),
                  left(l.grid.y, l.threadgroup.y, position.y),
                  left(l.grid.z, l.threadgroup.z, position.z)};
  const uint32_t count = size.x * size.y * size.z;
  Threadgroup made;
  group = &made;
  made.threads.resize(count);
  for (uint32_t i = 0; i < count; ++i) made.simdgroups[i / 32].present |= 1u << i % 32;
  for (uint32_t i = 0; i < count; ++i) {
    Thread& thread = made.threads[i];
    const Size in{i % size.x, i / size.x % size.y, i / size.x / size.y};
    thread.place = {{position.x * l.threadgroup.x + in.x, position.y * l.threadgroup.y + in.y,
                     position.z * l.threadgroup.z + in.z},
                    in,
                    position,
                    l.grid,
                    size,
                    l.threadgroup,
                    i,
                    i % 32,
                    i / 32,
                    (count + 31) / 32};
    thread.stack[0] = made.simdgroups[i / 32].present;
    getcontext(&thread.context);
    thread.context.uc_stack.ss_sp = stacks + i * kStack;
    thread.context.uc_stack.ss_size = kStack;
    thread.context.uc_link = nullptr;
    makecontext(&thread.context, enter, 0);
  }
  for (uint64_t turn = 0;; ++turn) {
    bool all = true;
    for (Thread& thread : made.threads)
      if (!thread.done) {
        all = false;
        made.now = &thread;
        swapcontext(&made.scheduler, &thread.context);
      }
    if (all) return true;
    if (turn > 20000) return false;
  }
}

inline bool run(Launch& l, Body b) {
  static char* stacks = static_cast<char*>(malloc(kStack * 1024));
  body = b;
  launch = &l;
  const auto groups = [](uint32_t grid, uint32_t size) { return (grid + size - 1) / size; };
  for (uint32_t z = 0; z < groups(l.grid.z, l.threadgroup.z); ++z)
    for (uint32_t y = 0; y < groups(l.grid.y, l.threadgroup.y); ++y)
      for (uint32_t x = 0; x < groups(l.grid.x, l.threadgroup.x); ++x)
        if (!run_threadgroup(l, {x, y, z}, stacks)) return false;
  return true;
}

}  // namespace host
