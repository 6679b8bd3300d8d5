#include "backend/cpu/guard_variables.h"

#include <llvm/Analysis/Utils/Local.h>
#include <llvm/IR/GetElementPtrTypeIterator.h>
#include <llvm/IR/GlobalVariable.h>
#include <llvm/IR/IRBuilder.h>
#include <llvm/IR/InstIterator.h>
#include <llvm/IR/IntrinsicInst.h>
#include <llvm/IR/Operator.h>

#include <optional>
#include <vector>

#include "simt/analysis/guards.h"
#include "simt/analysis/loop_analyses.h"

namespace anymetal::backend::cpu {
namespace {

using llvm::dyn_cast;
using llvm::isa;

/// The object that a pointer is computed from.
llvm::Value* root_of(llvm::Value* pointer) {
  while (true) {
    if (auto* address = dyn_cast<llvm::GEPOperator>(pointer))
      pointer = address->getPointerOperand();
    else if (llvm::Operator::getOpcode(pointer) == llvm::Instruction::AddrSpaceCast)
      pointer = llvm::cast<llvm::Operator>(pointer)->getOperand(0);
    else if (auto* freeze = dyn_cast<llvm::FreezeInst>(pointer))
      pointer = freeze->getOperand(0);
    else
      return pointer;
  }
}

class Guard {
 public:
  explicit Guard(llvm::Function& function)
      : layout_(function.getDataLayout()), function_(function), analyses_(function) {}

  void run() {
    std::vector<llvm::Instruction*> accesses;
    for (llvm::Instruction& instruction : llvm::instructions(function_))
      if (isa<llvm::LoadInst, llvm::StoreInst>(instruction)) accesses.push_back(&instruction);
    // All questions before all changes: the analyses are of the function as it is.
    std::vector<Doubtful> doubtful;
    for (llvm::Instruction* access : accesses)
      if (auto one = look_at(*access)) doubtful.push_back(*one);
    for (const Doubtful& one : doubtful) guard(one);
  }

 private:
  struct Doubtful {
    llvm::Instruction* access;
    llvm::Value* offset;  ///< from the object's beginning; i64
    uint64_t last;        ///< the largest offset that is inside; kNone: none is
  };
  static constexpr uint64_t kNone = UINT64_MAX;

  /// Bytes of a variable or a table of the kernel.
  [[nodiscard]] std::optional<uint64_t> size_of(const llvm::Value* root) const {
    if (const auto* variable = dyn_cast<llvm::AllocaInst>(root)) {
      const auto bytes = variable->getAllocationSize(layout_);
      return bytes ? std::optional(bytes->getFixedValue()) : std::nullopt;
    }
    const auto* table = dyn_cast<llvm::GlobalVariable>(root);
    if (!table || !table->isConstant() || !table->hasDefinitiveInitializer()) return std::nullopt;
    return layout_.getTypeAllocSize(table->getValueType()).getFixedValue();
  }

  std::optional<Doubtful> look_at(llvm::Instruction& access) {
    llvm::Value* pointer = llvm::getLoadStorePointerOperand(&access);
    const auto size = size_of(root_of(pointer));
    if (!size) return std::nullopt;
    const uint64_t bytes = layout_.getTypeStoreSize(llvm::getLoadStoreType(&access));
    const uint64_t last = bytes <= *size ? *size - bytes : kNone;
    llvm::APInt constant(64, 0);
    const bool is_constant = pointer->stripAndAccumulateConstantOffsets(
                                 layout_, constant, /*AllowNonInbounds=*/true) == root_of(pointer);
    if (is_constant && last != kNone && constant.ule(last)) return std::nullopt;
    if (!has_index_beyond(pointer, *size) &&
        (isa<llvm::StoreInst>(access) || !(may_be_constant(pointer) || is_compared(access))))
      return std::nullopt;
    llvm::IRBuilder<> builder(&access);
    llvm::Value* offset = builder.getInt64(0);
    add_offset(builder, pointer, offset);
    const bool is_inside =
        last != kNone && analyses_.evolution.isKnownPredicateAt(
                             llvm::ICmpInst::ICMP_ULE, analyses_.evolution.getSCEV(offset),
                             analyses_.evolution.getConstant(llvm::APInt(64, last)), &access);
    if (is_inside) return std::nullopt;
    return Doubtful{&access, offset, last};
  }

  /// Whether LLVM may know the value once it has counted out loops.
  [[nodiscard]] bool may_be_constant(llvm::Value* value) {
    if (isa<llvm::Constant, llvm::AllocaInst>(value)) return true;
    auto* made = dyn_cast<llvm::Instruction>(value);
    if (!made) return false;
    const auto [known, is_new] = may_be_constant_.try_emplace(made, true);  // of what goes round
    if (!is_new) return known->second;
    bool may = true;
    if (const auto* phi = dyn_cast<llvm::PHINode>(made)) {
      const llvm::Loop* loop = analyses_.loops.getLoopFor(phi->getParent());
      may = !loop || loop->getHeader() != phi->getParent() ||
            analyses_.evolution.getSmallConstantMaxTripCount(loop) != 0;
    } else if (const auto* load = dyn_cast<llvm::LoadInst>(made)) {
      may = size_of(root_of(const_cast<llvm::Value*>(load->getPointerOperand()))).has_value();
    } else if (isa<llvm::CallBase>(made)) {
      may = isa<llvm::IntrinsicInst>(made);
    }
    for (llvm::Use& operand : made->operands()) {
      if (!may) break;
      may = isa<llvm::Function, llvm::BasicBlock>(operand) || may_be_constant(operand);
    }
    return may_be_constant_[made] = may;
  }

