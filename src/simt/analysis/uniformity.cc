#include "simt/analysis/uniformity.h"

#include <llvm/ADT/PostOrderIterator.h>
#include <llvm/ADT/SmallPtrSet.h>
#include <llvm/Analysis/CycleAnalysis.h>
#include <llvm/Analysis/LoopInfo.h>
#include <llvm/Analysis/PostDominators.h>
#include <llvm/Analysis/TargetTransformInfo.h>
#include <llvm/Analysis/TargetTransformInfoImpl.h>
#include <llvm/IR/CFG.h>
#include <llvm/IR/Dominators.h>
#include <llvm/IR/Instructions.h>
#include <llvm/IR/PassInstrumentation.h>

#include <set>
#include <vector>

#include "simt/analysis/ways.h"

namespace anymetal::simt {

namespace {

class LaneInfo : public llvm::TargetTransformInfoImplCRTPBase<LaneInfo> {
 public:
  LaneInfo(const llvm::DataLayout& layout, const Uniformity::Test& is_source,
           const Uniformity::Test& is_same)
      : TargetTransformInfoImplCRTPBase(layout), is_source_(is_source), is_same_(is_same) {}

  // NOLINTBEGIN(readability-identifier-naming): LLVM's interface
  bool hasBranchDivergence(const llvm::Function* = nullptr) const { return true; }
  bool isSourceOfDivergence(const llvm::Value* value) const { return is_source_(value); }
  bool isAlwaysUniform(const llvm::Value* value) const { return is_same_(value); }
  // NOLINTEND(readability-identifier-naming)

 private:
  const Uniformity::Test& is_source_;
  const Uniformity::Test& is_same_;
};

/// Blocks in an order in which all ways but those round a loop lead on, and their places in it.
struct Order {
  explicit Order(llvm::Function& function) {
    const llvm::ReversePostOrderTraversal<llvm::Function*> traversal(&function);
    for (const llvm::BasicBlock* block : traversal) {
      places.try_emplace(block, blocks.size());
      blocks.push_back(block);
    }
  }

  std::vector<const llvm::BasicBlock*> blocks;
  llvm::DenseMap<const llvm::BasicBlock*, size_t> places;
};

/// Calls `found` with each block where ways meet, of those that begin with edges to the blocks at
/// `next`: `begins` gives the name of the way that begins with the edge between two blocks, null if
/// none does, and where two meet a new one begins. Ways round a loop aren't followed. Only blocks
/// on these ways are looked at, up to the one that all come to: kernels have thousands of branches.
template <class Begins, class Found>
void follow_ways(std::set<size_t> next, const Order& order, Begins begins, Found found) {
  llvm::DenseMap<const llvm::BasicBlock*, const llvm::BasicBlock*> ways;
  while (!next.empty()) {
    const size_t place = *next.begin();
    next.erase(next.begin());
    const llvm::BasicBlock* block = order.blocks[place];
    const llvm::BasicBlock* way = nullptr;
    for (const llvm::BasicBlock* before : llvm::predecessors(block)) {
      const auto known = order.places.find(before);
      if (known == order.places.end() || known->second >= place) continue;
      const llvm::BasicBlock* begun = begins(*before, *block);
      const llvm::BasicBlock* each = begun ? begun : ways.lookup(before);
      if (!each) continue;
      if (way && way != each) {
        found(*block);
        way = block;
        break;
      }
      way = each;
    }
    ways[block] = way;
    if (next.empty()) return;
    for (const llvm::BasicBlock* target : llvm::successors(block)) {
      const size_t after = order.places.lookup(target);
      if (after > place) next.insert(after);
    }
  }
}

/// Of the ways that part at the end of `from`, each with the name of its first block.
template <class Found>
void find_joins(const llvm::BasicBlock& from, const Order& order, Found found) {
  std::set<size_t> next;
  for (const llvm::BasicBlock* target : llvm::successors(&from)) {
    const size_t after = order.places.lookup(target);
    if (after > order.places.lookup(&from)) next.insert(after);
  }
  const auto begins = [&](const llvm::BasicBlock& before, const llvm::BasicBlock& block) {
    return &before == &from ? &block : nullptr;
  };
  follow_ways(std::move(next), order, begins, found);
}

/// Of the ways that begin where `loop` is left, each with the name of the block in it.
template <class Found>
void find_exit_joins(const llvm::Loop& loop, const Order& order, Found found) {
  std::set<size_t> next;
  llvm::SmallVector<llvm::BasicBlock*, 8> exits;
  loop.getExitBlocks(exits);
  for (const llvm::BasicBlock* exit : exits) next.insert(order.places.lookup(exit));
  const auto begins = [&](const llvm::BasicBlock& before, const llvm::BasicBlock&) {
    return loop.contains(&before) ? &before : nullptr;
  };
  follow_ways(std::move(next), order, begins, found);
}

}  // namespace

/// Where control goes in a function.
struct Uniformity::Ways {
  explicit Ways(llvm::Function& function)
      : order(function), dominators(function), loops(dominators), after(function) {}

