#include "backend/cpu/guard_variables.h"

#include <llvm/ADT/SmallPtrSet.h>
#include <llvm/Analysis/Utils/Local.h>
#include <llvm/IR/GetElementPtrTypeIterator.h>
#include <llvm/IR/GlobalVariable.h>
#include <llvm/IR/IRBuilder.h>
#include <llvm/IR/InstIterator.h>
#include <llvm/IR/IntrinsicInst.h>
#include <llvm/IR/Operator.h>

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "simt/analysis/guards.h"
#include "simt/analysis/loop_analyses.h"
#include "simt/analysis/objects.h"

namespace anymetal::backend::cpu {
namespace {

using llvm::dyn_cast;
using llvm::isa;

/// Where a pointer leads.
struct Place {
  llvm::Value* object;
  llvm::Value* size;    ///< of the object, in bytes; i64
  llvm::Value* offset;  ///< from its beginning; i64
};

/// Of objects that are no variables and tables, whose ends others know.
constexpr uint64_t kAnySize = UINT64_MAX;

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
  /// What an access's pointer may lead to.
  struct Target {
    simt::Path path;
    simt::Objects objects;
    uint64_t smallest = kAnySize;  ///< the size of the smallest object
    bool is_mixed = false;         ///< some objects' sizes aren't known
    /// By indices alone: no phi and no select of pointers is between.
    [[nodiscard]] bool is_direct() const {
      return objects.size() == 1 && path.root == objects.front();
    }
  };
  struct Doubtful {
    llvm::Instruction* access;
    Target target;
    Place place;
    uint64_t bytes;  ///< of the access
  };

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

  std::optional<Target> find_target(llvm::Value* pointer) {
    Target target{simt::find_path(pointer), {}};
    target.objects = simt::find_objects(target.path.root);
    for (const llvm::Value* object : target.objects) {
      // Where a null pointer leads nothing is, and who follows it doesn't go on to LLVM.
      const auto size = is_nowhere(object) ? std::optional<uint64_t>(0) : size_of(object);
      target.is_mixed |= !size;
      if (size) target.smallest = std::min(target.smallest, *size);
    }
    const bool has_any =
        llvm::any_of(target.objects, [&](const llvm::Value* object) { return size_of(object); });
    return has_any ? std::optional(std::move(target)) : std::nullopt;
  }

  static bool is_nowhere(const llvm::Value* object) {
    return isa<llvm::ConstantPointerNull, llvm::UndefValue>(object);
  }

  std::optional<Doubtful> look_at(llvm::Instruction& access) {
    llvm::Value* pointer = llvm::getLoadStorePointerOperand(&access);
    auto target = find_target(pointer);
    if (!target) return std::nullopt;
    const uint64_t bytes = layout_.getTypeStoreSize(llvm::getLoadStoreType(&access));
    const bool may_fit = bytes <= target->smallest;
    llvm::APInt constant(64, 0);
    const bool is_constant = target->is_direct() &&
                             pointer->stripAndAccumulateConstantOffsets(
                                 layout_, constant, /*AllowNonInbounds=*/true) == target->path.root;
    if (is_constant && may_fit && constant.ule(target->smallest - bytes)) return std::nullopt;
    // What was never written to reads as anything, so each index counts that LLVM knows a range of.
    const bool reads_variable =
        isa<llvm::LoadInst>(access) &&
        llvm::any_of(target->objects, [](auto* object) { return isa<llvm::AllocaInst>(object); });
    if (!reads_variable && !has_index_beyond(*target, pointer) && !may_be_constant(pointer) &&
        !is_compared(access))
      return std::nullopt;
    llvm::IRBuilder<> builder(&access);
    const Place place = place_of(builder, pointer);
    const auto is_below_last = [&](const llvm::SCEV* offset) {
      const llvm::APInt last(64, target->smallest - bytes);
      return analyses_.evolution.isKnownPredicateAt(llvm::ICmpInst::ICMP_ULE, offset,
                                                    analyses_.evolution.getConstant(last), &access);
    };
    if (may_fit && !target->is_mixed && is_below_last(analyses_.evolution.getSCEV(place.offset)))
      return std::nullopt;
    return Doubtful{&access, std::move(*target), place, bytes};
  }

