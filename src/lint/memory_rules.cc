// How the lanes of a simdgroup meet in memory: device memory in lines, threadgroup memory in banks,
// atomic operations at one address. Widths are those of Apple's machines as public measurements
// show them: lines of 128 bytes, 32 banks of 4 bytes.
#include <llvm/Analysis/ValueTracking.h>
#include <llvm/IR/InstIterator.h>

#include <set>

#include "lint/paths.h"
#include "lint/rules.h"

namespace anymetal::lint {
namespace {

constexpr int64_t kLine = 128;
constexpr int kLanes = 32;
constexpr int kBanks = 32;

class Neighbours {
 public:
  explicit Neighbours(const KernelReading& kernel) : kernel_(kernel), code_(kernel.code) {
    for (const Size& size : kernel.threadgroups) {
      for (unsigned sample = 0; sample < kSamples; ++sample)
        worlds_.push_back(std::make_unique<ThreadValues>(
            code_, World{size, kernel.request.grid, &kernel.request, sample}));
    }
  }

  void find() {
    if (worlds_.empty()) return;
    for (const Access& access : code_.accesses()) {
      if (!access.object || access.atomic || access.bytes == 0) continue;
      if (code_.in_simdgroup().is_uniform(access.pointer)) continue;
      if (!kernel_.findings.is_own(access.instruction->getDebugLoc())) continue;
      if (address_space(access.object) == kDeviceSpace) look_at_lines(access);
      if (address_space(access.object) == kThreadgroupSpace) look_at_banks(access);
    }
  }

 private:
  /// Addresses of the lanes of the first simdgroup; nothing if they aren't known or few take part.
  std::optional<std::vector<int64_t>> addresses(ThreadValues& world, const Access& access,
                                                unsigned turn) {
    Turns turns;
    if (const llvm::Loop* loop = code_.loops().getLoopFor(access.instruction->getParent()); turn)
      turns[loop] = turn;
    const PerThread address = world.of(access.pointer, turns);
    const auto comes = world.reaches(access.instruction->getParent(), turns);
    std::vector<int64_t> out;
    for (size_t t = 0; t < std::min<size_t>(comes.size(), kLanes); ++t) {
      if (comes[t] == 0) continue;
      if (!address.known[t]) return std::nullopt;
      out.push_back(address.value[t]);
    }
    if (out.size() < kLanes) return std::nullopt;
    return out;
  }

  /// Each lane in a line of its own, in every world; and what the next lane wants isn't what this
  /// one does next.
  void look_at_lines(const Access& access) {
    // Which way lanes run in a grid of two axes, the dispatch decides.
    if (!kernel_.is_threadgroup_known && code_.has_flat_grid_of_two_axes()) return;
    int64_t apart = 0;
    for (const auto& world : worlds_) {
      const auto at = addresses(*world, access, 0);
      if (!at) return;
      std::set<int64_t> lines;
      for (const int64_t address : *at) {
        // The buffer starts at a line; what is before it counts like what is behind.
        lines.insert(address >= 0 ? address / kLine : (address - kLine + 1) / kLine);
      }
      if (lines.size() < kLanes * 3 / 4) return;
      apart = (*at)[1] - (*at)[0];
    }
    if (!is_constant(access, apart) && has_stride(access.pointer)) return;
    const bool loads = access.reads;
    const std::string what = "'" + code_.name_of(access.object) + "'";
    kernel_.findings.add(
        "MEMORY-STRIDE-001", place(access),
        "neighbouring lanes " + std::string(loads ? "read " : "write ") + what +
            (is_constant(access, apart) ? " " + std::to_string(std::abs(apart)) + " bytes apart"
                                        : " a row apart") +
            ": each access of a simdgroup touches up to 32 lines of memory instead of one or a few",
        "let the x of the thread run along what lies side by side in memory; where the algorithm "
        "needs the other direction, stage a tile in threadgroup memory");
  }

  /// Whether an address has a factor that isn't known and may be one: what has no name of a size
  /// and limits nothing, as strides do.
  bool has_stride(const llvm::Value* address) {
    llvm::SmallVector<const llvm::Value*, 16> work{address};
    std::set<const llvm::Value*> seen;
    while (!work.empty()) {
      const auto* instruction = llvm::dyn_cast<llvm::Instruction>(work.pop_back_val());
      if (!instruction || !seen.insert(instruction).second) continue;
      if (const auto* load = llvm::dyn_cast<llvm::LoadInst>(instruction)) {
        if (!is_size(*load)) return true;
        continue;
      }
      for (const llvm::Use& operand : instruction->operands()) work.push_back(operand);
    }
    return false;
  }

