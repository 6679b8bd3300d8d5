#include "backend/texture_table.h"

#include <atomic>
#include <mutex>
#include <vector>

namespace anymetal::backend {
namespace {

constexpr uint32_t kChunkSize = 256;
constexpr uint32_t kChunks = 4096;

struct Slot {
  std::atomic<uint64_t> handle{0};  ///< 0: free
  uint32_t generation = 0;
  TextureDescription texture;
};

/// Chunks never move and never go, so that look-ups need no lock.
class Table {
 public:
  Result<uint64_t> enter(const TextureDescription& texture) {
    const std::lock_guard lock(mutex_);
    if (free_.empty() && !grow())
      return Error{
          ErrorKind::environment, "there are more than a million textures: release some", {}};
    const uint32_t index = free_.back();
    free_.pop_back();
    Slot& slot = *at(index);
    slot.texture = texture;
    const uint64_t handle = uint64_t{++slot.generation} << 32 | (index + 1);
    slot.handle.store(handle, std::memory_order_release);
    return handle;
  }

  void remove(uint64_t handle) {
    const std::lock_guard lock(mutex_);
    Slot* slot = find(handle);
    if (!slot) return;
    slot->handle.store(0, std::memory_order_release);
    free_.push_back(uint32_t(handle) - 1);
  }

  Slot* find(uint64_t handle) const noexcept {
    const uint32_t index = uint32_t(handle) - 1;
    if (handle == 0 || index >= kChunks * kChunkSize) return nullptr;
    Slot* slot = at(index);
    return slot && slot->handle.load(std::memory_order_acquire) == handle ? slot : nullptr;
  }

 private:
  Slot* at(uint32_t index) const noexcept {
    Slot* chunk = chunks_[index / kChunkSize].load(std::memory_order_acquire);
    return chunk ? chunk + index % kChunkSize : nullptr;
  }

  bool grow() {
    if (chunk_count_ == kChunks) return false;
    chunks_[chunk_count_].store(new Slot[kChunkSize], std::memory_order_release);
    for (uint32_t i = kChunkSize; i > 0; --i) free_.push_back(chunk_count_ * kChunkSize + i - 1);
    ++chunk_count_;
    return true;
  }

  std::mutex mutex_;
  std::atomic<Slot*> chunks_[kChunks] = {};
  uint32_t chunk_count_ = 0;
  std::vector<uint32_t> free_;
};

Table& table() {
  static auto* table = new Table;  // never destroyed: textures may be static variables
  return *table;
}

}  // namespace

Result<uint64_t> enter_texture(const TextureDescription& texture) {
  return table().enter(texture);
}

void remove_texture(uint64_t handle) {
  table().remove(handle);
}

const TextureDescription* find_texture(uint64_t handle) noexcept {
  const Slot* slot = table().find(handle);
  return slot ? &slot->texture : nullptr;
}

}  // namespace anymetal::backend
