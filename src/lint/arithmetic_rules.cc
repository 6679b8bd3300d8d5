// Operations that cost more than they need, or lose more digits than people think. Read from the
// user's own operations, before LLVM makes others of them.
#include <llvm/Analysis/ValueTracking.h>
#include <llvm/IR/InstIterator.h>
#include <llvm/IR/IntrinsicInst.h>
#include <llvm/IR/Operator.h>

#include "lint/rules.h"

namespace anymetal::lint {
namespace {

bool is_division(const llvm::Instruction& instruction) {
  switch (instruction.getOpcode()) {
    case llvm::Instruction::UDiv:
    case llvm::Instruction::SDiv:
    case llvm::Instruction::URem:
    case llvm::Instruction::SRem:
      return true;
    default:
      return false;
  }
}

const llvm::Value* without_casts(const llvm::Value* value) {
  while (const auto* cast = llvm::dyn_cast<llvm::CastInst>(value)) value = cast->getOperand(0);
  return value;
}

/// A power of two, though not a constant: 1 << n, or a simdgroup's size.
bool is_power_of_two(const llvm::Value* value) {
  value = without_casts(value);
  if (const auto* shift = llvm::dyn_cast<llvm::BinaryOperator>(value)) {
    const auto* one = llvm::dyn_cast<llvm::ConstantInt>(shift->getOperand(0));
    return shift->getOpcode() == llvm::Instruction::Shl && one && one->isOne();
  }
  const llvm::StringRef name = builtin_name(value);
  return name == "threads_per_simdgroup" || name == "thread_execution_width";
}

bool is_remainder(const llvm::Instruction& operation) {
  return operation.getOpcode() == llvm::Instruction::URem ||
         operation.getOpcode() == llvm::Instruction::SRem;
}

/// Whether unrolling loops of constant length makes a constant of it.
bool unrolls_to_constant(const ThreadCode& code, const llvm::Value* value, int depth,
                         std::set<const llvm::Value*>& seen) {
  if (llvm::isa<llvm::Constant>(value) || !seen.insert(value).second) return true;
  const auto* instruction = llvm::dyn_cast<llvm::Instruction>(value);
  if (!instruction || depth > 100) return false;
  if (const auto* phi = llvm::dyn_cast<llvm::PHINode>(instruction)) {
    const llvm::Loop* loop = code.loops().getLoopFor(phi->getParent());
    const bool counts = loop && loop->getHeader() == phi->getParent();
    if (counts) {
      const auto* branch = llvm::dyn_cast<llvm::BranchInst>(phi->getParent()->getTerminator());
      const llvm::Value* condition =
          branch && branch->isConditional() ? branch->getCondition() : nullptr;
      const auto* compare = condition ? llvm::dyn_cast<llvm::ICmpInst>(condition) : nullptr;
      if (!compare) return false;
      std::set<const llvm::Value*> limits = seen;
      for (const llvm::Use& operand : compare->operands()) {
        if (!unrolls_to_constant(code, operand, depth + 1, limits)) return false;
      }
    }
    if (!counts) {
      // Where ways meet, the way that is taken must be known, too.
      const auto* node = code.dominators().getNode(phi->getParent());
      const auto* branch =
          node && node->getIDom()
              ? llvm::dyn_cast<llvm::BranchInst>(node->getIDom()->getBlock()->getTerminator())
              : nullptr;
      if (branch && branch->isConditional() &&
          !unrolls_to_constant(code, branch->getCondition(), depth + 1, seen))
        return false;
    }
    for (const llvm::Value* incoming : phi->incoming_values()) {
      if (!unrolls_to_constant(code, incoming, depth + 1, seen)) return false;
    }
    return true;
  }
  if (instruction->mayReadOrWriteMemory() || llvm::isa<llvm::CallBase>(instruction)) return false;
  return llvm::all_of(instruction->operands(), [&](const llvm::Use& operand) {
    return unrolls_to_constant(code, operand, depth + 1, seen);
  });
}

class Arithmetic {
 public:
  explicit Arithmetic(const KernelReading& kernel) : kernel_(kernel), code_(kernel.code) {}

