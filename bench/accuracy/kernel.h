// A kernel that evaluates functions on lists of operands, through the whole compiler.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "anymetal/math_mode.hpp"
#include "backend/backend.h"
#include "format.h"
#include "functions.h"

namespace anymetal::accuracy {

/// How kernels spell a function, and the math mode that they are compiled in.
struct Spelling {
  std::string_view name;   ///< "safe", "relaxed", "fast": a bare `exp` in that mode; "precise::"
  std::string_view space;  ///< what stands for @
  MathMode mode;
  bool fast;  ///< whether the tables for fast math apply
};

[[nodiscard]] std::span<const Spelling> spellings();
[[nodiscard]] const Spelling* find_spelling(std::string_view name);

/// What computes.
enum class Executor : uint8_t { reference, cpu };
inline constexpr Executor kExecutors[] = {Executor::reference, Executor::cpu};
[[nodiscard]] std::string_view name_of(Executor executor);

/// The distinct ones for a type: half and bfloat have no namespaces of their own.
[[nodiscard]] bool applies(const Spelling& spelling, const Format& format,
                           const Function& function);

/// Lists of bit patterns in the storage of a type.
class Patterns {
 public:
  Patterns(const Format& format, size_t count) : bits_(format.bits), bytes_(count * bits_ / 8) {}
  [[nodiscard]] size_t size() const { return bytes_.size() * 8 / bits_; }
  [[nodiscard]] uint32_t get(size_t i) const {
    return bits_ == 32 ? reinterpret_cast<const uint32_t*>(bytes_.data())[i]
                       : reinterpret_cast<const uint16_t*>(bytes_.data())[i];
  }
  void set(size_t i, uint32_t value) {
    if (bits_ == 32) {
      reinterpret_cast<uint32_t*>(bytes_.data())[i] = value;
    } else {
      reinterpret_cast<uint16_t*>(bytes_.data())[i] = static_cast<uint16_t>(value);
    }
  }
  [[nodiscard]] backend::Argument argument() { return {bytes_.data(), bytes_.size()}; }

 private:
  size_t bits_;
  std::vector<uint8_t> bytes_;
};

class Kernel {
 public:
  [[nodiscard]] static Result<Kernel> compile(const Format& format, const Spelling& spelling,
                                              std::span<const Function* const> functions,
                                              Executor executor);

  /// Results of function f for operand i at f * count + i, for the first `count` of the operands.
  [[nodiscard]] Result<void> run(Patterns& x, Patterns& y, Patterns& z, Patterns& out,
                                 size_t count) const;

 private:
  std::unique_ptr<backend::CompiledKernel> kernel_;
};

}  // namespace anymetal::accuracy
