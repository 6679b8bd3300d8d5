// Indices that lead out of their arrays, and checks that some accesses have and others lack.
#include <llvm/IR/InstIterator.h>
#include <llvm/IR/IntrinsicInst.h>
#include <llvm/IR/Operator.h>

#include <set>

#include "lint/paths.h"
#include "lint/rules.h"

namespace anymetal::lint {
namespace {

/// Bytes of what a pointer leads into; nothing if that isn't known.
std::optional<int64_t> size_of_object(const KernelReading& kernel, const llvm::Value* object) {
  const llvm::DataLayout& layout = kernel.code.layout();
  if (const auto* variable = llvm::dyn_cast<llvm::AllocaInst>(object)) {
    if (variable->isArrayAllocation()) return std::nullopt;
    return int64_t(layout.getTypeAllocSize(variable->getAllocatedType()));
  }
  if (const auto* variable = llvm::dyn_cast<llvm::GlobalVariable>(object))
    return int64_t(layout.getTypeAllocSize(variable->getValueType()));
  const Parameter* parameter = kernel.code.parameter_of(object);
  const Request& request = kernel.request;
  if (!parameter || !request.is_body) return std::nullopt;
  const auto bytes_of = [&](const std::vector<int64_t>& shape) {
    int64_t count = 1;
    for (const int64_t extent : shape) count *= extent;
    return count * int64_t(parameter->size);
  };
  for (size_t i = 0; i < request.input_names.size() && i < request.inputs.size(); ++i) {
    const auto& shape = request.inputs[i].shape;
    if (!shape) continue;
    const std::string& name = request.input_names[i];
    if (parameter->name == name && request.ensure_row_contiguous) return bytes_of(*shape);
    if (parameter->name == name + "_shape" || parameter->name == name + "_strides")
      return int64_t(shape->size()) * int64_t(parameter->size);
  }
  for (size_t i = 0; i < request.output_names.size() && i < request.outputs.size(); ++i) {
    const auto& shape = request.outputs[i].shape;
    if (shape && parameter->name == request.output_names[i]) return bytes_of(*shape);
  }
  return std::nullopt;
}

/// Turns in which an index may be at its ends: the first two, and the last as far as it is a
/// constant.
std::vector<unsigned> ends_of(const llvm::Loop& loop) {
  std::vector<unsigned> turns{0, 1};
  const auto* branch = llvm::dyn_cast<llvm::BranchInst>(loop.getHeader()->getTerminator());
  const auto* compare = branch && branch->isConditional()
                            ? llvm::dyn_cast<llvm::ICmpInst>(branch->getCondition())
                            : nullptr;
  if (!compare) return turns;
  for (const llvm::Value* side : {compare->getOperand(0), compare->getOperand(1)}) {
    const auto* limit = llvm::dyn_cast<llvm::ConstantInt>(side);
    if (!limit) continue;
    const int64_t count = std::abs(limit->getSExtValue());
    if (count > 4096) continue;
    for (int64_t turn = std::max<int64_t>(2, count - 2); turn <= count + 1; ++turn)
      turns.push_back(unsigned(turn));
    for (const int64_t part : {count / 2, count / 4, count / 8, count / 32}) {
      for (int64_t turn = std::max<int64_t>(2, part - 1); turn <= part; ++turn)
        turns.push_back(unsigned(turn));
    }
  }
  return turns;
}

std::vector<Turns> all_ends(const ThreadCode& code, const llvm::BasicBlock* block) {
  std::vector<Turns> all{{}};
  unsigned depth = 0;
  for (const llvm::Loop* loop = code.loops().getLoopFor(block); loop;
       loop = loop->getParentLoop()) {
    if (++depth > 3) break;
    std::vector<Turns> more;
    for (const Turns& turns : all) {
      for (const unsigned turn : ends_of(*loop)) {
        more.push_back(turns);
        if (turn != 0) more.back()[loop] = turn;
        if (more.size() > 400) break;
      }
    }
    all = std::move(more);
  }
  return all;
}

struct Outside {
  int64_t at = 0;
  unsigned thread = 0;
};

/// Whether some thread comes to an access whose index is the same for all: what decides within the
/// loops that the index may follow is certain; what is asked outside of them just isn't certainly
/// false, since whoever writes an access means it to happen.
bool surely_happens(const KernelReading& kernel, ThreadValues& values, const Access& access,
                    const Turns& turns) {
  const llvm::BasicBlock* block = access.instruction->getParent();
  const llvm::Loop* innermost = kernel.code.loops().getLoopFor(block);
  for (const Condition& condition : kernel.code.conditions(block)) {
    const PerThread value = values.of(condition.value, turns);
    const bool in_loop = innermost && innermost->getOutermostLoop()->contains(condition.branch);
    bool someone = false;
    for (size_t t = 0; t < value.value.size(); ++t)
      someone = someone || !value.known[t] || bool(value.value[t] & 1) == condition.sense;
    const bool certain = value.all_known() && !value.guessed;
    if (certain ? !someone : in_loop) return false;
  }
  return true;
}

/// A thread that surely comes to the access and surely leaves the object; the turns that lead there
/// are such that no condition is in doubt.
std::optional<Outside> find_outside(const KernelReading& kernel, ThreadValues& values,
                                    const Access& access, int64_t size) {
  for (const Turns& turns : all_ends(kernel.code, access.instruction->getParent())) {
    const PerThread address = values.of(access.pointer, turns);
    if (address.guessed) continue;
    auto comes = values.reaches(access.instruction->getParent(), turns);
    if (kernel.code.in_threadgroup().is_uniform(access.pointer) &&
        surely_happens(kernel, values, access, turns)) {
      for (signed char& each : comes) each = each != 0;
    }
    for (size_t t = 0; t < comes.size(); ++t) {
      if (comes[t] != 1 || !address.known[t]) continue;
      if (address.value[t] < 0 || address.value[t] + int64_t(access.bytes) > size)
        return Outside{address.value[t], unsigned(t)};
    }
  }
  return std::nullopt;
}

/// An index of one dimension of an array that is beyond it, though the whole array isn't left.
struct Dimension {
  int64_t index = 0, extent = 0;
};
std::optional<Dimension> find_beyond(const KernelReading& kernel, ThreadValues& values,
                                     const Access& access) {
  const llvm::Value* pointer = access.pointer;
  while (const auto* address = llvm::dyn_cast<llvm::GEPOperator>(pointer)) {
    const auto* array = llvm::dyn_cast<llvm::ArrayType>(address->getSourceElementType());
    if (array && address->getNumIndices() == 2 && array->getNumElements() > 1) {
      const llvm::Value* index = *std::next(address->idx_begin());
      for (const Turns& turns : all_ends(kernel.code, access.instruction->getParent())) {
        const PerThread at = values.of(index, turns);
        if (at.guessed) continue;
        auto comes = values.reaches(access.instruction->getParent(), turns);
        if (kernel.code.in_threadgroup().is_uniform(index) &&
            surely_happens(kernel, values, access, turns)) {
          for (signed char& each : comes) each = each != 0;
        }
        for (size_t t = 0; t < comes.size(); ++t) {
          if (comes[t] != 1 || !at.known[t]) continue;
          if (at.value[t] < 0 || at.value[t] >= int64_t(array->getNumElements()))
            return Dimension{at.value[t], int64_t(array->getNumElements())};
        }
      }
    }
    pointer = address->getPointerOperand();
  }
  return std::nullopt;
}

/// Where a thread stands in the grid, by axis; 3 bits.
class Positions {
 public:
  unsigned of(const llvm::Value* value) {
    const auto* instruction = llvm::dyn_cast<llvm::Instruction>(value);
    if (!instruction) return 0;
    const auto [found, fresh] = known_.try_emplace(value, 0);
    if (!fresh) return found->second;
    const llvm::StringRef name = builtin_name(instruction);
    if (name.starts_with("thread_position_in_grid.") ||
        name.starts_with("threadgroup_position_in_grid."))
      return known_[value] = name.ends_with(".x") ? 1 : name.ends_with(".y") ? 2 : 4;
    unsigned all = 0;
    // Not through memory: what is read at a position isn't one.
    if (!instruction->mayReadOrWriteMemory()) {
      for (const llvm::Use& operand : instruction->operands()) all |= of(operand);
    }
    return known_[value] = all;
  }

