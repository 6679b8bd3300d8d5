#include "simt/transform/give_one_entry.h"

#include <llvm/ADT/DenseMap.h>
#include <llvm/ADT/DenseSet.h>
#include <llvm/ADT/PostOrderIterator.h>
#include <llvm/ADT/SmallVector.h>
#include <llvm/Analysis/CFG.h>
#include <llvm/Analysis/LoopInfo.h>
#include <llvm/IR/CFG.h>
#include <llvm/IR/IRBuilder.h>
#include <llvm/Transforms/Utils/BasicBlockUtils.h>
#include <llvm/Transforms/Utils/Local.h>
#include <llvm/Transforms/Utils/LowerSwitch.h>

#include <algorithm>
#include <vector>

namespace anymetal::simt {
namespace {

using Blocks = std::vector<llvm::BasicBlock*>;  // in the order of the text
using BlockSet = llvm::DenseSet<const llvm::BasicBlock*>;

/// Of `blocks`, those that are in cycles, cycle by cycle (Tarjan's strongly connected components,
/// without recursion: kernels may have tens of thousands of blocks).
std::vector<Blocks> find_cycles(const Blocks& blocks) {
  struct Visit {
    llvm::BasicBlock* block;
    llvm::succ_iterator next, end;
  };
  struct Numbers {
    unsigned index, low;
    bool is_open;
  };
  const BlockSet within(blocks.begin(), blocks.end());
  llvm::DenseMap<const llvm::BasicBlock*, Numbers> numbers;
  llvm::DenseMap<const llvm::BasicBlock*, unsigned> place;
  for (unsigned i = 0; i < blocks.size(); ++i) place[blocks[i]] = i;
  std::vector<Blocks> cycles;
  Blocks open;
  std::vector<Visit> visits;
  const auto enter = [&](llvm::BasicBlock* block) {
    const unsigned index = numbers.size();
    numbers[block] = {index, index, true};
    open.push_back(block);
    visits.push_back({block, llvm::succ_begin(block), llvm::succ_end(block)});
  };
  for (llvm::BasicBlock* first : blocks) {
    if (!numbers.contains(first)) enter(first);
    while (!visits.empty()) {
      Visit& visit = visits.back();
      if (visit.next != visit.end) {
        llvm::BasicBlock* next = *visit.next++;
        if (!within.contains(next)) continue;
        const auto known = numbers.find(next);
        if (known == numbers.end())
          enter(next);
        else if (known->second.is_open)
          numbers[visit.block].low = std::min(numbers[visit.block].low, known->second.index);
        continue;
      }
      llvm::BasicBlock* block = visit.block;
      visits.pop_back();
      const Numbers mine = numbers[block];
      if (!visits.empty()) {
        unsigned& low = numbers[visits.back().block].low;
        low = std::min(low, mine.low);
      }
      if (mine.low != mine.index) continue;
      Blocks cycle;
      do {
        cycle.push_back(open.back());
        numbers[open.back()].is_open = false;
        open.pop_back();
      } while (cycle.back() != block);
      if (cycle.size() == 1 && !llvm::is_contained(llvm::successors(block), block)) continue;
      llvm::sort(cycle, [&](auto* one, auto* other) { return place[one] < place[other]; });
      cycles.push_back(std::move(cycle));
    }
  }
  return cycles;
}

/// Lets the ways to the entries come by one block.
class Gate {
 public:
  void build(const Blocks& cycle, const Blocks& entries) {
    const BlockSet within(cycle.begin(), cycle.end());
    // Who is first in the text is where turns begin.
    for (llvm::BasicBlock* entry : entries) {
      llvm::SmallVector<llvm::BasicBlock*, 4> outside, inside;
      for (llvm::BasicBlock* before : llvm::predecessors(entry))
        (within.contains(before) ? inside : outside).push_back(before);
      add_way(entry, outside);
      if (entry == entries.front() && !inside.empty()) add_way(entry, inside);
    }
    llvm::BasicBlock* first = entries.front();
    llvm::Function& function = *first->getParent();
    llvm::BasicBlock* gate =
        llvm::BasicBlock::Create(function.getContext(), "turn", &function, ways_.front().block);
    llvm::IRBuilder<> builder(gate);
    auto* which = builder.CreatePHI(builder.getInt32Ty(), ways_.size(), "entry");
    for (const Way& way : ways_) {
      const auto number = unsigned(llvm::find(entries, way.entry) - entries.begin());
      which->addIncoming(builder.getInt32(number), way.block);
    }
    for (llvm::BasicBlock* entry : entries) move_phis(*entry, *gate);
    for (const Way& way : ways_) way.block->getTerminator()->setSuccessor(0, gate);
    // One question after another; who is none of the others is the first.
    llvm::BasicBlock* at = gate;
    for (size_t i = entries.size() - 1; i != 0; --i) {
      llvm::BasicBlock* otherwise = first;
      if (i != 1)
        otherwise = llvm::BasicBlock::Create(function.getContext(), "turn.other", &function, first);
      builder.SetInsertPoint(at);
      builder.CreateCondBr(builder.CreateICmpEQ(which, builder.getInt32(unsigned(i))), entries[i],
                           otherwise);
      enter(*entries[i], *at);
      if (otherwise != first) at = otherwise;
    }
    enter(*first, *at);
  }

