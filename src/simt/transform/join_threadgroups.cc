// The wide threadgroup is as long along x as all of its threadgroups: with a length that is a
// multiple of a simdgroup's, simdgroups stay what they are, and those of one row stand side by
// side. Where a threadgroup has one dimension and its simdgroups take the rows, each of them is a
// row of the wide one. Only positions change (analysis/geometry.cc), and each threadgroup has its
// own copy of the threadgroup variables. A barrier waits for more threads than it has to.
//
// That is right where threadgroups can't tell: without atomic operations, through which one might
// wait for another, without messages, whose order is kept, and where all come to each barrier. It
// pays where a loop goes from row to row.
#include "simt/transform/join_threadgroups.h"

#include <llvm/ADT/SmallPtrSet.h>
#include <llvm/Analysis/CFG.h>
#include <llvm/Analysis/ScalarEvolutionExpressions.h>
#include <llvm/IR/GlobalVariable.h>
#include <llvm/IR/IRBuilder.h>
#include <llvm/IR/InstIterator.h>
#include <llvm/IR/IntrinsicInst.h>
#include <llvm/IR/Module.h>
#include <llvm/IR/ReplaceConstant.h>
#include <llvm/Transforms/Utils/Cloning.h>

#include <algorithm>
#include <vector>

#include "builtins/builtins.h"
#include "ir/thread_ir.h"
#include "simt/analysis/control_flow.h"
#include "simt/analysis/guards.h"
#include "simt/analysis/loop_analyses.h"
#include "simt/analysis/shape_analysis.h"

namespace anymetal::simt {
namespace {

// A row's piece of 512 bytes takes 1.05 of the time of whole rows, one of 256 takes 1.3, one of 128
// 1.8 (4 MB, second and third cache, arrays at a multiple of 64 bytes; else more).
constexpr uint64_t kPieceBytes = 1024;
constexpr unsigned kMostTogether = 8;
constexpr unsigned kMostThreads = 4096;
// It is compiled once more, and only short loops wait for memory.
constexpr unsigned kMostInstructions = 400;

constexpr llvm::StringRef kBarrier = "am.threadgroup_barrier";
constexpr llvm::StringRef kPosition = "am.threadgroup_position_in_grid.x";
constexpr llvm::StringRef kIndex = "am.thread_index_in_threadgroup";
constexpr llvm::StringRef kSimdgroup = "am.simdgroup_index_in_threadgroup";
constexpr llvm::StringRef kQuadgroup = "am.quadgroup_index_in_threadgroup";

bool is_call_for_one(const llvm::CallInst& call, const Geometry& geometry) {
  if (llvm::isa<llvm::IntrinsicInst>(call)) return true;
  const llvm::StringRef name = callee_name(&call);
  if (name.starts_with("simt.")) return true;
  // Sizes are constants by now; what else there is of positions isn't made for rows.
  for (const llvm::StringRef known :
       {kPosition, kIndex, kQuadgroup, llvm::StringRef("am.thread_index_in_simdgroup"),
        llvm::StringRef("am.thread_index_in_quadgroup")})
    if (name == known) return true;
  for (const llvm::StringRef known :
       {"am.threadgroup_position_in_grid.", "am.threads_per_grid.", "am.threadgroups_per_grid."})
    if (name.starts_with(known)) return true;
  // The only dimension is the index by now.
  const bool is_own = std::equal(geometry.size, geometry.size + 3, geometry.dispatch_size);
  for (const llvm::StringRef known :
       {"am.thread_position_in_threadgroup.", "am.thread_position_in_grid."})
    if (name.starts_with(known)) return is_own;
  if (name == kSimdgroup) return geometry.size[0] == kSimdgroupSize;
  const auto reference = builtins::find(name.str());
  if (!reference) return false;
  switch (reference->builtin->group) {
    case builtins::Group::simdgroup:
    case builtins::Group::quadgroup:
      return true;
    case builtins::Group::position:
      return false;
    default:
      return name == kBarrier || reference->builtin->memory == builtins::Memory::none;
  }
}

/// Whether threadgroups that run at the same time do what they do one after the other.
bool can_join(llvm::Function& entry, const Geometry& geometry) {
  for (const llvm::Argument& argument : entry.args()) {
    if (argument.getType()->isPointerTy() &&
        argument.getType()->getPointerAddressSpace() == kThreadgroupSpace)
      return false;
  }
  const llvm::PostDominatorTree after(entry);
  for (llvm::Instruction& instruction : llvm::instructions(entry)) {
    if (instruction.isAtomic() || instruction.isVolatile()) return false;
    const auto* call = llvm::dyn_cast<llvm::CallInst>(&instruction);
    if (!call) continue;
    if (!is_call_for_one(*call, geometry)) return false;
    // A threadgroup that is through would have to wait with the others.
    if (callee_name(call) == kBarrier &&
        !after.dominates(call->getParent(), &entry.getEntryBlock()))
      return false;
  }
  return true;
}

llvm::CallInst* ask(llvm::IRBuilder<>& builder, llvm::StringRef name) {
  auto callee =
      builder.GetInsertBlock()->getModule()->getOrInsertFunction(name, builder.getInt32Ty());
  auto* function = llvm::cast<llvm::Function>(callee.getCallee());
  function->setDoesNotThrow();
  function->setDoesNotAccessMemory();
  function->setWillReturn();
  return builder.CreateCall(callee);
}

class Joining {
 public:
  /// `geometry`: of the wide threadgroup.
  Joining(llvm::Function& entry, const Geometry& geometry) : entry_(entry), geometry_(geometry) {}

