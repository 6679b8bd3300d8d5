// The threadgroups of a grid as they are taken. Each memory node (backend/memory_nodes.h) has a
// share, neighbours beside each other, and the same one in each dispatch of the same size: pages
// that a node's threads touched first are touched by them again. A thread that finds its own node's
// share done helps with the others'.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>

namespace anymetal::backend::cpu {

class Shares {
 public:
  static constexpr size_t kMostNodes = 8;

  /// Threadgroups from `begin` to `end`; none if they are equal.
  struct Range {
    uint64_t begin = 0;
    uint64_t end = 0;
  };

  /// `count` threadgroups in proportion to the threads of each node; empty: one share for all.
  Shares(uint64_t count, std::span<const size_t> threads) {
    nodes_ = std::clamp<size_t>(threads.size(), 1, kMostNodes);
    size_t all = 0, before = 0;
    for (size_t node = 0; node < nodes_ && node < threads.size(); ++node) all += threads[node];
    uint64_t begin = 0;
    for (size_t node = 0; node < nodes_; ++node) {
      before += all == 0 ? 0 : threads[node];
      const bool is_last = node + 1 == nodes_;
      const uint64_t end = is_last ? count : portion(count, before, all);
      shares_[node].next.store(begin, std::memory_order_relaxed);
      shares_[node].end = begin = end;
    }
  }

  /// The next ones for a thread of `node`, at most `piece` of them.
  [[nodiscard]] Range take(size_t node, uint64_t piece) {
    for (size_t i = 0; i < nodes_; ++i) {
      Share& share = shares_[(node + i) % nodes_];
      if (share.next.load(std::memory_order_relaxed) >= share.end) continue;
      const uint64_t begin = share.next.fetch_add(piece, std::memory_order_relaxed);
      if (begin < share.end) return {begin, std::min(begin + piece, share.end)};
    }
    return {};
  }

  /// How many nobody has taken yet.
  [[nodiscard]] uint64_t left() const {
    uint64_t sum = 0;
    for (size_t node = 0; node < nodes_; ++node) {
      const Share& share = shares_[node];
      sum += share.end - std::min(share.end, share.next.load(std::memory_order_relaxed));
    }
    return sum;
  }

 private:
  struct alignas(64) Share {
    std::atomic<uint64_t> next{0};  ///< may lie beyond the end
    uint64_t end = 0;
  };

  static uint64_t portion(uint64_t count, size_t part, size_t whole) {
    if (whole == 0) return 0;
    return count / whole * part + count % whole * part / whole;
  }

  size_t nodes_ = 1;
  std::array<Share, kMostNodes> shares_;
};

}  // namespace anymetal::backend::cpu
