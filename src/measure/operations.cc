// What comes in: the IR of one thread. What goes out: the same kernel, which also counts.
//
// Operations are counted as the kernel's text has them, before anything is optimised: that is what
// people count by hand (2 n^3 for a matrix product), and it doesn't depend on what LLVM makes of
// it. Each block adds a constant to a variable of the thread; where a loop's length is known to
// LLVM, its passes turn the sum into a formula, so most counters cost nothing. At its end each
// thread adds what it has to a buffer.
#include "measure/operations.h"

#include <llvm/IR/IRBuilder.h>
#include <llvm/IR/InstIterator.h>
#include <llvm/IR/IntrinsicInst.h>
#include <llvm/IR/Intrinsics.h>
#include <llvm/Transforms/Utils/Cloning.h>
#include <llvm/Transforms/Utils/ValueMapper.h>

#include <set>

#include "backend/llvm_passes.h"
#include "backend/make_values.h"
#include "backend/thread_function.h"
#include "builtins/builtins.h"

namespace anymetal::measure {
namespace {

constexpr const char* kCountersName = "anymetal_counters";

uint64_t elements_of(const llvm::Type* type) {
  const auto* vector = llvm::dyn_cast<llvm::FixedVectorType>(type);
  return vector ? vector->getNumElements() : 1;
}

/// In floats, of one element.
uint64_t operations_of_intrinsic(llvm::Intrinsic::ID id) {
  switch (id) {
    case llvm::Intrinsic::fma:
    case llvm::Intrinsic::fmuladd:
      return 2;
    case llvm::Intrinsic::sqrt:
    case llvm::Intrinsic::pow:
    case llvm::Intrinsic::powi:
    case llvm::Intrinsic::exp:
    case llvm::Intrinsic::exp2:
    case llvm::Intrinsic::exp10:
    case llvm::Intrinsic::log:
    case llvm::Intrinsic::log2:
    case llvm::Intrinsic::log10:
    case llvm::Intrinsic::sin:
    case llvm::Intrinsic::cos:
      return 1;
    default:
      return 0;
  }
}

uint64_t operations_of(const llvm::Instruction& instruction) {
  switch (instruction.getOpcode()) {
    case llvm::Instruction::FAdd:
    case llvm::Instruction::FSub:
    case llvm::Instruction::FMul:
    case llvm::Instruction::FDiv:
    case llvm::Instruction::FRem:
      return elements_of(instruction.getType());
    case llvm::Instruction::AtomicRMW:
      return llvm::cast<llvm::AtomicRMWInst>(instruction).isFloatingPointOperation() ? 1 : 0;
    default:
      break;
  }
  const auto* call = llvm::dyn_cast<llvm::CallBase>(&instruction);
  const llvm::Function* callee = call ? call->getCalledFunction() : nullptr;
  if (!callee) return 0;
  if (callee->isIntrinsic())
    return operations_of_intrinsic(callee->getIntrinsicID()) * elements_of(call->getType());
  return operations_of_builtin(callee->getName());
}

Result<void> make_one_function(ThreadIr& ir) {
  llvm::Function* entry = ir.module->getFunction(ir.entry);
  if (!entry) return internal_error("a kernel without an entry");
  backend::LlvmPasses passes;
  ANYMETAL_RETURN_IF_ERROR(backend::inline_calls(
      *entry, [&](llvm::Function& callee) { backend::make_values(passes, callee); }));
  backend::drop_other_functions(*entry);
  backend::make_values(passes, *entry);
  return {};
}

/// The parameters that a pointer may come from; false: it isn't known.
bool find_origins(llvm::Value* pointer, std::set<llvm::Value*>& seen,
                  std::set<llvm::Argument*>& origins) {
  if (!seen.insert(pointer).second) return true;
  if (auto* argument = llvm::dyn_cast<llvm::Argument>(pointer)) {
    origins.insert(argument);
    return true;
  }
  if (auto* phi = llvm::dyn_cast<llvm::PHINode>(pointer)) {
    return llvm::all_of(phi->incoming_values(),
                        [&](llvm::Value* value) { return find_origins(value, seen, origins); });
  }
  if (auto* select = llvm::dyn_cast<llvm::SelectInst>(pointer))
    return find_origins(select->getTrueValue(), seen, origins) &&
           find_origins(select->getFalseValue(), seen, origins);
  auto* user = llvm::dyn_cast<llvm::User>(pointer);
  const unsigned opcode = llvm::Operator::getOpcode(pointer);
  if (opcode == llvm::Instruction::GetElementPtr || opcode == llvm::Instruction::AddrSpaceCast ||
      opcode == llvm::Instruction::BitCast)
    return find_origins(user->getOperand(0), seen, origins);
  // Constants, and the thread's and the threadgroup's own memory.
  return llvm::isa<llvm::Constant>(pointer) || llvm::isa<llvm::AllocaInst>(pointer);
}

class AccessFinder {
 public:
  explicit AccessFinder(llvm::Function& entry) : accesses_(entry.arg_size(), {false, false}) {
    for (llvm::Instruction& instruction : llvm::instructions(entry)) look_at(instruction);
  }
  [[nodiscard]] Accesses accesses() const { return {accesses_, has_unknown_}; }

