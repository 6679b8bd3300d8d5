// Ways through the code of one thread, and the barriers on them.
#pragma once

#include <functional>

#include "lint/thread_code.h"

namespace anymetal::lint {

using Test = std::function<bool(const llvm::Instruction&)>;

/// Whether a thread may come from `from` to `to` without an instruction that `stops` it. Loops that
/// hold both stay in one turn; with `around`, one of these, the way goes round it once.
[[nodiscard]] bool has_path(const ThreadCode& code, const llvm::Instruction* from,
                            const llvm::Instruction* to, const Test& stops,
                            const llvm::Loop* around = nullptr);
/// The same, with as many turns of all loops as one likes.
[[nodiscard]] bool may_follow(const ThreadCode& code, const llvm::Instruction* from,
                              const llvm::Instruction* to, const Test& stops);

[[nodiscard]] bool is_any_barrier(const llvm::Instruction& instruction);
/// threadgroup_barrier that orders threadgroup memory.
[[nodiscard]] bool is_full_barrier(const llvm::Instruction& instruction);
/// threadgroup_barrier, whatever its flags.
[[nodiscard]] bool is_threadgroup_barrier(const llvm::Instruction& instruction);

}  // namespace anymetal::lint
