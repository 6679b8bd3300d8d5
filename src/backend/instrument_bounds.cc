#include "backend/instrument_bounds.h"

#include <llvm/IR/InstIterator.h>
#include <llvm/IR/IntrinsicInst.h>
#include <llvm/IR/MDBuilder.h>
#include <llvm/IR/Module.h>
#include <llvm/Transforms/Utils/BasicBlockUtils.h>

#include <algorithm>
#include <optional>

#include "backend/debug_places.h"
#include "backend/defer_reads.h"
#include "backend/pointer_origins.h"

namespace anymetal::backend {
namespace {

using llvm::dyn_cast;

struct Access {
  llvm::Instruction* instruction;
  unsigned pointer;  ///< which operand
  llvm::Type* type;
  bool write;
  bool atomic;
};

std::optional<Access> find_access(llvm::Instruction& instruction) {
  if (auto* load = dyn_cast<llvm::LoadInst>(&instruction)) {
    return Access{load, 0, load->getType(), false, load->isAtomic()};
  }
  if (auto* store = dyn_cast<llvm::StoreInst>(&instruction)) {
    return Access{store, 1, store->getValueOperand()->getType(), true, store->isAtomic()};
  }
  if (auto* change = dyn_cast<llvm::AtomicRMWInst>(&instruction)) {
    return Access{change, 0, change->getValOperand()->getType(), true, true};
  }
  if (auto* exchange = dyn_cast<llvm::AtomicCmpXchgInst>(&instruction)) {
    return Access{exchange, 0, exchange->getNewValOperand()->getType(), true, true};
  }
  return std::nullopt;
}

/// The loads that make_thread_function has made.
bool is_own(const ThreadFunction& thread, const Access& access) {
  const auto holds = [&](const std::vector<llvm::Value*>& values) {
    return std::find(values.begin(), values.end(), access.instruction) != values.end();
  };
  const llvm::Value* root = access.instruction->getOperand(access.pointer)->stripInBoundsOffsets();
  return root == thread.state() || holds(thread.data) || holds(thread.size);
}

class Instrumentation {
 public:
  Instrumentation(ThreadFunction& thread, KernelImage& image)
      : thread_(thread),
        image_(image),
        layout_(thread.module().getDataLayout()),
        origins_(thread, image) {}

  void instrument(const std::vector<Access>& accesses,
                  const std::vector<llvm::MemIntrinsic*>& transfers) {
    // First: the checks of deferred reads stand before those of the accesses that use them.
    DeferredReads deferred(thread_, find_deferred(accesses));
    deferred_ = &deferred;
    for (llvm::MemIntrinsic* transfer : transfers) replace(transfer);
    const std::vector<Check> checks = find_checks(accesses);
    // From the end on: a check splits its block, and what is behind it moves. So each instruction
    // moves once, and not as often as there are checks before it.
    for (auto at = checks.rbegin(); at != checks.rend(); ++at) check(at->access, at->site);
    origins_.finish();
  }

 private:
  /// The plain loads whose value the kernel may throw away.
  std::vector<llvm::LoadInst*> find_deferred(const std::vector<Access>& accesses) {
    std::vector<llvm::LoadInst*> deferred;
    if (image_.bounds != Bounds::error) return deferred;
    const ThrownAwayReads reads(thread_);
    for (const Access& access : accesses) {
      auto* load = dyn_cast<llvm::LoadInst>(access.instruction);
      if (!load || access.atomic) continue;
      const uint64_t bytes = layout_.getTypeStoreSize(access.type);
      if (origins_.is_inside(load->getPointerOperand(), bytes, false)) continue;
      if (reads.may_be_thrown_away(*load)) deferred.push_back(load);
    }
    return deferred;
  }

  uint32_t add_site(const llvm::Instruction& instruction, uint64_t bytes, bool write, bool atomic) {
    AccessSite site;
    site.place = find_place(instruction.getDebugLoc(), image_);
    site.bytes = uint32_t(bytes);
    site.write = write;
    site.atomic = atomic;
    image_.accesses.push_back(site);
    return uint32_t(image_.accesses.size() - 1);
  }

  struct Check {
    Access access;
    uint32_t site;
  };

  std::vector<Check> find_checks(const std::vector<Access>& accesses) {
    std::vector<Check> checks;
    for (const Access& access : accesses) {
      llvm::Value* pointer = access.instruction->getOperand(access.pointer);
      const uint64_t bytes = layout_.getTypeStoreSize(access.type);
      // An atomic at a constant place in a variable can still be misaligned.
      if (!access.atomic && origins_.is_inside(pointer, bytes, access.write)) continue;
      checks.push_back({access, add_site(*access.instruction, bytes, access.write, access.atomic)});
    }
    return checks;
  }

