// A fibre: a stack of its own, and a place in code to go on at. A fibre belongs to one operating
// system thread at a time. Switches are announced to AddressSanitizer and ThreadSanitizer when
// built with them.
#pragma once

#include <boost/context/detail/fcontext.hpp>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace anymetal::backend::reference {

/// Memory for stacks, mapped at once and touched lazily, with a guard page below each stack.
class StackMemory {
 public:
  StackMemory() = default;
  ~StackMemory() { unmap(); }
  StackMemory(const StackMemory&) = delete;
  StackMemory& operator=(const StackMemory&) = delete;
  /// False if the system gives no memory; the old stacks are gone then, too.
  [[nodiscard]] bool map(size_t count, size_t bytes_each);
  [[nodiscard]] uint8_t* bottom(size_t index) const { return base_ + index * stride_ + guard_; }
  [[nodiscard]] size_t count() const { return count_; }
  [[nodiscard]] size_t bytes_each() const { return stride_ - guard_; }

 private:
  void unmap();

  uint8_t* base_ = nullptr;
  size_t count_ = 0, stride_ = 0, guard_ = 0;
};

class Fibre {
 public:
  using Body = void (*)(void* argument);

  Fibre() = default;
  ~Fibre();
  Fibre(const Fibre&) = delete;
  Fibre& operator=(const Fibre&) = delete;

  /// Gives it a stack; whatever it was doing is forgotten, never resumed.
  void reset(uint8_t* stack_bottom, size_t stack_bytes);
  /// What `enter` runs next; only while the fibre is at rest.
  void set_body(Body body, void* argument) { body_ = body, argument_ = argument; }
  /// From outside: runs the fibre until it leaves or its body returns.
  void enter();
  /// From inside: back to whoever entered it. Returns at the next `enter`.
  void leave();
  /// Whether the body has returned (or wasn't begun).
  [[nodiscard]] bool at_rest() const { return at_rest_; }
  [[nodiscard]] bool contains(const void* address) const {
    const auto* byte = static_cast<const uint8_t*>(address);
    return byte >= bottom_ && byte < bottom_ + bytes_;
  }

 private:
  static void start(boost::context::detail::transfer_t transfer);

  boost::context::detail::fcontext_t context_ = nullptr;  ///< of the fibre, while it isn't running
  boost::context::detail::fcontext_t outside_ = nullptr;  ///< of whoever entered it, while it is
  Body body_ = nullptr;
  void* argument_ = nullptr;
  uint8_t* bottom_ = nullptr;
  size_t bytes_ = 0;
  bool at_rest_ = true;
  // For the sanitizers.
  [[maybe_unused]] void* outside_fake_stack_ = nullptr;
  [[maybe_unused]] void* fake_stack_ = nullptr;
  [[maybe_unused]] const void* outside_bottom_ = nullptr;
  [[maybe_unused]] size_t outside_bytes_ = 0;
  [[maybe_unused]] void* thread_sanitizer_fibre_ = nullptr;
  [[maybe_unused]] void* thread_sanitizer_outside_ = nullptr;
};

}  // namespace anymetal::backend::reference
