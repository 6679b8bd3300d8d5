// The vectoriser makes each operation for all chunks of a step before the next operation: with 16
// of them an exponential's values take 50 registers, and LLVM's scheduler, which sees one block,
// doesn't undo that. So in blocks that hold more vectors at once than fit, what leads to a result
// is put together: for each store, and for each value that others need, first what it is computed
// from, and so on. Processors find enough that is independent in the hundreds of instructions
// ahead.
//
// Loads stay between the stores where they were; nothing else is bound to its place.
#include "backend/cpu/order_chunks.h"

#include <llvm/ADT/DenseMap.h>
#include <llvm/ADT/DenseSet.h>
#include <llvm/IR/Instructions.h>

#include <vector>

namespace anymetal::backend::cpu {
namespace {

constexpr size_t kFewest = 48, kMost = 4000;  // instructions of a block

using Order = std::vector<llvm::Instruction*>;

bool is_vector(const llvm::Value& value) {
  return value.getType()->isVectorTy() && value.getType()->getScalarSizeInBits() >= 16;
}

bool has_order(const llvm::Instruction& instruction) {
  return instruction.mayHaveSideEffects() ||
         (instruction.mayReadFromMemory() && !llvm::isa<llvm::LoadInst>(instruction));
}

bool is_used_outside(const llvm::Instruction& instruction) {
  return llvm::any_of(instruction.users(), [&](const llvm::User* user) {
    const auto* other = llvm::cast<llvm::Instruction>(user);
    return other->getParent() != instruction.getParent() || llvm::isa<llvm::PHINode>(other) ||
           other->isTerminator();
  });
}

/// The most vectors that are needed at once, of those that the block makes or has as its variables.
unsigned count_registers(llvm::BasicBlock& block, const Order& order) {
  llvm::DenseMap<const llvm::Value*, size_t> last;
  std::vector<unsigned> ends(order.size() + 1);
  unsigned live = 0;
  const auto note = [&](const llvm::Instruction& made) {
    if (!is_vector(made)) return;
    if (is_used_outside(made)) last[&made] = order.size();
  };
  for (llvm::PHINode& phi : block.phis()) {
    live += is_vector(phi);
    note(phi);
  }
  for (size_t at = 0; at < order.size(); ++at) {
    note(*order[at]);
    for (const llvm::Value* operand : order[at]->operands()) {
      const auto* made = llvm::dyn_cast<llvm::Instruction>(operand);
      if (!made || made->getParent() != &block || !is_vector(*made)) continue;
      size_t& end = last[made];
      end = std::max(end, at);
    }
  }
  for (const auto& [value, end] : last) ++ends[end];
  unsigned most = live;
  for (size_t at = 0; at < order.size(); ++at) {
    live += last.contains(order[at]);
    most = std::max(most, live);
    live -= std::min(live, ends[at]);
  }
  return most;
}

class Ordering {
 public:
  Ordering(llvm::BasicBlock& block, size_t together) : block_(block), together_(together) {
    for (llvm::Instruction& instruction : block) {
      if (!llvm::isa<llvm::PHINode>(instruction) && !instruction.isTerminator())
        before_.push_back(&instruction);
      places_[&instruction] = places_.size();
    }
  }

  [[nodiscard]] const Order& before() const { return before_; }

  Order find() {
    Order waiting;  // loads since the last store
    for (llvm::Instruction* instruction : before_) {
      if (llvm::isa<llvm::LoadInst>(instruction)) waiting.push_back(instruction);
      const bool ordered = has_order(*instruction);
      if (ordered && !waiting.empty()) {
        place();
        roots_ = std::move(waiting);
        waiting.clear();
        place();
      }
      if (ordered || is_used_outside(*instruction)) roots_.push_back(instruction);
      if (roots_.size() >= together_) place();
    }
    place();
    roots_ = before_;
    place();
    return std::move(after_);
  }

 private:
  /// The roots, and what they are computed from: as they stood.
  void place() {
    Order work = std::move(roots_), found;
    roots_.clear();
    while (!work.empty()) {
      llvm::Instruction* instruction = work.back();
      work.pop_back();
      if (!placed_.insert(instruction).second) continue;
      found.push_back(instruction);
      for (llvm::Value* operand : instruction->operands()) {
        auto* made = llvm::dyn_cast<llvm::Instruction>(operand);
        if (made && made->getParent() == &block_ && !llvm::isa<llvm::PHINode>(made))
          work.push_back(made);
      }
    }
    llvm::sort(found, [&](const auto* a, const auto* b) { return places_[a] < places_[b]; });
    after_.insert(after_.end(), found.begin(), found.end());
  }

  llvm::BasicBlock& block_;
  const size_t together_;
  Order before_, after_, roots_;
  llvm::DenseMap<const llvm::Instruction*, size_t> places_;
  llvm::DenseSet<const llvm::Instruction*> placed_;
};

bool may_be_ordered(const llvm::BasicBlock& block) {
  return block.size() >= kFewest && block.size() <= kMost &&
         llvm::none_of(block, [](const llvm::Instruction& instruction) {
           return instruction.isVolatile() || instruction.isAtomic();
         });
}

}  // namespace

void order_chunks(llvm::Function& threadgroup, unsigned registers) {
  for (llvm::BasicBlock& block : threadgroup) {
    if (!may_be_ordered(block)) continue;
    Ordering ordering(block, registers / 8);
    const unsigned now = count_registers(block, ordering.before());
    if (now <= registers * 3 / 4) continue;
    const Order order = ordering.find();
    if (count_registers(block, order) + registers / 8 > now) continue;
    for (llvm::Instruction* instruction : order) instruction->moveBefore(block.getTerminator());
  }
}

}  // namespace anymetal::backend::cpu