  void check(const Access& access, uint32_t site) {
    llvm::Value* pointer = access.instruction->getOperand(access.pointer);
    const uint64_t bytes = layout_.getTypeStoreSize(access.type);
    const Origin origin = origins_.find(pointer);
    llvm::IRBuilder<> builder(access.instruction);
    llvm::Value* address = builder.CreatePtrToInt(pointer, builder.getInt64Ty());
    llvm::Value* offset = builder.CreateSub(address, origin.base);
    llvm::Value* size = access.write ? origin.write_size : origin.read_size;
    llvm::Value* limit =
        builder.CreateBinaryIntrinsic(llvm::Intrinsic::usub_sat, size, builder.getInt64(bytes));
    llvm::Value* inside = builder.CreateICmpULT(offset, limit);
    if (origin.may_be_guessed) {
      inside = look_up_unless(inside, access, address, bytes, origin);
      builder.SetInsertPoint(access.instruction);
    }
    if (access.atomic && bytes > 1) {
      llvm::Value* low = builder.CreateAnd(address, builder.getInt64(bytes - 1));
      inside = builder.CreateAnd(inside, builder.CreateIsNull(low));
    }
    if (deferred_->has(access.instruction)) {
      deferred_->record(llvm::cast<llvm::LoadInst>(access.instruction), inside, site, address,
                        origin);
      redirect_unless(inside, access);
    } else if (image_.bounds == Bounds::error) {
      fail_unless(inside, access, site, address, origin);
    } else {
      redirect_unless(inside, access);
    }
  }

  /// A pointer of unknown origin may have left one object for another before it is used.
  llvm::Value* look_up_unless(llvm::Value* inside, const Access& access, llvm::Value* address,
                              uint64_t bytes, const Origin& origin) {
    llvm::IRBuilder<> builder(access.instruction);
    llvm::BasicBlock* before = access.instruction->getParent();
    llvm::Value* guessed = builder.CreateICmpSLT(origin.object, builder.getInt32(0));
    llvm::Instruction* end = llvm::SplitBlockAndInsertIfThen(
        builder.CreateAnd(builder.CreateNot(inside), guessed), access.instruction,
        /*Unreachable=*/false, llvm::MDBuilder(builder.getContext()).createUnlikelyBranchWeights());
    builder.SetInsertPoint(end);
    auto callee = thread_.module().getOrInsertFunction("am_is_inside", builder.getInt32Ty(),
                                                       builder.getPtrTy(), builder.getInt64Ty(),
                                                       builder.getInt64Ty(), builder.getInt32Ty());
    llvm::cast<llvm::Function>(callee.getCallee())->addFnAttr(llvm::Attribute::NoUnwind);
    llvm::Value* found = builder.CreateIsNotNull(
        builder.CreateCall(callee, {thread_.state(), address, builder.getInt64(bytes),
                                    builder.getInt32(access.write ? 1 : 0)}));
    builder.SetInsertPoint(access.instruction->getParent(),
                           access.instruction->getParent()->begin());
    llvm::PHINode* result = builder.CreatePHI(builder.getInt1Ty(), 2);
    result->addIncoming(inside, before);
    result->addIncoming(found, end->getParent());
    return result;
  }

  void fail_unless(llvm::Value* inside, const Access& access, uint32_t site, llvm::Value* address,
                   const Origin& origin) {
    llvm::IRBuilder<> builder(access.instruction);
    llvm::Instruction* failure = llvm::SplitBlockAndInsertIfThen(
        builder.CreateNot(inside), access.instruction, /*Unreachable=*/true,
        llvm::MDBuilder(builder.getContext()).createUnlikelyBranchWeights());
    builder.SetInsertPoint(failure);
    auto* word = builder.getInt64Ty();
    auto callee = thread_.module().getOrInsertFunction("am_bounds_failed", builder.getVoidTy(),
                                                       builder.getPtrTy(), builder.getInt32Ty(),
                                                       word, word, word, builder.getInt32Ty());
    auto* function = llvm::cast<llvm::Function>(callee.getCallee());
    function->addFnAttr(llvm::Attribute::NoUnwind);
    function->addFnAttr(llvm::Attribute::NoReturn);
    function->addFnAttr(llvm::Attribute::Cold);
    builder.CreateCall(callee, {thread_.state(), builder.getInt32(site), address, origin.base,
                                origin.read_size, origin.object});
  }