 private:
  std::map<const llvm::Value*, unsigned> known_;
};

const llvm::Value* without_casts(const llvm::Value* value) {
  while (const auto* cast = llvm::dyn_cast<llvm::CastInst>(value)) value = cast->getOperand(0);
  return value;
}

/// Values that an address is a sum or product of; `clamped`, if some part of it is limited.
void parts_of(const llvm::Value* value, std::set<const llvm::Value*>& parts, bool& clamped,
              int depth) {
  value = without_casts(value);
  if (!parts.insert(value).second || depth > 12) return;
  if (const auto* address = llvm::dyn_cast<llvm::GEPOperator>(value)) {
    for (const llvm::Use& index : address->indices()) parts_of(index, parts, clamped, depth + 1);
    return parts_of(address->getPointerOperand(), parts, clamped, depth + 1);
  }
  if (const auto* operation = llvm::dyn_cast<llvm::BinaryOperator>(value)) {
    switch (operation->getOpcode()) {
      case llvm::Instruction::Add:
      case llvm::Instruction::Sub:
      case llvm::Instruction::Mul:
      case llvm::Instruction::Shl:
        parts_of(operation->getOperand(0), parts, clamped, depth + 1);
        return parts_of(operation->getOperand(1), parts, clamped, depth + 1);
      case llvm::Instruction::URem:
      case llvm::Instruction::SRem:
      case llvm::Instruction::And:
        clamped = true;
        return;
      default:
        return;
    }
  }
  if (llvm::isa<llvm::SelectInst, llvm::IntrinsicInst>(value)) clamped = true;
  if (const auto* phi = llvm::dyn_cast<llvm::PHINode>(value)) {
    // What a loop begins with, and where ways meet, a choice.
    if (phi->getNumIncomingValues() == 1)
      return parts_of(phi->getIncomingValue(0), parts, clamped, depth + 1);
  }
}

/// `position < bound`, where the bound is a size.
struct Guard {
  const llvm::ICmpInst* compare;
  const llvm::Value* position;
};

class Guards {
 public:
  explicit Guards(const KernelReading& kernel) : kernel_(kernel), code_(kernel.code) {
    for (const llvm::Instruction& instruction : llvm::instructions(code_.function())) {
      if (const auto* compare = llvm::dyn_cast<llvm::ICmpInst>(&instruction)) add_guard(*compare);
    }
  }

