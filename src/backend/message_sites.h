// Calls of am.message: their literals go into a table of the kernel, so that code hands over an
// index and the arguments.
#pragma once

#include <llvm/IR/Instructions.h>

#include <string>
#include <vector>

#include "backend/kernel_image.h"
#include "support/result.h"

namespace anymetal::backend {

/// Adds the call's literals to `sites`; its index is theirs. `place` says where the call is, for
/// the error if the format is no literal.
[[nodiscard]] Result<uint32_t> add_message_site(const llvm::CallInst& call,
                                                std::vector<MessageSite>& sites,
                                                const std::string& place);

}  // namespace anymetal::backend
