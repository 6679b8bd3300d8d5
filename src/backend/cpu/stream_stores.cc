#include "backend/cpu/stream_stores.h"

#include <llvm/Analysis/ValueTracking.h>
#include <llvm/IR/IRBuilder.h>
#include <llvm/IR/InstIterator.h>
#include <llvm/IR/Instructions.h>
#include <llvm/IR/IntrinsicInst.h>
#include <llvm/IR/MDBuilder.h>
#include <llvm/IR/Module.h>
#include <llvm/Transforms/Utils/BasicBlockUtils.h>

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdlib>
#include <fstream>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "backend/cpu/frame_arguments.h"

#ifdef __x86_64__
#include <xmmintrin.h>
#endif

namespace anymetal::backend::cpu {
namespace {

constexpr uint64_t kLine = 64;

bool is_only_written(const llvm::Argument& argument) {
  bool is_written = false;
  llvm::SmallVector<const llvm::Value*, 8> work{&argument};
  while (!work.empty()) {
    const llvm::Value* pointer = work.pop_back_val();
    for (const llvm::User* user : pointer->users()) {
      if (const auto* address = llvm::dyn_cast<llvm::GetElementPtrInst>(user)) {
        if (address->getPointerOperand() != pointer || address->getType()->isVectorTy())
          return false;
        work.push_back(address);
        continue;
      }
      const auto* store = llvm::dyn_cast<llvm::StoreInst>(user);
      if (!store || store->getPointerOperand() != pointer || !store->isSimple()) return false;
      is_written = true;
    }
  }
  return is_written;
}

/// Of whole lines to one of these.
std::vector<llvm::StoreInst*> find_stores(const llvm::Function& threadgroup,
                                          std::span<const uint32_t> arguments,
                                          std::vector<uint32_t>* found = nullptr) {
  std::vector<llvm::StoreInst*> stores;
  const llvm::DataLayout& layout = threadgroup.getParent()->getDataLayout();
  for (const llvm::Instruction& instruction : llvm::instructions(threadgroup)) {
    const auto* store = llvm::dyn_cast<llvm::StoreInst>(&instruction);
    if (!store || !store->isSimple() || !store->getValueOperand()->getType()->isVectorTy())
      continue;
    const llvm::Type* type = store->getValueOperand()->getType();
    const uint64_t bytes = layout.getTypeStoreSize(const_cast<llvm::Type*>(type)).getFixedValue();
    if (bytes == 0 || bytes % kLine != 0) continue;
    const auto argument = argument_of(store->getPointerOperand());
    if (!argument || std::ranges::find(arguments, *argument) == arguments.end()) continue;
    stores.push_back(const_cast<llvm::StoreInst*>(store));
    if (found && std::ranges::find(*found, *argument) == found->end()) found->push_back(*argument);
  }
  return stores;
}

/// Whether what is computed for a line takes longer than memory does: then the questions only cost
/// (8% where a line took 90 operations). What other blocks add to it isn't counted.
[[maybe_unused]] bool computes_long(const std::vector<llvm::StoreInst*>& stores) {
  constexpr size_t kMostOfLine = 64;
  std::set<const llvm::BasicBlock*> blocks;
  for (const llvm::StoreInst* store : stores) blocks.insert(store->getParent());
  size_t operations = 0;
  for (const llvm::BasicBlock* block : blocks) {
    for (const llvm::Instruction& instruction : *block)
      operations += instruction.getType()->isVectorTy() &&
                    instruction.getType()->isFPOrFPVectorTy() &&
                    !llvm::isa<llvm::LoadInst, llvm::PHINode, llvm::BitCastInst>(instruction);
  }
  return operations > kMostOfLine * stores.size();
}

/// Those of a block with nothing of memory in between: one question serves them.
using Group = std::vector<llvm::StoreInst*>;

std::vector<Group> group(const std::vector<llvm::StoreInst*>& stores) {
  std::vector<Group> groups;
  for (llvm::StoreInst* store : stores) {
    const bool follows = !groups.empty() && [&] {
      const llvm::Instruction* each = groups.back().back();
      if (each->getParent() != store->getParent()) return false;
      while ((each = each->getNextNode()) != store) {
        if (each->mayReadOrWriteMemory() || each->mayHaveSideEffects()) return false;
      }
      return true;
    }();
    if (!follows) groups.emplace_back();
    groups.back().push_back(store);
  }
  return groups;
}

/// In front of them a question whether all begin at a line; then the one or the other. (A question
/// for each would let LLVM move what the second one stores behind the first: chunks would no longer
/// be computed side by side.)
void stream(const Group& stores) {
  llvm::StoreInst& last = *stores.back();
  llvm::LLVMContext& context = last.getContext();
  llvm::IRBuilder<> builder(&last);
  llvm::Value* low = nullptr;
  for (const llvm::StoreInst* store : stores) {
    llvm::Value* address = builder.CreatePtrToInt(
        const_cast<llvm::Value*>(store->getPointerOperand()), builder.getInt64Ty());
    low = low ? builder.CreateOr(low, address) : address;
  }
  llvm::Value* are_lines =
      builder.CreateIsNull(builder.CreateAnd(low, builder.getInt64(kLine - 1)));
  llvm::Instruction *past = nullptr, *plain = nullptr;
  llvm::SplitBlockAndInsertIfThenElse(are_lines, &last, &past, &plain,
                                      llvm::MDBuilder(context).createBranchWeights(1000, 1));
  llvm::MDNode* one =
      llvm::MDNode::get(context, llvm::ConstantAsMetadata::get(builder.getInt32(1)));
  for (llvm::StoreInst* store : stores) {
    auto* streamed = llvm::cast<llvm::StoreInst>(store->clone());
    streamed->setAlignment(llvm::Align(kLine));
    streamed->setMetadata(llvm::LLVMContext::MD_nontemporal, one);
    streamed->insertBefore(past);
    store->moveBefore(plain);
  }
}

/// What is written past the caches isn't asked for ahead (fetch_ahead.cc): it would be read first.
void drop_requests(llvm::Function& threadgroup, std::span<const uint32_t> streamed) {
  std::vector<llvm::IntrinsicInst*> found;
  for (llvm::Instruction& instruction : llvm::instructions(threadgroup)) {
    auto* call = llvm::dyn_cast<llvm::IntrinsicInst>(&instruction);
    if (!call || call->getIntrinsicID() != llvm::Intrinsic::prefetch ||
        llvm::cast<llvm::ConstantInt>(call->getArgOperand(1))->isZero())
      continue;
    const auto argument = argument_of(call->getArgOperand(0));
    if (argument && std::ranges::find(streamed, *argument) != streamed.end()) found.push_back(call);
  }
  for (llvm::IntrinsicInst* call : found) call->eraseFromParent();
}

/// Of the last cache, as one processor sees it; 0: nobody says. (sysconf adds up those of the whole
/// machine, also of processors that a virtual one doesn't have.)
uint64_t last_cache_bytes() {
  uint64_t most = 0;
  for (const char* index : {"2", "3", "4"}) {
    std::ifstream file(std::string("/sys/devices/system/cpu/cpu0/cache/index") + index + "/size");
    uint64_t number = 0;
    char unit = 0;
    if (!(file >> number)) continue;
    file >> unit;
    most = std::max(most, number << (unit == 'K' ? 10 : unit == 'M' ? 20 : 0));
  }
  return most;
}

/// What may be written before it is worth it; nothing: never.
std::optional<uint64_t> read_threshold() {
  // What is read and what comes next want room, too: with a quarter of the cache written, a kernel
  // that then read it was faster with stores past it (8 MiB of 32: by a third).
  constexpr uint64_t kUnknown = uint64_t{8} << 20, kLeast = uint64_t{2} << 20;
  if (const char* text = std::getenv("ANYMETAL_STREAM_BYTES"); text && *text) {
    const std::string_view word(text);
    uint64_t bytes = 0;
    const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), bytes);
    if (error == std::errc() && end == word.data() + word.size()) return bytes;
    if (word == "off") return std::nullopt;
  }
  const uint64_t cache = last_cache_bytes();
  return cache > 0 ? std::max(cache / 4, kLeast) : kUnknown;
}

}  // namespace

