// In the code of a threadgroup, arguments are loads from the frame.
#pragma once

#include <llvm/IR/Value.h>

#include <cstdint>
#include <optional>

namespace anymetal::backend::cpu {

/// Which of the frame's arguments a pointer leads into; nothing: another object, or one of several.
[[nodiscard]] std::optional<uint32_t> argument_of(const llvm::Value* pointer);

}  // namespace anymetal::backend::cpu
