// What threads of different simdgroups do to the same words of threadgroup memory with no barrier
// in between. Addresses are computed thread by thread, for several made-up numbers in place of what
// isn't known; where an address doesn't follow from positions, nothing is claimed.
#include <llvm/IR/InstIterator.h>

#include <unordered_map>

#include "lint/paths.h"
#include "lint/rules.h"

namespace anymetal::lint {
namespace {

constexpr unsigned kTurns = 6;  ///< of a loop that one of two accesses stands in alone

/// Who touches a word: up to two threads of different simdgroups.
struct Touch {
  int first = -1, other = -1;
  void add(int thread) {
    if (first < 0) {
      first = thread;
    } else if (other < 0 && thread / 32 != first / 32) {
      other = thread;
    }
  }
  [[nodiscard]] int elsewhere(int thread) const {
    if (first >= 0 && first / 32 != thread / 32) return first;
    return other >= 0 && other / 32 != thread / 32 ? other : -1;
  }
};

/// Turns of the loops that `block` stands in up to `outer`, beyond those of `base`; all
/// combinations, few of each.
std::vector<Turns> combinations(const ThreadCode& code, const llvm::BasicBlock* block,
                                const llvm::Loop* outer, const Turns& base) {
  std::vector<Turns> all{base};
  unsigned depth = 0;
  for (const llvm::Loop* loop = code.loops().getLoopFor(block); loop && loop != outer;
       loop = loop->getParentLoop()) {
    if (++depth > 2) break;
    std::vector<Turns> more;
    for (const Turns& turns : all) {
      for (unsigned turn = 0; turn < kTurns; ++turn) {
        more.push_back(turns);
        if (turn != 0) more.back()[loop] = turn;
      }
    }
    all = std::move(more);
  }
  return all;
}

struct Clash {
  int writer = -1, reader = -1;
};

bool has_grid_position(const llvm::Value* value, std::set<const llvm::Value*>& seen) {
  const auto* instruction = llvm::dyn_cast<llvm::Instruction>(value);
  if (!instruction || !seen.insert(value).second) return false;
  if (builtin_name(instruction).starts_with("thread_position_in_grid.")) return true;
  if (instruction->mayReadOrWriteMemory()) return false;
  return llvm::any_of(instruction->operands(),
                      [&](const llvm::Use& operand) { return has_grid_position(operand, seen); });
}

class Races {
 public:
  explicit Races(const KernelReading& kernel) : kernel_(kernel), code_(kernel.code) {
    for (const Access& access : code_.accesses()) {
      if (!access.object || address_space(access.object) != kThreadgroupSpace || access.atomic)
        continue;
      // By places in the grid: right where one threadgroup is as wide as the grid, which nobody
      // told.
      std::set<const llvm::Value*> seen;
      if (!kernel.is_threadgroup_known && has_grid_position(access.pointer, seen)) continue;
      shared_.push_back(access);
    }
    for (const Size& size : kernel.threadgroups) {
      for (unsigned sample = 0; sample < kSamples; ++sample)
        worlds_.push_back(std::make_unique<ThreadValues>(
            code_, World{size, kernel.request.grid, &kernel.request, sample}));
    }
    for (const llvm::Instruction& instruction : llvm::instructions(code_.function())) {
      if (is_any_barrier(instruction)) barriers_.push_back(&instruction);
    }
  }

  void find() {
    constexpr size_t kMost = 100;
    if (shared_.size() > kMost || !several_simdgroups()) return;
    for (const Access& write : shared_) {
      if (!write.writes) continue;
      for (const Access& read : shared_) {
        if (read.reads && read.object == write.object) look_at(write, read);
      }
    }
    for (const auto& [read, write, place] : late_) report_overwritten(*read, *write, place);
  }

 private:
  /// A kernel that is made for one simdgroup needs no barriers.
  bool several_simdgroups() const {
    for (const Size& size : kernel_.threadgroups) {
      if (size[0] * size[1] * size[2] <= 32) return false;
    }
    if (kernel_.is_threadgroup_known) return true;
    for (const llvm::Instruction& instruction : llvm::instructions(code_.function())) {
      const llvm::StringRef name = builtin_name(&instruction);
      if (name == "threadgroup_barrier" || name == "simdgroup_index_in_threadgroup" ||
          name == "simdgroups_per_threadgroup")
        return true;
    }
    return false;
  }

  void look_at(const Access& write, const Access& read) {
    const llvm::Loop* common = code_.common_loop(write.instruction, read.instruction);
    // All loops that both stand in, and none: the way stays in one turn.
    std::vector<const llvm::Loop*> ways{nullptr};
    for (const llvm::Loop* loop = common; loop; loop = loop->getParentLoop()) ways.push_back(loop);
    for (const llvm::Loop* around : ways) {
      if (unordered_read(write, read, common, around)) return;
    }
    for (const llvm::Loop* around : ways) {
      if (unordered_write(write, read, common, around)) return;
    }
  }

