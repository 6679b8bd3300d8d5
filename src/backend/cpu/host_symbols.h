// All that the CPU executor's code can call.
#pragma once

#include "backend/object_linker.h"

namespace anymetal::backend::cpu {

[[nodiscard]] const RuntimeSymbols& host_symbols();

}  // namespace anymetal::backend::cpu
