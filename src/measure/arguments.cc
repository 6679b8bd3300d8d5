#include "measure/arguments.h"

#include <algorithm>
#include <cstring>

namespace anymetal::measure {
namespace {

/// Memory of the caller that becomes one block of ours.
struct Range {
  uintptr_t begin = 0;
  uintptr_t end = 0;
  bool is_written = false;
};

std::vector<Range> ranges_of(const KernelInterface& interface, const runtime::Launch& launch) {
  std::vector<Range> ranges;
  for (const Parameter& p : interface.parameters) {
    if (p.kind != ParameterKind::buffer) continue;
    const runtime::Argument argument = launch.buffer(p.index);
    if (!argument.data || argument.size == 0) continue;
    const auto begin = reinterpret_cast<uintptr_t>(argument.data);
    ranges.push_back({begin, begin + argument.size, !p.is_const});
  }
  std::ranges::sort(ranges, {}, &Range::begin);
  std::vector<Range> merged;
  for (const Range& range : ranges) {
    if (merged.empty() || range.begin >= merged.back().end) {
      merged.push_back(range);
      continue;
    }
    merged.back().end = std::max(merged.back().end, range.end);
    merged.back().is_written |= range.is_written;
  }
  return merged;
}

// A copy begins as far behind a line of the cache as the original does.
constexpr uintptr_t kLine = 64;

}  // namespace

uint64_t ArgumentCopies::bytes_needed(const KernelInterface& interface,
                                      const runtime::Launch& launch) {
  uint64_t bytes = 0;
  for (const Range& range : ranges_of(interface, launch))
    bytes += (range.end - range.begin) * (range.is_written ? 2 : 1);
  return bytes;
}

Result<std::shared_ptr<ArgumentCopies>> ArgumentCopies::copy(const KernelInterface& interface,
                                                             const runtime::Launch& launch) {
  auto made = std::make_shared<ArgumentCopies>();
  runtime::Device& device = runtime::Device::system();
  const std::vector<Range> ranges = ranges_of(interface, launch);
  std::vector<std::byte*> starts;
  for (const Range& range : ranges) {
    const uintptr_t lead = range.begin % kLine;
    Block block{.bytes = lead + (range.end - range.begin)};
    ANYMETAL_ASSIGN_OR_RETURN(block.memory, device.buffer(block.bytes));
    starts.push_back(static_cast<std::byte*>(block.memory->data()) + lead);
    std::memcpy(starts.back(), reinterpret_cast<const void*>(range.begin), range.end - range.begin);
    if (range.is_written) {
      ANYMETAL_ASSIGN_OR_RETURN(block.before, device.buffer(block.bytes));
      std::memcpy(block.before->data(), block.memory->data(), block.bytes);
    }
    made->blocks_.push_back(std::move(block));
  }
  for (const runtime::Argument& argument : launch.buffers) {
    runtime::Argument own = argument;  // an empty array stays where it is: nobody may touch it
    const auto begin = reinterpret_cast<uintptr_t>(argument.data);
    for (size_t i = 0; i < ranges.size(); ++i) {
      if (argument.size > 0 && begin >= ranges[i].begin && begin < ranges[i].end)
        own.data = starts[i] + (begin - ranges[i].begin);
    }
    made->buffers_.push_back(own);
  }
  return made;
}

void ArgumentCopies::restore() {
  for (const Block& block : blocks_)
    if (block.before) std::memcpy(block.memory->data(), block.before->data(), block.bytes);
}

}  // namespace anymetal::measure
