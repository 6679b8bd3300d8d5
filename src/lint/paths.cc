#include "lint/paths.h"

#include <llvm/ADT/DenseSet.h>
#include <llvm/ADT/SmallVector.h>
#include <llvm/IR/CFG.h>
#include <llvm/IR/Constants.h>

namespace anymetal::lint {
namespace {

/// What a walk meets first between two instructions of a block: the target, a stop, or the end.
enum class Meets { target, stop, end };

Meets walk(llvm::BasicBlock::const_iterator from, const llvm::BasicBlock& block,
           const llvm::Instruction* to, const Test& stops) {
  for (auto at = from; at != block.end(); ++at) {
    if (&*at == to) return Meets::target;
    if (stops(*at)) return Meets::stop;
  }
  return Meets::end;
}

bool search(const ThreadCode& code, const llvm::Instruction* from, const llvm::Instruction* to,
            const Test& stops, const llvm::Loop* around, bool all_turns) {
  const llvm::LoopInfo& loops = code.loops();
  const auto holds_both = [&](const llvm::Loop* loop) {
    return loop->contains(from->getParent()) && loop->contains(to->getParent());
  };
  using State = std::pair<const llvm::BasicBlock*, unsigned>;  // and whether it went round
  llvm::DenseSet<State> seen;
  llvm::SmallVector<State, 16> work;
  const unsigned wanted = around ? 1 : 0;
  const auto leave = [&](const llvm::BasicBlock* block, unsigned round) {
    for (const llvm::BasicBlock* next : llvm::successors(block)) {
      unsigned after = round;
      const llvm::Loop* loop = loops.getLoopFor(next);
      if (!all_turns && loop && loop->getHeader() == next && loop->contains(block) &&
          holds_both(loop)) {
        if (loop != around || round == 1) continue;
        after = 1;
      }
      if (seen.insert({next, after}).second) work.push_back({next, after});
    }
  };
  const Meets first = walk(std::next(from->getIterator()), *from->getParent(), to, stops);
  if (first == Meets::target && (wanted == 0 || all_turns)) return true;
  if (first == Meets::stop) return false;
  if (first == Meets::end || wanted == 1) leave(from->getParent(), 0);
  while (!work.empty()) {
    const auto [block, round] = work.pop_back_val();
    const Meets met = walk(block->begin(), *block, to, stops);
    if (met == Meets::target && (round == wanted || all_turns)) return true;
    if (met == Meets::end) leave(block, round);
    // In an earlier turn the target is passed by, unless something behind it stops.
    if (met == Meets::target) {
      const Meets more = walk(std::next(to->getIterator()), *block, nullptr, stops);
      if (more == Meets::end) leave(block, round);
    }
  }
  return false;
}

unsigned flags_of(const llvm::Instruction& barrier) {
  const auto* call = llvm::cast<llvm::CallBase>(&barrier);
  const auto* flags = llvm::dyn_cast<llvm::ConstantInt>(call->getArgOperand(0));
  return flags ? unsigned(flags->getZExtValue()) : ~0u;
}

}  // namespace

bool has_path(const ThreadCode& code, const llvm::Instruction* from, const llvm::Instruction* to,
              const Test& stops, const llvm::Loop* around) {
  return search(code, from, to, stops, around, false);
}

bool may_follow(const ThreadCode& code, const llvm::Instruction* from, const llvm::Instruction* to,
                const Test& stops) {
  return search(code, from, to, stops, nullptr, true);
}

bool is_threadgroup_barrier(const llvm::Instruction& instruction) {
  return builtin_name(&instruction) == "threadgroup_barrier";
}

bool is_any_barrier(const llvm::Instruction& instruction) {
  const llvm::StringRef name = builtin_name(&instruction);
  return name == "threadgroup_barrier" || name == "simdgroup_barrier";
}

bool is_full_barrier(const llvm::Instruction& instruction) {
  return is_threadgroup_barrier(instruction) && (flags_of(instruction) & 2) != 0;
}

}  // namespace anymetal::lint