 private:
  struct Way {
    llvm::BasicBlock* block;
    llvm::BasicBlock* entry;
  };
  struct Moved {
    llvm::PHINode* phi;
    llvm::Value* value;  ///< what it is for those who come by the gate
  };

  /// A block on all edges from these, with what they bring to the entry's phis.
  void add_way(llvm::BasicBlock* entry, llvm::ArrayRef<llvm::BasicBlock*> from) {
    ways_.push_back({llvm::SplitBlockPredecessors(entry, from, ".way"), entry});
  }

  /// What an entry's phis have by the ways that go through the gate now.
  void move_phis(llvm::BasicBlock& entry, llvm::BasicBlock& gate) {
    for (llvm::PHINode& phi : entry.phis()) {
      auto* all = llvm::PHINode::Create(phi.getType(), unsigned(ways_.size()), phi.getName(),
                                        gate.getFirstNonPHIIt());
      for (const Way& way : ways_) {
        const bool comes = way.entry == &entry;
        all->addIncoming(
            comes ? phi.getIncomingValueForBlock(way.block) : llvm::PoisonValue::get(phi.getType()),
            way.block);
        if (comes) phi.removeIncomingValue(way.block, /*DeletePHIIfEmpty=*/false);
      }
      moved_[&entry].push_back({&phi, all});
    }
  }

  void enter(llvm::BasicBlock& entry, llvm::BasicBlock& from) {
    for (const Moved& moved : moved_[&entry]) moved.phi->addIncoming(moved.value, &from);
  }

  llvm::SmallVector<Way, 4> ways_;
  llvm::DenseMap<llvm::BasicBlock*, llvm::SmallVector<Moved, 4>> moved_;
};

bool give_one_entry(const Blocks& blocks) {
  bool has_changed = false;
  for (Blocks& cycle : find_cycles(blocks)) {
    const BlockSet within(cycle.begin(), cycle.end());
    Blocks entries;
    llvm::copy_if(cycle, std::back_inserter(entries), [&](llvm::BasicBlock* block) {
      return llvm::any_of(llvm::predecessors(block),
                          [&](llvm::BasicBlock* before) { return !within.contains(before); });
    });
    if (entries.empty()) continue;  // nobody comes here
    if (entries.size() > 1) {
      Gate().build(cycle, entries);
      has_changed = true;
    }
    llvm::erase(cycle, entries.front());
    has_changed |= give_one_entry(cycle);
  }
  return has_changed;
}

}  // namespace

bool give_one_entry(llvm::Function& function) {
  Blocks blocks;
  for (llvm::BasicBlock& block : function) blocks.push_back(&block);
  return give_one_entry(blocks);
}

llvm::PreservedAnalyses GiveOneEntryPass::run(llvm::Function& function,
                                              llvm::FunctionAnalysisManager& analyses) {
  const llvm::LoopInfo& loops = analyses.getResult<llvm::LoopAnalysis>(function);
  const llvm::ReversePostOrderTraversal<const llvm::Function*> order(&function);
  if (!llvm::containsIrreducibleCFG<const llvm::BasicBlock*>(order, loops))
    return llvm::PreservedAnalyses::all();
  llvm::LowerSwitchPass().run(function, analyses);
  llvm::removeUnreachableBlocks(function);  // the default of a switch with all cases
  give_one_entry(function);
  return llvm::PreservedAnalyses::none();
}

}  // namespace anymetal::simt
