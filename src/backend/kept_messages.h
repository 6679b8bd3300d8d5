// What threads write (os_log, printf) from the moment that they do until their dispatch has ended:
// then the first messages of the grid go to Dispatch::messages, in the order of threadgroups.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <span>
#include <vector>

#include "backend/backend.h"
#include "backend/kernel_image.h"
#include "backend/message_format.h"

namespace anymetal::backend {

struct KeptMessage {
  uint64_t threadgroup = 0;  ///< in the order of the grid
  uint64_t sequence = 0;     ///< among those of its keeper
  uint32_t site = 0;         ///< index into the kernel's table
  uint32_t level = 0;
  uint32_t thread[3] = {};  ///< its position in the grid
  std::vector<MessageArgument> arguments;
};

/// Those of a dispatch.
class DispatchMessages {
 public:
  DispatchMessages(const Dispatch& dispatch, std::span<const MessageSite> sites)
      : dispatch_(dispatch), sites_(sites) {}

  /// When all threads have ended: in the order of threadgroups, up to the limit.
  void deliver();

 private:
  friend class MessageKeeper;
  const Dispatch& dispatch_;
  const std::span<const MessageSite> sites_;
  std::mutex mutex_;
  std::vector<KeptMessage> messages_;  ///< of keepers that have ended
  std::atomic<uint64_t> lost_{0};      ///< for which no keeper had room
};

/// Those of one of the operating system's threads, which takes threadgroups in ascending order. So
/// if each keeps its first messages up to the limit, the first ones of the whole grid up to the
/// limit are among them, however the threadgroups were shared out.
class MessageKeeper {
 public:
  /// Forgets what it has. Without a listener nothing is kept.
  void start(DispatchMessages& all);
  /// A message with room for `count` arguments. Null: it isn't kept. Valid until the next call.
  [[nodiscard]] KeptMessage* keep(uint64_t threadgroup, uint32_t site, uint32_t level,
                                  const uint32_t (&thread)[3], uint32_t count);
  /// The one that `keep` gave as its `sequence`th.
  [[nodiscard]] KeptMessage& at(size_t sequence) { return messages_[sequence]; }
  /// Hands them over.
  void give();

 private:
  DispatchMessages* all_ = nullptr;
  std::vector<KeptMessage> messages_;
  uint64_t bytes_ = 0;
};

}  // namespace anymetal::backend
