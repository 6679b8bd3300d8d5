// LLVM IR → an object file for this machine, in memory.
#pragma once

#include <llvm/IR/Module.h>

#include <memory>
#include <string>

#include "support/result.h"

namespace llvm {
class TargetMachine;
}

namespace anymetal::backend {

/// How much work goes into code.
enum class Effort : uint8_t {
  quick,  ///< in proportion to the kernel's size, whatever the kernel
  full,   ///< as a C++ compiler at -O2
};

/// LLVM's description of the machine, which one thread at a time can use. ANYMETAL_CPU=avx2 or
/// sse4.2 makes it one of that kind, for tests: code that was made for more would not run there.
class BorrowedMachine {
 public:
  BorrowedMachine();
  ~BorrowedMachine();
  BorrowedMachine(const BorrowedMachine&) = delete;
  BorrowedMachine& operator=(const BorrowedMachine&) = delete;
  explicit operator bool() const { return machine_ != nullptr; }
  llvm::TargetMachine* operator->() { return machine_.get(); }
  llvm::TargetMachine* get() { return machine_.get(); }

 private:
  std::unique_ptr<llvm::TargetMachine> machine_;
};

/// Sets the module's triple and data layout to the host's. First of all: passes ask for sizes.
[[nodiscard]] Result<void> set_host_target(llvm::Module& module);

struct ObjectCode {
  std::string bytes;
  uint32_t stack_bytes = 0;  ///< of all functions in it together
};

/// Machine code for the host's CPU. Multiplications and additions are fused only where flags in the
/// IR allow it.
[[nodiscard]] Result<ObjectCode> generate_code(llvm::Module& module, Effort effort);

/// The same as assembly, for people.
[[nodiscard]] Result<std::string> generate_assembly(llvm::Module& module, Effort effort);

/// Bytes of a vector register: 64, 32 or 16.
[[nodiscard]] unsigned vector_register_bytes();

/// Whether the processor adds, compares and takes roots of vectors of halves.
[[nodiscard]] bool has_half_arithmetic();

/// Whether an instruction rounds vectors of floats to bfloat (AVX512-BF16).
[[nodiscard]] bool has_bfloat_conversion();

/// Lets a function have that instruction. LLVM would round by it, too, so no other conversion to
/// bfloat may be left there: it takes denormals for zeros.
void allow_bfloat_conversion(llvm::Function& function);

/// The host's CPU and LLVM's version, for cache keys.
[[nodiscard]] std::string host_description();

}  // namespace anymetal::backend
