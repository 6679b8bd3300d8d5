// The CPU executor's compiler: the IR of one thread in, code for threadgroups of one size out.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "backend/backend.h"
#include "backend/cpu/accumulators.h"
#include "backend/cpu/variant.h"
#include "backend/kernel_image.h"
#include "ir/thread_ir.h"
#include "support/pass_name.h"
#include "support/processor_time.h"

namespace anymetal::backend::cpu {

/// Code for one variant, and what it needs to run.
struct VariantImage {
  Variant variant;
  uint64_t threadgroup_bytes = 0;  ///< of static threadgroup variables
  uint64_t scratch_bytes = 0;
  uint32_t stack_bytes = 0;
  std::vector<Remark> remarks;
  std::vector<MessageSite> messages;      ///< the same in all variants of a kernel
  std::vector<Accumulator> accumulators;  ///< likewise
  std::vector<uint32_t> streamed;  ///< arguments that it stores whole lines to, and nothing loads
  uint32_t threadgroups_together = 1;  ///< up to so many should run in one call (Variant)
  std::string object;  ///< an object file for the host, with the function am_threadgroup
};

/// Errors: `unsupported` says what has no vector form. `times` may be null.
[[nodiscard]] Result<VariantImage> compile_variant(ThreadIr ir, const Variant& variant,
                                                   CompileTimes* times = nullptr);
[[nodiscard]] Result<std::string> compile_assembly(ThreadIr ir, const Variant& variant);

/// What each pass takes; last comes the making of code, whose size is in bytes.
[[nodiscard]] Result<std::vector<PassTime>> time_passes(ThreadIr ir, const Variant& variant);

/// All passes, in their order.
[[nodiscard]] std::vector<PassName> passes();

/// The IR as text, as it is after this pass; `pass` must be one of `passes`.
[[nodiscard]] Result<std::string> ir_after(ThreadIr ir, const Variant& variant,
                                           std::string_view pass);

}  // namespace anymetal::backend::cpu