  void find() {
    if (guards_.empty()) find_unguarded();
    for (const Access& access : code_.accesses()) {
      if (!access.object || address_space(access.object) != kDeviceSpace ||
          !llvm::isa<llvm::Argument>(access.object))
        continue;
      look_at(access);
    }
  }

 private:
  void add_guard(const llvm::ICmpInst& compare) {
    if (compare.isEquality()) return;
    for (unsigned side = 0; side < 2; ++side) {
      const llvm::Value* position = without_casts(compare.getOperand(side));
      const llvm::Value* bound = without_casts(compare.getOperand(1 - side));
      if (positions_.of(position) == 0 || positions_.of(bound) != 0) continue;
      if (llvm::isa<llvm::PHINode>(position)) continue;  // of a loop
      // n - 1: the edge of a neighbourhood.
      if (const auto* sum = llvm::dyn_cast<llvm::BinaryOperator>(bound);
          sum &&
          (sum->getOpcode() == llvm::Instruction::Add ||
           sum->getOpcode() == llvm::Instruction::Sub) &&
          (llvm::isa<llvm::ConstantInt>(sum->getOperand(0)) ||
           llvm::isa<llvm::ConstantInt>(sum->getOperand(1))))
        continue;
      if (const auto* number = llvm::dyn_cast<llvm::ConstantInt>(bound);
          number && number->getValue().ult(32))
        continue;
      // Above the bound, position > n, is no check of an upper limit unless it is left then.
      guards_.push_back({&compare, position});
    }
  }

  /// A kernel without any check: where it writes at a position, for the syntax rules.
  void find_unguarded() {
    for (const Access& access : code_.accesses()) {
      if (!access.writes || access.atomic || !access.object ||
          address_space(access.object) != kDeviceSpace)
        continue;
      std::set<const llvm::Value*> parts;
      bool clamped = false;
      parts_of(access.pointer, parts, clamped, 0);
      unsigned axes = 0;
      for (const llvm::Value* part : parts) axes |= positions_.of(part);
      for (const llvm::Value* condition : conditions(access.instruction->getParent()))
        clamped = clamped || positions_.of(condition) != 0;
      if (clamped || axes == 0) continue;
      kernel_.unguarded.insert(kernel_.findings.place_of(access.instruction->getDebugLoc()));
    }
  }

