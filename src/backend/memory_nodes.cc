#include "backend/memory_nodes.h"

#include <algorithm>
#include <charconv>
#include <fstream>
#include <string>
#include <system_error>

namespace anymetal::backend {
namespace {

constexpr unsigned kMostProcessors = 1u << 16;

}  // namespace

std::vector<unsigned> parse_processors(std::string_view text) {
  std::vector<unsigned> processors;
  const char* at = text.data();
  const char* const end = at + text.size();
  while (at != end) {
    unsigned first = 0;
    auto read = std::from_chars(at, end, first);
    if (read.ec != std::errc() || first >= kMostProcessors) break;
    unsigned last = first;
    if (read.ptr != end && *read.ptr == '-') {
      read = std::from_chars(read.ptr + 1, end, last);
      if (read.ec != std::errc() || last < first || last >= kMostProcessors) break;
    }
    for (unsigned processor = first; processor <= last; ++processor)
      processors.push_back(processor);
    at = read.ptr;
    if (at == end || *at != ',') break;
    ++at;
  }
  return processors;
}

std::vector<MemoryNode> memory_nodes(const std::vector<unsigned>& allowed,
                                     const std::filesystem::path& folder) {
  std::vector<MemoryNode> nodes;
  std::ifstream online(folder / "online");
  std::string numbers;
  online >> numbers;
  for (const unsigned number : parse_processors(numbers)) {
    std::ifstream file(folder / ("node" + std::to_string(number)) / "cpulist");
    std::string list;
    file >> list;
    MemoryNode node;
    for (const unsigned processor : parse_processors(list)) {
      if (std::ranges::find(allowed, processor) != allowed.end())
        node.processors.push_back(processor);
    }
    if (!node.processors.empty()) nodes.push_back(std::move(node));
  }
  if (nodes.size() < 2) nodes.clear();
  return nodes;
}

std::vector<size_t> share_threads(const std::vector<MemoryNode>& nodes, size_t threads) {
  size_t processors = 0;
  for (const MemoryNode& node : nodes) processors += node.processors.size();
  std::vector<size_t> shares;
  size_t seen = 0, given = 0;
  for (const MemoryNode& node : nodes) {
    seen += node.processors.size();
    const size_t until = (threads * seen + processors / 2) / processors;
    shares.push_back(until - given);
    given = until;
  }
  return shares;
}

}  // namespace anymetal::backend
