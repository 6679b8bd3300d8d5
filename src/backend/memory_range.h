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

  bool operator==(const MemoryRange&) const = default;
};

/// All that shares memory with what holds the address, directly or through others. `for_each` calls
/// what it is given with each range that there is.
template <class ForEach>
MemoryRange memory_around(uint64_t address, ForEach for_each) {
  MemoryRange found;
  while (true) {
    const MemoryRange before = found;
    for_each([&](const MemoryRange& other) {
      if (found.size == 0) {
        if (other.contains(address)) found = other;
      } else if (found.overlaps(other)) {
        const uint64_t end = std::max(found.base + found.size, other.base + other.size);
        found.base = std::min(found.base, other.base);
        found.size = end - found.base;
      }
    });
    if (found == before) return found;
  }
}

}  // namespace anymetal::backend
