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

#include "backend/hidden_tables.h"
#include "ir/hidden_addresses.h"
#include "ir/thread_ir.h"
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

/// An operand that leads to what an instruction reads or writes.
struct Access {
  llvm::Instruction* instruction;
  unsigned operand;
  uint64_t bytes;
  bool writes;
  [[nodiscard]] llvm::Value* pointer() const { return instruction->getOperand(operand); }
  void set_pointer(llvm::Value* pointer) const { instruction->setOperand(operand, pointer); }
};

void add_accesses(llvm::Instruction& instruction, std::vector<Access>& found) {
  if (isa<llvm::LoadInst, llvm::StoreInst>(instruction)) {
    const bool writes = isa<llvm::StoreInst>(instruction);
    const unsigned operand = writes ? llvm::StoreInst::getPointerOperandIndex()
                                    : llvm::LoadInst::getPointerOperandIndex();
    const llvm::DataLayout& layout = instruction.getDataLayout();
    const uint64_t bytes = layout.getTypeStoreSize(llvm::getLoadStoreType(&instruction));
    found.push_back({&instruction, operand, bytes, writes});
  } else if (auto* memory = dyn_cast<llvm::MemIntrinsic>(&instruction)) {
    const auto* length = dyn_cast<llvm::ConstantInt>(memory->getLength());
    if (!length || length->isZero()) return;  // Clang makes copies of structs, and of nothing else
    found.push_back({memory, 0, length->getZExtValue(), true});
    if (isa<llvm::MemTransferInst>(memory))
      found.push_back({memory, 1, length->getZExtValue(), false});
  }
}

class Guard {
 public:
  explicit Guard(llvm::Function& function)
      : layout_(function.getDataLayout()), function_(function), analyses_(function) {}

  void run() {
    std::vector<Access> accesses;
    for (llvm::Instruction& instruction : llvm::instructions(function_))
      add_accesses(instruction, accesses);
    // All questions before all changes: the analyses are of the function as it is.
    std::vector<Doubtful> doubtful;
    for (const Access& access : accesses)
      if (auto one = look_at(access)) doubtful.push_back(*one);
    for (const Doubtful& one : doubtful) guard(one);
    for (llvm::Instruction* one : never_) one->eraseFromParent();
  }

 private:
  /// What an access's pointer may lead to.
  struct Target {
    simt::Path path;
    simt::Objects objects;
    uint64_t smallest = kAnySize;  ///< the size of the smallest object
    bool is_mixed = false;         ///< some objects' sizes aren't known
    bool is_loaded = false;        ///< some objects are what a variable or a table says
    /// By indices alone: no phi and no select of pointers is between.
    [[nodiscard]] bool is_direct() const {
      return objects.size() == 1 && path.root == objects.front();
    }
  };
  struct Doubtful {
    Access access;
    Target target;
    Place place;
    bool is_of_table;  ///< of one, by an index that nothing is known of
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
    for (llvm::Value* object : target.objects) {
      // Where a null pointer leads nothing is, and who follows it doesn't go on to LLVM.
      const auto size = is_nowhere(object) ? std::optional<uint64_t>(0) : size_of(object);
      target.is_mixed |= !size;
      if (size) target.smallest = std::min(target.smallest, *size);
      target.is_loaded |= is_loaded(object);
    }
    if (target.is_loaded) return target;
    const bool has_any = llvm::any_of(target.objects, [&](const llvm::Value* object) {
      return size_of(object) || (is_nowhere(object) && is_of_thread(*object->getType()));
    });
    return has_any ? std::optional(std::move(target)) : std::nullopt;
  }

  [[nodiscard]] bool is_of_thread(const llvm::Type& pointer) const {
    return pointer.getPointerAddressSpace() == layout_.getAllocaAddrSpace();
  }

  /// A pointer out of a variable or a table, which may become known: then so does what it leads to.
  [[nodiscard]] bool is_loaded(llvm::Value* object) const {
    llvm::SmallVector<llvm::Value*, 4> work{object};
    llvm::SmallPtrSet<llvm::Value*, 4> seen;
    while (!work.empty()) {
      auto* load = dyn_cast<llvm::LoadInst>(work.pop_back_val());
      if (!load || !seen.insert(load).second) continue;
      if (!is_of_thread(*load->getType()) &&
          load->getType()->getPointerAddressSpace() != kConstantSpace)
        continue;
      for (llvm::Value* from :
           simt::find_objects(simt::find_path(load->getPointerOperand()).root)) {
        if (size_of(from)) return true;
        work.push_back(from);  // of a list, say
      }
    }
    return false;
  }

  static bool is_nowhere(const llvm::Value* object) {
    return isa<llvm::ConstantPointerNull, llvm::UndefValue>(object);
  }

