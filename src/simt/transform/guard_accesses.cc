#include "simt/transform/guard_accesses.h"

#include <llvm/Analysis/Utils/Local.h>
#include <llvm/IR/Dominators.h>
#include <llvm/IR/GlobalVariable.h>
#include <llvm/IR/IRBuilder.h>
#include <llvm/IR/InstIterator.h>
#include <llvm/IR/IntrinsicInst.h>
#include <llvm/IR/Operator.h>

#include <array>
#include <map>
#include <optional>
#include <string>

#include "ir/thread_ir.h"
#include "simt/analysis/control_flow.h"
#include "simt/analysis/loop_analyses.h"
#include "simt/analysis/objects.h"
#include "simt/transform/kept_pointers.h"

namespace anymetal::simt {
namespace {

using llvm::dyn_cast;
using llvm::isa;

/// Bytes of a variable of pointers beside which it is kept what they belong to.
constexpr uint64_t kMostBeside = 512;

struct Access {
  llvm::Instruction* instruction;
  unsigned operand;  ///< the pointer
  uint64_t bytes;
  bool writes;
};

/// The object that a pointer points into.
struct Origin {
  llvm::Value* base = nullptr;  ///< i64
  llvm::Value* read_bytes = nullptr;
  llvm::Value* write_bytes = nullptr;
};

std::vector<Access> find_accesses(llvm::Function& function) {
  const llvm::DataLayout& layout = function.getDataLayout();
  std::vector<Access> found;
  const auto add = [&](llvm::Instruction& instruction, unsigned operand, llvm::Type* type,
                       bool writes) {
    found.push_back({&instruction, operand, layout.getTypeStoreSize(type), writes});
  };
  for (llvm::Instruction& instruction : llvm::instructions(function)) {
    if (auto* load = dyn_cast<llvm::LoadInst>(&instruction))
      add(instruction, 0, load->getType(), false);
    else if (auto* store = dyn_cast<llvm::StoreInst>(&instruction))
      add(instruction, 1, store->getValueOperand()->getType(), true);
    else if (auto* change = dyn_cast<llvm::AtomicRMWInst>(&instruction))
      add(instruction, 0, change->getType(), true);
    else if (auto* exchange = dyn_cast<llvm::AtomicCmpXchgInst>(&instruction))
      add(instruction, 0, exchange->getCompareOperand()->getType(), true);
  }
  return found;
}

class Guard {
 public:
  Guard(llvm::Function& function, const std::vector<bool>& is_const)
      : function_(function),
        module_(*function.getParent()),
        layout_(function.getDataLayout()),
        is_const_(is_const),
        analyses_(function) {}

  Result<void> run() {
    const std::vector<KeptPointers> all = find_kept_pointers(function_);
    std::vector<Beside> beside;
    for (const KeptPointers& kept : all) beside.push_back(load_origins(kept));
    for (size_t i = 0; i < all.size(); ++i) store_origins(all[i], beside[i]);
    for (const Access& access : find_accesses(function_)) guard(access);
    if (!unknown_) return {};
    return unsupported_error(
        "no form in vectors for checked accesses through a pointer that may lead to a variable of "
        "the "
        "kernel and was loaded from memory");
  }

 private:
  llvm::IRBuilder<> at_top() {
    return llvm::IRBuilder<>(&*function_.getEntryBlock().getFirstNonPHIOrDbgOrAlloca());
  }

  Origin fixed(llvm::Value* object, uint64_t bytes, bool is_const) {
    llvm::IRBuilder<> builder = at_top();
    return {builder.CreatePtrToInt(object, builder.getInt64Ty()), builder.getInt64(bytes),
            builder.getInt64(is_const ? 0 : bytes)};
  }

  Origin of_argument(llvm::Argument& argument) {
    llvm::IRBuilder<> builder = at_top();
    auto callee =
        module_.getOrInsertFunction(kArgumentBytes, builder.getInt64Ty(), builder.getInt32Ty());
    auto* function = llvm::cast<llvm::Function>(callee.getCallee());
    function->setDoesNotAccessMemory();
    function->setDoesNotThrow();
    function->setWillReturn();
    llvm::Value* bytes = builder.CreateCall(callee, {builder.getInt32(argument.getArgNo())});
    const bool is_const = argument.getArgNo() < is_const_.size() && is_const_[argument.getArgNo()];
    return {builder.CreatePtrToInt(&argument, builder.getInt64Ty()), bytes,
            is_const ? builder.getInt64(0) : bytes};
  }

