// What kernels write, as lines of the report. A message of os_log is a line of its own; printf's
// text flows on from thread to thread, and ends where it says so.
#pragma once

#include <string>

#include "backend/backend.h"

namespace anymetal::runtime {

class MessagePrinter final : public backend::MessageSink {
 public:
  /// `threads`: each line begins with the thread's position in the grid.
  MessagePrinter(std::string_view kernel, bool threads) : kernel_(kernel), threads_(threads) {}

  void receive(const backend::Message& message) override;
  void dropped(uint64_t count) override;
  /// Ends a line that printf left open.
  void finish();

 private:
  [[nodiscard]] std::string start_of_line(const backend::Message& message) const;
  void flow(const backend::Message& message);

  std::string_view kernel_;
  bool threads_;
  std::string open_line_;
  bool is_open_ = false;
  uint32_t open_thread_[3] = {};
};

}  // namespace anymetal::runtime
