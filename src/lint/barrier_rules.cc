// Which threads come to a barrier: all of a threadgroup, or the rest waits for ever (on some
// devices) or goes on without them (on others).
#include <llvm/IR/CFG.h>
#include <llvm/IR/InstIterator.h>

#include "lint/paths.h"
#include "lint/rules.h"

namespace anymetal::lint {
namespace {

/// Blocks that some of the threads that come to the end of `branch` may pass and others not.
bool is_parted(const ThreadCode& code, const llvm::BasicBlock* branch,
               const llvm::BasicBlock* block) {
  const auto* node = code.post_dominators().getNode(branch);
  const llvm::BasicBlock* join = node && node->getIDom() ? node->getIDom()->getBlock() : nullptr;
  if (block == join) return false;
  llvm::SmallVector<const llvm::BasicBlock*, 16> work;
  llvm::DenseSet<const llvm::BasicBlock*> seen;
  for (const llvm::BasicBlock* next : llvm::successors(branch)) {
    if (next != join && seen.insert(next).second) work.push_back(next);
  }
  while (!work.empty()) {
    const llvm::BasicBlock* at = work.pop_back_val();
    if (at == block) return true;
    for (const llvm::BasicBlock* next : llvm::successors(at)) {
      if (next != join && seen.insert(next).second) work.push_back(next);
    }
  }
  return false;
}

/// Whether one side of the branch does nothing but end the kernel.
bool leads_home(const ThreadCode& code, const llvm::BasicBlock* branch,
                const llvm::BasicBlock* barrier) {
  for (const llvm::BasicBlock* side : llvm::successors(branch)) {
    const llvm::BasicBlock* at = side;
    llvm::DenseSet<const llvm::BasicBlock*> seen;
    while (seen.insert(at).second) {
      for (const llvm::Instruction& instruction : *at) {
        if (is_any_barrier(instruction)) return false;
      }
      if (llvm::isa<llvm::ReturnInst>(at->getTerminator()))
        return !code.loops().getLoopFor(branch) ||
               !code.loops().getLoopFor(branch)->contains(barrier);
      at = at->getUniqueSuccessor();
      if (!at) break;
    }
  }
  return false;
}

}  // namespace

void find_divergent_barriers(const KernelReading& kernel) {
  const ThreadCode& code = kernel.code;
  for (const llvm::Instruction& barrier : llvm::instructions(code.function())) {
    if (!is_any_barrier(barrier)) continue;
    const bool whole = is_threadgroup_barrier(barrier);
    if (whole && kernel.is_threadgroup_known) {
      const Size& size = kernel.threadgroups.front();
      if (size[0] * size[1] * size[2] == 1) continue;
    }
    const simt::Uniformity& uniformity = whole ? code.in_threadgroup() : code.in_simdgroup();
    const llvm::BasicBlock* block = barrier.getParent();
    for (const llvm::BasicBlock& branch : code.function()) {
      const auto* end = llvm::dyn_cast<llvm::BranchInst>(branch.getTerminator());
      if (!end || !end->isConditional() || !uniformity.has_divergent_end(branch)) continue;
      if (!is_parted(code, &branch, block)) continue;
      const Place place = kernel.findings.place_of(barrier.getDebugLoc());
      const Place asked = kernel.findings.place_of(end->getDebugLoc());
      const std::string where = asked.ok() ? " in line " + std::to_string(asked.line) : "";
      const std::string name = whole ? "threadgroup_barrier" : "simdgroup_barrier";
      if (leads_home(code, &branch, block)) {
        // A whole simdgroup either comes or doesn't, in most kernels; of those nothing is said.
        if (!whole) continue;
        kernel.findings.add(
            "BARRIER-RETURN-001", place,
            "threads that return" + where +
                " never come to this barrier; the specification lets the others wait for ever",
            "let all threads go on: put what the check protects into `if (...) { }` blocks beside "
            "the barrier, and return behind the last one");
        continue;
      }
      kernel.findings.add(
          "BARRIER-DIVERGE-001", place,
          "not all threads of the " + std::string(whole ? "threadgroup" : "simdgroup") +
              " come to this " + name + ": the condition" + where + " differs between them",
          "move the barrier out of the branch or loop, so that every thread comes to it equally "
          "often; keep only the work under the condition");
      break;
    }
  }
}

}  // namespace anymetal::lint