  std::optional<Doubtful> look_at(const Access& access) {
    llvm::Value* pointer = access.pointer();
    auto target = find_target(pointer);
    if (!target) return std::nullopt;
    if (target->is_loaded) return Doubtful{access, std::move(*target), {}, false};
    const bool may_fit = access.bytes <= target->smallest;
    const bool is_direct = target->is_direct();
    if (is_direct && !may_fit) return Doubtful{access, std::move(*target), {}, false};
    llvm::APInt constant(64, 0);
    const bool is_constant =
        is_direct && pointer->stripAndAccumulateConstantOffsets(
                         layout_, constant, /*AllowNonInbounds=*/true) == target->path.root;
    if (is_constant && constant.ule(target->smallest - access.bytes)) return std::nullopt;
    const auto greatest =
        is_direct && !is_constant ? simt::greatest_offset(target->path, layout_) : std::nullopt;
    if (greatest && *greatest <= target->smallest - access.bytes) return std::nullopt;
    llvm::IRBuilder<> builder(access.instruction);
    const Place place = place_of(builder, pointer);
    const auto is_below_last = [&](const llvm::SCEV* offset) {
      const llvm::APInt last(64, target->smallest - access.bytes);
      return analyses_.evolution.isKnownPredicateAt(llvm::ICmpInst::ICMP_ULE, offset,
                                                    analyses_.evolution.getConstant(last),
                                                    access.instruction);
    };
    if (may_fit && !target->is_mixed && is_below_last(analyses_.evolution.getSCEV(place.offset)))
      return std::nullopt;
    const bool is_of_table =
        is_direct && !is_constant && isa<llvm::GlobalVariable>(target->path.root);
    return Doubtful{access, std::move(*target), place, is_of_table};
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
    if (is_nowhere(root)) {
      constexpr uint64_t kLargestAccess = 128;  // 16 numbers of 64 bits
      return places_[root] = {make_stand_in(*root->getType(), kLargestAccess, false), zero, zero};
    }
    const uint64_t size = size_of(root).value_or(kAnySize);
    return places_[root] = {root, builder.getInt64(size), zero};
  }

