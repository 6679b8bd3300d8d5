// ANYMETAL_WARN=coverage: which elements of its outputs did a launch write?
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "runtime/runtime.h"

namespace anymetal::runtime {

class CoverageProbe {
 public:
  /// Before the launch: keeps the contents of every buffer that the kernel may write.
  CoverageProbe(const KernelInterface& interface, const Launch& launch);
  [[nodiscard]] bool empty() const { return outputs_.empty(); }
  /// After it: the same launch on copies, whose elements that still look as before are turned into
  /// their complement.
  [[nodiscard]] Launch second_launch();
  /// After that one: a warning for each output with elements that neither run has touched.
  void report(const Error* second_error) const;

 private:
  struct Output {
    const Parameter* parameter;
    bool looked_at;  ///< else it is only copied, so that the second run leaves the caller's alone
    std::vector<std::byte> before;
    std::vector<std::byte> copy;
    std::vector<bool> written;
  };
  const KernelInterface& interface_;
  Launch launch_;
  std::vector<Argument> buffers_;
  std::vector<Output> outputs_;
};

}  // namespace anymetal::runtime