  void find() {
    for (const llvm::Instruction& instruction : llvm::instructions(code_.function())) {
      if (is_division(instruction)) look_at_division(instruction);
      if (const auto* compare = llvm::dyn_cast<llvm::FCmpInst>(&instruction))
        look_at_comparison(*compare);
      const unsigned opcode = instruction.getOpcode();
      if (opcode == llvm::Instruction::FAdd || opcode == llvm::Instruction::FSub)
        look_at_sum(instruction);
      if (const auto* phi = llvm::dyn_cast<llvm::PHINode>(&instruction)) look_at_loop_sum(*phi);
    }
  }

 private:
  /// In a loop in which it isn't always the same.
  [[nodiscard]] bool varies_in_loop(const llvm::Instruction& operation) const {
    for (const llvm::Loop* loop = code_.loops().getLoopFor(operation.getParent()); loop;
         loop = loop->getParentLoop()) {
      for (const llvm::Use& operand : operation.operands()) {
        if (!is_invariant(operand, *loop, 0)) return true;
      }
    }
    return false;
  }

  /// Also what is computed in the loop, from outside of it.
  [[nodiscard]] bool is_invariant(const llvm::Value* value, const llvm::Loop& loop,
                                  int depth) const {
    const auto* instruction = llvm::dyn_cast<llvm::Instruction>(value);
    if (!instruction || !loop.contains(instruction)) return true;
    if (depth > 8 || llvm::isa<llvm::PHINode>(instruction)) return false;
    if (const auto* load = llvm::dyn_cast<llvm::LoadInst>(instruction)) {
      // What the kernel can't write stays as it is.
      if (address_space(load->getPointerOperand()) != kConstantSpace) return false;
    } else if (instruction->mayReadOrWriteMemory()) {
      return false;
    }
    return llvm::all_of(instruction->operands(), [&](const llvm::Use& operand) {
      return is_invariant(operand, loop, depth + 1);
    });
  }

  void look_at_division(const llvm::Instruction& division) {
    if (!kernel_.findings.is_own(division.getDebugLoc())) return;
    const Place place = own_place(division);
    const llvm::Value* divisor = division.getOperand(1);
    std::set<const llvm::Value*> seen;
    if (unrolls_to_constant(code_, divisor, 0, seen) || !varies_in_loop(division)) return;
    const bool remainder = is_remainder(division);
    const std::string what = remainder ? "remainder" : "division";
    if (is_power_of_two(divisor)) {
      kernel_.findings.add("INTEGER-DIVIDE-002", place,
                           "this " + what +
                               " in a loop is by a power of two, which the compiler can't see: it "
                               "takes tens of instructions",
                           remainder ? "write x & (p - 1) for x % p; with p = 1 << n, that is "
                                       "x & ((1u << n) - 1)"
                                     : "write x >> n for x / (1 << n); with a simdgroup's size, "
                                       "x >> 5");
      return;
    }
    kernel_.findings.add(
        "INTEGER-DIVIDE-001", place,
        "an integer " + what +
            " in a loop by a value that is known only at run time takes tens of instructions a "
            "turn",
        "keep quotient and remainder as counters that the loop moves on, take positions from a 2D "
        "or 3D grid, or make the divisor a template argument");
  }

  /// The innermost place, if it is the user's.
  [[nodiscard]] Place own_place(const llvm::Instruction& instruction) const {
    return kernel_.findings.place_of(instruction.getDebugLoc());
  }

  /// Whether a float is the result of arithmetic that rounds.
  [[nodiscard]] bool is_computed(const llvm::Value* value, int depth) const {
    if (depth > 6) return false;
    const auto* instruction = llvm::dyn_cast<llvm::Instruction>(value);
    if (!instruction) return false;
    switch (instruction->getOpcode()) {
      case llvm::Instruction::FAdd:
      case llvm::Instruction::FSub:
      case llvm::Instruction::FDiv:
        return true;
      case llvm::Instruction::FMul:
        // By a power of two, nothing is rounded.
        return !is_power(instruction->getOperand(0)) && !is_power(instruction->getOperand(1));
      case llvm::Instruction::FNeg:
      case llvm::Instruction::FPExt:
        return is_computed(instruction->getOperand(0), depth + 1);
      default:
        break;
    }
    if (const auto* intrinsic = llvm::dyn_cast<llvm::IntrinsicInst>(instruction)) {
      switch (intrinsic->getIntrinsicID()) {
        case llvm::Intrinsic::fma:
        case llvm::Intrinsic::fmuladd:
        case llvm::Intrinsic::sqrt:
          return true;
        case llvm::Intrinsic::fabs:
          return is_computed(intrinsic->getArgOperand(0), depth + 1);
        default:
          return false;
      }
    }
    const llvm::StringRef name =
        builtin_name(instruction).take_until([](char c) { return c == '.'; });
    static const char* const kRounding[] = {"exp", "exp2", "exp10", "log", "log2", "log10",
                                            "sin", "cos",  "tan",   "pow", "tanh", "rsqrt"};
    return llvm::is_contained(kRounding, name);
  }