  void change_positions() {
    for (llvm::Instruction& instruction : llvm::make_early_inc_range(llvm::instructions(entry_))) {
      const llvm::StringRef name = callee_name(&instruction);
      if (name == kPosition) {
        llvm::IRBuilder<> builder(instruction.getNextNode());
        llvm::Value* own = ask(builder, kThreadgroupTogether);
        auto* sum = llvm::cast<llvm::Instruction>(builder.CreateAdd(&instruction, own, "", true));
        instruction.replaceUsesWithIf(sum,
                                      [&](const llvm::Use& use) { return use.getUser() != sum; });
      } else if (name == kIndex || name == kSimdgroup || name == kQuadgroup) {
        llvm::IRBuilder<> builder(&instruction);
        constexpr unsigned kLogQuadgroupSize = 2;
        instruction.replaceAllUsesWith(name == kIndex ? index(builder)
                                       : name == kSimdgroup
                                           ? row(builder)
                                           : builder.CreateLShr(index(builder), kLogQuadgroupSize));
        instruction.eraseFromParent();
      }
    }
  }

  void copy_variables() {
    llvm::Module& module = *entry_.getParent();
    std::vector<llvm::GlobalVariable*> variables;
    for (llvm::GlobalVariable& variable : module.globals()) {
      if (variable.getAddressSpace() == kThreadgroupSpace) variables.push_back(&variable);
    }
    const std::vector<llvm::Constant*> constants(variables.begin(), variables.end());
    llvm::convertUsersOfConstantsToInstructions(constants);
    for (llvm::GlobalVariable* variable : variables) copy(*variable);
  }

 private:
  llvm::Value* position(llvm::IRBuilder<>& builder, unsigned axis) {
    if (geometry_.size[axis] == 1) return builder.getInt32(0);
    return ask(builder, std::string("am.thread_position_in_threadgroup.") + "xyz"[axis]);
  }

  /// y + z * rows.
  llvm::Value* row(llvm::IRBuilder<>& builder) {
    llvm::Value* y = position(builder, 1);
    if (geometry_.size[2] == 1) return y;
    llvm::Value* rows = builder.getInt32(geometry_.size[1]);
    return builder.CreateNUWAdd(y, builder.CreateNUWMul(position(builder, 2), rows));
  }

  /// A position stays one where it can: more is known of it.
  llvm::Value* index(llvm::IRBuilder<>& builder) {
    llvm::Value* x = position(builder, 0);
    if (geometry_.size[1] * geometry_.size[2] == 1) return x;
    llvm::Value* length = builder.getInt32(geometry_.length());
    return builder.CreateNUWAdd(x, builder.CreateNUWMul(row(builder), length));
  }

