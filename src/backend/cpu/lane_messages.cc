#include "backend/cpu/lane_messages.h"

#include <bit>

namespace anymetal::backend::cpu {
namespace {

/// Compiled code knows of none: a thread of the operating system runs one threadgroup at a time.
thread_local LaneMessages* current = nullptr;

void message(uint32_t thread, uint32_t site, uint32_t level, uint32_t count, uint32_t x, uint32_t y,
             uint32_t z) {
  if (current) current->begin(thread, site, level, count, {x, y, z});
}

/// The words of a MessageArgument.
void message_argument(uint32_t thread, uint64_t kind_and_count, uint64_t bytes, uint64_t x,
                      uint64_t y, uint64_t z, uint64_t w) {
  if (!current) return;
  MessageArgument argument;
  argument.kind = uint32_t(kind_and_count);
  argument.count = uint32_t(kind_and_count >> 32);
  argument.bytes = uint32_t(bytes);
  argument.values[0] = x;
  argument.values[1] = y;
  argument.values[2] = z;
  argument.values[3] = w;
  current->add(thread, argument);
}
static_assert(std::endian::native == std::endian::little);

}  // namespace

LaneMessages::LaneMessages(DispatchMessages& all, uint64_t threads) : last_(threads, -1) {
  keeper_.start(all);
  current = this;
}

LaneMessages::~LaneMessages() {
  current = nullptr;
  keeper_.give();
}

void LaneMessages::begin(uint32_t thread, uint32_t site, uint32_t level, uint32_t count,
                         const uint32_t (&position)[3]) {
  const KeptMessage* kept = keeper_.keep(threadgroup_, site, level, position, count);
  last_[thread] = kept ? int64_t(kept->sequence) : -1;
}

void LaneMessages::add(uint32_t thread, const MessageArgument& argument) {
  if (last_[thread] >= 0) keeper_.at(size_t(last_[thread])).arguments.push_back(argument);
}

void add_message_functions(RuntimeSymbols& symbols) {
  symbols.emplace_back(kMessageName, reinterpret_cast<void*>(&message));
  symbols.emplace_back(kMessageArgumentName, reinterpret_cast<void*>(&message_argument));
}

}  // namespace anymetal::backend::cpu