  /// What is accessed in place of nothing, and left as it is, or reads as zeros.
  llvm::Value* make_stand_in(llvm::Type& pointer, uint64_t count, bool is_zero) {
    auto* bytes = llvm::ArrayType::get(llvm::Type::getInt8Ty(pointer.getContext()), count);
    const llvm::Align alignment(128);
    if (is_of_thread(pointer)) {
      llvm::BasicBlock& entry = function_.getEntryBlock();
      auto* variable = new llvm::AllocaInst(bytes, layout_.getAllocaAddrSpace(), nullptr, alignment,
                                            "nothing", entry.begin());
      if (!is_zero) return variable;
      // Behind all variables: it becomes a loop.
      llvm::Instruction* last = variable;
      for (llvm::Instruction& other : entry)
        if (isa<llvm::AllocaInst>(other)) last = &other;
      llvm::IRBuilder<> builder(last->getNextNode());
      builder.CreateMemSet(variable, builder.getInt8(0), count, alignment);
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

  /// The same way from another root, with each index as this says.
  template <typename Index>
  llvm::Value* along(llvm::IRBuilder<>& builder, llvm::Value* pointer, llvm::Value* root,
                     const Index& index_of) {
    if (auto* address = dyn_cast<llvm::GEPOperator>(pointer)) {
      llvm::SmallVector<llvm::Value*, 4> indices;
      for (auto at = llvm::gep_type_begin(*address), end = llvm::gep_type_end(*address); at != end;
           ++at)
        indices.push_back(at.isStruct() ? at.getOperand() : index_of(at.getOperand()));
      return builder.CreateGEP(address->getSourceElementType(),
                               along(builder, address->getPointerOperand(), root, index_of),
                               indices);
    }
    if (llvm::Operator::getOpcode(pointer) == llvm::Instruction::AddrSpaceCast) {
      auto* from = llvm::cast<llvm::Operator>(pointer)->getOperand(0);
      return builder.CreateAddrSpaceCast(along(builder, from, root, index_of), pointer->getType());
    }
    if (auto* freeze = dyn_cast<llvm::FreezeInst>(pointer))
      return along(builder, freeze->getOperand(0), root, index_of);
    return root;
  }

  /// Bytes from the beginning to where the fields of a way lie, all indices of elements being 0.
  [[nodiscard]] uint64_t offset_of_fields(const simt::Path& path) const {
    uint64_t offset = 0;
    for (llvm::GEPOperator* step : path.steps)
      for (auto at = llvm::gep_type_begin(*step), end = llvm::gep_type_end(*step); at != end; ++at)
        if (llvm::StructType* type = at.getStructTypeOrNull())
          offset += layout_.getStructLayout(type)->getElementOffset(
              unsigned(llvm::cast<llvm::ConstantInt>(at.getOperand())->getZExtValue()));
    return offset;
  }

  llvm::Value* is_inside(llvm::IRBuilder<>& builder, const Doubtful& one) {
    llvm::Value* size = one.place.size;
    llvm::Value* bytes = builder.getInt64(one.access.bytes);
    llvm::Value* inside = builder.CreateICmpULE(one.place.offset, builder.CreateSub(size, bytes));
    if (one.access.bytes > one.target.smallest)
      inside = builder.CreateAnd(builder.CreateICmpUGE(size, bytes), inside);
    if (one.target.is_mixed)
      inside = builder.CreateOr(builder.CreateICmpEQ(size, builder.getInt64(kAnySize)), inside);
    return inside;
  }

  /// Where the access is inside, its place; otherwise the beginning of its object, or of something
  /// else that is large enough.
  llvm::Value* kept_inside(llvm::IRBuilder<>& builder, const Doubtful& one, llvm::Value* inside) {
    llvm::Value* pointer = one.access.pointer();
    const uint64_t bytes = one.access.bytes;
    if (one.target.is_direct() && offset_of_fields(one.target.path) + bytes <= one.target.smallest)
      return along(builder, pointer, one.target.path.root, [&](llvm::Value* index) {
        return builder.CreateSelect(inside, index, llvm::Constant::getNullValue(index->getType()));
      });
    llvm::Value* object = one.place.object;
    if (bytes > one.target.smallest)
      object = builder.CreateSelect(inside, object,
                                    make_stand_in(*object->getType(), bytes, /*is_zero=*/false));
    llvm::Value* offset = builder.CreateSelect(inside, one.place.offset, builder.getInt64(0));
    return of_type(builder, builder.CreatePtrAdd(object, offset), pointer->getType());
  }

  /// Is never inside.
  void drop(const Access& access) {
    auto* set = dyn_cast<llvm::MemTransferInst>(access.instruction);
    if (set && !access.writes) {
      llvm::Type& type = *set->getRawSource()->getType();
      set->setSource(make_stand_in(type, access.bytes, /*is_zero=*/true));
      return;
    }
    if (!access.writes)
      access.instruction->replaceAllUsesWith(
          llvm::Constant::getNullValue(access.instruction->getType()));
    never_.insert(access.instruction);
  }

  /// LLVM folds what it reads from a table whose contents it knows by indices that it comes to
  /// know, or compares what it reads with all that there is to read.
  void hide_table(const Doubtful& one) {
    llvm::Value* hidden = &hidden_table(*llvm::cast<llvm::GlobalVariable>(one.target.path.root));
    llvm::IRBuilder<> builder(one.access.instruction);
    one.access.set_pointer(
        along(builder, one.access.pointer(), hidden, [](llvm::Value* index) { return index; }));
  }

  void guard(const Doubtful& one) {
    if (one.target.is_loaded)
      return one.access.set_pointer(hide_address(*one.access.pointer(), one.access.instruction));
    if (one.is_of_table) return hide_table(one);
    const Access& access = one.access;
    if (one.target.is_direct() && access.bytes > one.target.smallest) return drop(access);
    llvm::IRBuilder<> builder(access.instruction);
    llvm::Value* inside = is_inside(builder, one);
    if (isa<llvm::MemIntrinsic>(access.instruction)) {
      llvm::Type& type = *access.pointer()->getType();
      llvm::Value* nothing = make_stand_in(type, access.bytes, !access.writes);
      access.set_pointer(builder.CreateSelect(inside, access.pointer(), nothing));
      return;
    }
    llvm::Value* pointer = kept_inside(builder, one, inside);
    const auto mark = [&](llvm::Instruction& access) {
      if (!one.target.is_mixed)
        access.setMetadata(simt::kKeptInside, llvm::MDNode::get(function_.getContext(), {}));
    };
    mark(*access.instruction);
    access.set_pointer(pointer);
    if (auto* load = dyn_cast<llvm::LoadInst>(access.instruction)) {
      builder.SetInsertPoint(load->getNextNode());
      llvm::Value* zero = llvm::Constant::getNullValue(load->getType());
      auto* read = llvm::cast<llvm::Instruction>(
          builder.Insert(llvm::SelectInst::Create(inside, load, zero)));
      load->replaceUsesWithIf(read, [&](const llvm::Use& use) { return use.getUser() != read; });
      return;
    }
    auto* store = llvm::cast<llvm::StoreInst>(access.instruction);
    llvm::Value* value = store->getValueOperand();
    auto* before = builder.CreateAlignedLoad(value->getType(), pointer, store->getAlign(),
                                             store->isVolatile());
    mark(*before);
    store->setOperand(0, builder.CreateSelect(inside, value, before));
  }

  const llvm::DataLayout& layout_;
  llvm::Function& function_;
  simt::LoopAnalyses analyses_;
  llvm::DenseMap<llvm::Value*, Place> places_;         ///< of roots
  llvm::SmallSetVector<llvm::Instruction*, 4> never_;  ///< happen
};

}  // namespace

void guard_variables(llvm::Function& entry) {
  Guard(entry).run();
}

}  // namespace anymetal::backend::cpu
