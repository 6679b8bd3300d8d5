// From the IR of one thread to code for a whole threadgroup of known size: threads become the lanes
// of vectors, barriers split the code into regions. docs/design/simt.md has the chapter.
//
// In: the entry of a ThreadIr, everything inlined, nothing undefined (docs/design/ir.md), and
// simplified by LLVM's scalar passes. Out: `void am_threadgroup(ptr frame)`, which runs one
// threadgroup when it is given a ThreadgroupFrame.
#pragma once

#include <llvm/IR/Module.h>

#include <cstdint>
#include <string>
#include <vector>

#include "support/result.h"

namespace anymetal::simt {

inline constexpr const char* kThreadgroupFunctionName = "am_threadgroup";
inline constexpr unsigned kSimdgroupSize = 32;

struct Options {
  /// Size of the threadgroup that positions and indices count in.
  uint32_t threadgroup[3] = {1, 1, 1};
  /// Size that the dispatch gave: threadgroups at the edge of the grid may be smaller.
  uint32_t dispatch_threadgroup[3] = {1, 1, 1};
  /// Only the first ThreadgroupFrame::active_threads threads, in the order of
  /// thread_index_in_threadgroup, exist: a threadgroup at the end of the grid, cut in its last
  /// axis. Else all of them.
  bool is_partial = false;
  /// Lanes of a chunk, the vectors that code is made of: 16, 8 or 4; 32-bit lanes that fill a
  /// register.
  unsigned chunk = 8;
  /// Accesses outside their buffers: reads give 0, writes are dropped. Else nothing is checked.
  bool checks_bounds = false;
  /// All memory that pointers lead to has less than 2^31 << large bytes.
  unsigned large = 0;
  /// Of each parameter of the entry: whether writes to it count as outside.
  std::vector<bool> is_const = {};
  /// Simdgroups that advance together; 0: by a model of cost.
  unsigned simdgroups_together = 0;
  /// Threadgroups side by side along x that one call runs; the frame has the position of the first.
  /// More than 1 only where Report::threadgroups_together says so.
  unsigned threadgroups_together = 1;
};

/// Something that people want to know about the code of a source line.
struct Remark {
  std::string file;
  uint32_t line = 0;
  std::string text;
};

struct Report {
  llvm::Function* function = nullptr;  ///< am_threadgroup
  uint64_t scratch_bytes = 0;          ///< of ThreadgroupFrame::scratch
  uint32_t regions = 1;
  std::vector<Remark> remarks;
  /// Up to how many threadgroups run faster in one call than in several; 1: none.
  unsigned threadgroups_together = 1;
};

/// Replaces the entry. Errors: `unsupported` names what has no form in vectors; the module is then
/// of no more use, and the caller takes another executor.
[[nodiscard]] Result<Report> vectorize(llvm::Function& entry, const Options& options);

/// Where large variables lie in ThreadgroupFrame::scratch is a call until here, so that LLVM's
/// passes know that nothing else points there. To be called before code generation.
void lower_scratch(llvm::Function& function);
/// Attribute of those calls whose memory no pointer that is kept anywhere leads to.
inline constexpr const char* kReachedAlone = "simt.reached-alone";

}  // namespace anymetal::simt
