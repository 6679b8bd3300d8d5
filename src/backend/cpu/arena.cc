#include "backend/cpu/arena.h"

#include <algorithm>
#include <cstdlib>

namespace anymetal::backend::cpu {
namespace {

constexpr size_t kAlignment = 64;
constexpr size_t kLeast = size_t{64} << 10;  // what a Metal threadgroup can have, twice

}  // namespace

Arena::~Arena() {
  std::free(data_);
}

Arena& Arena::of_this_thread() {
  thread_local Arena arena;
  return arena;
}

uint8_t* Arena::reserve(size_t bytes) {
  if (data_ && bytes <= size_) return data_;
  const size_t size = (std::max(bytes, kLeast) + kAlignment - 1) / kAlignment * kAlignment;
  auto* data = static_cast<uint8_t*>(std::aligned_alloc(kAlignment, size));
  if (!data) return nullptr;
  std::free(data_);
  data_ = data;
  size_ = size;
  return data_;
}

}  // namespace anymetal::backend::cpu
