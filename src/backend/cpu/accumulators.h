// Buffers that a kernel only adds to, by atomic operations whose results nobody asks for: bins of a
// histogram, a total. Nobody can tell when such an addition is done, as long as it is before the
// dispatch ends. So each thread of the machine has such a buffer for itself, and adds it to the
// real one when it has done its share: processors that take a line of memory from each other for
// every addition are slower together than one alone.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "backend/backend.h"

namespace llvm {
class Function;
}

namespace anymetal::backend::cpu {

enum class Accumulation : uint8_t {
  sum,
  float_sum,
  bit_and,
  bit_or,
  bit_xor,
  signed_min,
  signed_max,
  unsigned_min,
  unsigned_max
};

/// One that is made of words of 32 bits.
struct Accumulator {
  uint32_t argument = 0;  ///< the entry's parameter
  Accumulation what = Accumulation::sum;

  bool operator==(const Accumulator&) const = default;
};

/// Of the code of one thread. Empty if it loads pointers from memory, which may lead anywhere.
[[nodiscard]] std::vector<Accumulator> find_accumulators(const llvm::Function& entry);

/// Those of a dispatch, a few, which allocate nothing.
class ChosenAccumulators {
 public:
  static constexpr size_t kMost = 16;

  /// Those that are worth it, and may be: `threads` of the dispatch are many for each word, all fit
  /// into a thread's cache, and no other argument shares their memory. Of more than kMost, the
  /// first ones.
  void choose(std::span<const Accumulator> found, std::span<const Argument> arguments,
              uint64_t threads);
  /// Those that are in `found`, too.
  void keep(std::span<const Accumulator> found);

  [[nodiscard]] size_t size() const { return size_; }
  [[nodiscard]] const Accumulator* begin() const { return chosen_.data(); }
  [[nodiscard]] const Accumulator* end() const { return chosen_.data() + size_; }

 private:
  std::array<Accumulator, kMost> chosen_;
  size_t size_ = 0;
};

/// Words that change nothing when they are added.
void clear_accumulator(Accumulation what, uint32_t* words, uint64_t count);

/// Adds what was collected. Others may do the same at the same time.
void add_accumulator(Accumulation what, const uint32_t* words, uint64_t count, uint32_t* to);

}  // namespace anymetal::backend::cpu