  static bool is_power(const llvm::Value* value) {
    const auto* number = llvm::dyn_cast<llvm::ConstantFP>(value);
    return number && number->getValueAPF().getExactLog2Abs() != INT_MIN;
  }

  /// Values that people compare with on purpose: zero, infinities, whole numbers.
  static bool is_whole(const llvm::ConstantFP& number) {
    const llvm::APFloat& value = number.getValueAPF();
    return value.isZero() || value.isInfinity() || value.isNaN() || value.isInteger();
  }

  void look_at_comparison(const llvm::FCmpInst& compare) {
    const auto predicate = compare.getPredicate();
    const bool equality =
        predicate == llvm::CmpInst::FCMP_OEQ || predicate == llvm::CmpInst::FCMP_UEQ ||
        predicate == llvm::CmpInst::FCMP_UNE || predicate == llvm::CmpInst::FCMP_ONE;
    const llvm::Value *a = compare.getOperand(0), *b = compare.getOperand(1);
    if (!equality || a == b || !kernel_.findings.is_own(compare.getDebugLoc())) return;
    for (const llvm::Value* side : {a, b}) {
      const auto* number = llvm::dyn_cast<llvm::ConstantFP>(side);
      if (number && is_whole(*number)) return;
    }
    // A value against a part of itself asks whether it was exact.
    if (!is_computed(a, 0) && !is_computed(b, 0)) return;
    if (llvm::isa<llvm::Instruction>(a) && llvm::isa<llvm::Instruction>(b) &&
        (uses(a, b, 0) || uses(b, a, 0)))
      return;
    kernel_.findings.add(
        "FLOAT-EQUAL-001", own_place(compare),
        "computed floats are compared for equality: rounding makes it fail for "
        "values that are equal on paper",
        "compare the difference with a tolerance, fabs(a - b) <= eps * fabs(b), or "
        "compare integers");
  }

  static bool uses(const llvm::Value* value, const llvm::Value* part, int depth) {
    if (value == part) return true;
    const auto* instruction = llvm::dyn_cast<llvm::Instruction>(value);
    if (!instruction || depth > 6 || llvm::isa<llvm::PHINode>(instruction)) return false;
    return llvm::any_of(instruction->operands(),
                        [&](const llvm::Use& operand) { return uses(operand, part, depth + 1); });
  }

  /// a * b + c that may not be fused.
  void look_at_sum(const llvm::Instruction& sum) {
    if (sum.hasAllowContract() || !sum.getType()->getScalarType()->isFloatTy() ||
        !kernel_.findings.is_own(sum.getDebugLoc()) || !code_.loops().getLoopFor(sum.getParent()))
      return;
    for (const llvm::Use& operand : sum.operands()) {
      const auto* product = llvm::dyn_cast<llvm::Instruction>(operand);
      if (!product || product->getOpcode() != llvm::Instruction::FMul || !product->hasOneUse() ||
          product->hasAllowContract())
        continue;
      kernel_.findings.add("FMA-CONTRACT-001", own_place(sum),
                           "contraction is off here, so this product and sum are rounded twice and "
                           "take two instructions",
                           "write fma(a, b, c) where one rounding is right; error-free "
                           "transformations that need two are right as they are");
      return;
    }
  }

