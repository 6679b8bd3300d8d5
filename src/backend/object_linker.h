// An object file in memory → code that can be called, through ORC's linking layer. No LLVM IR is
// touched, so that loading from the disk cache is fast.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "support/result.h"

namespace anymetal::backend {

/// All that compiled code may call: nothing is looked up in the process.
using RuntimeSymbols = std::vector<std::pair<std::string, void*>>;

/// Code in memory; it is freed when this dies.
class LinkedObject {
 public:
  virtual ~LinkedObject() = default;
  /// The function that was asked for; `Entry` is its type, a pointer.
  template <class Entry>
  [[nodiscard]] Entry entry() const {
    return reinterpret_cast<Entry>(entry_);
  }

 protected:
  void* entry_ = nullptr;
};

/// One for each executor. Never to be destroyed: kernels in static variables may die after it.
class ObjectLinker {
 public:
  virtual ~ObjectLinker() = default;
  /// `entry` is the name of the function to find in the object. An undefined symbol that isn't in
  /// the executor's table is an internal error with its name.
  [[nodiscard]] virtual Result<std::unique_ptr<LinkedObject>> link(std::string_view object,
                                                                   std::string_view entry) = 0;
};

/// `executor`: its name, for errors.
[[nodiscard]] std::unique_ptr<ObjectLinker> make_object_linker(std::string executor,
                                                               const RuntimeSymbols& symbols);

}  // namespace anymetal::backend