  /// To a dummy of this thread's, and a read's result is then 0.
  void redirect_unless(llvm::Value* inside, const Access& access) {
    llvm::IRBuilder<> builder(access.instruction);
    llvm::Value* pointer = access.instruction->getOperand(access.pointer);
    llvm::Value* dummy = builder.CreateAddrSpaceCast(dummy_for(access.type), pointer->getType());
    access.instruction->setOperand(access.pointer, builder.CreateSelect(inside, pointer, dummy));
    if (access.instruction->getType()->isVoidTy() || access.instruction->use_empty()) return;
    builder.SetInsertPoint(access.instruction->getNextNode());
    llvm::Value* outside = llvm::Constant::getNullValue(access.instruction->getType());
    if (auto* exchange = dyn_cast<llvm::AtomicCmpXchgInst>(access.instruction))
      outside = builder.CreateInsertValue(outside,
                                          builder.CreateIsNull(exchange->getCompareOperand()), 1);
    auto* result = llvm::SelectInst::Create(inside, access.instruction, outside);
    builder.Insert(result);
    access.instruction->replaceUsesWithIf(result,
                                          [&](llvm::Use& use) { return use.getUser() != result; });
  }

  llvm::Value* dummy_for(llvm::Type* type) {
    const uint64_t bytes = layout_.getTypeAllocSize(type);
    llvm::AllocaInst*& dummy = dummies_[bytes];
    if (!dummy) {
      llvm::IRBuilder<> builder(&thread_.function->getEntryBlock().front());
      dummy =
          builder.CreateAlloca(llvm::ArrayType::get(builder.getInt8Ty(), bytes), nullptr, "dummy");
      dummy->setAlignment(llvm::Align(64));
    }
    return dummy;
  }

  /// memcpy, memmove, memset: the runtime checks both sides and does the work.
  void replace(llvm::MemIntrinsic* transfer) {
    llvm::IRBuilder<> builder(transfer);
    auto* copy = dyn_cast<llvm::MemTransferInst>(transfer);
    const auto* length = dyn_cast<llvm::ConstantInt>(transfer->getLength());
    const uint64_t bytes = length ? length->getZExtValue() : 0;
    if (length && origins_.is_inside(transfer->getRawDest(), bytes, true) &&
        (!copy || origins_.is_inside(copy->getRawSource(), bytes, false))) {
      return;
    }
    auto* word = builder.getInt64Ty();
    std::vector<llvm::Value*> arguments{thread_.state()};
    add_side(builder, arguments, *transfer, transfer->getRawDest(), bytes, true);
    if (copy) {
      add_side(builder, arguments, *transfer, copy->getRawSource(), bytes, false);
    } else {
      arguments.push_back(llvm::cast<llvm::MemSetInst>(transfer)->getValue());
    }
    arguments.push_back(builder.CreateZExtOrTrunc(transfer->getLength(), word));
    std::vector<llvm::Type*> types;
    for (llvm::Value* argument : arguments) types.push_back(argument->getType());
    auto* type = llvm::FunctionType::get(builder.getVoidTy(), types, false);
    auto callee = thread_.module().getOrInsertFunction(copy ? "am_copy" : "am_fill", type);
    llvm::cast<llvm::Function>(callee.getCallee())->addFnAttr(llvm::Attribute::NoUnwind);
    builder.CreateCall(callee, arguments);
    transfer->eraseFromParent();
  }

  /// Site, address, base, size and object of one side of a transfer.
  void add_side(llvm::IRBuilder<>& builder, std::vector<llvm::Value*>& arguments,
                const llvm::Instruction& transfer, llvm::Value* pointer, uint64_t bytes,
                bool write) {
    const Origin origin = origins_.find(pointer);
    arguments.push_back(builder.getInt32(add_site(transfer, bytes, write, false)));
    arguments.push_back(builder.CreatePtrToInt(pointer, builder.getInt64Ty()));
    arguments.push_back(origin.base);
    arguments.push_back(origin.read_size);  // whether it may be written to, the runtime knows
    arguments.push_back(origin.object);
  }

  ThreadFunction& thread_;
  KernelImage& image_;
  const llvm::DataLayout& layout_;
  PointerOrigins origins_;
  DeferredReads* deferred_ = nullptr;
  std::map<uint64_t, llvm::AllocaInst*> dummies_;
};

}  // namespace

void instrument_bounds(ThreadFunction& thread, KernelImage& image) {
  if (image.bounds == Bounds::off) return;
  std::vector<Access> accesses;
  std::vector<llvm::MemIntrinsic*> transfers;
  for (llvm::Instruction& instruction : llvm::instructions(thread.function)) {
    if (auto access = find_access(instruction)) {
      if (!is_own(thread, *access)) accesses.push_back(*access);
    }
    if (auto* transfer = dyn_cast<llvm::MemIntrinsic>(&instruction)) transfers.push_back(transfer);
  }
  Instrumentation(thread, image).instrument(accesses, transfers);
}

}  // namespace anymetal::backend