  /// A sum that goes round a loop in 16 bits.
  void look_at_loop_sum(const llvm::PHINode& phi) {
    const llvm::Type* type = phi.getType();
    if (!type->isHalfTy() && !type->isBFloatTy()) return;
    const llvm::Loop* loop = code_.loops().getLoopFor(phi.getParent());
    if (!loop || loop->getHeader() != phi.getParent() || !loop->getLoopLatch()) return;
    const llvm::Value* next = phi.getIncomingValueForBlock(loop->getLoopLatch());
    const llvm::Instruction* sum = find_sum(next, phi, 0);
    if (!sum || is_short(*loop)) return;
    const char* name = type->isHalfTy() ? "half" : "bfloat";
    kernel_.findings.add("HALF-SUM-001", own_place(*sum),
                         std::string("a sum grows turn by turn in ") + name + ", which has " +
                             (type->isHalfTy() ? "11" : "8") +
                             " bits: soon what is added is rounded away",
                         "declare the sum as float, and convert it once at the end");
  }

  const llvm::Instruction* find_sum(const llvm::Value* value, const llvm::PHINode& phi,
                                    int depth) const {
    const auto* instruction = llvm::dyn_cast<llvm::Instruction>(value);
    if (!instruction || depth > 4) return nullptr;
    const auto* intrinsic = llvm::dyn_cast<llvm::IntrinsicInst>(instruction);
    const bool fused = intrinsic && (intrinsic->getIntrinsicID() == llvm::Intrinsic::fma ||
                                     intrinsic->getIntrinsicID() == llvm::Intrinsic::fmuladd);
    if (fused && intrinsic->getArgOperand(2) == &phi) return instruction;
    if (instruction->getOpcode() == llvm::Instruction::FAdd) {
      for (const llvm::Use& operand : instruction->operands()) {
        if (is_phi(operand, phi)) return instruction;
      }
      for (const llvm::Use& operand : instruction->operands()) {
        if (const auto* found = find_sum(operand, phi, depth + 1)) return found;
      }
    }
    // A half operation computed in float and rounded back each turn is the same.
    if (instruction->getOpcode() == llvm::Instruction::FPTrunc)
      return find_sum(instruction->getOperand(0), phi, depth + 1);
    return nullptr;
  }
  static bool is_phi(const llvm::Value* value, const llvm::PHINode& phi) {
    if (const auto* wide = llvm::dyn_cast<llvm::FPExtInst>(value)) value = wide->getOperand(0);
    return value == &phi;
  }

  /// At most eight turns, as far as the code tells.
  [[nodiscard]] bool is_short(const llvm::Loop& loop) const {
    const auto* branch = llvm::dyn_cast<llvm::BranchInst>(loop.getHeader()->getTerminator());
    const auto* compare = branch && branch->isConditional()
                              ? llvm::dyn_cast<llvm::ICmpInst>(branch->getCondition())
                              : nullptr;
    const auto* limit =
        compare ? llvm::dyn_cast<llvm::ConstantInt>(compare->getOperand(1)) : nullptr;
    return limit && limit->getSExtValue() <= 8;
  }

  const KernelReading& kernel_;
  const ThreadCode& code_;
};

}  // namespace

void find_costly_arithmetic(const KernelReading& kernel) {
  Arithmetic(kernel).find();
}

void find_stack_arrays(const KernelReading& kernel) {
  const ThreadCode& code = kernel.code;
  std::set<const llvm::Value*> told;
  for (const Access& access : code.accesses()) {
    const auto* variable = llvm::dyn_cast_or_null<llvm::AllocaInst>(access.object);
    if (!variable || told.contains(variable)) continue;
    if (!variable->getAllocatedType()->isArrayTy()) continue;
    const llvm::Value* pointer = access.pointer;
    bool dynamic = false;
    while (const auto* address = llvm::dyn_cast<llvm::GEPOperator>(pointer)) {
      for (const llvm::Use& index : address->indices()) {
        std::set<const llvm::Value*> seen;
        dynamic = dynamic || !unrolls_to_constant(code, index, 0, seen);
      }
      pointer = address->getPointerOperand();
    }
    if (!dynamic) continue;
    const std::string name = code.name_of(variable);
    if (name.empty() || !kernel.findings.is_own(access.instruction->getDebugLoc())) continue;
    told.insert(variable);
    kernel.findings.add(
        "STACK-INDEX-001", kernel.findings.place_of(access.instruction->getDebugLoc()),
        "'" + name +
            "' has an index that is known only at run time, so it lies in memory and not in "
            "registers: each access goes through the cache",
        "index it in loops of constant length (they are unrolled), choose with a select or switch, "
        "or put a table that isn't written into `constant` memory");
  }
}

}  // namespace anymetal::lint
