// Threadgroup variables (declarations @am.threadgroup.NAME, rule 3) become offsets into memory of
// the threadgroup, whose address the function's first argument leads to.
#pragma once

#include <llvm/IR/Function.h>

#include <cstddef>
#include <cstdint>

namespace anymetal::backend {

/// `member`: where, in what the function's first argument points to, the memory's address stands.
/// Each variable is aligned to `alignment` or more. Returns the bytes that all of them take.
[[nodiscard]] uint32_t lower_threadgroup_memory(llvm::Function& function, size_t member,
                                                uint64_t alignment);

}  // namespace anymetal::backend
