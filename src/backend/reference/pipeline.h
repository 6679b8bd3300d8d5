// The reference executor's compiler: the IR of one thread in, a KernelImage out.
#pragma once

#include "backend/backend.h"
#include "backend/kernel_image.h"
#include "ir/thread_ir.h"

namespace anymetal::backend::reference {

[[nodiscard]] Result<KernelImage> compile_image(ThreadIr ir, const CompileOptions& options);
[[nodiscard]] Result<std::string> compile_assembly(ThreadIr ir, const CompileOptions& options);

}  // namespace anymetal::backend::reference
