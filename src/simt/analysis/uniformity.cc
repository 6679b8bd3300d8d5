#include "simt/analysis/uniformity.h"

#include <llvm/ADT/PostOrderIterator.h>
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

/// Calls `found` with each block where ways meet that part at `from`: each way has the name of its
/// first block, and where two meet a new one begins. Ways round a loop aren't followed. Only blocks
/// on these ways are looked at, up to the one that all come to: kernels have thousands of branches.
template <class Found>
void find_joins(const llvm::BasicBlock& from, llvm::ArrayRef<const llvm::BasicBlock*> order,
                const llvm::DenseMap<const llvm::BasicBlock*, size_t>& places, Found found) {
  llvm::DenseMap<const llvm::BasicBlock*, const llvm::BasicBlock*> ways;
  std::set<size_t> next;  // places of blocks on some way
  const auto follow = [&](const llvm::BasicBlock& block, size_t place) {
    for (const llvm::BasicBlock* target : llvm::successors(&block)) {
      const size_t after = places.lookup(target);
      if (after > place) next.insert(after);
    }
  };
  follow(from, places.lookup(&from));
  while (!next.empty()) {
    const size_t place = *next.begin();
    next.erase(next.begin());
    const llvm::BasicBlock* block = order[place];
    const llvm::BasicBlock* way = nullptr;
    for (const llvm::BasicBlock* before : llvm::predecessors(block)) {
      const auto known = places.find(before);
      if (known == places.end() || known->second >= place) continue;
      const llvm::BasicBlock* each = before == &from ? block : ways.lookup(before);
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
    follow(*block, place);
  }
}

/// The same for ways that begin where `loop` is left, each with the name of the block in it.
template <class Found>
void find_exit_joins(const llvm::Loop& loop, llvm::ArrayRef<const llvm::BasicBlock*> order,
                     const llvm::DenseMap<const llvm::BasicBlock*, size_t>& places, Found found) {
  llvm::DenseMap<const llvm::BasicBlock*, const llvm::BasicBlock*> ways;
  std::set<size_t> next;
  llvm::SmallVector<llvm::BasicBlock*, 8> exits;
  loop.getExitBlocks(exits);
  for (const llvm::BasicBlock* exit : exits) next.insert(places.lookup(exit));
  while (!next.empty()) {
    const size_t place = *next.begin();
    next.erase(next.begin());
    const llvm::BasicBlock* block = order[place];
    const llvm::BasicBlock* way = nullptr;
    for (const llvm::BasicBlock* before : llvm::predecessors(block)) {
      const auto known = places.find(before);
      if (known == places.end() || known->second >= place) continue;
      const llvm::BasicBlock* each = loop.contains(before) ? before : ways.lookup(before);
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
      const size_t after = places.lookup(target);
      if (after > place && !loop.contains(target)) next.insert(after);
    }
  }
}

}  // namespace

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
  while (add_joins(function)) {
    manager_.clear(function, function.getName());
    info_ = &manager_.getResult<llvm::UniformityInfoAnalysis>(function);
  }
}

// LLVM's analysis takes phis for the same in all lanes where ways that lanes part to go through
// several blocks, or end with a loop that lanes leave at different times.
bool Uniformity::add_joins(llvm::Function& function) {
  const llvm::ReversePostOrderTraversal<llvm::Function*> traversal(&function);
  const std::vector<const llvm::BasicBlock*> order(traversal.begin(), traversal.end());
  llvm::DenseMap<const llvm::BasicBlock*, size_t> places;
  for (const llvm::BasicBlock* block : order) places.try_emplace(block, places.size());
  const size_t before = joins_.size();
  const auto add = [&](const llvm::BasicBlock& join) {
    for (const llvm::PHINode& phi : join.phis()) {
      if (!phi.hasConstantOrUndefValue() && info_->isUniform(&phi) && !is_same_(&phi))
        joins_.insert(&phi);
    }
  };
  const llvm::DominatorTree dominators(function);
  const llvm::LoopInfo loops(dominators);
  const llvm::PostDominatorTree after(function);
  std::set<const llvm::Loop*> parted;
  for (const llvm::BasicBlock* block : order) {
    if (!info_->hasDivergentTerminator(*block)) continue;
    find_joins(*block, order, places, add);
    const auto* node = after.getNode(block);
    const llvm::BasicBlock* meeting =
        node && node->getIDom() ? node->getIDom()->getBlock() : nullptr;
    for (const llvm::Loop* loop = loops.getLoopFor(block);
         loop && !(meeting && loop->contains(meeting)); loop = loop->getParentLoop())
      parted.insert(loop);
  }
  for (const llvm::Loop* loop : parted) find_exit_joins(*loop, order, places, add);
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