 private:
  void look_at(llvm::Instruction& instruction) {
    if (auto* load = llvm::dyn_cast<llvm::LoadInst>(&instruction))
      return note(load->getPointerOperand(), true, false, load->isAtomic());
    if (auto* store = llvm::dyn_cast<llvm::StoreInst>(&instruction))
      return note(store->getPointerOperand(), false, true, store->isAtomic());
    if (auto* atomic = llvm::dyn_cast<llvm::AtomicRMWInst>(&instruction))
      return note(atomic->getPointerOperand(), true, true, true);
    if (auto* atomic = llvm::dyn_cast<llvm::AtomicCmpXchgInst>(&instruction))
      return note(atomic->getPointerOperand(), true, true, true);
    if (auto* copy = llvm::dyn_cast<llvm::MemTransferInst>(&instruction)) {
      note(copy->getDest(), false, true);
      return note(copy->getSource(), true, false);
    }
    if (auto* set = llvm::dyn_cast<llvm::MemSetInst>(&instruction))
      return note(set->getDest(), false, true);
    auto* call = llvm::dyn_cast<llvm::CallBase>(&instruction);
    if (!call || llvm::isa<llvm::DbgInfoIntrinsic>(call) || call->doesNotAccessMemory() ||
        llvm::isa<llvm::LifetimeIntrinsic>(call))
      return;
    for (llvm::Value* operand : call->args())
      if (operand->getType()->isPointerTy())
        note(operand, !call->onlyWritesMemory(), !call->onlyReadsMemory());
  }

  void note(llvm::Value* pointer, bool reads, bool writes, bool atomic = false) {
    std::set<llvm::Value*> seen;
    std::set<llvm::Argument*> origins;
    // What a pointer out of a buffer leads to is no argument.
    has_unknown_ |= !find_origins(pointer, seen, origins);
    for (llvm::Argument* origin : origins) {
      Access& access = accesses_[origin->getArgNo()];
      access.reads |= reads;
      access.writes |= writes;
      (atomic ? access.atomics : access.plain) = true;
    }
  }

