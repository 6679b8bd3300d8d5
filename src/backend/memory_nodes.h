// Which processors are near which memory: machines with several sockets have a part of the memory
// at each, and reach that of the others more slowly.
#pragma once

#include <filesystem>
#include <string_view>
#include <vector>

namespace anymetal::backend {

/// The processors of a node, by their numbers.
struct MemoryNode {
  std::vector<unsigned> processors;
};

/// "0-3,8,10-11" as the kernel writes it. What can't be read ends the list.
[[nodiscard]] std::vector<unsigned> parse_processors(std::string_view text);

/// The nodes of the machine that have processors which this process may use, and these alone.
/// Empty where there are less than two such nodes, or nobody knows: all memory is equally near.
[[nodiscard]] std::vector<MemoryNode> memory_nodes(
    const std::vector<unsigned>& allowed,
    const std::filesystem::path& folder = "/sys/devices/system/node");

/// How many of `threads` belong to each node, in proportion to its processors; their sum is
/// `threads`.
[[nodiscard]] std::vector<size_t> share_threads(const std::vector<MemoryNode>& nodes,
                                                size_t threads);

}  // namespace anymetal::backend