  bool unordered_read(const Access& write, const Access& read, const llvm::Loop* common,
                      const llvm::Loop* around) {
    if (!has_path(code_, write.instruction, read.instruction, is_full_barrier, around))
      return false;
    const auto clash = clashes(write, read, common, around, true);
    if (!clash) return false;
    const llvm::Instruction* weak = nullptr;
    if (!has_path(code_, write.instruction, read.instruction, is_any_barrier, around))
      weak = weak_barrier(write, read, around);
    report_read(write, read, *clash, weak);
    return true;
  }

  bool unordered_write(const Access& write, const Access& read, const llvm::Loop* common,
                       const llvm::Loop* around) {
    if (!has_path(code_, read.instruction, write.instruction, is_full_barrier, around))
      return false;
    if (read.instruction == write.instruction) return false;
    const auto clash = clashes(write, read, common, around, false);
    if (!clash) return false;
    const llvm::Instruction* weak = nullptr;
    if (!has_path(code_, read.instruction, write.instruction, is_any_barrier, around))
      weak = weak_barrier(read, write, around);
    if (weak) {
      report_weak(*weak, write, read);
    } else {
      late_.emplace_back(&read, &write, *clash);
    }
    return true;
  }

  /// The barrier between them that isn't enough.
  const llvm::Instruction* weak_barrier(const Access& from, const Access& to,
                                        const llvm::Loop*) const {
    for (const llvm::Instruction* barrier : barriers_) {
      if (is_full_barrier(*barrier)) continue;
      if (may_follow(code_, from.instruction, barrier, is_full_barrier) &&
          may_follow(code_, barrier, to.instruction, is_full_barrier))
        return barrier;
    }
    return nullptr;
  }

  /// Two threads of different simdgroups, one of which writes what the other reads, in every world.
  std::optional<Clash> clashes(const Access& write, const Access& read, const llvm::Loop* common,
                               const llvm::Loop* around, bool write_first) {
    if (writes_one_value(write)) return std::nullopt;
    std::optional<Clash> found;
    for (const auto& world : worlds_) {
      found = clash_in(*world, write, read, common, around, write_first);
      if (!found) return std::nullopt;
    }
    return found;
  }

  /// All threads write the same to one place: each finds what it wrote itself.
  bool writes_one_value(const Access& write) const {
    const auto* store = llvm::dyn_cast<llvm::StoreInst>(write.instruction);
    if (!store || !code_.in_threadgroup().is_uniform(store->getPointerOperand()) ||
        !code_.in_threadgroup().is_uniform(store->getValueOperand()))
      return false;
    for (const Condition& condition : code_.conditions(store->getParent())) {
      if (!code_.in_threadgroup().is_uniform(condition.value)) return false;
    }
    return true;
  }

  std::optional<Clash> clash_in(ThreadValues& world, const Access& write, const Access& read,
                                const llvm::Loop* common, const llvm::Loop* around,
                                bool write_first) {
    for (unsigned turn = 0; turn < 2; ++turn) {
      Turns base;  // of the loops that both stand in
      for (const llvm::Loop* loop = common; loop; loop = loop->getParentLoop()) {
        if (turn != 0) base[loop] = turn;
      }
      Turns later = base;
      if (around) later[around] = turn + 1;
      std::unordered_map<int64_t, Touch> touched;
      for (const Turns& turns :
           combinations(code_, write.instruction->getParent(), common, write_first ? base : later))
        touch(world, write, turns, touched);
      for (const Turns& turns :
           combinations(code_, read.instruction->getParent(), common, write_first ? later : base)) {
        if (auto clash = meet(world, read, turns, touched)) return clash;
      }
      if (!common) break;
    }
    return std::nullopt;
  }

  void touch(ThreadValues& world, const Access& access, const Turns& turns,
             std::unordered_map<int64_t, Touch>& touched) {
    const PerThread address = world.of(access.pointer, turns);
    const auto comes = world.reaches(access.instruction->getParent(), turns);
    for (size_t t = 0; t < comes.size(); ++t) {
      if (!address.known[t] || comes[t] == 0) continue;
      for (uint64_t byte = 0; byte < access.bytes; byte += 1 + (access.bytes > 1))
        touched[(address.value[t] + int64_t(byte)) >> 1].add(int(t));
    }
  }