  std::vector<Access> accesses_;
  bool has_unknown_ = false;
};

/// The entry with one more parameter, a pointer to device memory.
llvm::Function* with_one_more_parameter(llvm::Function& entry) {
  std::vector<llvm::Type*> types(entry.getFunctionType()->params());
  types.push_back(llvm::PointerType::get(entry.getContext(), kDeviceSpace));
  auto* type = llvm::FunctionType::get(entry.getReturnType(), types, false);
  auto* made = llvm::Function::Create(type, entry.getLinkage(), entry.getAddressSpace(), "",
                                      entry.getParent());
  made->takeName(&entry);
  made->copyAttributesFrom(&entry);
  made->setSubprogram(entry.getSubprogram());
  made->splice(made->begin(), &entry);
  for (size_t i = 0; i < entry.arg_size(); ++i) {
    entry.getArg(i)->replaceAllUsesWith(made->getArg(i));
    made->getArg(i)->takeName(entry.getArg(i));
  }
  entry.setSubprogram(nullptr);
  entry.eraseFromParent();
  return made;
}

Parameter counters_parameter() {
  Parameter p;
  p.name = kCountersName;
  p.type = "atomic<ulong>";
  p.element = "ulong";
  p.space = AddressSpace::device;
  p.size = p.alignment = 8;
  p.index = 31;  // no kernel of Metal has it
  return p;
}

void count_in(llvm::Function& entry) {
  llvm::Value* counters = entry.getArg(entry.arg_size() - 1);
  llvm::IRBuilder<> builder(&entry.getEntryBlock(), entry.getEntryBlock().getFirstInsertionPt());
  llvm::Type* number = builder.getInt64Ty();
  llvm::Value* sum = builder.CreateAlloca(number, nullptr, "operations");
  builder.CreateStore(builder.getInt64(0), sum);
  const llvm::DebugLoc place =
      entry.getSubprogram()
          ? llvm::DebugLoc(llvm::DILocation::get(
                entry.getContext(), entry.getSubprogram()->getLine(), 0, entry.getSubprogram()))
          : llvm::DebugLoc();
  for (llvm::BasicBlock& block : entry) {
    uint64_t count = 0;
    for (const llvm::Instruction& instruction : block) count += operations_of(instruction);
    builder.SetInsertPoint(block.getTerminator());
    if (count > 0) {
      llvm::Value* before = builder.CreateLoad(number, sum);
      builder.CreateStore(builder.CreateAdd(before, builder.getInt64(count)), sum);
    }
    if (!llvm::isa<llvm::ReturnInst>(block.getTerminator())) continue;
    builder.SetCurrentDebugLocation(place);
    const auto add = [&](unsigned index, llvm::Value* value) {
      builder.CreateAtomicRMW(llvm::AtomicRMWInst::Add,
                              builder.CreateConstGEP1_64(number, counters, index), value,
                              llvm::Align(8), llvm::AtomicOrdering::Monotonic);
    };
    add(0, builder.CreateLoad(number, sum));
    add(1, builder.getInt64(1));
    builder.SetCurrentDebugLocation({});
  }
}

}  // namespace

uint64_t operations_of_builtin(std::string_view ir_name) {
  const auto found = builtins::find(ir_name);
  if (!found) return 0;
  const std::string_view name = found->builtin->name;
  // 8 x 8 x 8 multiply-adds, shared by 32 threads.
  if (name == "simdgroup_multiply_accumulate") return 2 * 512 / 32;
  using builtins::Type;
  const bool floats = found->type && (*found->type == Type::f32 || *found->type == Type::f16 ||
                                      *found->type == Type::bf16);
  if (!floats) return 0;
  if (found->builtin->group == builtins::Group::math) {
    const bool exact =
        name.starts_with("frexp") || name == "ilogb" || name == "nextafter" || name == "ldexp";
    return exact ? 0 : 1;
  }
  const bool adds = name.ends_with("_sum") || name.ends_with("_product");
  return adds ? 1 : 0;
}

Result<Accesses> find_accesses(ThreadIr& ir) {
  ANYMETAL_RETURN_IF_ERROR(make_one_function(ir));
  return AccessFinder(*ir.module->getFunction(ir.entry)).accesses();
}

Result<void> add_counters(ThreadIr& ir) {
  ANYMETAL_RETURN_IF_ERROR(make_one_function(ir));
  llvm::Function* entry = with_one_more_parameter(*ir.module->getFunction(ir.entry));
  ir.interface.parameters.push_back(counters_parameter());
  count_in(*entry);
  return backend::verify(*ir.module, "adding counters");
}

}  // namespace anymetal::measure
