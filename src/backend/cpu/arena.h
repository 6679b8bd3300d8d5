// Memory of an operating system's thread for the threadgroup that it runs: it grows to what the
// largest one needed, and stays until the thread ends, so that dispatches allocate nothing.
#pragma once

#include <cstddef>
#include <cstdint>

namespace anymetal::backend::cpu {

class Arena {
 public:
  Arena() = default;
  ~Arena();
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;

  /// That of this thread.
  static Arena& of_this_thread();
  /// At least so many bytes, aligned to 64; what was in it may be lost. Null: there is no memory.
  [[nodiscard]] uint8_t* reserve(size_t bytes);

 private:
  uint8_t* data_ = nullptr;
  size_t size_ = 0;
};

}  // namespace anymetal::backend::cpu