  /// Conditions of a block, also where two are joined by && or ||.
  void compares_in(const llvm::Value* condition, std::set<const llvm::Value*>& out, int depth) {
    if (depth > 6 || !out.insert(condition).second) return;
    const auto* instruction = llvm::dyn_cast<llvm::Instruction>(condition);
    if (!instruction || !condition->getType()->isIntegerTy(1)) return;
    for (const llvm::Use& operand : instruction->operands()) compares_in(operand, out, depth + 1);
    if (const auto* phi = llvm::dyn_cast<llvm::PHINode>(instruction)) {
      for (const llvm::BasicBlock* block : phi->blocks()) {
        const auto* branch = llvm::dyn_cast<llvm::BranchInst>(block->getTerminator());
        if (branch && branch->isConditional()) compares_in(branch->getCondition(), out, depth + 1);
      }
    }
  }

  /// What decides whether the block runs: all that it depends on, also by several ways.
  std::set<const llvm::Value*> conditions(const llvm::BasicBlock* block) {
    std::set<const llvm::Value*> out;
    for (const llvm::BasicBlock& branch : code_.function()) {
      const auto* end = llvm::dyn_cast<llvm::BranchInst>(branch.getTerminator());
      if (!end || !end->isConditional()) continue;
      // Control dependence, transitively by dominators.
      if (code_.dominators().dominates(&branch, block) &&
          !code_.post_dominators().dominates(block, &branch))
        compares_in(end->getCondition(), out, 0);
    }
    for (const Condition& condition : code_.conditions(block)) compares_in(condition.value, out, 0);
    return out;
  }

  void look_at(const Access& access) {
    std::set<const llvm::Value*> parts;
    bool clamped = false;
    parts_of(access.pointer, parts, clamped, 0);
    if (clamped) return;
    const auto own = conditions(access.instruction->getParent());
    unsigned checked = 0;  // axes that some condition of this access speaks of
    for (const llvm::Value* condition : own) checked |= positions_.of(condition);
    for (const Guard& guard : guards_) {
      if (!parts.contains(guard.position) || own.contains(guard.compare)) continue;
      if ((positions_.of(guard.position) & ~checked) == 0) continue;
      const Access* other = protected_by(guard, access);
      if (!other) continue;
      report(access, guard, *other);
      return;
    }
  }

  /// An access at a place that the guard's position is a part of, and that the guard protects.
  const Access* protected_by(const Guard& guard, const Access& but) {
    const Access* found = nullptr;
    for (const Access& access : code_.accesses()) {
      if (&access == &but || !access.object || address_space(access.object) != kDeviceSpace)
        continue;
      std::set<const llvm::Value*> parts;
      bool clamped = false;
      parts_of(access.pointer, parts, clamped, 0);
      if (!parts.contains(guard.position)) continue;
      if (!conditions(access.instruction->getParent()).contains(guard.compare)) continue;
      if (access.writes) return &access;
      found = &access;
    }
    return found;
  }

  void report(const Access& access, const Guard& guard, const Access& other) {
    const std::string name = "'" + code_.name_of(access.object) + "'";
    const Place place = kernel_.findings.place_of(access.instruction->getDebugLoc());
    const Place check = kernel_.findings.place_of(guard.compare->getDebugLoc());
    const std::string line = check.ok() ? " in line " + std::to_string(check.line) : "";
    const auto never = [](const llvm::Instruction&) { return false; };
    const bool before = may_follow(code_, access.instruction, guard.compare, never) &&
                        !may_follow(code_, guard.compare, access.instruction, never);
    if (access.reads && before) {
      kernel_.findings.add("BOUNDS-LATE-001", place,
                           name + " is read before the check" + line +
                               ": threads beyond the end read outside of the buffer",
                           "read it behind the check, or write `condition ? " +
                               code_.name_of(access.object) + "[...] : 0`");
      return;
    }
    // Loads that are padded with zeros tell little of other loads.
    if (access.reads && other.reads && !other.writes) return;
    kernel_.findings.add(
        "BOUNDS-GUARD-001", place,
        name + (access.writes ? " is written" : " is read") +
            " without the check of bounds that '" + code_.name_of(other.object) + "' has" + line +
            ": threads beyond the end go outside of the buffer",
        "put the same check around it, or return early where the position is out of bounds");
  }