  void copy(llvm::GlobalVariable& variable) {
    llvm::Module& module = *entry_.getParent();
    const llvm::Align align = std::max(llvm::Align(64), variable.getAlign().valueOrOne());
    const uint64_t bytes = llvm::alignTo(
        module.getDataLayout().getTypeAllocSize(variable.getValueType()).getFixedValue(), align);
    auto* type = llvm::ArrayType::get(llvm::Type::getInt8Ty(module.getContext()),
                                      bytes * geometry_.threadgroups);
    auto* all = new llvm::GlobalVariable(
        module, type, /*isConstant=*/false, variable.getLinkage(),
        variable.hasInitializer() ? llvm::UndefValue::get(type) : nullptr, "", &variable,
        llvm::GlobalValue::NotThreadLocal, kThreadgroupSpace);
    all->takeName(&variable);
    all->setAlignment(align);
    llvm::IRBuilder<> builder(&*entry_.getEntryBlock().getFirstNonPHIOrDbgOrAlloca());
    // An index of addresses alone may be extended with its sign.
    llvm::Value* own = builder.CreateSExt(ask(builder, kThreadgroupTogether), builder.getInt64Ty());
    variable.replaceAllUsesWith(builder.CreateGEP(builder.getInt8Ty(), all,
                                                  builder.CreateMul(own, builder.getInt64(bytes))));
    variable.eraseFromParent();
  }

  llvm::Function& entry_;
  const Geometry& geometry_;
};

/// Whether what is read is far from turn to turn, farther than neighbours are.
bool are_turns_far(LoopAnalyses& analyses, const llvm::LoadInst& load, uint32_t length) {
  const llvm::Loop* loop = analyses.loops.getLoopFor(load.getParent());
  if (!loop) return false;
  auto* pointer = const_cast<llvm::Value*>(strip_guard(load.getPointerOperand()).pointer);
  const auto is_far = [&](const llvm::SCEV* part) {
    const auto* sequence = llvm::dyn_cast<llvm::SCEVAddRecExpr>(part);
    if (!sequence || sequence->getLoop() != loop) return false;
    const auto* step =
        llvm::dyn_cast<llvm::SCEVConstant>(sequence->getStepRecurrence(analyses.evolution));
    return !step || step->getAPInt().abs().uge(length);
  };
  return llvm::SCEVExprContains(analyses.evolution.getSCEV(pointer), is_far);
}

/// The loads of device memory in innermost loops without a barrier.
std::vector<const llvm::LoadInst*> find_loads_in_turns(const ControlFlow& flow) {
  std::vector<const llvm::LoadInst*> found;
  for (const llvm::BasicBlock* block : flow.order()) {
    const llvm::Loop* loop = flow.loop_of(block);
    if (!loop || !loop->isInnermost() ||
        llvm::any_of(loop->blocks(),
                     [&](const llvm::BasicBlock* each) { return flow.has_barrier(each); }))
      continue;
    for (const llvm::Instruction& instruction : *block) {
      const auto* load = llvm::dyn_cast<llvm::LoadInst>(&instruction);
      if (load && load->getPointerAddressSpace() == kDeviceSpace && !load->getType()->isPointerTy())
        found.push_back(load);
    }
  }
  return found;
}

/// Whether neighbouring threadgroups mostly read the same: an address depends on where they stand
/// in the grid, and does so through quotients alone, as where several queries share their keys.
class SharedAddresses {
 public:
  bool are_shared(const llvm::Value* pointer) {
    for (auto& each : seen_) each.clear();
    has_quotient_ = false;
    return depends_on_quotients(pointer, /*in_quotient=*/false) && has_quotient_;
  }

 private:
  /// False: something else of the position is in it.
  bool depends_on_quotients(const llvm::Value* value, bool in_quotient) {
    const auto* instruction = llvm::dyn_cast<llvm::Instruction>(value);
    // What a loop carries leads back to itself, also through quotients.
    if (!instruction || !seen_[in_quotient ? 1 : 0].insert(value).second) return true;
    const llvm::StringRef name = callee_name(instruction);
    if (name == kPosition || name == "am.thread_position_in_grid.x") {
      has_quotient_ |= in_quotient;
      return in_quotient;
    }
    const unsigned code = instruction->getOpcode();
    if (code == llvm::Instruction::UDiv || code == llvm::Instruction::SDiv ||
        code == llvm::Instruction::LShr || code == llvm::Instruction::AShr) {
      return depends_on_quotients(instruction->getOperand(0), true) &&
             depends_on_quotients(instruction->getOperand(1), in_quotient);
    }
    return llvm::all_of(instruction->operands(), [&](const llvm::Use& operand) {
      return depends_on_quotients(operand.get(), in_quotient);
    });
  }