std::vector<uint32_t> find_written(const llvm::Function& entry) {
  std::vector<uint32_t> found;
  for (const llvm::Argument& argument : entry.args()) {
    if (argument.getType()->isPointerTy() && is_only_written(argument))
      found.push_back(argument.getArgNo());
  }
  return found;
}

std::vector<uint32_t> find_streamed(const llvm::Function& threadgroup,
                                    std::span<const uint32_t> written) {
  std::vector<uint32_t> found;
#ifdef __x86_64__
  if (computes_long(find_stores(threadgroup, written, &found))) found.clear();
#endif
  return found;
}

void stream_stores(llvm::Function& threadgroup, std::span<const uint32_t> streamed) {
  drop_requests(threadgroup, streamed);
  for (const Group& stores : group(find_stores(threadgroup, streamed))) stream(stores);
}

bool is_worth_streaming(std::span<const uint32_t> streamed, std::span<const Argument> arguments) {
  if (streamed.empty()) return false;
  static const std::optional<uint64_t> threshold = read_threshold();
  if (!threshold) return false;
  uint64_t bytes = 0;
  for (const uint32_t argument : streamed) bytes += arguments[argument].size;
  return bytes >= *threshold;
}

void finish_streamed_stores() {
#ifdef __x86_64__
  _mm_sfence();
#endif
}

}  // namespace anymetal::backend::cpu