  bool is_size(const llvm::LoadInst& load) const {
    const Parameter* parameter =
        code_.parameter_of(llvm::getUnderlyingObject(load.getPointerOperand(), 0));
    if (!parameter || parameter->name.find("stride") != std::string::npos) return false;
    for (const char* word : {"shape", "size", "dim", "col", "row", "width", "length"}) {
      if (parameter->name.find(word) != std::string::npos) return true;
    }
    return llvm::any_of(load.users(), [](const llvm::User* user) {
      if (llvm::isa<llvm::ICmpInst>(user)) return true;
      return llvm::isa<llvm::CastInst>(user) &&
             llvm::any_of(user->users(),
                          [](const llvm::User* each) { return llvm::isa<llvm::ICmpInst>(each); });
    });
  }

  /// The same distance in every world.
  bool is_constant(const Access& access, int64_t apart) {
    for (const auto& world : worlds_) {
      const auto at = addresses(*world, access, 0);
      if (!at || (*at)[1] - (*at)[0] != apart) return false;
    }
    return true;
  }

  void look_at_banks(const Access& access) {
    constexpr size_t kWorst = 8;
    if (access.bytes > 4 || !kernel_.is_threadgroup_known) return;
    size_t least = kLanes;
    for (const auto& world : worlds_) {
      const auto at = addresses(*world, access, 0);
      if (!at) return;
      std::set<int64_t> words[kBanks];
      for (const int64_t address : *at) {
        const int64_t word = address >> 2;
        words[((word % kBanks) + kBanks) % kBanks].insert(word);
      }
      size_t worst = 0;
      for (const auto& bank : words) worst = std::max(worst, bank.size());
      least = std::min(least, worst);
    }
    if (least < kWorst) return;
    kernel_.findings.add(
        "BANK-CONFLICT-001", place(access),
        std::to_string(least) + " lanes of a simdgroup meet in one bank of '" +
            code_.name_of(access.object) + "', one after the other",
        "make its rows one element longer, for instance [32][33] for [32][32], or let lanes run "
        "along the row");
  }

  [[nodiscard]] Place place(const Access& access) const {
    return kernel_.findings.place_of(access.instruction->getDebugLoc());
  }

