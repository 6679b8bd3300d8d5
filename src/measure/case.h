// A recorded launch that can be run again.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "measure/measure.h"
#include "runtime/runtime.h"

namespace anymetal::measure {

/// Made when a launch is first seen, before it runs. `refusal`: why its arguments aren't copied.
[[nodiscard]] std::shared_ptr<Case> make_case(runtime::Pipeline& pipeline,
                                              const runtime::Launch& launch, std::string refusal);
/// One more call of it, which took so long.
void add_call(Case& one, std::chrono::nanoseconds duration);

}  // namespace anymetal::measure
