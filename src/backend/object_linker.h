// An object file in memory → code that can be called, through ORC's linking layer. No LLVM IR is
// touched, so that loading from the disk cache is fast.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "backend/thread_state.h"
#include "support/result.h"

namespace anymetal::backend {

/// All that compiled code may call: nothing is looked up in the process.
using RuntimeSymbols = std::vector<std::pair<std::string, void*>>;

/// Code in memory; it is freed when this dies.
class LinkedObject {
 public:
  using Entry = void (*)(ThreadState*);
  virtual ~LinkedObject() = default;
  [[nodiscard]] Entry entry() const { return entry_; }

 protected:
  Entry entry_ = nullptr;
};

/// `symbols` is the same table in every call. An undefined symbol that isn't in it is an internal
/// error with its name.
[[nodiscard]] Result<std::unique_ptr<LinkedObject>> link_object(std::string_view object,
                                                                const RuntimeSymbols& symbols);

}  // namespace anymetal::backend
