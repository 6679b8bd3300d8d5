#include "runtime/message_printer.h"

#include <fmt/format.h>

#include <algorithm>

#include "runtime/log.h"

namespace anymetal::runtime {

namespace {

using backend::MessageLevel;

std::string_view level_word(MessageLevel level) {
  switch (level) {
    case MessageLevel::info:
      return "info: ";
    case MessageLevel::debug:
      return "debug: ";
    case MessageLevel::error:
      return "error: ";
    case MessageLevel::fault:
      return "fault: ";
    case MessageLevel::normal:
    case MessageLevel::printf:
      break;
  }
  return {};
}

}  // namespace

std::string MessagePrinter::start_of_line(const backend::Message& message) const {
  if (!threads_) return {};
  return fmt::format("thread ({}, {}, {}): ", message.thread[0], message.thread[1],
                     message.thread[2]);
}

void MessagePrinter::receive(const backend::Message& message) {
  if (message.level == MessageLevel::printf) return flow(message);
  finish();
  std::string line = start_of_line(message);
  if (!message.subsystem.empty() || !message.category.empty())
    line += fmt::format("[{}:{}] ", message.subsystem, message.category);
  line += level_word(message.level);
  line += message.text;
  while (line.ends_with('\n')) line.pop_back();
  report(line);
}

void MessagePrinter::flow(const backend::Message& message) {
  // With threads named, no line belongs to two of them.
  if (threads_ && !std::equal(message.thread, message.thread + 3, open_thread_)) finish();
  std::copy_n(message.thread, 3, open_thread_);
  std::string_view text = message.text;
  while (!text.empty()) {
    if (!is_open_) open_line_ = start_of_line(message);
    is_open_ = true;
    const size_t end = text.find('\n');
    open_line_ += text.substr(0, end);
    if (end == std::string_view::npos) return;
    finish();
    text.remove_prefix(end + 1);
  }
}

void MessagePrinter::finish() {
  if (!is_open_) return;
  is_open_ = false;
  report(open_line_);
}

void MessagePrinter::dropped(uint64_t count) {
  finish();
  report(
      fmt::format("anymetal: kernel `{}` wrote {} more messages than fit into the buffer; they are "
                  "lost (ANYMETAL_MESSAGES_SIZE makes it larger)",
                  kernel_, count));
}

}  // namespace anymetal::runtime
