#include "backend/kept_messages.h"

#include <algorithm>
#include <iterator>
#include <string>
#include <utility>

namespace anymetal::backend {
namespace {

/// What a message counts against the limit.
uint64_t size_of(const MessageSite& site, uint64_t arguments) {
  return site.format.size() + 32 + arguments * sizeof(MessageArgument);
}

}  // namespace

void DispatchMessages::deliver() {
  if (!dispatch_.messages) return;
  std::sort(messages_.begin(), messages_.end(), [](const KeptMessage& a, const KeptMessage& b) {
    return std::pair(a.threadgroup, a.sequence) < std::pair(b.threadgroup, b.sequence);
  });
  uint64_t bytes = 0;
  size_t count = 0;
  for (const KeptMessage& kept : messages_) {
    const MessageSite& site = sites_[kept.site];
    bytes += size_of(site, kept.arguments.size());
    if (bytes > dispatch_.message_bytes) break;
    ++count;
    const std::string text = format_message(site.format, kept.arguments);
    Message message{MessageLevel(std::min(kept.level, uint32_t(MessageLevel::printf))),
                    site.subsystem,
                    site.category,
                    text,
                    {}};
    std::copy_n(kept.thread, 3, message.thread);
    dispatch_.messages->receive(message);
  }
  const uint64_t lost = lost_ + (messages_.size() - count);
  if (lost != 0) dispatch_.messages->dropped(lost);
}

void MessageKeeper::start(DispatchMessages& all) {
  all_ = &all;
  messages_.clear();
  bytes_ = 0;
}

KeptMessage* MessageKeeper::keep(uint64_t threadgroup, uint32_t site, uint32_t level,
                                 const uint32_t (&thread)[3], uint32_t count) {
  const Dispatch& dispatch = all_->dispatch_;
  if (!dispatch.messages) return nullptr;
  const uint64_t bytes = size_of(all_->sites_[site], count);
  if (bytes_ + bytes > dispatch.message_bytes) {
    bytes_ = dispatch.message_bytes;  // nothing that comes later may be kept
    ++all_->lost_;
    return nullptr;
  }
  bytes_ += bytes;
  KeptMessage& message = messages_.emplace_back();
  message.threadgroup = threadgroup;
  message.sequence = messages_.size() - 1;
  message.site = site;
  message.level = level;
  std::copy_n(thread, 3, message.thread);
  message.arguments.reserve(count);
  return &message;
}

void MessageKeeper::give() {
  if (messages_.empty()) return;
  const std::lock_guard lock(all_->mutex_);
  std::move(messages_.begin(), messages_.end(), std::back_inserter(all_->messages_));
  messages_.clear();
}

}  // namespace anymetal::backend