  llvm::SmallPtrSet<const llvm::Value*, 16> seen_[2];  ///< outside of quotients, and inside
  bool has_quotient_ = false;
};

/// A threadgroup as it is, and with a row for each simdgroup.
std::vector<Geometry> forms_of(const Geometry& geometry) {
  std::vector<Geometry> forms = {geometry};
  if (geometry.size[0] == geometry.threads() && geometry.threads() > kSimdgroupSize) {
    Geometry& rows = forms.emplace_back(geometry);
    rows.size[0] = kSimdgroupSize;
    rows.size[1] = geometry.threads() / kSimdgroupSize;
  }
  return forms;
}

/// Bytes of a row that a threadgroup reads in a turn, where the next threadgroup reads the next
/// ones, or mostly the same; 0 if there is no such load, or if threadgroups part where the threads
/// of one don't.
uint64_t find_piece(llvm::Function& entry, const ControlFlow& flow,
                    llvm::ArrayRef<const llvm::LoadInst*> loads, const Geometry& rows) {
  llvm::ValueToValueMapTy copies;
  llvm::Function* clone = llvm::CloneFunction(&entry, copies);
  const Geometry two = rows.joined(2, 2 * rows.size[0] / kSimdgroupSize);
  Joining(*clone, two).change_positions();
  const auto find = [&]() -> uint64_t {
    const ControlFlow wide_flow(*clone, two);
    for (llvm::BasicBlock& block : entry) {
      if (!flow.is_divergent(&block) &&
          wide_flow.is_divergent(llvm::cast<llvm::BasicBlock>(copies[&block])))
        return 0;
    }
    const ShapeAnalysis shapes(*clone, wide_flow, two);
    LoopAnalyses analyses(entry);
    SharedAddresses shared;
    uint64_t least = 0;
    for (const llvm::LoadInst* load : loads) {
      const auto bytes = int64_t(load->getDataLayout().getTypeStoreSize(load->getType()));
      const auto* copy = llvm::cast<llvm::LoadInst>(copies[load]);
      const Shape shape = shapes.of(strip_guard(copy->getPointerOperand()).pointer);
      const int64_t piece = bytes * rows.size[0];
      const bool is_next = shape.has_stride(bytes) && shape.knows_chunks() &&
                           shape.chunk_offset(rows.size[0] / rows.chunk) == piece;
      if (!are_turns_far(analyses, *load, rows.size[0]) ||
          !(is_next || shared.are_shared(load->getPointerOperand())))
        continue;
      least = least == 0 ? uint64_t(piece) : std::min(least, uint64_t(piece));
    }
    return least;
  };
  const uint64_t piece = find();
  clone->eraseFromParent();
  return piece;
}

}  // namespace

Togetherness choose_threadgroups_together(llvm::Function& entry, const Geometry& geometry) {
  Togetherness none{1, {geometry.size[0], geometry.size[1], geometry.size[2]}};
  if (entry.getInstructionCount() > kMostInstructions) return none;
  if (geometry.is_partial || geometry.size[0] % kSimdgroupSize != 0 ||
      !std::equal(geometry.size, geometry.size + 3, geometry.dispatch_size))
    return none;
  llvm::SmallVector<std::pair<const llvm::BasicBlock*, const llvm::BasicBlock*>, 4> turns;
  llvm::FindFunctionBackedges(entry, turns);
  if (turns.empty()) return none;
  const ControlFlow flow(entry, geometry);
  const auto loads = find_loads_in_turns(flow);
  if (loads.empty()) return none;
  for (const Geometry& rows : forms_of(geometry)) {
    if (!can_join(entry, rows)) continue;
    const uint64_t piece = find_piece(entry, flow, loads, rows);
    if (piece == 0) continue;
    unsigned count = 1;
    while (count < kMostTogether && count * 2 * piece <= kPieceBytes &&
           count * 2 * geometry.threads() <= kMostThreads)
      count *= 2;
    if (count > 1) return {count, {rows.size[0], rows.size[1], rows.size[2]}};
  }
  return none;
}

void join_threadgroups(llvm::Function& entry, const Geometry& geometry) {
  Joining joining(entry, geometry);
  joining.change_positions();
  joining.copy_variables();
}

}  // namespace anymetal::simt
