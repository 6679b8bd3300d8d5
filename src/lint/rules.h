// The rules' families. Each looks at one kernel and adds what it finds.
#pragma once

#include <vector>

#include "lint/findings.h"
#include "lint/thread_code.h"
#include "lint/thread_values.h"

namespace clang {
class ASTContext;
}

namespace anymetal::lint {

/// One kernel, and what is known of its calls.
struct KernelReading {
  const Request& request;
  const ThreadCode& code;
  /// Sizes of a threadgroup that a claim must hold for: one if the call is known, else those that
  /// the kernel may have been written for.
  std::vector<Size> threadgroups;
  bool is_threadgroup_known = false;
  bool defaults_decide = false;  ///< a type or a template argument was made up
  Findings& findings;
  std::set<Place>& unguarded;  ///< writes at a thread's position in kernels without any check
};

/// Barriers in divergent control flow, and behind returns.
void find_divergent_barriers(const KernelReading& kernel);
/// What simdgroups do to each other's threadgroup memory.
void find_races(const KernelReading& kernel);
/// Threadgroup memory that nobody wrote.
void find_uninitialised(const KernelReading& kernel);
void find_partial_sums(const KernelReading& kernel);
void find_wrong_indices(const KernelReading& kernel);
/// Whether threads of such a threadgroup stay inside of the arrays that they share: else the kernel
/// is written for another.
[[nodiscard]] bool fits(const KernelReading& kernel, const Size& threadgroup);
/// Outputs of more elements than all threads can write.
void find_unfilled_outputs(const KernelReading& kernel);
void find_missing_guards(const KernelReading& kernel);
/// Arithmetic that is slow or loses precision.
void find_costly_arithmetic(const KernelReading& kernel);
void find_stack_arrays(const KernelReading& kernel);
/// Lanes that miss each other's neighbourhood.
void find_strides(const KernelReading& kernel);
void find_contended_atomics(const KernelReading& kernel);

/// What the syntax tree tells, of a whole text.
struct SyntaxReading {
  const Request& request;
  Findings& findings;
  /// Branches that part the lanes of a simdgroup.
  std::set<Place> divergent_branches;
  std::set<Place> unguarded;
};
void read_syntax(const SyntaxReading& reading, clang::ASTContext& context);

}  // namespace anymetal::lint
