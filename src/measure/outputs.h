// What a run has written, kept to be compared.
#pragma once

#include <memory>
#include <span>

#include "measure/measure.h"
#include "runtime/runtime.h"

namespace anymetal::measure {

[[nodiscard]] std::shared_ptr<Outputs> copy_outputs(const KernelInterface& interface,
                                                    std::span<const runtime::Argument> buffers);

}  // namespace anymetal::measure