  llvm::Function* of_memory(const char* name) {
    auto* word = llvm::Type::getInt64Ty(module_.getContext());
    auto* function =
        llvm::cast<llvm::Function>(module_.getOrInsertFunction(name, word, word).getCallee());
    function->setDoesNotAccessMemory();
    function->setDoesNotThrow();
    function->setWillReturn();
    return function;
  }

  /// A pointer that the host wrote, or that comes from one of those: no variable of the kernel lies
  /// in device memory, and a constant table can only be meant where pointers aren't loaded from
  /// buffers.
  bool is_from_outside(llvm::Value* root) {
    if (!isa<llvm::Instruction>(root)) return false;
    const unsigned space = root->getType()->getPointerAddressSpace();
    if (space == kDeviceSpace) return true;
    if (space != kConstantSpace) return false;
    for (auto* load = dyn_cast<llvm::LoadInst>(root); load;) {
      // The load may have its guard by now.
      auto* address = const_cast<llvm::Value*>(strip_guard(load->getPointerOperand()).pointer);
      llvm::Value* from = find_single(find_path(address).root);
      if (from && isa<llvm::Argument>(from)) return true;
      load = dyn_cast_or_null<llvm::LoadInst>(from);
    }
    return false;
  }

  /// Where the parts of an Origin are kept, and the pointer once more.
  using Beside = std::optional<std::array<llvm::AllocaInst*, 4>>;

  /// A pointer loaded from a variable belongs to what it was computed from, wherever it points to
  /// meanwhile: behind the last element, for a loop that goes backwards, or to the row in front of
  /// the first. If that isn't one buffer, it is kept beside the pointer. Where something else may
  /// have been written over the pointer, as through a union, it is looked up if it isn't the one
  /// that was kept.
  Beside load_origins(const KeptPointers& kept) {
    Objects objects;
    for (llvm::StoreInst* store : kept.stores) {
      for (llvm::Value* object : find_objects(store->getValueOperand()))
        if (!is_loaded_from(object, *kept.variable) && !isa<llvm::ConstantPointerNull>(object))
          objects.insert(object);
    }
    if (kept.is_alone && objects.size() == 1 &&
        isa<llvm::Argument, llvm::GlobalVariable>(objects.front())) {
      for (llvm::LoadInst* load : kept.loads) known_[load] = find(objects.front());
      return {};
    }
    const uint64_t bytes = layout_.getTypeAllocSize(kept.variable->getAllocatedType());
    if (bytes > kMostBeside || kept.variable->isArrayAllocation()) return {};
    const auto can_be_looked_up = [](const llvm::LoadInst* load) {
      return load->getType()->getPointerAddressSpace() == kDeviceSpace;
    };
    if (!kept.is_alone && !llvm::all_of(kept.loads, can_be_looked_up)) return {};
    std::array<llvm::AllocaInst*, 4> beside;
    llvm::IRBuilder<> builder(kept.variable->getNextNode());
    for (llvm::AllocaInst*& one : beside) {
      one = builder.CreateAlloca(kept.variable->getAllocatedType(), nullptr, "origin");
      one->setAlignment(kept.variable->getAlign());
    }
    // What was never stored belongs to nothing.
    llvm::IRBuilder<> top = at_top();
    for (llvm::AllocaInst* one : beside) {
      for (uint64_t at = 0; at + 8 <= bytes; at += 8)
        top.CreateAlignedStore(top.getInt64(0), top.CreateConstGEP1_64(top.getInt8Ty(), one, at),
                               llvm::commonAlignment(one->getAlign(), at));
    }
    for (llvm::LoadInst* load : kept.loads) {
      builder.SetInsertPoint(load->getNextNode());
      std::array<llvm::Value*, 4> parts;
      for (unsigned i = 0; i < 4; ++i) {
        llvm::Value* place = same_place(load->getPointerOperand(), *kept.variable, *beside[i]);
        auto* part = builder.CreateAlignedLoad(builder.getInt64Ty(), place, load->getAlign());
        part->copyMetadata(*load, module_.getMDKindID(kKeptInside));
        parts[i] = part;
      }
      Origin& origin = known_[load] = {parts[0], parts[1], parts[2]};
      if (kept.is_alone) continue;
      const Origin found = of_outside(*load);
      llvm::Value* address = builder.CreatePtrToInt(load, builder.getInt64Ty());
      llvm::Value* is_kept = builder.CreateICmpEQ(address, parts[3]);
      origin = {builder.CreateSelect(is_kept, origin.base, found.base),
                builder.CreateSelect(is_kept, origin.read_bytes, found.read_bytes),
                builder.CreateSelect(is_kept, origin.write_bytes, found.write_bytes)};
    }
    return beside;
  }
  void store_origins(const KeptPointers& kept, const Beside& beside) {
    if (!beside) return;
    for (llvm::StoreInst* store : kept.stores) {
      const Origin origin = find(find_path(store->getValueOperand()).root);
      llvm::IRBuilder<> builder(store->getNextNode());
      llvm::Value* address = builder.CreatePtrToInt(store->getValueOperand(), builder.getInt64Ty());
      const std::array parts = {origin.base, origin.read_bytes, origin.write_bytes, address};
      for (unsigned i = 0; i < 4; ++i) {
        llvm::Value* place = same_place(store->getPointerOperand(), *kept.variable, *(*beside)[i]);
        builder.CreateAlignedStore(parts[i], place, store->getAlign())
            ->copyMetadata(*store, module_.getMDKindID(kKeptInside));
      }
    }
  }