  /// Whether LLVM may know the value once it has counted out loops.
  [[nodiscard]] bool may_be_constant(llvm::Value* value) {
    if (isa<llvm::Constant, llvm::AllocaInst>(value)) return true;
    auto* made = dyn_cast<llvm::Instruction>(value);
    if (!made) return false;
    const auto [known, is_new] = may_be_constant_.try_emplace(made, true);  // of what goes round
    if (!is_new) return known->second;
    bool may = true;
    if (auto* phi = dyn_cast<llvm::PHINode>(made)) {
      const llvm::Loop* loop = analyses_.loops.getLoopFor(phi->getParent());
      if (!loop || loop->getHeader() != phi->getParent())
        return may_be_constant_[made] = llvm::any_of(
                   phi->operands(), [&](llvm::Use& use) { return may_be_constant(use); });
      may = analyses_.evolution.getSmallConstantMaxTripCount(loop) != 0;
    } else if (const auto* load = dyn_cast<llvm::LoadInst>(made)) {
      may = find_target(const_cast<llvm::Value*>(load->getPointerOperand())).has_value();
    } else if (auto* select = dyn_cast<llvm::SelectInst>(made)) {
      // Each for itself, as of ways that join: LLVM makes a branch of it, or loads both.
      return may_be_constant_[made] = may_be_constant(select->getTrueValue()) ||
                                      may_be_constant(select->getFalseValue());
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
  [[nodiscard]] bool has_index_beyond(const Target& target, llvm::Value* pointer) const {
    if (target.is_direct())
      return llvm::any_of(target.path.steps, [&](llvm::GEPOperator* step) {
        return has_index_beyond(*step, target.smallest);
      });
    llvm::SmallVector<llvm::Value*, 8> work{pointer};
    llvm::SmallPtrSet<llvm::Value*, 8> seen;
    while (!work.empty()) {
      const simt::Path path = simt::find_path(work.pop_back_val());
      for (llvm::GEPOperator* step : path.steps)
        if (has_index_beyond(*step, target.smallest)) return true;
      if (!isa<llvm::PHINode, llvm::SelectInst>(path.root) || !seen.insert(path.root).second)
        continue;
      for (llvm::Value* operand : llvm::cast<llvm::Instruction>(path.root)->operands())
        if (operand->getType()->isPointerTy()) work.push_back(operand);
    }
    return false;
  }

  [[nodiscard]] bool has_index_beyond(const llvm::GEPOperator& step, uint64_t size) const {
    llvm::MapVector<llvm::Value*, llvm::APInt> variables;
    llvm::APInt constant(64, 0);
    if (!step.collectOffset(layout_, 64, variables, constant)) return true;
    return llvm::any_of(variables, [&](const auto& one) { return one.second.abs().uge(size); });
  }

  /// Computed where the builder stands.
  Place place_of(llvm::IRBuilder<>& builder, llvm::Value* pointer) {
    const simt::Path path = simt::find_path(pointer);
    Place place = place_of_root(path.root);
    for (llvm::GEPOperator* step : path.steps) {
      llvm::Value* part = llvm::emitGEPOffset(&builder, layout_, step, /*NoAssumptions=*/true);
      place.offset =
          builder.CreateAdd(place.offset, builder.CreateSExtOrTrunc(part, builder.getInt64Ty()));
    }
    return place;
  }

  Place place_of_root(llvm::Value* root) {
    if (const auto found = places_.find(root); found != places_.end()) return found->second;
    llvm::IRBuilder<> builder(function_.getContext());
    if (auto* phi = dyn_cast<llvm::PHINode>(root)) {
      builder.SetInsertPoint(phi);
      const unsigned count = phi->getNumIncomingValues();
      auto* object = builder.CreatePHI(phi->getType(), count);
      auto* size = builder.CreatePHI(builder.getInt64Ty(), count);
      auto* offset = builder.CreatePHI(builder.getInt64Ty(), count);
      places_[root] = {object, size, offset};  // before what comes in, which may depend on it
      for (unsigned i = 0; i < count; ++i) {
        llvm::BasicBlock* from = phi->getIncomingBlock(i);
        // A switch may come from one block twice, with the same value then.
        const int first = object->getBasicBlockIndex(from);
        llvm::IRBuilder<> before(from->getTerminator());
        Place incoming;
        if (first >= 0) {
          incoming = {object->getIncomingValue(first), size->getIncomingValue(first),
                      offset->getIncomingValue(first)};
        } else {
          incoming = place_of(before, phi->getIncomingValue(i));
          incoming.object = of_type(before, incoming.object, phi->getType());
        }
        object->addIncoming(incoming.object, from);
        size->addIncoming(incoming.size, from);
        offset->addIncoming(incoming.offset, from);
      }
      return places_[root];
    }
    if (auto* select = dyn_cast<llvm::SelectInst>(root)) {
      builder.SetInsertPoint(select);
      const Place yes = place_of(builder, select->getTrueValue());
      const Place no = place_of(builder, select->getFalseValue());
      const auto chosen = [&](llvm::Value* one, llvm::Value* other) {
        return builder.CreateSelect(select->getCondition(), one, other);
      };
      return places_[root] = {chosen(of_type(builder, yes.object, select->getType()),
                                     of_type(builder, no.object, select->getType())),
                              chosen(yes.size, no.size), chosen(yes.offset, no.offset)};
    }
    llvm::Value* zero = builder.getInt64(0);
    if (is_nowhere(root)) return places_[root] = {make_stand_in(*root->getType()), zero, zero};
    const uint64_t size = size_of(root).value_or(kAnySize);
    return places_[root] = {root, builder.getInt64(size), zero};
  }

  /// What is accessed in place of nothing, and left as it is.
  llvm::Value* make_stand_in(llvm::Type& pointer) {
    constexpr unsigned kLargestAccess = 128;  // 16 numbers of 64 bits
    auto* bytes = llvm::ArrayType::get(llvm::Type::getInt8Ty(pointer.getContext()), kLargestAccess);
    const llvm::Align alignment(kLargestAccess);
    if (pointer.getPointerAddressSpace() == layout_.getAllocaAddrSpace()) {
      auto* variable = new llvm::AllocaInst(bytes, layout_.getAllocaAddrSpace(), nullptr, alignment,
                                            "nothing", function_.getEntryBlock().begin());
      return variable;
    }
    auto* table = new llvm::GlobalVariable(
        *function_.getParent(), bytes, /*isConstant=*/true, llvm::GlobalValue::InternalLinkage,
        llvm::Constant::getNullValue(bytes), "nothing", nullptr, llvm::GlobalValue::NotThreadLocal,
        pointer.getPointerAddressSpace());
    table->setAlignment(alignment);
    return table;
  }

  static llvm::Value* of_type(llvm::IRBuilder<>& builder, llvm::Value* pointer, llvm::Type* type) {
    return pointer->getType() == type ? pointer : builder.CreateAddrSpaceCast(pointer, type);
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

  llvm::Value* is_inside(llvm::IRBuilder<>& builder, const Doubtful& one) {
    llvm::Value* size = one.place.size;
    llvm::Value* bytes = builder.getInt64(one.bytes);
    llvm::Value* inside = builder.CreateICmpULE(one.place.offset, builder.CreateSub(size, bytes));
    if (one.bytes > one.target.smallest)
      inside = builder.CreateAnd(builder.CreateICmpUGE(size, bytes), inside);
    if (one.target.is_mixed)
      inside = builder.CreateOr(builder.CreateICmpEQ(size, builder.getInt64(kAnySize)), inside);
    return inside;
  }

  void guard(const Doubtful& one) {
    llvm::IRBuilder<> builder(one.access);
    llvm::Value* pointer = llvm::getLoadStorePointerOperand(one.access);
    llvm::Value* inside = is_inside(builder, one);
    if (one.target.is_direct()) {
      pointer = kept_inside(builder, pointer, inside);
    } else {
      llvm::Value* offset = builder.CreateSelect(inside, one.place.offset, builder.getInt64(0));
      pointer =
          of_type(builder, builder.CreatePtrAdd(one.place.object, offset), pointer->getType());
    }
    const auto mark = [&](llvm::Instruction& access) {
      if (!one.target.is_mixed)
        access.setMetadata(simt::kKeptInside, llvm::MDNode::get(function_.getContext(), {}));
    };
    mark(*one.access);
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
    mark(*before);
    store->setOperand(0, builder.CreateSelect(inside, value, before));
    store->setOperand(store->getPointerOperandIndex(), pointer);
  }

  const llvm::DataLayout& layout_;
  llvm::Function& function_;
  simt::LoopAnalyses analyses_;
  llvm::DenseMap<llvm::Instruction*, bool> may_be_constant_;
  llvm::DenseMap<llvm::Value*, Place> places_;  ///< of roots
};

}  // namespace

void guard_variables(llvm::Function& entry) {
  Guard(entry).run();
}

}  // namespace anymetal::backend::cpu