  std::optional<Clash> meet(ThreadValues& world, const Access& access, const Turns& turns,
                            const std::unordered_map<int64_t, Touch>& touched) {
    const PerThread address = world.of(access.pointer, turns);
    const auto comes = world.reaches(access.instruction->getParent(), turns);
    for (size_t t = 0; t < comes.size(); ++t) {
      if (!address.known[t] || comes[t] == 0) continue;
      for (uint64_t byte = 0; byte < access.bytes; byte += 1 + (access.bytes > 1)) {
        const auto found = touched.find((address.value[t] + int64_t(byte)) >> 1);
        if (found == touched.end()) continue;
        const int other = found->second.elsewhere(int(t));
        if (other >= 0) return Clash{other, int(t)};
      }
    }
    return std::nullopt;
  }

  [[nodiscard]] Place place(const llvm::Instruction& instruction) const {
    return kernel_.findings.place_of(instruction.getDebugLoc());
  }
  [[nodiscard]] std::string line(const llvm::Instruction& instruction) const {
    const Place at = place(instruction);
    return at.ok() ? "line " + std::to_string(at.line) + (at.in_header ? " of the header" : "")
                   : "the library";
  }
  [[nodiscard]] std::string name(const Access& access) const {
    return "'" + code_.name_of(access.object) + "'";
  }

  void report_weak(const llvm::Instruction& barrier, const Access& write, const Access& read) {
    const std::string between = name(write) + ", written in " + line(*write.instruction) +
                                " and read in " + line(*read.instruction);
    weak_.insert(write.object);
    if (is_threadgroup_barrier(barrier)) {
      kernel_.findings.add("BARRIER-FLAGS-001", place(barrier),
                           "the flags of this barrier leave threadgroup memory out, but it stands "
                           "between accesses of several simdgroups to " +
                               between,
                           "write threadgroup_barrier(mem_flags::mem_threadgroup)");
      return;
    }
    kernel_.findings.add(
        "BARRIER-SCOPE-001", place(barrier),
        "a simdgroup_barrier orders one simdgroup alone, but several share " + between,
        "write threadgroup_barrier(mem_flags::mem_threadgroup)");
  }

  void report_read(const Access& write, const Access& read, const Clash& clash,
                   const llvm::Instruction* weak) {
    raced_.insert(write.object);
    if (weak) return report_weak(*weak, write, read);
    const std::string what =
        name(read) + " is read here by thread " + std::to_string(clash.reader) + " while thread " +
        std::to_string(clash.writer) + " writes the same element in " + line(*write.instruction);
    if (const llvm::Instruction* barrier = useless_barrier_behind(read)) {
      kernel_.findings.add("BARRIER-LATE-001", place(*barrier),
                           "this barrier stands behind the read of " + name(read) + " in " +
                               line(*read.instruction) + " that it should stand before; " +
                               "what was written in " + line(*write.instruction) +
                               " may not be there yet",
                           "move the barrier between the write and the read");
      return;
    }
    kernel_.findings.add(
        "SHARED-READ-001", place(*read.instruction), what + ", with no barrier between them",
        "put threadgroup_barrier(mem_flags::mem_threadgroup) between the write and "
        "the read");
  }

  /// A barrier soon after the read that orders nothing: what was before it isn't written behind it.
  const llvm::Instruction* useless_barrier_behind(const Access& read) const {
    const llvm::Instruction* found = nullptr;
    for (const llvm::Instruction* barrier : barriers_) {
      if (is_threadgroup_barrier(*barrier) &&
          code_.post_dominators().dominates(barrier->getParent(), read.instruction->getParent()) &&
          has_path(code_, read.instruction, barrier, is_any_barrier)) {
        found = barrier;
        break;
      }
    }
    if (!found) return nullptr;
    for (const Access& access : shared_) {
      if (may_follow(code_, found, access.instruction, is_threadgroup_barrier)) return nullptr;
    }
    return found;
  }

  void report_overwritten(const Access& read, const Access& write, const Clash& clash) {
    if (raced_.contains(read.object) || weak_.contains(read.object)) return;
    kernel_.findings.add(
        "SHARED-WRITE-001", place(*write.instruction),
        name(write) + " is written here by thread " + std::to_string(clash.writer) +
            " while thread " + std::to_string(clash.reader) + " may still read the element in " +
            line(*read.instruction) + ": no barrier stands between the read and this write",
        "put threadgroup_barrier(mem_flags::mem_threadgroup) between the last read and this write");
  }

  const KernelReading& kernel_;
  const ThreadCode& code_;
  std::vector<Access> shared_;
  std::vector<std::unique_ptr<ThreadValues>> worlds_;
  std::vector<const llvm::Instruction*> barriers_;
  std::set<const llvm::Value*> raced_, weak_;
  std::vector<std::tuple<const Access*, const Access*, Clash>> late_;
};

}  // namespace

void find_races(const KernelReading& kernel) {
  Races(kernel).find();
}

}  // namespace anymetal::lint
