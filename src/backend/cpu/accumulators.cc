#include "backend/cpu/accumulators.h"

#include <llvm/IR/InstIterator.h>
#include <llvm/IR/Instructions.h>

#include <algorithm>
#include <atomic>
#include <bit>
#include <optional>

namespace anymetal::backend::cpu {
namespace {

// What lies in the nearer caches beside a kernel's other data.
constexpr uint64_t kMostBytes = uint64_t{64} << 10;
// To clear and to add a word takes about as long as a few of the kernel's additions.
constexpr uint64_t kThreadsForWord = 4;

std::optional<Accumulation> accumulation(const llvm::AtomicRMWInst& atomic) {
  using Op = llvm::AtomicRMWInst;
  const llvm::Type* type = atomic.getType();
  if (!atomic.use_empty() || atomic.getOrdering() != llvm::AtomicOrdering::Monotonic)
    return std::nullopt;
  if (type->isFloatTy()) {
    const bool is_sum = atomic.getOperation() == Op::FAdd || atomic.getOperation() == Op::FSub;
    return is_sum ? std::optional(Accumulation::float_sum) : std::nullopt;
  }
  if (!type->isIntegerTy(32)) return std::nullopt;
  switch (atomic.getOperation()) {
    case Op::Add:
    case Op::Sub:
      return Accumulation::sum;
    case Op::And:
      return Accumulation::bit_and;
    case Op::Or:
      return Accumulation::bit_or;
    case Op::Xor:
      return Accumulation::bit_xor;
    case Op::Min:
      return Accumulation::signed_min;
    case Op::Max:
      return Accumulation::signed_max;
    case Op::UMin:
      return Accumulation::unsigned_min;
    case Op::UMax:
      return Accumulation::unsigned_max;
    default:
      return std::nullopt;
  }
}

/// What all uses of an argument do, if it is one thing.
std::optional<Accumulation> accumulation(const llvm::Argument& argument) {
  std::optional<Accumulation> what;
  llvm::SmallVector<const llvm::Value*, 8> work{&argument};
  while (!work.empty()) {
    const llvm::Value* pointer = work.pop_back_val();
    for (const llvm::User* user : pointer->users()) {
      if (const auto* address = llvm::dyn_cast<llvm::GetElementPtrInst>(user)) {
        if (address->getPointerOperand() != pointer || address->getType()->isVectorTy())
          return std::nullopt;
        work.push_back(address);
        continue;
      }
      const auto* atomic = llvm::dyn_cast<llvm::AtomicRMWInst>(user);
      if (!atomic || atomic->getPointerOperand() != pointer) return std::nullopt;
      const auto one = accumulation(*atomic);
      if (!one || (what && *what != *one)) return std::nullopt;
      what = one;
    }
  }
  return what;
}

bool overlap(const Argument& a, const Argument& b) {
  const auto start = reinterpret_cast<uintptr_t>(a.data);
  const auto other = reinterpret_cast<uintptr_t>(b.data);
  return start < other + b.size && other < start + a.size;
}

uint32_t identity(Accumulation what) {
  switch (what) {
    case Accumulation::float_sum:
      return std::bit_cast<uint32_t>(-0.0F);
    case Accumulation::bit_and:
    case Accumulation::unsigned_min:
      return UINT32_MAX;
    case Accumulation::signed_min:
      return INT32_MAX;
    case Accumulation::signed_max:
      return uint32_t(INT32_MIN);
    default:
      return 0;
  }
}

uint32_t join(Accumulation what, uint32_t a, uint32_t b) {
  switch (what) {
    case Accumulation::float_sum:
      return std::bit_cast<uint32_t>(std::bit_cast<float>(a) + std::bit_cast<float>(b));
    case Accumulation::bit_and:
      return a & b;
    case Accumulation::bit_or:
      return a | b;
    case Accumulation::bit_xor:
      return a ^ b;
    case Accumulation::signed_min:
      return uint32_t(std::min(int32_t(a), int32_t(b)));
    case Accumulation::signed_max:
      return uint32_t(std::max(int32_t(a), int32_t(b)));
    case Accumulation::unsigned_min:
      return std::min(a, b);
    case Accumulation::unsigned_max:
      return std::max(a, b);
    default:
      return a + b;
  }
}

}  // namespace

std::vector<Accumulator> find_accumulators(const llvm::Function& entry) {
  for (const llvm::Instruction& instruction : llvm::instructions(entry)) {
    const bool makes_pointer =
        llvm::isa<llvm::IntToPtrInst>(instruction) ||
        (llvm::isa<llvm::LoadInst, llvm::AtomicRMWInst, llvm::AtomicCmpXchgInst>(instruction) &&
         instruction.getType()->isPtrOrPtrVectorTy());
    if (makes_pointer) return {};
  }
  std::vector<Accumulator> found;
  for (const llvm::Argument& argument : entry.args()) {
    if (!argument.getType()->isPointerTy()) continue;
    if (const auto what = accumulation(argument)) found.push_back({argument.getArgNo(), *what});
  }
  return found;
}

void ChosenAccumulators::choose(std::span<const Accumulator> found,
                                std::span<const Argument> arguments, uint64_t threads) {
  size_ = 0;
  uint64_t bytes = 0;
  for (const Accumulator& each : found) {
    if (size_ == kMost) return;
    if (each.argument >= arguments.size()) continue;
    const Argument& own = arguments[each.argument];
    const bool fits = own.data && own.size >= 4 && bytes + own.size <= kMostBytes &&
                      own.size / 4 <= threads / kThreadsForWord &&
                      reinterpret_cast<uintptr_t>(own.data) % 4 == 0;
    const bool is_shared = std::ranges::any_of(
        arguments, [&](const Argument& other) { return &other != &own && overlap(own, other); });
    if (!fits || is_shared) continue;
    bytes += own.size;
    chosen_[size_++] = each;
  }
}

void ChosenAccumulators::keep(std::span<const Accumulator> found) {
  const auto end = std::remove_if(
      chosen_.begin(), chosen_.begin() + size_,
      [&](const Accumulator& each) { return std::ranges::find(found, each) == found.end(); });
  size_ = size_t(end - chosen_.begin());
}

void clear_accumulator(Accumulation what, uint32_t* words, uint64_t count) {
  std::fill_n(words, count, identity(what));
}

void add_accumulator(Accumulation what, const uint32_t* words, uint64_t count, uint32_t* to) {
  for (uint64_t i = 0; i < count; ++i) {
    if (words[i] == identity(what)) continue;
    const std::atomic_ref<uint32_t> word(to[i]);
    uint32_t before = word.load(std::memory_order_relaxed);
    while (!word.compare_exchange_weak(before, join(what, before, words[i]),
                                       std::memory_order_relaxed)) {
    }
  }
}

}  // namespace anymetal::backend::cpu