  static bool is_loaded_from(const llvm::Value* value, const llvm::AllocaInst& variable) {
    const auto* load = dyn_cast<llvm::LoadInst>(value);
    if (!load) return false;
    const Objects from =
        find_objects(find_path(const_cast<llvm::Value*>(load->getPointerOperand())).root);
    return from.size() == 1 && from.front() == &variable;
  }

  /// The executor looks up where it points to, once for each time that the pointer is loaded.
  Origin of_outside(llvm::Instruction& root) {
    const auto next = root.getInsertionPointAfterDef();
    if (!next) return nowhere();
    llvm::IRBuilder<> builder(root.getParent(), *next);
    llvm::Value* address = builder.CreatePtrToInt(&root, builder.getInt64Ty());
    llvm::Value* bytes = builder.CreateCall(of_memory(kMemoryBytes), {address});
    return {builder.CreateCall(of_memory(kMemoryBase), {address}), bytes, bytes};
  }

  Origin nowhere() {
    llvm::IRBuilder<> builder = at_top();
    return {builder.getInt64(0), builder.getInt64(0), builder.getInt64(0)};
  }

  Origin of_phi(llvm::PHINode& phi) {
    llvm::IRBuilder<> builder(&phi);
    const unsigned count = phi.getNumIncomingValues();
    auto* word = builder.getInt64Ty();
    llvm::PHINode* parts[3];
    for (llvm::PHINode*& part : parts) part = builder.CreatePHI(word, count);
    const Origin origin{parts[0], parts[1], parts[2]};
    known_[&phi] = origin;  // before what comes in, which may depend on it
    for (unsigned i = 0; i < count; ++i) {
      const Origin incoming = find(find_path(phi.getIncomingValue(i)).root);
      parts[0]->addIncoming(incoming.base, phi.getIncomingBlock(i));
      parts[1]->addIncoming(incoming.read_bytes, phi.getIncomingBlock(i));
      parts[2]->addIncoming(incoming.write_bytes, phi.getIncomingBlock(i));
    }
    return origin;
  }

  Origin of_select(llvm::SelectInst& select) {
    const Origin yes = find(find_path(select.getTrueValue()).root);
    const Origin no = find(find_path(select.getFalseValue()).root);
    llvm::IRBuilder<> builder(&select);
    llvm::Value* condition = select.getCondition();
    return {builder.CreateSelect(condition, yes.base, no.base),
            builder.CreateSelect(condition, yes.read_bytes, no.read_bytes),
            builder.CreateSelect(condition, yes.write_bytes, no.write_bytes)};
  }

  /// The one object behind phis and selects, if it is one.
  static llvm::Value* find_single(llvm::Value* root) {
    const Objects objects = find_objects(root);
    return objects.size() == 1 ? objects.front() : nullptr;
  }

  Origin find(llvm::Value* root) {
    if (const auto found = known_.find(root); found != known_.end()) return found->second;
    llvm::Value* single = find_single(root);
    Origin origin;
    if (single && single != root && !isa<llvm::Instruction>(single)) {
      origin = find(single);
    } else if (auto* argument = dyn_cast<llvm::Argument>(root)) {
      origin = of_argument(*argument);
    } else if (auto* variable = dyn_cast<llvm::AllocaInst>(root)) {
      const auto bytes = variable->getAllocationSize(layout_);
      origin = bytes ? fixed(variable, bytes->getFixedValue(), false) : nowhere();
    } else if (auto* global = dyn_cast<llvm::GlobalVariable>(root)) {
      origin =
          fixed(global, layout_.getTypeAllocSize(global->getValueType()), global->isConstant());
    } else if (auto* phi = dyn_cast<llvm::PHINode>(root)) {
      origin = of_phi(*phi);
    } else if (auto* select = dyn_cast<llvm::SelectInst>(root)) {
      origin = of_select(*select);
    } else if (is_from_outside(root)) {
      origin = of_outside(*llvm::cast<llvm::Instruction>(root));
    } else {
      unknown_ |= !isa<llvm::ConstantPointerNull, llvm::UndefValue>(root);
      origin = nowhere();
    }
    return known_[root] = origin;
  }

