// How a value differs between the lanes of a chunk. Uniform values stay scalars, patterns are a
// scalar and constants, and only what is varying needs a vector.
#pragma once

#include <llvm/ADT/SmallVector.h>
#include <llvm/Support/MathExtras.h>

#include <cstdint>

namespace anymetal::simt {

/// Of a difference: whether numbers of 32 bits that far apart, taken as signed, can't have gone
/// round and come back.
inline bool is_below_half_of_32_bits(int64_t difference) {
  constexpr int64_t kEnd = int64_t{1} << 31;
  return -kEnd < difference && difference < kEnd;
}

/// Differences of the lanes to lane 0.
using Offsets = llvm::SmallVector<int64_t, 16>;

class Shape {
 public:
  enum class Kind : uint8_t {
    unknown,  ///< not yet looked at
    uniform,  ///< the same in all threads that advance together
    pattern,  ///< lane i of a chunk has the value of lane 0 plus a constant
    varying,
  };

  Shape() = default;
  static Shape uniform(unsigned zeros = 0) { return Shape(Kind::uniform, {}, zeros); }
  static Shape varying() { return Shape(Kind::varying, {}, 0); }
  static Shape pattern(Offsets offsets, unsigned zeros = 0, Offsets chunks = {}) {
    Shape shape(Kind::pattern, std::move(offsets), zeros);
    shape.chunks_ = std::move(chunks);
    return shape;
  }
  /// 0, stride, 2 * stride, ...; stride 0: the same within a chunk.
  static Shape affine(unsigned chunk, int64_t stride, unsigned zeros = 0);

  [[nodiscard]] Kind kind() const { return kind_; }
  [[nodiscard]] bool is_unknown() const { return kind_ == Kind::unknown; }
  [[nodiscard]] bool is_uniform() const { return kind_ == Kind::uniform; }
  [[nodiscard]] bool is_varying() const { return kind_ == Kind::varying; }
  /// Uniform or a pattern: one scalar for each chunk holds it.
  [[nodiscard]] bool has_base() const { return kind_ == Kind::uniform || kind_ == Kind::pattern; }
  /// The same in all lanes of a chunk.
  [[nodiscard]] bool is_flat() const;
  /// Of lane i, if it has a base.
  [[nodiscard]] int64_t offset(unsigned lane) const {
    return kind_ == Kind::pattern ? offsets_[lane] : 0;
  }
  /// Whether it is known how far the lanes 0 of a step's chunks are from the first chunk's: one
  /// scalar then holds all of them.
  [[nodiscard]] bool knows_chunks() const { return kind_ == Kind::uniform || !chunks_.empty(); }
  [[nodiscard]] int64_t chunk_offset(unsigned chunk) const {
    return chunks_.empty() ? 0 : chunks_[chunk];
  }
  /// Of the chunks; empty if not known, or uniform.
  [[nodiscard]] const Offsets& chunk_offsets() const { return chunks_; }
  [[nodiscard]] Shape without_chunks() const {
    Shape shape = *this;
    shape.chunks_.clear();
    return shape;
  }
  /// Of a pattern.
  [[nodiscard]] unsigned lanes() const { return unsigned(offsets_.size()); }
  /// Offsets are 0, stride, 2 * stride, ...
  [[nodiscard]] bool has_stride(int64_t stride) const;
  /// Low bits of lane 0's value that are known to be 0.
  [[nodiscard]] unsigned zeros() const { return zeros_; }
  /// No lane's low bits carry into what lane 0 has above them: offsets are in [0, 2^zeros).
  [[nodiscard]] bool stays_below_zeros() const;

  bool operator==(const Shape&) const = default;

 private:
  Shape(Kind kind, Offsets offsets, unsigned zeros)
      : kind_(kind), zeros_(uint8_t(std::min(zeros, 63u))), offsets_(std::move(offsets)) {}

  Kind kind_ = Kind::unknown;
  uint8_t zeros_ = 0;
  Offsets offsets_;
  Offsets chunks_;
};

inline bool Shape::is_flat() const {
  if (kind_ == Kind::uniform) return true;
  return kind_ == Kind::pattern &&
         std::all_of(offsets_.begin(), offsets_.end(), [](int64_t o) { return o == 0; });
}

inline bool Shape::has_stride(int64_t stride) const {
  if (kind_ != Kind::pattern) return false;
  for (size_t lane = 0; lane < offsets_.size(); ++lane) {
    if (offsets_[lane] != int64_t(lane) * stride) return false;
  }
  return true;
}

inline bool Shape::stays_below_zeros() const {
  const int64_t limit = int64_t{1} << std::min<unsigned>(zeros_, 62);
  return kind_ == Kind::uniform ||
         (kind_ == Kind::pattern &&
          std::all_of(offsets_.begin(), offsets_.end(),
                      [limit](int64_t o) { return o >= 0 && o < limit; }));
}

inline Shape Shape::affine(unsigned chunk, int64_t stride, unsigned zeros) {
  Offsets offsets(chunk);
  for (unsigned lane = 0; lane < chunk; ++lane) offsets[lane] = int64_t(lane) * stride;
  return pattern(std::move(offsets), zeros);
}

}  // namespace anymetal::simt
