// The math functions of the CPU executor, called one by one: the bitcode that kernels get, compiled
// for this machine.
#pragma once

#include <optional>

#include "format.h"
#include "functions.h"

namespace anymetal::accuracy {

/// One of them for one type and spelling.
class DirectFunction {
 public:
  [[nodiscard]] static std::optional<DirectFunction> find(const Function& function,
                                                          const Format& format, bool fast);

  /// The result's bits for x and y.
  [[nodiscard]] uint32_t call(uint32_t x, uint32_t y) const;

 private:
  /// How it is called: a type and what is done with operands and result.
  enum class Shape : uint8_t { unary, binary, scale, exponent };

  const Format* format_ = nullptr;
  Shape shape_ = Shape::unary;
  void* address_ = nullptr;
};

}  // namespace anymetal::accuracy
