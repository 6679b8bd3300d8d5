// What the disk cache keeps of a kernel for one size of threadgroups: code for full ones, and the
// IR that other variants are made of when a grid needs them, which then are kept beside it. Or,
// where the kernel has no vector form, the reference executor's code and the reason.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "backend/cpu/pipeline.h"
#include "ir/thread_ir.h"

namespace anymetal::backend::cpu {

struct CpuImage {
  Bounds bounds = Bounds::off;
  Variant full;
  std::string reference;  ///< not empty: its object, and nothing below but remarks
  std::vector<Remark> remarks;
  std::string entry;  ///< the name of the IR's function
  MathMode math_mode = MathMode::safe;
  std::string bitcode;
  VariantImage code;  ///< of `full`
};

[[nodiscard]] std::string serialize(const CpuImage& image);
/// An error for anything that `serialize` of this version can't have made.
[[nodiscard]] Result<CpuImage> parse_cpu_image(std::string_view bytes);

/// The same for another variant's code alone. An error also if it is of another than `variant`.
[[nodiscard]] std::string serialize(const VariantImage& image);
[[nodiscard]] Result<VariantImage> parse_variant_image(std::string_view bytes,
                                                       const Variant& variant);

/// The IR as bytes; may be read into any number of contexts.
[[nodiscard]] std::string write_bitcode(const llvm::Module& module);
[[nodiscard]] Result<ThreadIr> read_ir(const CpuImage& image, const KernelInterface& interface);

}  // namespace anymetal::backend::cpu
