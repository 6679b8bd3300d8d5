// A kernel for threadgroups of one size: code for full threadgroups, and for those that the grid's
// end cuts, made when a grid first has such.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "backend/backend.h"
#include "backend/cpu/cpu_image.h"
#include "backend/cpu/run_grid.h"

namespace anymetal::backend::cpu {

/// `image` with code, not the reference executor's. `later` keeps the other variants; may be null.
[[nodiscard]] Result<std::unique_ptr<CompiledKernel>> make_cpu_kernel(
    CpuImage image, std::string object, KernelInterface interface,
    std::shared_ptr<CodeStore> later);

/// One that has no vector form. `image` has the remarks that say why.
[[nodiscard]] std::unique_ptr<CompiledKernel> make_fallback_kernel(
    std::unique_ptr<CompiledKernel> reference, std::string object, std::vector<Remark> remarks);

}  // namespace anymetal::backend::cpu
