// A kernel's text, as it lies in NAME.metal and is embedded when the library is built.
//
// The file's first lines are comments, some of which say how the kernel is called:
//
//   // inputs: a, shape                                     names, in order
//   // outputs: out
//   // instances: T=float32 | T=float16                     template arguments that tests compile
//   it with
//   // types: info=int32, c=float32                        of buffers, where they aren't T (shape
//   and flags: uint32)
//   // views: yes                                           inputs needn't be contiguous
//   // atomic: yes                                          outputs are atomic
//
// What follows them, up to the line `//// body`, is the header; the rest is the body. A line `////
// use NAME` in the header stands for the header of another file, without its leading comments.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "anymetal_kernels/api.h"

namespace anymetal::kernels {

struct KernelFile {
  std::string_view name;
  std::string_view text;
};

/// All that are embedded. (Of the library's own use: not exported.)
std::span<const KernelFile> kernel_files();

struct KernelText {
  std::string name;
  std::vector<std::string> inputs, outputs;
  std::vector<std::string> instances;  ///< "T=float32,ROWS=4" each
  std::vector<std::string> types;      ///< "info=int32" each
  bool takes_views = false, has_atomic_outputs = false;
  std::string header, body;
};

ANYMETAL_KERNELS_API std::vector<std::string> kernel_names();

/// Throws std::logic_error, which is our bug, if there is none of this name.
ANYMETAL_KERNELS_API KernelText read_kernel_text(std::string_view name);

}  // namespace anymetal::kernels