  const KernelReading& kernel_;
  const ThreadCode& code_;
  Positions positions_;
  std::vector<Guard> guards_;
};

}  // namespace

void find_missing_guards(const KernelReading& kernel) {
  Guards(kernel).find();
}

bool fits(const KernelReading& kernel, const Size& threadgroup) {
  ThreadValues values(kernel.code, World{threadgroup, kernel.request.grid, &kernel.request, 0});
  return llvm::none_of(kernel.code.accesses(), [&](const Access& access) {
    if (!access.object || address_space(access.object) != kThreadgroupSpace ||
        kernel.code.in_threadgroup().is_uniform(access.pointer))
      return false;
    const auto size = size_of_object(kernel, access.object);
    return size && *size != 0 && find_outside(kernel, values, access, *size).has_value();
  });
}

void find_wrong_indices(const KernelReading& kernel) {
  const ThreadCode& code = kernel.code;
  std::vector<std::unique_ptr<ThreadValues>> worlds;
  for (const Size& size : kernel.threadgroups)
    worlds.push_back(
        std::make_unique<ThreadValues>(code, World{size, kernel.request.grid, &kernel.request, 0}));
  for (const Access& access : code.accesses()) {
    if (!access.object) continue;
    const auto size = size_of_object(kernel, access.object);
    if (!size || *size == 0) continue;
    // How many threads there are, the array may tell.
    if (!kernel.is_threadgroup_known && !code.in_threadgroup().is_uniform(access.pointer)) continue;
    std::optional<Outside> outside;
    std::optional<Dimension> beyond;
    for (size_t i = 0; i < worlds.size(); ++i) {
      const auto one = find_outside(kernel, *worlds[i], access, *size);
      const auto other = one ? std::nullopt : find_beyond(kernel, *worlds[i], access);
      if (!one && !other) {
        outside.reset();
        beyond.reset();
        break;
      }
      outside = one;
      beyond = other;
    }
    const Place place = kernel.findings.place_of(access.instruction->getDebugLoc());
    const std::string name = "'" + code.name_of(access.object) + "'";
    if (!outside && !beyond && kernel.request.grid && kernel.is_threadgroup_known &&
        llvm::isa<llvm::Argument>(access.object)) {
      ThreadValues last(code, World{kernel.threadgroups.front(), kernel.request.grid,
                                    &kernel.request, 0, /*is_last=*/true});
      const auto end = find_outside(kernel, last, access, *size);
      const auto bytes = int64_t(access.bytes);
      if (end) {
        kernel.findings.add(
            "BOUNDS-GUARD-001", place,
            "the grid's last threads access element " + std::to_string(end->at / bytes) + " of " +
                name + ", which has " + std::to_string(*size / bytes),
            "return early where the position is out of bounds, or let the grid have "
            "as many threads as there are elements");
      }
      continue;
    }
    if (outside) {
      const auto bytes = int64_t(access.bytes);
      const bool whole = outside->at % bytes == 0 && *size % bytes == 0;
      const std::string at = whole ? "element " + std::to_string(outside->at / bytes) + " of " +
                                         name + ", which has " + std::to_string(*size / bytes)
                                   : "byte " + std::to_string(outside->at) + " of " + name +
                                         ", which has " + std::to_string(*size);
      kernel.findings.add("INDEX-RANGE-001", place,
                          "thread " + std::to_string(outside->thread) + " accesses " + at,
                          "make the array as long as its indices need, or mend the index");
    } else if (beyond) {
      kernel.findings.add("INDEX-RANGE-001", place,
                          "index " + std::to_string(beyond->index) + " into a dimension of " +
                              name + " that has " + std::to_string(beyond->extent) +
                              " elements: it leads into the next row",
                          "mend the index, or make the dimension longer");
    }
  }
}

}  // namespace anymetal::lint