  /// Whether an access of a variable is inside whatever happens.
  bool is_inside(llvm::Value* offset, const llvm::Value* size, const Access& access) {
    const auto* bytes = dyn_cast<llvm::ConstantInt>(size);
    if (!bytes) return false;
    if (bytes->getZExtValue() < access.bytes) return false;
    const llvm::SCEV* last =
        analyses_.evolution.getConstant(llvm::APInt(64, bytes->getZExtValue() - access.bytes));
    return analyses_.evolution.isKnownPredicateAt(
        llvm::ICmpInst::ICMP_ULE, analyses_.evolution.getSCEV(offset), last, access.instruction);
  }

  void guard(const Access& access) {
    if (access.instruction->hasMetadata(kKeptInside)) return;
    llvm::Value* pointer = access.instruction->getOperand(access.operand);
    const Path path = find_path(pointer);
    const Origin origin = find(path.root);
    llvm::Value* size = access.writes ? origin.write_bytes : origin.read_bytes;
    llvm::IRBuilder<> builder(access.instruction);
    auto* word = builder.getInt64Ty();
    // Numbers stand behind, and none is 0, for those who look for an index and what is added.
    llvm::Value* offset = nullptr;
    const auto add = [&](llvm::Value* more) {
      if (offset && isa<llvm::Constant>(offset)) std::swap(offset, more);
      const auto* number = dyn_cast<llvm::ConstantInt>(more);
      if (!offset || !number || !number->isZero())
        offset = offset ? builder.CreateAdd(offset, more) : more;
    };
    for (llvm::GEPOperator* step : path.steps) {
      llvm::Value* part = llvm::emitGEPOffset(&builder, layout_, step, /*NoAssumptions=*/true);
      add(builder.CreateSExtOrTrunc(part, word));
    }
    if (!isa<llvm::Argument, llvm::AllocaInst, llvm::GlobalVariable>(path.root)) {
      add(builder.CreateSub(builder.CreatePtrToInt(path.root, word), origin.base));
    }
    if (!offset) offset = builder.getInt64(0);
    const auto* bytes = dyn_cast<llvm::ConstantInt>(size);
    const auto greatest = bytes ? greatest_offset(path, layout_) : std::nullopt;
    if (greatest && bytes->getZExtValue() >= access.bytes &&
        *greatest <= bytes->getZExtValue() - access.bytes)
      return;
    if (is_inside(offset, size, access)) return;
    llvm::Value* limit = builder.CreateBinaryIntrinsic(llvm::Intrinsic::usub_sat,
                                                       builder.CreateAdd(size, builder.getInt64(1)),
                                                       builder.getInt64(access.bytes));
    auto inside = module_.getOrInsertFunction(kInside, builder.getInt1Ty(), word, word);
    auto guarded = module_.getOrInsertFunction(
        std::string(kGuarded) + "." + std::to_string(pointer->getType()->getPointerAddressSpace()),
        pointer->getType(), pointer->getType(), builder.getInt1Ty());
    for (llvm::FunctionCallee callee : {inside, guarded}) {
      auto* function = llvm::cast<llvm::Function>(callee.getCallee());
      function->setDoesNotAccessMemory();
      function->setDoesNotThrow();
      function->setWillReturn();
    }
    llvm::Value* holds = builder.CreateCall(inside, {offset, limit});
    access.instruction->setOperand(access.operand, builder.CreateCall(guarded, {pointer, holds}));
  }

  llvm::Function& function_;
  llvm::Module& module_;
  const llvm::DataLayout& layout_;
  const std::vector<bool>& is_const_;
  LoopAnalyses analyses_;
  std::map<llvm::Value*, Origin> known_;
  bool unknown_ = false;
};

}  // namespace

Result<void> guard_accesses(llvm::Function& entry, const std::vector<bool>& is_const) {
  return Guard(entry, is_const).run();
}

}  // namespace anymetal::simt
