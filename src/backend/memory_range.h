// Memory that a pointer leads to, of which only the address is known.
#pragma once

#include <algorithm>
#include <cstdint>

namespace anymetal::backend {

/// Arrays that share memory are one range: nobody knows which of them a pointer into both was made
/// from.
struct MemoryRange {
  uint64_t base = 0;
  uint64_t size = 0;  ///< 0: there is none

  [[nodiscard]] bool contains(uint64_t address) const { return address - base < size; }
  [[nodiscard]] bool overlaps(const MemoryRange& other) const {
    return base < other.base + other.size && other.base < base + size;
  }

  /// Becomes `other` if that is the first that holds the address, and grows by it if they overlap.
  void join(const MemoryRange& other, uint64_t address) {
    if (size == 0) {
      if (other.contains(address)) *this = other;
    } else if (overlaps(other)) {
      const uint64_t end = std::max(base + size, other.base + other.size);
      base = std::min(base, other.base);
      size = end - base;
    }
  }

  bool operator==(const MemoryRange&) const = default;
};

}  // namespace anymetal::backend
