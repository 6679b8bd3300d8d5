// What a kernel's author reads after an access outside a buffer.
#pragma once

#include <string>

#include "backend/kernel_image.h"
#include "backend/reference/worker.h"

namespace anymetal::backend::reference {

/// "kernel 'k': read outside buffer 'x' at k.source:7: thread (65,0,0) reads element 70 of 64
/// (float)"
[[nodiscard]] std::string violation_text(const KernelImage& image, const Violation& violation);

}  // namespace anymetal::backend::reference
