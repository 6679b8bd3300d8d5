// Ways through the blocks of a function.
#pragma once

#include <llvm/ADT/SmallPtrSet.h>
#include <llvm/ADT/SmallVector.h>
#include <llvm/Analysis/LoopInfo.h>
#include <llvm/IR/CFG.h>

namespace anymetal::simt {

using BlockSet = llvm::SmallPtrSet<const llvm::BasicBlock*, 4>;

/// The blocks that `counts` takes which are the first such ones on ways behind `from`, before `to`
/// (null: whatever comes).
template <typename Counts>
[[nodiscard]] BlockSet find_before(const llvm::BasicBlock& from, const llvm::BasicBlock* to,
                                   const Counts& counts) {
  BlockSet found;
  llvm::SmallPtrSet<const llvm::BasicBlock*, 32> seen;
  llvm::SmallVector<const llvm::BasicBlock*, 32> work{&from};
  while (!work.empty()) {
    for (const llvm::BasicBlock* next : llvm::successors(work.pop_back_val())) {
      if (next == to || !seen.insert(next).second) continue;
      if (counts(*next))
        found.insert(next);
      else
        work.push_back(next);
    }
  }
  return found;
}

/// The headers of loops around `from` that a way leads to before it comes to `to`: who meets there
/// then does so in another turn.
[[nodiscard]] inline BlockSet find_headers_before(const llvm::LoopInfo& loops,
                                                  const llvm::BasicBlock& from,
                                                  const llvm::BasicBlock* to) {
  if (!loops.getLoopFor(&from)) return {};
  return find_before(from, to, [&](const llvm::BasicBlock& block) {
    return loops.isLoopHeader(&block) && loops.getLoopFor(&block)->contains(&from);
  });
}

}  // namespace anymetal::simt