  const KernelReading& kernel_;
  const ThreadCode& code_;
  std::vector<std::unique_ptr<ThreadValues>> worlds_;
};

/// Calls of simd_sum and its like on the way from a stored value back, through arithmetic alone.
void sums_behind(llvm::Value* value, std::set<const llvm::CallBase*>& sums, int depth,
                 std::set<const llvm::Value*>& seen) {
  auto* instruction = llvm::dyn_cast<llvm::Instruction>(value);
  if (!instruction || depth > 8 || !seen.insert(value).second) return;
  if (builtin_name(instruction).starts_with("simd_sum.") ||
      builtin_name(instruction).starts_with("simd_max.") ||
      builtin_name(instruction).starts_with("simd_min.")) {
    sums.insert(llvm::cast<llvm::CallBase>(instruction));
    return;
  }
  const bool passes = instruction->isBinaryOp() || llvm::isa<llvm::CastInst>(instruction) ||
                      llvm::isa<llvm::UnaryOperator>(instruction) ||
                      builtin_name(instruction).starts_with("rsqrt") ||
                      llvm::isa<llvm::SelectInst>(instruction);
  if (!passes && !llvm::isa<llvm::CallBase>(instruction)) return;
  if (instruction->mayReadOrWriteMemory() && !builtin_name(instruction).empty()) return;
  for (llvm::Use& operand : instruction->operands()) sums_behind(operand, sums, depth + 1, seen);
}

/// Whether a value is made from what threads read at places that depend on where they stand in the
/// threadgroup.
bool depends_on_simdgroup(const ThreadCode& code, const llvm::Value* value,
                          std::set<const llvm::Value*>& seen) {
  if (!seen.insert(value).second) return false;
  const auto* instruction = llvm::dyn_cast<llvm::Instruction>(value);
  if (!instruction) return false;
  const llvm::StringRef name = builtin_name(instruction);
  if (name.starts_with("thread_position_in_") || name == "thread_index_in_threadgroup" ||
      name == "simdgroup_index_in_threadgroup")
    return true;
  if (name.starts_with("simd_")) return false;
  if (const auto* load = llvm::dyn_cast<llvm::LoadInst>(instruction);
      load && address_space(load->getPointerOperand()) == kThreadgroupSpace)
    return false;
  return llvm::any_of(instruction->operands(), [&](const llvm::Use& operand) {
    return depends_on_simdgroup(code, operand, seen);
  });
}

/// Whether a value has parts from threadgroup memory: other simdgroups' are in it already.
bool reads_shared(const llvm::Value* value, std::set<const llvm::Value*>& seen) {
  const auto* instruction = llvm::dyn_cast<llvm::Instruction>(value);
  if (!instruction || !seen.insert(value).second) return false;
  if (const auto* load = llvm::dyn_cast<llvm::LoadInst>(instruction))
    return address_space(load->getPointerOperand()) == kThreadgroupSpace;
  return llvm::any_of(instruction->operands(),
                      [&](const llvm::Use& operand) { return reads_shared(operand, seen); });
}

/// Whether some way to the block is chosen by more than one condition (`a || b`), so that none of
/// them alone says who comes.
bool has_joint_condition(const ThreadCode& code, const llvm::BasicBlock* block) {
  const auto single = code.conditions(block);
  const auto* node = code.dominators().getNode(block);
  for (node = node ? node->getIDom() : nullptr; node; node = node->getIDom()) {
    const llvm::BasicBlock* before = node->getBlock();
    const auto* branch = llvm::dyn_cast<llvm::BranchInst>(before->getTerminator());
    if (!branch || !branch->isConditional() || code.post_dominators().dominates(block, before))
      continue;
    const bool is_single = llvm::any_of(
        single, [&](const Condition& condition) { return condition.branch == before; });
    const llvm::Loop* loop = code.loops().getLoopFor(before);
    if (!is_single && (!loop || loop->contains(block))) return true;
  }
  return false;
}

/// Whether an atomic operation is left to threads of one simdgroup: what the others have is lost,
/// where each simdgroup could add its own.
bool only_one_simdgroup(const KernelReading& kernel, const llvm::Instruction& update) {
  ThreadValues values(kernel.code,
                      World{kernel.threadgroups.front(), kernel.request.grid, &kernel.request, 0});
  const auto comes = values.reaches(update.getParent());
  std::set<size_t> groups;
  for (size_t t = 0; t < comes.size(); ++t) {
    if (comes[t] != 0) groups.insert(t / kLanes);
  }
  return groups.size() == 1;
}

}  // namespace

void find_strides(const KernelReading& kernel) {
  Neighbours(kernel).find();
}

/// A simdgroup's sum that is stored where the threadgroup's belongs: one address for all
/// simdgroups.
void find_partial_sums(const KernelReading& kernel) {
  const ThreadCode& code = kernel.code;
  if (!kernel.is_threadgroup_known) return;
  const Size& size = kernel.threadgroups.front();
  const unsigned threads = size[0] * size[1] * size[2];
  if (threads <= 32) return;
  for (const Access& access : code.accesses()) {
    const auto* store = llvm::dyn_cast<llvm::StoreInst>(access.instruction);
    const auto* update = llvm::dyn_cast<llvm::AtomicRMWInst>(access.instruction);
    if (!access.object || address_space(access.object) != kDeviceSpace) continue;
    if (!store && !(update && only_one_simdgroup(kernel, *update))) continue;
    std::set<const llvm::CallBase*> sums;
    std::set<const llvm::Value*> seen;
    const llvm::Value* value = store ? store->getValueOperand() : update->getValOperand();
    sums_behind(const_cast<llvm::Value*>(value), sums, 0, seen);
    if (sums.empty() || !code.in_threadgroup().is_uniform(access.pointer)) continue;
    for (const llvm::CallBase* sum : sums) {
      std::set<const llvm::Value*> parts, shared;
      if (!depends_on_simdgroup(code, sum->getArgOperand(0), parts) ||
          reads_shared(sum->getArgOperand(0), shared))
        continue;
      ThreadValues values(code, World{size, kernel.request.grid, &kernel.request, 0});
      const auto comes = values.reaches(sum->getParent());
      bool several = false;
      for (size_t t = 32; t < comes.size(); ++t) several |= comes[t] != 0;
      if (!several) continue;
      const std::string name = builtin_name(sum).take_until([](char c) { return c == '.'; }).str();
      kernel.findings.add(
          "SIMD-SUM-001", kernel.findings.place_of(sum->getDebugLoc()),
          name + " takes the 32 lanes of one simdgroup; this threadgroup has " +
              std::to_string(threads) + " threads in " + std::to_string((threads + 31) / 32) +
              " simdgroups, and the result is stored as if it were of all",
          "let each simdgroup write its part to threadgroup memory, put a barrier behind it, and "
          "combine the parts");
    }
  }
}

void find_contended_atomics(const KernelReading& kernel) {
  const ThreadCode& code = kernel.code;
  for (const Access& access : code.accesses()) {
    const auto* update = llvm::dyn_cast<llvm::AtomicRMWInst>(access.instruction);
    if (!update || !update->use_empty() || !access.object) continue;
    if (!code.in_threadgroup().is_uniform(update->getPointerOperand())) continue;
    if (!kernel.findings.is_own(update->getDebugLoc())) continue;
    switch (update->getOperation()) {
      case llvm::AtomicRMWInst::Add:
      case llvm::AtomicRMWInst::Sub:
      case llvm::AtomicRMWInst::FAdd:
      case llvm::AtomicRMWInst::Max:
      case llvm::AtomicRMWInst::Min:
      case llvm::AtomicRMWInst::UMax:
      case llvm::AtomicRMWInst::UMin:
      case llvm::AtomicRMWInst::Or:
      case llvm::AtomicRMWInst::And:
      case llvm::AtomicRMWInst::Xor:
        break;
      default:
        continue;
    }
    bool crowded = !kernel.threadgroups.empty() && !has_joint_condition(code, update->getParent());
    for (const Size& size : kernel.threadgroups) {
      ThreadValues values(code, World{size, kernel.request.grid, &kernel.request, 0});
      // What depends on data may be rare.
      for (const Condition& condition : code.conditions(update->getParent())) {
        const PerThread value = values.of(condition.value);
        crowded =
            crowded && (value.all_known() || code.in_threadgroup().is_uniform(condition.value));
      }
      const auto comes = values.reaches(update->getParent());
      size_t lanes = 0;
      for (size_t t = 0; t < std::min<size_t>(comes.size(), kLanes); ++t) lanes += comes[t] != 0;
      crowded = crowded && lanes > 4;
    }
    if (!crowded) continue;
    kernel.findings.add("ATOMIC-CONTEND-001", kernel.findings.place_of(update->getDebugLoc()),
                        "all lanes do this atomic operation on one element of '" +
                            code.name_of(access.object) + "', one after the other",
                        "combine the lanes first (simd_sum and its like), and let one lane of each "
                        "simdgroup do one "
                        "atomic operation");
  }
}

void find_uninitialised(const KernelReading& kernel) {
  const ThreadCode& code = kernel.code;
  std::set<const llvm::Value*> unclear, told;
  for (const Access& access : code.accesses()) {
    if (!access.object && address_space(access.pointer) == kThreadgroupSpace) return;
  }
  for (const llvm::Instruction& instruction : llvm::instructions(code.function())) {
    // Copies and calls may write anywhere.
    if (llvm::isa<llvm::CallBase>(instruction) && builtin_name(&instruction).empty() &&
        instruction.mayWriteToMemory())
      return;
    // An address that is kept elsewhere.
    if (const auto* store = llvm::dyn_cast<llvm::StoreInst>(&instruction);
        store && store->getValueOperand()->getType()->isPointerTy())
      return;
  }
  for (const Access& read : code.accesses()) {
    const auto* variable = llvm::dyn_cast_or_null<llvm::GlobalVariable>(read.object);
    if (!variable || address_space(variable) != kThreadgroupSpace || !read.reads) continue;
    if (told.contains(variable)) continue;
    const bool written = llvm::any_of(code.accesses(), [&](const Access& write) {
      if (write.object != variable || !write.writes) return false;
      const auto* update = llvm::dyn_cast<llvm::AtomicRMWInst>(write.instruction);
      const bool defines = llvm::isa<llvm::StoreInst>(write.instruction) ||
                           (update && update->getOperation() == llvm::AtomicRMWInst::Xchg);
      return defines && may_follow(code, write.instruction, read.instruction,
                                   [](const llvm::Instruction&) { return false; });
    });
    if (written) continue;
    told.insert(variable);
    kernel.findings.add(
        "SHARED-UNINIT-001", kernel.findings.place_of(read.instruction->getDebugLoc()),
        "'" + code.name_of(variable) + "' is read here and nothing has been written to it: " +
            "threadgroup memory begins with whatever was there",
        "let the threads write its first values (for counters zeros), and put a "
        "threadgroup_barrier behind that");
  }
}

}  // namespace anymetal::lint
