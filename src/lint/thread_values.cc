#include "lint/thread_values.h"

#include <llvm/ADT/StringSwitch.h>
#include <llvm/IR/IntrinsicInst.h>
#include <llvm/IR/Operator.h>

#include <algorithm>

namespace anymetal::lint {
namespace {

constexpr int kDeepest = 300;
/// Values of threads that are kept for one kernel in one world, some 60 MB; what isn't computed by
/// then isn't known.
constexpr size_t kMostKept = 6'000'000;

int64_t extended(int64_t value, unsigned bits) {
  if (bits >= 64) return value;
  const int64_t sign = int64_t{1} << (bits - 1);
  const auto low = static_cast<int64_t>(static_cast<uint64_t>(value) & ((uint64_t{1} << bits) - 1));
  return (low ^ sign) - sign;
}

uint64_t unsigned_of(int64_t value, unsigned bits) {
  return bits >= 64 ? static_cast<uint64_t>(value)
                    : static_cast<uint64_t>(value) & ((uint64_t{1} << bits) - 1);
}

uint64_t mixed(uint64_t x) {
  x ^= x >> 33;
  x *= 0xff51afd7ed558ccd;
  x ^= x >> 33;
  x *= 0xc4ceb9fe1a85ec53;
  return x ^ (x >> 33);
}

/// Sizes as programs have them: multiples of 128, odd numbers, any.
int64_t made_up(uint64_t key, unsigned sample) {
  const uint64_t hash = mixed(key * 3 + sample);
  switch (sample) {
    case 0:
      return int64_t(2048 + 128 * (hash % 8));
    case 1:
      return int64_t(1009 + 2 * (hash % 400));
    default:
      return int64_t(700 + hash % 3000);
  }
}

/// The operation on one pair; nothing where it has no value.
std::optional<int64_t> fold(unsigned opcode, int64_t a, int64_t b, unsigned bits) {
  const uint64_t x = unsigned_of(a, bits), y = unsigned_of(b, bits);
  switch (opcode) {
    case llvm::Instruction::Add:
      return int64_t(uint64_t(a) + uint64_t(b));
    case llvm::Instruction::Sub:
      return int64_t(uint64_t(a) - uint64_t(b));
    case llvm::Instruction::Mul:
      return int64_t(uint64_t(a) * uint64_t(b));
    case llvm::Instruction::UDiv:
      return y == 0 ? std::nullopt : std::optional<int64_t>(int64_t(x / y));
    case llvm::Instruction::URem:
      return y == 0 ? std::nullopt : std::optional<int64_t>(int64_t(x % y));
    case llvm::Instruction::SDiv:
      return b == 0 || b == -1 ? std::nullopt : std::optional<int64_t>(a / b);
    case llvm::Instruction::SRem:
      return b == 0 || b == -1 ? std::nullopt : std::optional<int64_t>(a % b);
    case llvm::Instruction::And:
      return a & b;
    case llvm::Instruction::Or:
      return a | b;
    case llvm::Instruction::Xor:
      return a ^ b;
    case llvm::Instruction::Shl:
      return y >= bits ? std::nullopt : std::optional<int64_t>(int64_t(x << y));
    case llvm::Instruction::LShr:
      return y >= bits ? std::nullopt : std::optional<int64_t>(int64_t(x >> y));
    case llvm::Instruction::AShr:
      return y >= bits ? std::nullopt : std::optional<int64_t>(a >> y);
    default:
      return std::nullopt;
  }
}

bool compare(llvm::CmpInst::Predicate predicate, int64_t a, int64_t b, unsigned bits) {
  const uint64_t x = unsigned_of(a, bits), y = unsigned_of(b, bits);
  switch (predicate) {
    case llvm::CmpInst::ICMP_EQ:
      return a == b;
    case llvm::CmpInst::ICMP_NE:
      return a != b;
    case llvm::CmpInst::ICMP_ULT:
      return x < y;
    case llvm::CmpInst::ICMP_ULE:
      return x <= y;
    case llvm::CmpInst::ICMP_UGT:
      return x > y;
    case llvm::CmpInst::ICMP_UGE:
      return x >= y;
    case llvm::CmpInst::ICMP_SLT:
      return a < b;
    case llvm::CmpInst::ICMP_SLE:
      return a <= b;
    case llvm::CmpInst::ICMP_SGT:
      return a > b;
    default:
      return a >= b;
  }
}

unsigned bits_of(const llvm::Value* value) {
  return value->getType()->isIntegerTy() ? value->getType()->getIntegerBitWidth() : 64;
}

bool is_number(const llvm::Type* type) {
  return (type->isIntegerTy() && type->getIntegerBitWidth() <= 64) || type->isPointerTy();
}

/// Turns of the loops that a block stands in, without those in their first.
Turns relevant(const Turns& turns, const llvm::LoopInfo& loops, const llvm::BasicBlock* block) {
  Turns out;
  for (const llvm::Loop* loop = loops.getLoopFor(block); loop; loop = loop->getParentLoop()) {
    const auto found = turns.find(loop);
    if (found != turns.end() && found->second != 0) out.insert(*found);
  }
  return out;
}

}  // namespace

bool PerThread::all_known() const {
  return std::all_of(known.begin(), known.end(), [](char k) { return k; });
}

PerThread ThreadValues::same(int64_t value, bool guessed) const {
  const unsigned threads = world_.threads();
  return {std::vector<int64_t>(threads, value), std::vector<char>(threads, 1), guessed};
}

PerThread ThreadValues::unknown() const {
  const unsigned threads = world_.threads();
  return {std::vector<int64_t>(threads, 0), std::vector<char>(threads, 0), false};
}

const PerThread& ThreadValues::of(const llvm::Value* value, const Turns& turns) {
  const auto* instruction = llvm::dyn_cast<llvm::Instruction>(value);
  const Turns key =
      instruction ? relevant(turns, code_.loops(), instruction->getParent()) : Turns();
  {
    Memo& memo = memos_[key];
    const auto found = memo.find(value);
    if (found != memo.end() && found->second) return *found->second;
    // Found but empty: it depends on itself.
    if (found != memo.end() || depth_ > kDeepest || kept_ > kMostKept) {
      static thread_local PerThread nothing;
      nothing = unknown();
      return nothing;
    }
    memo[value] = nullptr;
  }
  ++depth_;
  auto made = std::make_unique<PerThread>(derive(value, key));
  --depth_;
  kept_ += made->value.size();
  auto& place = memos_[key][value];
  place = std::move(made);
  return *place;
}

PerThread ThreadValues::derive(const llvm::Value* value, const Turns& turns) {
  if (!is_number(value->getType())) return unknown();
  if (const auto* number = llvm::dyn_cast<llvm::ConstantInt>(value))
    return same(number->getSExtValue());
  if (const auto* address = llvm::dyn_cast<llvm::GEPOperator>(value))
    return of_address(*address, turns);
  if (llvm::isa<llvm::Argument, llvm::GlobalVariable, llvm::AllocaInst>(value) &&
      value->getType()->isPointerTy())
    return same(0);
  if (llvm::Operator::getOpcode(value) == llvm::Instruction::AddrSpaceCast)
    return of(llvm::cast<llvm::Operator>(value)->getOperand(0), turns);
  const auto* instruction = llvm::dyn_cast<llvm::Instruction>(value);
  if (!instruction) return unknown();
  PerThread made = of_instruction(*instruction, turns);
  if (made.all_known()) return made;
  const bool is_guessable = value->getType()->isIntegerTy() && bits_of(value) >= 8;
  if (is_guessable && code_.in_threadgroup().is_uniform(instruction)) return guess(value, turns);
  return made;
}

PerThread ThreadValues::guess(const llvm::Value* value, const Turns& turns) {
  uint64_t key = 0;
  const auto* load = llvm::dyn_cast<llvm::LoadInst>(value);
  const auto* instruction = llvm::cast<llvm::Instruction>(value);
  llvm::APInt offset(64, 0);
  const llvm::Value* base = load ? load->getPointerOperand()->stripAndAccumulateConstantOffsets(
                                       code_.layout(), offset, true)
                                 : nullptr;
  if (const auto* argument = llvm::dyn_cast_or_null<llvm::Argument>(base)) {
    key = mixed(argument->getArgNo() + 1) + offset.getZExtValue();
  } else {
    key = code_.number_of(instruction);
    for (const auto& [loop, turn] : turns) key = key * 31 + turn;
  }
  const unsigned bits = bits_of(value);
  return same(extended(made_up(key, world_.sample), bits), true);
}

PerThread ThreadValues::of_instruction(const llvm::Instruction& instruction, const Turns& turns) {
  if (const auto* operation = llvm::dyn_cast<llvm::BinaryOperator>(&instruction))
    return of_binary(*operation, turns);
  if (const auto* compare = llvm::dyn_cast<llvm::ICmpInst>(&instruction))
    return of_compare(*compare, turns);
  if (const auto* phi = llvm::dyn_cast<llvm::PHINode>(&instruction)) return of_phi(*phi, turns);
  if (const auto* call = llvm::dyn_cast<llvm::CallBase>(&instruction)) return of_call(*call, turns);
  if (const auto* load = llvm::dyn_cast<llvm::LoadInst>(&instruction)) return of_load(*load, turns);
  if (llvm::isa<llvm::FreezeInst, llvm::PtrToIntInst, llvm::IntToPtrInst>(instruction))
    return of(instruction.getOperand(0), turns);
  if (const auto* cast = llvm::dyn_cast<llvm::CastInst>(&instruction)) {
    if (!is_number(cast->getSrcTy())) return unknown();
    PerThread made = of(cast->getOperand(0), turns);
    const unsigned from = bits_of(cast->getOperand(0)), to = bits_of(cast);
    for (int64_t& value : made.value) {
      if (llvm::isa<llvm::ZExtInst>(cast)) value = int64_t(unsigned_of(value, from));
      if (llvm::isa<llvm::TruncInst>(cast)) value = extended(value, to);
    }
    return made;
  }
  if (const auto* select = llvm::dyn_cast<llvm::SelectInst>(&instruction)) {
    const PerThread condition = of(select->getCondition(), turns);
    const PerThread yes = of(select->getTrueValue(), turns);
    const PerThread no = of(select->getFalseValue(), turns);
    PerThread made = unknown();
    made.guessed = condition.guessed || yes.guessed || no.guessed;
    for (size_t i = 0; i < made.value.size(); ++i) {
      const bool one = yes.known[i] && no.known[i] && yes.value[i] == no.value[i];
      const PerThread& from = condition.known[i] && condition.value[i] == 0 ? no : yes;
      if (!condition.known[i] && !one) continue;
      made.value[i] = from.value[i];
      made.known[i] = from.known[i];
    }
    return made;
  }
  return unknown();
}

PerThread ThreadValues::of_binary(const llvm::BinaryOperator& operation, const Turns& turns) {
  if (!operation.getType()->isIntegerTy()) return unknown();
  const PerThread a = of(operation.getOperand(0), turns);
  const PerThread b = of(operation.getOperand(1), turns);
  const unsigned bits = bits_of(&operation);
  PerThread made = unknown();
  made.guessed = a.guessed || b.guessed;
  for (size_t i = 0; i < made.value.size(); ++i) {
    if (!a.known[i] || !b.known[i]) continue;
    const auto value = fold(operation.getOpcode(), a.value[i], b.value[i], bits);
    if (!value) continue;
    made.value[i] = extended(*value, bits);
    made.known[i] = 1;
  }
  return made;
}

PerThread ThreadValues::of_compare(const llvm::ICmpInst& instruction, const Turns& turns) {
  const PerThread a = of(instruction.getOperand(0), turns);
  const PerThread b = of(instruction.getOperand(1), turns);
  const unsigned bits = bits_of(instruction.getOperand(0));
  PerThread made = unknown();
  made.guessed = a.guessed || b.guessed;
  for (size_t i = 0; i < made.value.size(); ++i) {
    made.known[i] = a.known[i] && b.known[i];
    made.value[i] = compare(instruction.getPredicate(), a.value[i], b.value[i], bits);
  }
  return made;
}

PerThread ThreadValues::of_address(const llvm::GEPOperator& address, const Turns& turns) {
  if (address.getType()->isVectorTy()) return unknown();
  llvm::MapVector<llvm::Value*, llvm::APInt> variables;
  llvm::APInt constant(64, 0);
  if (!address.collectOffset(code_.layout(), 64, variables, constant)) return unknown();
  PerThread made = of(address.getPointerOperand(), turns);
  for (int64_t& value : made.value) value += constant.getSExtValue();
  for (const auto& [index, size] : variables) {
    const PerThread part = of(index, turns);
    made.guessed |= part.guessed;
    for (size_t i = 0; i < made.value.size(); ++i) {
      made.known[i] = made.known[i] && part.known[i];
      made.value[i] += part.value[i] * size.getSExtValue();
    }
  }
  return made;
}

PerThread ThreadValues::of_phi(const llvm::PHINode& phi, const Turns& turns) {
  const llvm::BasicBlock* block = phi.getParent();
  const llvm::Loop* loop = code_.loops().getLoopFor(block);
  if (!loop || loop->getHeader() != block) return of_join(phi, turns);
  const llvm::BasicBlock *before = loop->getLoopPreheader(), *latch = loop->getLoopLatch();
  if (!before || !latch) return unknown();
  const auto found = turns.find(loop);
  const unsigned turn = found == turns.end() ? 0 : found->second;
  const llvm::Value* first = phi.getIncomingValueForBlock(before);
  const llvm::Value* next = phi.getIncomingValueForBlock(latch);
  Turns outer = turns;
  outer.erase(loop);
  if (turn == 0) return of(first, outer);
  // A counter: no need to go through all turns.
  if (const auto* sum = llvm::dyn_cast<llvm::BinaryOperator>(next);
      sum && sum->getOpcode() == llvm::Instruction::Add && sum->getOperand(0) == &phi &&
      loop->isLoopInvariant(sum->getOperand(1))) {
    PerThread made = of(first, outer);
    const PerThread step = of(sum->getOperand(1), outer);
    made.guessed |= step.guessed;
    for (size_t i = 0; i < made.value.size(); ++i) {
      made.known[i] = made.known[i] && step.known[i];
      made.value[i] = extended(made.value[i] + step.value[i] * turn, bits_of(&phi));
    }
    return made;
  }
  if (turn > 64) return unknown();
  outer[loop] = turn - 1;
  return of(next, outer);
}

/// Where ways meet: each thread's value is that of the way it came, if its conditions are known.
PerThread ThreadValues::of_join(const llvm::PHINode& phi, const Turns& turns) {
  const llvm::Loop* loop = code_.loops().getLoopFor(phi.getParent());
  for (const llvm::BasicBlock* before : phi.blocks()) {
    // Out of a loop: its last turn isn't known.
    if (code_.loops().getLoopFor(before) == loop) continue;
    const llvm::Loop* inner = code_.loops().getLoopFor(before);
    for (const llvm::Value* incoming : phi.incoming_values()) {
      if (inner && !inner->isLoopInvariant(incoming)) return unknown();
    }
  }
  PerThread made = unknown();
  std::vector<signed char> open(made.value.size(), 1);  // 1 nothing found, 0 found, -1 not known
  std::vector<char> agrees(made.value.size(), 1);
  const PerThread first = of(phi.getIncomingValue(0), turns);
  for (unsigned k = 0; k < phi.getNumIncomingValues(); ++k) {
    const PerThread value = of(phi.getIncomingValue(k), turns);
    const llvm::BasicBlock* before = phi.getIncomingBlock(k);
    std::vector<signed char> comes = reaches(before, turns);
    const auto* branch = llvm::dyn_cast<llvm::BranchInst>(before->getTerminator());
    if (branch && branch->isConditional() && branch->getSuccessor(0) != branch->getSuccessor(1)) {
      const PerThread condition = of(branch->getCondition(), turns);
      const bool sense = branch->getSuccessor(0) == phi.getParent();
      made.guessed |= condition.guessed;
      for (size_t i = 0; i < comes.size(); ++i) {
        if (!condition.known[i] && comes[i] == 1) comes[i] = -1;
        if (condition.known[i] && bool(condition.value[i] & 1) != sense) comes[i] = 0;
      }
    }
    made.guessed |= value.guessed;
    for (size_t i = 0; i < comes.size(); ++i) {
      agrees[i] = agrees[i] && value.known[i] && first.known[i] && value.value[i] == first.value[i];
      if (comes[i] == -1) open[i] = -1;
      if (comes[i] != 1 || open[i] == -1) continue;
      open[i] = open[i] == 1 ? 0 : -1;
      made.value[i] = value.value[i];
      made.known[i] = value.known[i];
    }
  }
  for (size_t i = 0; i < open.size(); ++i) {
    if (agrees[i]) {
      made.value[i] = first.value[i];
      made.known[i] = 1;
    } else if (open[i] != 0) {
      made.known[i] = 0;
    }
  }
  return made;
}

std::vector<signed char> ThreadValues::reaches(const llvm::BasicBlock* block, const Turns& turns) {
  std::vector<signed char> comes(world_.threads(), 1);
  for (uint32_t t = 0; t < comes.size(); ++t) comes[t] = exists(t);
  for (const Condition& condition : code_.conditions(block)) {
    const PerThread value = of(condition.value, turns);
    bool nobody = value.guessed;
    for (size_t i = 0; i < comes.size() && nobody; ++i)
      nobody = value.known[i] && bool(value.value[i] & 1) != condition.sense;
    for (size_t i = 0; i < comes.size(); ++i) {
      if (!value.known[i] || nobody) {
        // A made-up number that nobody gets past says nothing.
        if (comes[i] == 1) comes[i] = -1;
      } else if (bool(value.value[i] & 1) != condition.sense) {
        comes[i] = 0;
      } else if (value.guessed && comes[i] == 1) {
        comes[i] = -1;
      }
    }
  }
  return comes;
}

/// A threadgroup in the midst of the grid, where there is one, or the last.
int64_t ThreadValues::group_at(unsigned axis) const {
  const int64_t group = 2 + world_.sample + axis;
  if (!world_.grid) return group;
  const int64_t last = (int64_t((*world_.grid)[axis]) - 1) / world_.threadgroup[axis];
  return world_.is_last ? last : std::min(group, last);
}

/// Threadgroups at the end of a grid are cut.
bool ThreadValues::exists(uint32_t thread) const {
  if (!world_.is_last || !world_.grid) return true;
  const Size& size = world_.threadgroup;
  const uint32_t at[3] = {thread % size[0], thread / size[0] % size[1],
                          thread / (size[0] * size[1])};
  for (unsigned axis = 0; axis < 3; ++axis) {
    if (group_at(axis) * size[axis] + at[axis] >= (*world_.grid)[axis]) return false;
  }
  return true;
}

PerThread ThreadValues::position(llvm::StringRef name) const {
  const auto [what, axis_name] = name.rsplit('.');
  const unsigned axis = axis_name == "y" ? 1 : axis_name == "z" ? 2 : 0;
  const Size& size = world_.threadgroup;
  PerThread made = same(0);
  for (uint32_t t = 0; t < made.value.size(); ++t) {
    const uint32_t at[3] = {t % size[0], t / size[0] % size[1], t / (size[0] * size[1])};
    made.value[t] = at[axis];
  }
  if (what == "thread_position_in_grid") {
    for (int64_t& value : made.value) value += group_at(axis) * size[axis];
    made.guessed = !world_.is_last;
  }
  return made;
}

PerThread ThreadValues::of_call(const llvm::CallBase& call, const Turns& turns) {
  const Size& size = world_.threadgroup;
  const llvm::StringRef name = builtin_name(&call);
  if (const auto* intrinsic = llvm::dyn_cast<llvm::IntrinsicInst>(&call)) {
    llvm::CmpInst::Predicate keep;
    switch (intrinsic->getIntrinsicID()) {
      case llvm::Intrinsic::umin:
        keep = llvm::CmpInst::ICMP_ULT;
        break;
      case llvm::Intrinsic::umax:
        keep = llvm::CmpInst::ICMP_UGT;
        break;
      case llvm::Intrinsic::smin:
        keep = llvm::CmpInst::ICMP_SLT;
        break;
      case llvm::Intrinsic::smax:
        keep = llvm::CmpInst::ICMP_SGT;
        break;
      default:
        return unknown();
    }
    PerThread a = of(call.getArgOperand(0), turns);
    const PerThread b = of(call.getArgOperand(1), turns);
    a.guessed |= b.guessed;
    for (size_t i = 0; i < a.value.size(); ++i) {
      a.known[i] = a.known[i] && b.known[i];
      if (!compare(keep, a.value[i], b.value[i], bits_of(&call))) a.value[i] = b.value[i];
    }
    return a;
  }
  if (name.empty()) return unknown();
  if (name.starts_with("thread_position_in_")) return position(name);
  const auto [what, axis_name] = name.rsplit('.');
  const unsigned axis = axis_name == "y" ? 1 : axis_name == "z" ? 2 : 0;
  if (what == "threads_per_threadgroup" || what == "dispatch_threads_per_threadgroup")
    return same(size[axis]);
  if (what == "threadgroup_position_in_grid") {
    return same(group_at(axis), !world_.is_last);
  }
  if (what == "threads_per_grid" || what == "grid_size") {
    if (world_.grid) return same((*world_.grid)[axis]);
    return same(int64_t(size[axis]) * (40 + world_.sample + axis), true);
  }
  if (what == "threadgroups_per_grid") {
    if (world_.grid) return same(((*world_.grid)[axis] + size[axis] - 1) / size[axis]);
    return same(40 + world_.sample + axis, true);
  }
  if (what == "grid_origin") return same(0);
  const unsigned threads = world_.threads();
  const auto by_index = [&](auto function) {
    PerThread made = same(0);
    for (unsigned t = 0; t < threads; ++t) made.value[t] = function(int64_t(t));
    return made;
  };
  if (name == "thread_index_in_threadgroup") return by_index([](int64_t t) { return t; });
  if (name == "thread_index_in_simdgroup") return by_index([](int64_t t) { return t % 32; });
  if (name == "thread_index_in_quadgroup") return by_index([](int64_t t) { return t % 4; });
  if (name == "simdgroup_index_in_threadgroup") return by_index([](int64_t t) { return t / 32; });
  if (name == "quadgroup_index_in_threadgroup") return by_index([](int64_t t) { return t / 4; });
  if (name == "simdgroups_per_threadgroup" || name == "dispatch_simdgroups_per_threadgroup")
    return same((threads + 31) / 32);
  if (name == "quadgroups_per_threadgroup" || name == "dispatch_quadgroups_per_threadgroup")
    return same((threads + 3) / 4);
  if (name == "threads_per_simdgroup" || name == "thread_execution_width") return same(32);
  return unknown();
}

/// NAME_shape[i] of an array whose shape is known.
std::optional<int64_t> ThreadValues::shape_number(const llvm::LoadInst& load) const {
  if (!world_.request || !world_.request->is_body) return std::nullopt;
  llvm::APInt offset(64, 0);
  const auto* argument = llvm::dyn_cast<llvm::Argument>(
      load.getPointerOperand()->stripAndAccumulateConstantOffsets(code_.layout(), offset, true));
  const Parameter* parameter = code_.parameter_of(argument);
  if (!parameter) return std::nullopt;
  const Request& request = *world_.request;
  for (size_t i = 0; i < request.input_names.size() && i < request.inputs.size(); ++i) {
    const auto& shape = request.inputs[i].shape;
    if (!shape) continue;
    if (parameter->name == request.input_names[i] + "_ndim") return int64_t(shape->size());
    if (parameter->name != request.input_names[i] + "_shape") continue;
    const uint64_t index = offset.getZExtValue() / 4;
    if (index < shape->size()) return (*shape)[index];
  }
  return std::nullopt;
}

PerThread ThreadValues::of_load(const llvm::LoadInst& load, const Turns&) {
  if (const auto number = shape_number(load)) return same(*number);
  return unknown();
}

}  // namespace anymetal::lint
