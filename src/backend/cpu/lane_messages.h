// What vector code calls when lanes write messages. All lanes say which message they write before
// any of them gives its arguments, so each thread's last message is remembered.
#pragma once

#include <cstdint>
#include <vector>

#include "backend/kept_messages.h"
#include "backend/object_linker.h"

namespace anymetal::backend::cpu {

inline constexpr const char* kMessageName = "am_message";
inline constexpr const char* kMessageArgumentName = "am_message_argument";

/// Messages of the threadgroups that this thread of the operating system runs, while it lives.
class LaneMessages {
 public:
  /// `threads`: of a threadgroup.
  LaneMessages(DispatchMessages& all, uint64_t threads);
  ~LaneMessages();
  LaneMessages(const LaneMessages&) = delete;
  LaneMessages& operator=(const LaneMessages&) = delete;

  /// In the order of the grid.
  void set_threadgroup(uint64_t index) { threadgroup_ = index; }

  void begin(uint32_t thread, uint32_t site, uint32_t level, uint32_t count,
             const uint32_t (&position)[3]);
  void add(uint32_t thread, const MessageArgument& argument);

 private:
  MessageKeeper keeper_;
  uint64_t threadgroup_ = 0;
  std::vector<int64_t> last_;  ///< of each thread: its message that takes arguments; -1: none
};

/// am_message and am_message_argument.
void add_message_functions(RuntimeSymbols& symbols);

}  // namespace anymetal::backend::cpu
