// Accesses of neighbours whose elements lie between each other: thread i has elements 4 i to 4 i +
// 3, or every fourth one. Memory is read and written in whole vectors, without masks, which are
// slow where it isn't in a cache, and taken apart or put together by halves: two, four or eight
// elements apart take one, two or three permutations for each vector.
#include "simt/transform/vectorizer.h"

namespace anymetal::simt {

namespace {

/// Vectors that hold a row of elements, and where each of them begins.
struct Row {
  llvm::SmallVector<llvm::Value*, 8> vectors;
  llvm::SmallVector<unsigned, 8> starts;
};

}  // namespace

/// Elements 0 to components - 1 of each `factor`, of all lanes. Nothing behind the last lane's last
/// element is read: the last vector begins earlier and ends with it.
Values Vectorizer::load_interleaved(llvm::Type* element, llvm::Value* pointer, llvm::Align align,
                                    unsigned factor, unsigned components) {
  const uint64_t bytes = layout_.getTypeStoreSize(element);
  Row row;
  for (unsigned i = 0; i < factor; ++i) {
    const unsigned start = i * width_ - (i + 1 == factor ? factor - components : 0);
    row.starts.push_back(start);
    row.vectors.push_back(builder_.CreateAlignedLoad(
        lane_type(element),
        builder_.CreateConstGEP1_64(builder_.getInt8Ty(), pointer, start * bytes), align));
  }
  // All second elements, in as many vectors as hold the rest; then of each of both rows again.
  llvm::SmallVector<Row, 8> rows{row};
  for (unsigned left = factor; left > 1; left /= 2) {
    llvm::SmallVector<Row, 8> halves(rows.size() * 2);
    for (unsigned at = 0; at < rows.size(); ++at) {
      const Row& whole = rows[at];
      for (unsigned odd = 0; odd < 2; ++odd) {
        Row& half = halves[at + odd * rows.size()];
        for (unsigned i = 0; i < whole.vectors.size(); i += 2) {
          llvm::SmallVector<int, 16> picked;
          for (unsigned k = 0; k < width_; ++k) {
            const unsigned from = i * width_ + 2 * k + odd;
            const unsigned vector = from < (i + 1) * width_ ? i : i + 1;
            const int place = int(from) - int(whole.starts[vector]);
            const bool exists = place >= 0 && place < int(width_);
            picked.push_back(exists ? place + int((vector - i) * width_) : llvm::PoisonMaskElem);
          }
          half.vectors.push_back(
              builder_.CreateShuffleVector(whole.vectors[i], whole.vectors[i + 1], picked));
          half.starts.push_back(i / 2 * width_);
        }
      }
    }
    rows = std::move(halves);
  }
  // Row r holds the elements r of each `factor`: the first half's index is the last bit.
  Values values;
  for (unsigned component = 0; component < components; ++component)
    values.push_back(rows[component].vectors[0]);
  return values;
}

/// All elements of all lanes; `parts` are the first ones, the second ones and so on.
void Vectorizer::store_interleaved(llvm::ArrayRef<llvm::Value*> parts, llvm::Value* pointer,
                                   llvm::Align align) {
  const auto factor = unsigned(parts.size());
  llvm::Type* element = parts[0]->getType()->getScalarType();
  const uint64_t bytes = layout_.getTypeStoreSize(element);
  llvm::SmallVector<Values, 8> rows;
  for (llvm::Value* part : parts) rows.push_back({part});
  // The reverse: each with the one that is half of them further.
  while (rows.size() > 1) {
    llvm::SmallVector<Values, 8> wholes;
    const auto half = unsigned(rows.size() / 2);
    for (unsigned at = 0; at < half; ++at) {
      Values& whole = wholes.emplace_back();
      for (unsigned i = 0; i < rows[at].size(); ++i) {
        for (unsigned upper = 0; upper < 2; ++upper) {
          llvm::SmallVector<int, 16> picked;
          for (unsigned k = 0; k < width_; ++k)
            picked.push_back(int((k % 2) * width_ + upper * width_ / 2 + k / 2));
          whole.push_back(builder_.CreateShuffleVector(rows[at][i], rows[at + half][i], picked));
        }
      }
    }
    rows = std::move(wholes);
  }
  for (unsigned i = 0; i < factor; ++i) {
    builder_.CreateAlignedStore(
        rows[0][i], builder_.CreateConstGEP1_64(builder_.getInt8Ty(), pointer, i * width_ * bytes),
        align);
  }
}

}  // namespace anymetal::simt
