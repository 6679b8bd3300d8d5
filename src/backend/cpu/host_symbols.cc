#include "backend/cpu/host_symbols.h"

#include "backend/cpu/lane_messages.h"
#include "backend/cpu/reached_memory.h"
#include "backend/host_functions.h"
#include "backend/reference/math_functions.h"
#include "backend/reference/texture_functions.h"

namespace anymetal::backend::cpu {

const RuntimeSymbols& host_symbols() {
  // Math and textures are the reference executor's own: one lane after another, the same to the
  // bit.
  static const auto* symbols = [] {
    auto* all = new RuntimeSymbols(reference::math_functions());
    add_host_functions(*all);
    add_message_functions(*all);
    add_memory_functions(*all);
    const RuntimeSymbols textures = reference::texture_functions();
    all->insert(all->end(), textures.begin(), textures.end());
    return all;
  }();
  return *symbols;
}

}  // namespace anymetal::backend::cpu
