#include "lint/thread_code.h"

#include <llvm/Analysis/ValueTracking.h>
#include <llvm/IR/InstIterator.h>
#include <llvm/IR/IntrinsicInst.h>
#include <llvm/Transforms/Scalar/BDCE.h>
#include <llvm/Transforms/Scalar/EarlyCSE.h>
#include <llvm/Transforms/Scalar/SCCP.h>
#include <llvm/Transforms/Scalar/SROA.h>
#include <llvm/Transforms/Scalar/Scalarizer.h>
#include <llvm/Transforms/Utils/LCSSA.h>
#include <llvm/Transforms/Utils/Local.h>
#include <llvm/Transforms/Utils/LoopSimplify.h>
#include <llvm/Transforms/Utils/LowerSwitch.h>
#include <llvm/Transforms/Utils/UnifyFunctionExitNodes.h>

#include "backend/llvm_passes.h"
#include "backend/make_values.h"
#include "backend/thread_function.h"
#include "builtins/builtins.h"

// LLVM's own simplifications would do what some rules are about (a division by a constant becomes a
// shift, a branch a select), so only those run that make values visible: SROA, constants, common
// subexpressions, and the form of loops that analyses want.

namespace anymetal::lint {
namespace {

/// Differs between the threads of a threadgroup, or, of one simdgroup.
bool differs(const llvm::Value* value, bool in_simdgroup, const ThreadCode& code) {
  if (llvm::isa<llvm::AtomicRMWInst, llvm::AtomicCmpXchgInst, llvm::AllocaInst>(value)) return true;
  const llvm::StringRef name = builtin_name(value);
  if (name.empty()) return false;
  // Along axes that the kernel doesn't count threads in, threadgroups are one thread deep.
  if (name.starts_with("thread_position_in_") && name.ends_with(".y")) return code.uses_axis(1);
  if (name.starts_with("thread_position_in_") && name.ends_with(".z")) return code.uses_axis(2);
  if (name == "quadgroup_index_in_threadgroup") return true;
  const auto* callee = llvm::cast<llvm::CallBase>(value)->getCalledFunction();
  const auto reference = builtins::find(callee->getName().str());
  if (!reference) return true;
  switch (reference->builtin->uniformity) {
    case builtins::Uniformity::varying:
      return true;
    case builtins::Uniformity::simdgroup:
      return !in_simdgroup;
    default:
      return reference->builtin->memory == builtins::Memory::texture;
  }
}

bool never_differs(const llvm::Value* value, bool in_simdgroup, const ThreadCode& code) {
  const llvm::StringRef name = builtin_name(value);
  if (name.empty()) return false;
  if (name.starts_with("thread_position_in_") && (name.ends_with(".y") || name.ends_with(".z")))
    return !differs(value, in_simdgroup, code);
  const auto* callee = llvm::cast<llvm::CallBase>(value)->getCalledFunction();
  const auto reference = builtins::find(callee->getName().str());
  return reference && reference->builtin->uniformity == builtins::Uniformity::simdgroup &&
         in_simdgroup;
}

llvm::Value* object_of(llvm::Value* pointer) {
  llvm::Value* object = const_cast<llvm::Value*>(llvm::getUnderlyingObject(pointer, 0));
  // A pointer that is moved on in a loop stays in its object.
  for (int depth = 0; depth < 8; ++depth) {
    auto* phi = llvm::dyn_cast<llvm::PHINode>(object);
    if (!phi) break;
    llvm::Value* one = nullptr;
    for (llvm::Value* incoming : phi->incoming_values()) {
      llvm::Value* root = const_cast<llvm::Value*>(llvm::getUnderlyingObject(incoming, 0));
      if (root == phi || root == one) continue;
      if (one) return nullptr;
      one = root;
    }
    if (!one) return nullptr;
    object = one;
  }
  return llvm::isa<llvm::Argument, llvm::GlobalVariable, llvm::AllocaInst>(object) ? object
                                                                                   : nullptr;
}

}  // namespace

llvm::StringRef builtin_name(const llvm::Value* value) {
  const auto* call = llvm::dyn_cast<llvm::CallBase>(value);
  const llvm::Function* callee = call ? call->getCalledFunction() : nullptr;
  if (!callee || !callee->getName().starts_with("am.")) return {};
  return callee->getName().drop_front(3);
}

Result<std::unique_ptr<ThreadCode>> ThreadCode::make(ThreadIr ir,
                                                     const std::optional<Size>& threadgroup) {
  std::unique_ptr<ThreadCode> code(new ThreadCode);
  code->threadgroup_ = threadgroup;
  code->ir_ = std::move(ir);
  llvm::Function* entry = code->ir_.module->getFunction(code->ir_.entry);
  if (!entry) return internal_error("a kernel without an entry");
  backend::LlvmPasses passes;
  ANYMETAL_RETURN_IF_ERROR(backend::inline_calls(
      *entry, [&](llvm::Function& callee) { backend::make_values(passes, callee); }));
  backend::drop_other_functions(*entry);
  code->function_ = entry;
  code->prepare();
  code->analyse();
  return code;
}

void ThreadCode::prepare() {
  backend::LlvmPasses passes;
  passes.run(*function_, llvm::SROAPass(llvm::SROAOptions::PreserveCFG), llvm::ScalarizerPass(),
             llvm::SROAPass(llvm::SROAOptions::PreserveCFG), llvm::SCCPPass());
  for (llvm::BasicBlock& block : *function_) llvm::ConstantFoldTerminator(&block, true);
  llvm::removeUnreachableBlocks(*function_);
  // Bit by bit: a whole file's `uint` position is cut from a vector that is packed into integers,
  // and y and z, which nobody asked for, would seem to be used.
  passes.run(*function_, llvm::LowerSwitchPass(), llvm::EarlyCSEPass(), llvm::BDCEPass(),
             llvm::UnifyFunctionExitNodesPass(), llvm::LoopSimplifyPass(), llvm::LCSSAPass());
}

void ThreadCode::analyse() {
  dominators_.recalculate(*function_);
  post_dominators_.recalculate(*function_);
  loops_.analyze(dominators_);
  parameters_ = backend::entry_parameters(ir_.interface);
  for (const llvm::Instruction& instruction : llvm::instructions(*function_))
    numbers_[&instruction] = numbers_.size() + 1;
  for (const llvm::Instruction& instruction : llvm::instructions(*function_)) {
    const llvm::StringRef name = builtin_name(&instruction);
    if (instruction.use_empty()) continue;
    uses_grid_axis_ |= name.starts_with("thread_position_in_grid.") && !name.ends_with(".x");
    const unsigned axis = name.ends_with(".y") ? 1 : name.ends_with(".z") ? 2 : 0;
    // Positions in the grid differ within a threadgroup that is known to be so deep.
    const bool deep = threadgroup_ && (*threadgroup_)[axis] > 1;
    if (name.starts_with("thread_position_in_threadgroup.") ||
        (deep && name.starts_with("thread_position_in_grid.")))
      uses_axis_[axis] = true;
  }
  for (const bool in_simdgroup : {false, true}) {
    auto& uniformity = in_simdgroup ? in_simdgroup_ : in_threadgroup_;
    uniformity = std::make_unique<simt::Uniformity>(
        *function_,
        [this, in_simdgroup](const llvm::Value* value) {
          return differs(value, in_simdgroup, *this);
        },
        [this, in_simdgroup](const llvm::Value* value) {
          return never_differs(value, in_simdgroup, *this);
        });
  }
  find_accesses();
}

void ThreadCode::find_accesses() {
  const llvm::DataLayout& types = layout();
  for (llvm::Instruction& instruction : llvm::instructions(*function_)) {
    Access access{.instruction = &instruction};
    if (auto* load = llvm::dyn_cast<llvm::LoadInst>(&instruction)) {
      access.pointer = load->getPointerOperand();
      access.bytes = types.getTypeStoreSize(load->getType());
      access.reads = true;
      access.atomic = load->isAtomic();
    } else if (auto* store = llvm::dyn_cast<llvm::StoreInst>(&instruction)) {
      access.pointer = store->getPointerOperand();
      access.bytes = types.getTypeStoreSize(store->getValueOperand()->getType());
      access.writes = true;
      access.atomic = store->isAtomic();
    } else if (auto* update = llvm::dyn_cast<llvm::AtomicRMWInst>(&instruction)) {
      access.pointer = update->getPointerOperand();
      access.bytes = types.getTypeStoreSize(update->getType());
      access.reads = access.writes = access.atomic = true;
    } else if (auto* exchange = llvm::dyn_cast<llvm::AtomicCmpXchgInst>(&instruction)) {
      access.pointer = exchange->getPointerOperand();
      access.bytes = types.getTypeStoreSize(exchange->getNewValOperand()->getType());
      access.reads = access.writes = access.atomic = true;
    } else {
      continue;
    }
    access.object = object_of(access.pointer);
    accesses_.push_back(access);
  }
}

std::vector<Condition> ThreadCode::conditions(const llvm::BasicBlock* block) const {
  std::vector<Condition> found;
  const auto* node = dominators_.getNode(block);
  for (node = node ? node->getIDom() : nullptr; node; node = node->getIDom()) {
    llvm::BasicBlock* before = node->getBlock();
    const auto* branch = llvm::dyn_cast<llvm::BranchInst>(before->getTerminator());
    if (!branch || !branch->isConditional()) continue;
    // A loop that is left ends at some turn; nothing more is known behind it.
    const llvm::Loop* loop = loops_.getLoopFor(before);
    if (loop && !loop->contains(block)) continue;
    for (unsigned i = 0; i < 2; ++i) {
      const llvm::BasicBlockEdge edge(before, branch->getSuccessor(i));
      if (edge.isSingleEdge() && dominators_.dominates(edge, block))
        found.push_back({branch->getCondition(), i == 0, before});
    }
  }
  return found;
}

std::string ThreadCode::name_of(const llvm::Value* object) const {
  if (const Parameter* parameter = parameter_of(object)) return parameter->name;
  if (!object) return {};
  llvm::StringRef name = object->getName();
  if (name.consume_front("am.threadgroup.")) return name.str();
  return name.take_until([](char c) { return c == '.'; }).str();
}

const Parameter* ThreadCode::parameter_of(const llvm::Value* object) const {
  const auto* argument = llvm::dyn_cast_or_null<llvm::Argument>(object);
  if (!argument || argument->getArgNo() >= parameters_.size()) return nullptr;
  return parameters_[argument->getArgNo()];
}

llvm::Loop* ThreadCode::common_loop(const llvm::Instruction* a, const llvm::Instruction* b) const {
  llvm::Loop* loop = loops_.getLoopFor(a->getParent());
  while (loop && !loop->contains(b->getParent())) loop = loop->getParentLoop();
  return loop;
}

}  // namespace anymetal::lint