  /// Of a table, LLVM compares all elements, and of an index those that there are.
  static bool is_compared(const llvm::Value& value, int depth = 0) {
    constexpr int kDeepest = 4;
    return depth < kDeepest &&
           llvm::any_of(
               value.users(),
               [&](const llvm::User* user) {
                 return isa<llvm::CmpInst, llvm::SwitchInst>(user) ||
                        (isa<llvm::CastInst, llvm::BinaryOperator, llvm::FreezeInst>(user) &&
                         is_compared(*user, depth + 1));
               });
  }

  /// Whether an unknown index but 0 is outside: LLVM takes it for 0 then.
  [[nodiscard]] bool has_index_beyond(llvm::Value* pointer, uint64_t size) const {
    for (auto* address = dyn_cast<llvm::GEPOperator>(pointer); address;
         address = dyn_cast<llvm::GEPOperator>(address->getPointerOperand())) {
      llvm::MapVector<llvm::Value*, llvm::APInt> variables;
      llvm::APInt constant(64, 0);
      if (!address->collectOffset(layout_, 64, variables, constant)) return true;
      for (const auto& [index, stride] : variables)
        if (stride.abs().uge(size)) return true;
    }
    return false;
  }

  void add_offset(llvm::IRBuilder<>& builder, llvm::Value* pointer, llvm::Value*& offset) {
    const llvm::Value* root = root_of(pointer);
    while (pointer != root) {
      if (auto* address = dyn_cast<llvm::GEPOperator>(pointer)) {
        llvm::Value* part = llvm::emitGEPOffset(&builder, layout_, address, /*NoAssumptions=*/true);
        offset = builder.CreateAdd(offset, builder.CreateSExtOrTrunc(part, builder.getInt64Ty()));
      }
      pointer = llvm::cast<llvm::Operator>(pointer)->getOperand(0);
    }
  }

  /// The pointer with all indices of elements 0 where `inside` doesn't hold.
  llvm::Value* kept_inside(llvm::IRBuilder<>& builder, llvm::Value* pointer, llvm::Value* inside) {
    if (auto* address = dyn_cast<llvm::GEPOperator>(pointer)) {
      llvm::SmallVector<llvm::Value*, 4> indices;
      for (auto at = llvm::gep_type_begin(*address), end = llvm::gep_type_end(*address); at != end;
           ++at) {
        llvm::Value* index = at.getOperand();
        indices.push_back(at.isStruct()
                              ? index
                              : builder.CreateSelect(
                                    inside, index, llvm::Constant::getNullValue(index->getType())));
      }
      return builder.CreateGEP(address->getSourceElementType(),
                               kept_inside(builder, address->getPointerOperand(), inside), indices);
    }
    if (llvm::Operator::getOpcode(pointer) == llvm::Instruction::AddrSpaceCast) {
      auto* from = llvm::cast<llvm::Operator>(pointer)->getOperand(0);
      return builder.CreateAddrSpaceCast(kept_inside(builder, from, inside), pointer->getType());
    }
    if (auto* freeze = dyn_cast<llvm::FreezeInst>(pointer))
      return kept_inside(builder, freeze->getOperand(0), inside);
    return pointer;
  }

  void guard(const Doubtful& one) {
    llvm::IRBuilder<> builder(one.access);
    llvm::Value* inside = builder.getFalse();
    if (one.last != kNone) inside = builder.CreateICmpULE(one.offset, builder.getInt64(one.last));
    llvm::Value* pointer =
        kept_inside(builder, llvm::getLoadStorePointerOperand(one.access), inside);
    one.access->setMetadata(simt::kKeptInside, llvm::MDNode::get(function_.getContext(), {}));
    if (auto* load = dyn_cast<llvm::LoadInst>(one.access)) {
      load->setOperand(load->getPointerOperandIndex(), pointer);
      builder.SetInsertPoint(load->getNextNode());
      llvm::Value* zero = llvm::Constant::getNullValue(load->getType());
      auto* read = llvm::cast<llvm::Instruction>(
          builder.Insert(llvm::SelectInst::Create(inside, load, zero)));
      load->replaceUsesWithIf(read, [&](const llvm::Use& use) { return use.getUser() != read; });
      return;
    }
    auto* store = llvm::cast<llvm::StoreInst>(one.access);
    llvm::Value* value = store->getValueOperand();
    auto* before = builder.CreateAlignedLoad(value->getType(), pointer, store->getAlign(),
                                             store->isVolatile());
    before->setMetadata(simt::kKeptInside, llvm::MDNode::get(function_.getContext(), {}));
    store->setOperand(0, builder.CreateSelect(inside, value, before));
    store->setOperand(store->getPointerOperandIndex(), pointer);
  }

  const llvm::DataLayout& layout_;
  llvm::Function& function_;
  simt::LoopAnalyses analyses_;
  llvm::DenseMap<llvm::Instruction*, bool> may_be_constant_;
};

}  // namespace

void guard_variables(llvm::Function& entry) {
  Guard(entry).run();
}

}  // namespace anymetal::backend::cpu