  Order order;
  llvm::DominatorTree dominators;
  llvm::LoopInfo loops;
  llvm::PostDominatorTree after;
};

// The analysis can't be computed out of LLVM's tree; so it runs as a pass under a manager of its
// own, whose idea of the target is ours.
Uniformity::Uniformity(llvm::Function& function, Test is_source, Test is_same)
    : is_source_([this, is_source = std::move(is_source)](const llvm::Value* value) {
        return joins_.contains(value) || is_source(value);
      }),
      is_same_(std::move(is_same)) {
  manager_.registerPass([this] {
    return llvm::TargetIRAnalysis([this](const llvm::Function& f) {
      return llvm::TargetTransformInfo(LaneInfo(f.getDataLayout(), is_source_, is_same_));
    });
  });
  manager_.registerPass([] { return llvm::DominatorTreeAnalysis(); });
  manager_.registerPass([] { return llvm::CycleAnalysis(); });
  manager_.registerPass([] { return llvm::UniformityInfoAnalysis(); });
  manager_.registerPass([] { return llvm::PassInstrumentationAnalysis(); });
  info_ = &manager_.getResult<llvm::UniformityInfoAnalysis>(function);
  const Ways ways(function);
  while (add_joins(ways)) {
    manager_.clear(function, function.getName());
    info_ = &manager_.getResult<llvm::UniformityInfoAnalysis>(function);
  }
}

// What a loop computes anew in each turn differs behind it, where lanes leave in different ones:
// one value of the loop, then, is several.
void Uniformity::add_exits(const llvm::Loop& loop) {
  llvm::SmallVector<llvm::BasicBlock*, 8> exits;
  loop.getUniqueExitBlocks(exits);
  for (const llvm::BasicBlock* exit : exits) {
    for (const llvm::PHINode& phi : exit->phis()) {
      const bool comes_from_loop = llvm::any_of(phi.incoming_values(), [&](const llvm::Use& use) {
        const auto* made = llvm::dyn_cast<llvm::Instruction>(use);
        return made && loop.contains(made);
      });
      if (comes_from_loop && info_->isUniform(&phi) && !is_same_(&phi)) joins_.insert(&phi);
    }
  }
}

// LLVM's analysis takes phis for the same in all lanes where ways that lanes part to go through
// several blocks, or end with a loop that lanes leave at different times.
bool Uniformity::add_joins(const Ways& ways) {
  const size_t before = joins_.size();
  const auto add = [&](const llvm::BasicBlock& join) {
    for (const llvm::PHINode& phi : join.phis()) {
      if (!phi.hasConstantOrUndefValue() && info_->isUniform(&phi) && !is_same_(&phi))
        joins_.insert(&phi);
    }
  };
  std::set<const llvm::Loop*> parted;
  for (const llvm::BasicBlock* block : ways.order.blocks) {
    if (!info_->hasDivergentTerminator(*block)) continue;
    find_joins(*block, ways.order, add);
    const auto* node = ways.after.getNode(block);
    const llvm::BasicBlock* meeting =
        node && node->getIDom() ? node->getIDom()->getBlock() : nullptr;
    const auto headers = find_headers_before(ways.loops, *block, meeting);
    for (const llvm::Loop* loop = ways.loops.getLoopFor(block);
         loop && (!meeting || !loop->contains(meeting) || headers.contains(loop->getHeader()));
         loop = loop->getParentLoop())
      parted.insert(loop);
  }
  for (const llvm::Loop* loop : parted) {
    find_exit_joins(*loop, ways.order, add);
    add_exits(*loop);
  }
  return joins_.size() != before;
}

Uniformity::Uniformity(llvm::Function& step_function, const Test& is_other)
    : Uniformity(
          step_function,
          [step = step_function.getArg(1), is_other](const llvm::Value* value) {
            return value == step || is_other(value) ||
                   llvm::isa<llvm::AllocaInst, llvm::AtomicRMWInst, llvm::AtomicCmpXchgInst>(value);
          },
          [](const llvm::Value*) { return false; }) {}

bool Uniformity::is_uniform(const llvm::Value* value) const {
  const auto* instruction = llvm::dyn_cast<llvm::Instruction>(value);
  return instruction ? info_->isUniform(instruction) : info_->isUniform(value);
}

bool Uniformity::is_uniform_everywhere(const llvm::Value* value) const {
  return is_uniform(value) && llvm::none_of(value->uses(), [this](const llvm::Use& use) {
           return info_->isDivergentUse(use);
         });
}

}  // namespace anymetal::simt
