#include "backend/pointer_origins.h"

#include <llvm/ADT/SmallPtrSet.h>
#include <llvm/ADT/SmallVector.h>
#include <llvm/Demangle/Demangle.h>
#include <llvm/IR/GlobalVariable.h>
#include <llvm/IR/InstIterator.h>
#include <llvm/IR/IntrinsicInst.h>
#include <llvm/IR/Module.h>
#include <llvm/IR/Operator.h>

#include <algorithm>

#include "backend/thread_state.h"

namespace anymetal::backend {
namespace {

using llvm::dyn_cast;
using llvm::isa;

/// Through what only moves within an object or renames it.
llvm::Value* strip(llvm::Value* pointer) {
  for (;;) {
    if (auto* element = dyn_cast<llvm::GEPOperator>(pointer)) {
      pointer = element->getPointerOperand();
    } else if (auto* freeze = dyn_cast<llvm::FreezeInst>(pointer)) {
      pointer = freeze->getOperand(0);
    } else if (auto opcode = llvm::Operator::getOpcode(pointer);
               opcode == llvm::Instruction::AddrSpaceCast || opcode == llvm::Instruction::BitCast) {
      pointer = llvm::cast<llvm::Operator>(pointer)->getOperand(0);
    } else {
      return pointer;
    }
  }
}

/// The element type and its size, for messages about variables: "array of 16 floats" is told in
/// floats.
ObjectInfo describe_variable(ObjectKind kind, llvm::StringRef name, llvm::Type* type,
                             const llvm::DataLayout& layout) {
  while (type->isArrayTy()) type = type->getArrayElementType();
  ObjectInfo object;
  object.kind = kind;
  object.name = name.str();
  object.element_bytes = std::max<uint32_t>(1, uint32_t(layout.getTypeAllocSize(type)));
  if (type->isFloatTy()) object.type = "float";
  if (type->isHalfTy()) object.type = "half";
  if (type->isBFloatTy()) object.type = "bfloat";
  return object;
}

/// The name that the user gave it: clang's names may have ".addr" or a number behind them, and are
/// mangled if the whole text sees them.
std::string user_name(llvm::StringRef name) {
  if (name.consume_front("am.threadgroup.")) return name.str();
  return llvm::demangle(name.take_until([](char letter) { return letter == '.'; }).str());
}

}  // namespace

PointerOrigins::PointerOrigins(ThreadFunction& thread, KernelImage& image)
    : thread_(thread), image_(image) {
  llvm::BasicBlock& entry = thread.function->getEntryBlock();
  // Behind the loads of the arguments and all variables, which are moved up.
  llvm::Instruction* behind = nullptr;
  for (llvm::Value* value : thread.size) behind = llvm::cast<llvm::Instruction>(value);
  for (llvm::Value* value : thread.data) {
    auto* load = llvm::cast<llvm::Instruction>(value);
    if (!behind || behind->comesBefore(load)) behind = load;
  }
  for (llvm::Instruction& instruction : entry) {
    if (auto* variable = dyn_cast<llvm::AllocaInst>(&instruction)) variables_.push_back(variable);
  }
  find_keepers();
  for (llvm::AllocaInst* variable : variables_) {
    if (variable != &entry.front()) variable->moveBefore(entry, entry.begin());
  }
  llvm::Instruction* from = behind ? behind->getNextNode() : &*entry.getFirstInsertionPt();
  while (isa<llvm::AllocaInst>(from)) from = from->getNextNode();
  llvm::IRBuilder<> builder(from);
  // Marks that stay where they are while code is inserted before them.
  const auto mark = [&] {
    return builder.Insert(
        llvm::CastInst::Create(llvm::Instruction::PtrToInt, thread.state(), builder.getInt64Ty()));
  };
  top_ = mark();
  below_top_ = mark();
}

Origin PointerOrigins::fixed(llvm::Value* base, uint64_t size, bool is_const, ObjectInfo object) {
  llvm::IRBuilder<> builder(top_);
  object.is_const = is_const;
  image_.objects.push_back(std::move(object));
  return {builder.CreatePtrToInt(base, builder.getInt64Ty()), builder.getInt64(size + 1),
          builder.getInt64(is_const ? 1 : size + 1),
          builder.getInt32(uint32_t(image_.objects.size() - 1))};
}

Origin PointerOrigins::nowhere() {
  llvm::IRBuilder<> builder(top_);
  return {builder.getInt64(0), builder.getInt64(1), builder.getInt64(1),
          builder.getInt32(kNowhere)};
}

Origin PointerOrigins::of_argument(size_t index) {
  llvm::IRBuilder<> builder(top_);
  llvm::Value* size = builder.CreateAdd(thread_.size[index], builder.getInt64(1));
  return {builder.CreatePtrToInt(thread_.data[index], builder.getInt64Ty()), size,
          image_.objects[index].is_const ? builder.getInt64(1) : size,
          builder.getInt32(uint32_t(index))};
}

Origin PointerOrigins::of_variable(llvm::AllocaInst* variable) {
  const llvm::DataLayout& layout = thread_.module().getDataLayout();
  const auto size = variable->getAllocationSize(layout);
  // A size that isn't known at compile time: a variable-length array, which Metal doesn't have.
  if (!size || size->isScalable()) return nowhere();
  return fixed(variable, size->getFixedValue(), false,
               describe_variable(ObjectKind::thread, user_name(variable->getName()),
                                 variable->getAllocatedType(), layout));
}

Origin PointerOrigins::of_global(llvm::GlobalVariable* global) {
  const llvm::DataLayout& layout = thread_.module().getDataLayout();
  const bool local = global->getAddressSpace() == kThreadgroupSpace;
  const auto kind = local ? ObjectKind::threadgroup : ObjectKind::constant;
  return fixed(
      global, layout.getTypeAllocSize(global->getValueType()), !local && global->isConstant(),
      describe_variable(kind, user_name(global->getName()), global->getValueType(), layout));
}

Origin PointerOrigins::of_phi(llvm::PHINode* phi) {
  llvm::IRBuilder<> builder(phi);
  const unsigned count = phi->getNumIncomingValues();
  llvm::PHINode* parts[] = {builder.CreatePHI(builder.getInt64Ty(), count),
                            builder.CreatePHI(builder.getInt64Ty(), count),
                            builder.CreatePHI(builder.getInt64Ty(), count),
                            builder.CreatePHI(builder.getInt32Ty(), count)};
  const Origin origin{parts[0], parts[1], parts[2], parts[3]};
  known_[phi] = origin;  // before its operands, which may depend on it
  for (unsigned at = 0; at < count; ++at) {
    const Origin incoming = find(phi->getIncomingValue(at));
    llvm::Value* values[] = {incoming.base, incoming.read_size, incoming.write_size,
                             incoming.object};
    for (int part = 0; part < 4; ++part)
      parts[part]->addIncoming(values[part], phi->getIncomingBlock(at));
  }
  return origin;
}

Origin PointerOrigins::of_select(llvm::SelectInst* select) {
  const Origin yes = find(select->getTrueValue()), no = find(select->getFalseValue());
  // A checked load's own select stands right behind the load, and what is asked about the pointer
  // that it loaded behind that.
  llvm::Instruction* place = select;
  for (llvm::Value* part : {yes.base, yes.read_size, yes.write_size, yes.object, no.base,
                            no.read_size, no.write_size, no.object}) {
    auto* made = dyn_cast<llvm::Instruction>(part);
    if (made && made->getParent() == place->getParent() && place->comesBefore(made)) place = made;
  }
  llvm::IRBuilder<> builder(place == select ? select : place->getNextNode());
  llvm::Value* condition = select->getCondition();
  return {builder.CreateSelect(condition, yes.base, no.base),
          builder.CreateSelect(condition, yes.read_size, no.read_size),
          builder.CreateSelect(condition, yes.write_size, no.write_size),
          builder.CreateSelect(condition, yes.object, no.object)};
}

/// In: all accesses are still as the user wrote them.
void PointerOrigins::find_keepers() {
  const llvm::DataLayout& layout = thread_.module().getDataLayout();
  for (llvm::Instruction& instruction : llvm::instructions(thread_.function)) {
    if (auto* load = dyn_cast<llvm::LoadInst>(&instruction);
        load && load->getType()->isPointerTy()) {
      if (auto* variable = find_variable(load->getPointerOperand())) {
        places_[load] = {variable, load->getPointerOperand()};
      }
    } else if (auto* store = dyn_cast<llvm::StoreInst>(&instruction);
               store && store->getValueOperand()->getType()->isPtrOrPtrVectorTy()) {
      auto* variable = find_variable(store->getPointerOperand());
      const auto size = variable ? variable->getAllocationSize(layout) : std::nullopt;
      if (!variable) pointers_leave_ = true;
      if (!size || size->isScalable() || !store->getValueOperand()->getType()->isPointerTy()) {
        continue;
      }
      places_[store] = {variable, store->getPointerOperand()};
      Keeper& keeper = keepers_[variable];
      keeper.stores.push_back(store);
      keeper.entries = (size->getFixedValue() + 7) / 8;
    } else if (auto* copy = dyn_cast<llvm::MemTransferInst>(&instruction)) {
      if (!find_variable(copy->getRawDest())) pointers_leave_ = true;
    } else if (isa<llvm::PtrToIntInst>(instruction)) {
      pointers_leave_ = true;  // as integers
    }
  }
}

/// The KeptPointer for a place. What is outside of the variable shares one behind all others.
llvm::Value* PointerOrigins::entry_of(llvm::IRBuilderBase& builder, const Place& place) {
  const Keeper& keeper = keepers_.at(place.variable);
  auto* word = builder.getInt64Ty();
  llvm::Value* offset = builder.CreateSub(builder.CreatePtrToInt(place.pointer, word),
                                          builder.CreatePtrToInt(place.variable, word));
  llvm::Value* index = builder.CreateBinaryIntrinsic(
      llvm::Intrinsic::umin, builder.CreateLShr(offset, 3), builder.getInt64(keeper.entries));
  return builder.CreateGEP(llvm::ArrayType::get(builder.getInt8Ty(), sizeof(KeptPointer)),
                           keeper.table, index);
}

void PointerOrigins::keep(llvm::StoreInst* store) {
  const Origin origin = find(store->getValueOperand());
  llvm::IRBuilder<> builder(store->getNextNode());
  llvm::Value* entry = entry_of(builder, places_.at(store));
  const auto write = [&](llvm::Value* value, size_t offset) {
    builder.CreateStore(value, member(builder, entry, offset));
  };
  write(builder.CreatePtrToInt(store->getValueOperand(), builder.getInt64Ty()),
        offsetof(KeptPointer, pointer));
  write(origin.base, offsetof(KeptPointer, base));
  write(origin.read_size, offsetof(KeptPointer, read_size));
  write(origin.write_size, offsetof(KeptPointer, write_size));
  write(origin.object, offsetof(KeptPointer, object));
}

/// Whether a pointer was put where it is by the host, or by an earlier kernel: then it points into
/// what it is meant for.
bool PointerOrigins::is_from_outside(llvm::Value* pointer) const {
  auto* load = dyn_cast<llvm::LoadInst>(pointer);
  if (!load || pointers_leave_) return false;
  const unsigned space = load->getPointerAddressSpace();
  return space == kDeviceSpace || space == kConstantSpace;
}

/// Where the origin of a pointer that was loaded may be kept, or null.
llvm::Value* PointerOrigins::kept_for(llvm::IRBuilderBase& builder, llvm::Value* pointer) {
  auto* load = dyn_cast<llvm::LoadInst>(pointer);
  const auto place = load ? places_.find(load) : places_.end();
  const auto found =
      place == places_.end() ? keepers_.end() : keepers_.find(place->second.variable);
  if (found == keepers_.end()) return llvm::ConstantPointerNull::get(builder.getPtrTy());
  Keeper& keeper = found->second;
  if (!keeper.table) {
    const uint64_t bytes = (keeper.entries + 1) * sizeof(KeptPointer);
    llvm::IRBuilder<> top(&thread_.function->getEntryBlock().front());
    keeper.table =
        top.CreateAlloca(llvm::ArrayType::get(top.getInt8Ty(), bytes), nullptr, "kept_pointers");
    keeper.table->setAlignment(llvm::Align(alignof(KeptPointer)));
    top.SetInsertPoint(top_);
    top.CreateMemSet(keeper.table, top.getInt8(0), bytes, llvm::Align(alignof(KeptPointer)));
    to_keep_.insert(to_keep_.end(), keeper.stores.begin(), keeper.stores.end());
  }
  return entry_of(builder, place->second);
}

Origin PointerOrigins::of_unknown(llvm::Value* pointer) {
  looks_up_ = true;
  llvm::Instruction* at = below_top_;
  if (auto* instruction = dyn_cast<llvm::Instruction>(pointer)) {
    at = isa<llvm::PHINode>(instruction) ? &*instruction->getParent()->getFirstInsertionPt()
                                         : instruction->getNextNode();
  }
  llvm::IRBuilder<> builder(at);
  llvm::Value* entry = kept_for(builder, pointer);
  llvm::Value* state = thread_.state();
  auto find = thread_.module().getOrInsertFunction("am_find_region", builder.getVoidTy(),
                                                   builder.getPtrTy(), builder.getInt64Ty(),
                                                   builder.getPtrTy(), builder.getInt32Ty());
  llvm::cast<llvm::Function>(find.getCallee())->addFnAttr(llvm::Attribute::NoUnwind);
  builder.CreateCall(find, {state, builder.CreatePtrToInt(pointer, builder.getInt64Ty()), entry,
                            builder.getInt32(is_from_outside(pointer) ? 1 : 0)});
  const auto found = [&](llvm::Type* type, size_t offset) {
    return builder.CreateLoad(type, member(builder, state, offset));
  };
  return {found(builder.getInt64Ty(), offsetof(ThreadState, found_base)),
          found(builder.getInt64Ty(), offsetof(ThreadState, found_read_size)),
          found(builder.getInt64Ty(), offsetof(ThreadState, found_write_size)),
          found(builder.getInt32Ty(), offsetof(ThreadState, found_object))};
}

Origin PointerOrigins::of_root(llvm::Value* root) {
  for (size_t index = 0; index < thread_.data.size(); ++index) {
    if (thread_.data[index] == root) return of_argument(index);
  }
  if (auto* variable = dyn_cast<llvm::AllocaInst>(root)) return of_variable(variable);
  if (auto* global = dyn_cast<llvm::GlobalVariable>(root)) return of_global(global);
  if (isa<llvm::ConstantPointerNull>(root) || isa<llvm::UndefValue>(root)) return nowhere();
  if (auto* phi = dyn_cast<llvm::PHINode>(root)) return of_phi(phi);
  if (auto* select = dyn_cast<llvm::SelectInst>(root)) return of_select(select);
  return of_unknown(root);
}

bool PointerOrigins::is_known_at_top(llvm::Value* root) const {
  return isa<llvm::AllocaInst>(root) || isa<llvm::Constant>(root) ||
         std::find(thread_.data.begin(), thread_.data.end(), root) != thread_.data.end();
}

PointerOrigins::Roots PointerOrigins::find_roots(llvm::Value* pointer) const {
  llvm::SmallVector<llvm::Value*, 8> pending{strip(pointer)};
  llvm::SmallPtrSet<llvm::Value*, 8> seen;
  Roots roots;
  size_t count = 0;
  while (!pending.empty()) {
    llvm::Value* value = pending.pop_back_val();
    if (!seen.insert(value).second) continue;
    if (auto* phi = dyn_cast<llvm::PHINode>(value)) {
      for (llvm::Value* incoming : phi->incoming_values()) pending.push_back(strip(incoming));
    } else if (auto* select = dyn_cast<llvm::SelectInst>(value)) {
      pending.push_back(strip(select->getTrueValue()));
      pending.push_back(strip(select->getFalseValue()));
    } else {
      roots.single = value;
      ++count;
      roots.may_be_lost |= !is_known_at_top(value);
    }
  }
  if (count != 1 || roots.may_be_lost) roots.single = nullptr;
  return roots;
}

llvm::AllocaInst* PointerOrigins::find_variable(llvm::Value* pointer) const {
  return llvm::dyn_cast_or_null<llvm::AllocaInst>(find_roots(pointer).single);
}

Origin PointerOrigins::find(llvm::Value* pointer) {
  llvm::Value* root = strip(pointer);
  if (const auto found = known_.find(root); found != known_.end()) return found->second;
  const Roots roots = find_roots(root);
  Origin origin = roots.single && roots.single != root ? find(roots.single) : of_root(root);
  origin.may_be_guessed = roots.may_be_lost;
  known_[root] = origin;
  return origin;
}

bool PointerOrigins::is_inside(llvm::Value* pointer, uint64_t bytes, bool write) const {
  const llvm::DataLayout& layout = thread_.module().getDataLayout();
  llvm::APInt offset(layout.getIndexTypeSizeInBits(pointer->getType()), 0);
  llvm::Value* root =
      pointer->stripAndAccumulateConstantOffsets(layout, offset, /*AllowNonInbounds=*/true);
  uint64_t size = 0;
  if (auto* variable = dyn_cast<llvm::AllocaInst>(root)) {
    const auto allocated = variable->getAllocationSize(layout);
    if (!allocated || allocated->isScalable()) return false;
    size = allocated->getFixedValue();
  } else if (auto* global = dyn_cast<llvm::GlobalVariable>(root)) {
    if (write && global->isConstant()) return false;
    size = layout.getTypeAllocSize(global->getValueType());
  } else {
    return false;
  }
  return bytes <= size && offset.ule(size - bytes);
}

void PointerOrigins::finish() {
  // Each may ask for the origin of a pointer that was loaded from yet another variable.
  for (size_t at = 0; at < to_keep_.size(); ++at) keep(to_keep_[at]);
  if (looks_up_) register_private_objects();
  top_->eraseFromParent();
  below_top_->eraseFromParent();
}

void PointerOrigins::register_private_objects() {
  std::vector<llvm::Value*> objects(variables_.begin(), variables_.end());
  for (llvm::GlobalVariable& global : thread_.module().globals()) objects.push_back(&global);
  llvm::IRBuilder<> builder(&thread_.function->getEntryBlock().front());
  const size_t words = std::max<size_t>(1, objects.size()) * sizeof(PrivateRegion) / 8;
  llvm::Value* table =
      builder.CreateAlloca(llvm::ArrayType::get(builder.getInt64Ty(), words), nullptr, "regions");
  std::vector<Origin> origins;
  for (llvm::Value* object : objects) origins.push_back(find(object));
  // All origins are known above the first mark, and nobody asks the runtime before the second.
  builder.SetInsertPoint(top_->getNextNode());
  uint64_t at = 0;
  for (const Origin& origin : origins) {
    llvm::Value* size = builder.CreateSub(origin.read_size, builder.getInt64(1));
    for (llvm::Value* word :
         {origin.base, size, builder.CreateZExt(origin.object, builder.getInt64Ty())}) {
      builder.CreateStore(word, member(builder, table, 8 * at++));
    }
  }
  llvm::Value* state = thread_.state();
  builder.CreateStore(table, member(builder, state, offsetof(ThreadState, private_regions)));
  builder.CreateStore(builder.getInt32(uint32_t(objects.size())),
                      member(builder, state, offsetof(ThreadState, private_count)));
}

}  // namespace anymetal::backend
