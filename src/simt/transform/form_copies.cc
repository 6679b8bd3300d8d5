// `for (j = 0; j < 16; j++) to[j] = from[j];`, counted out, is a gather and a scatter for each j
// where threads' pieces lie anywhere. As one vector a thread it is a load and a store for each lane
// (analysis/matrix_accesses.h). Only between buffers and threadgroup memory, which never overlap;
// what has a check of its own keeps it.
#include "simt/transform/form_copies.h"

#include <llvm/ADT/SmallVector.h>
#include <llvm/IR/IRBuilder.h>
#include <llvm/IR/Instructions.h>

#include "ir/thread_ir.h"
#include "simt/analysis/guards.h"
#include "simt/analysis/lane_distance.h"

namespace anymetal::simt {
namespace {

constexpr uint64_t kLeastBytes = 16, kMostBytes = 64;

bool is_buffer(unsigned space) {
  return space == kDeviceSpace || space == kConstantSpace;
}

/// A store of what was loaded for it alone.
struct Element {
  llvm::LoadInst* load;
  llvm::StoreInst* store;
};

bool is_element(const llvm::StoreInst& store) {
  const auto* load = llvm::dyn_cast<llvm::LoadInst>(store.getValueOperand());
  if (!load || !load->hasOneUse() || !load->isSimple() || !store.isSimple() ||
      load->getParent() != store.getParent())
    return false;
  const llvm::Type* type = load->getType();
  const unsigned from = load->getPointerAddressSpace(), to = store.getPointerAddressSpace();
  return (type->isIntegerTy() || type->isFloatingPointTy()) &&
         ((is_buffer(from) && to == kThreadgroupSpace) ||
          (from == kThreadgroupSpace && to == kDeviceSpace)) &&
         !strip_guard(load->getPointerOperand()).inside &&
         !strip_guard(store.getPointerOperand()).inside;
}

class Former {
 public:
  Former(llvm::BasicBlock& block, bool is_large)
      : block_(block), layout_(block.getDataLayout()), is_large_(is_large) {}

  unsigned run() {
    for (llvm::Instruction& instruction : llvm::make_early_inc_range(block_)) {
      auto* store = llvm::dyn_cast<llvm::StoreInst>(&instruction);
      if (store && is_element(*store)) {
        add({llvm::cast<llvm::LoadInst>(store->getValueOperand()), store});
      } else if (disturbs(instruction)) {
        close();
      }
    }
    close();
    return count_;
  }

 private:
  [[nodiscard]] uint64_t bytes_of(const Element& element) const {
    return layout_.getTypeStoreSize(element.load->getType());
  }

  /// Loads of elements that are still to come are no hindrance, nor are others of the same memory.
  [[nodiscard]] bool disturbs(const llvm::Instruction& instruction) const {
    if (run_.empty() || !instruction.mayReadOrWriteMemory()) return false;
    const auto* load = llvm::dyn_cast<llvm::LoadInst>(&instruction);
    return !load || !load->isSimple() ||
           load->getPointerAddressSpace() == run_[0].store->getPointerAddressSpace();
  }

  void add(const Element& element) {
    if (!run_.empty() && !follows(element)) close();
    run_.push_back(element);
    if (run_.size() * bytes_of(element) == kMostBytes) close();
  }

  [[nodiscard]] bool follows(const Element& next) const {
    const Element& last = run_.back();
    const auto bytes = int64_t(bytes_of(next));
    return next.load->getType() == last.load->getType() &&
           LaneDistance::between_pointers(last.load->getPointerOperand(),
                                          next.load->getPointerOperand(), layout_,
                                          is_large_) == bytes &&
           LaneDistance::between_pointers(last.store->getPointerOperand(),
                                          next.store->getPointerOperand(), layout_,
                                          is_large_) == bytes;
  }

  void close() {
    if (!run_.empty() && run_.size() * bytes_of(run_[0]) >= kLeastBytes) form();
    run_.clear();
  }

  /// Whether all loads may as well stand at the last store.
  [[nodiscard]] bool can_wait() const {
    const llvm::Instruction* from = run_[0].load;
    for (const Element& each : run_) {
      if (each.load->comesBefore(from)) from = each.load;
    }
    const auto is_own = [&](const llvm::Instruction* at) {
      return llvm::any_of(run_, [&](const Element& each) { return each.store == at; });
    };
    for (; from != run_.back().store; from = from->getNextNode()) {
      if (from->mayWriteToMemory() && !is_own(from)) return false;
    }
    return true;
  }

  /// At the last store: all addresses are there.
  void form() {
    if (!can_wait()) return;
    const Element& first = run_.front();
    llvm::IRBuilder<> builder(run_.back().store);
    auto* type = llvm::FixedVectorType::get(first.load->getType(), unsigned(run_.size()));
    llvm::Value* all =
        builder.CreateAlignedLoad(type, first.load->getPointerOperand(), first.load->getAlign());
    builder.CreateAlignedStore(all, first.store->getPointerOperand(), first.store->getAlign());
    for (const Element& each : run_) {
      each.store->eraseFromParent();
      each.load->eraseFromParent();
    }
    ++count_;
  }

  llvm::BasicBlock& block_;
  const llvm::DataLayout& layout_;
  const bool is_large_;
  llvm::SmallVector<Element, 16> run_;
  unsigned count_ = 0;
};

}  // namespace

unsigned form_copies(llvm::Function& function, bool is_large) {
  unsigned count = 0;
  for (llvm::BasicBlock& block : function) count += Former(block, is_large).run();
  return count;
}

}  // namespace anymetal::simt
