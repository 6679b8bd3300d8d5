// The reference executor's compiler: the IR of one thread in, a KernelImage out.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "backend/backend.h"
#include "backend/kernel_image.h"
#include "ir/thread_ir.h"
#include "support/pass_name.h"

namespace anymetal::backend::reference {

[[nodiscard]] Result<KernelImage> compile_image(ThreadIr ir, const CompileOptions& options);
[[nodiscard]] Result<std::string> compile_assembly(ThreadIr ir, const CompileOptions& options);

/// All passes, in their order.
[[nodiscard]] std::vector<PassName> passes();

/// The IR as text, as it is after this pass; `pass` must be one of `passes`.
[[nodiscard]] Result<std::string> ir_after(ThreadIr ir, const CompileOptions& options,
                                           std::string_view pass);

}  // namespace anymetal::backend::reference
