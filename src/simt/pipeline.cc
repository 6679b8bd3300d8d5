// The order of things: the thread's code gets the form that analyses and masks want; the geometry
// is chosen; lanes; regions. What LLVM can clean up is left to it.
#include <llvm/IR/InstIterator.h>
#include <llvm/IR/IntrinsicInst.h>
#include <llvm/IR/Verifier.h>
#include <llvm/Passes/PassBuilder.h>
#include <llvm/Support/raw_ostream.h>
#include <llvm/Transforms/InstCombine/InstCombine.h>
#include <llvm/Transforms/Scalar/DCE.h>
#include <llvm/Transforms/Scalar/EarlyCSE.h>
#include <llvm/Transforms/Scalar/SROA.h>
#include <llvm/Transforms/Scalar/Scalarizer.h>
#include <llvm/Transforms/Scalar/SimplifyCFG.h>
#include <llvm/Transforms/Utils/BasicBlockUtils.h>
#include <llvm/Transforms/Utils/Cloning.h>
#include <llvm/Transforms/Utils/LCSSA.h>
#include <llvm/Transforms/Utils/Local.h>
#include <llvm/Transforms/Utils/LoopSimplify.h>
#include <llvm/Transforms/Utils/LowerMemIntrinsics.h>
#include <llvm/Transforms/Utils/LowerSwitch.h>
#include <llvm/Transforms/Utils/UnifyFunctionExitNodes.h>

#include <bit>
#include <memory>
#include <utility>

#include "ir/hidden_addresses.h"
#include "ir/thread_ir.h"
#include "simt/analysis/control_flow.h"
#include "simt/analysis/geometry.h"
#include "simt/analysis/guards.h"
#include "simt/analysis/objects.h"
#include "simt/analysis/questions.h"
#include "simt/analysis/shape_analysis.h"
#include "simt/simt.h"
#include "simt/transform/disjoint_bits.h"
#include "simt/transform/flatten_branches.h"
#include "simt/transform/form_copies.h"
#include "simt/transform/form_matrices.h"
#include "simt/transform/give_one_entry.h"
#include "simt/transform/guard_accesses.h"
#include "simt/transform/hoist_checks.h"
#include "simt/transform/join_neighbours.h"
#include "simt/transform/join_threadgroups.h"
#include "simt/transform/kept_pointers.h"
#include "simt/transform/narrow_comparisons.h"
#include "simt/transform/promote_slots.h"
#include "simt/transform/repair_dominance.h"
#include "simt/transform/scratch.h"
#include "simt/transform/separate_apart.h"
#include "simt/transform/separate_full_branches.h"
#include "simt/transform/separate_full_turns.h"
#include "simt/transform/separate_inside.h"
#include "simt/transform/split_regions.h"
#include "simt/transform/unroll_rows.h"
#include "simt/transform/vectorizer.h"

namespace anymetal::simt {
namespace {

class Passes {
 public:
  Passes() {
    llvm::PassBuilder builder;
    builder.registerModuleAnalyses(modules_);
    builder.registerCGSCCAnalyses(cgscc_);
    builder.registerFunctionAnalyses(functions_);
    builder.registerLoopAnalyses(loops_);
    builder.crossRegisterProxies(loops_, functions_, cgscc_, modules_);
  }

  template <class... Pass>
  void run(llvm::Function& function, Pass... pass) {
    llvm::FunctionPassManager manager;
    (manager.addPass(std::move(pass)), ...);
    manager.run(function, functions_);
    functions_.clear();
  }

  llvm::FunctionAnalysisManager& functions() { return functions_; }

 private:
  llvm::LoopAnalysisManager loops_;
  llvm::FunctionAnalysisManager functions_;
  llvm::CGSCCAnalysisManager cgscc_;
  llvm::ModuleAnalysisManager modules_;
};

/// The scalars that a variable is made of, if they have one type.
llvm::Type* scalar_of(llvm::Type* type) {
  while (type->isArrayTy()) type = type->getArrayElementType();
  type = type->getScalarType();
  return type->isStructTy() ? nullptr : type;
}

/// Zeros for a variable of the thread's own, one whole element after the other: bytes would keep it
/// from being laid out with the lanes side by side. False: not such a case.
bool expand_zeros(llvm::MemSetInst& set) {
  auto* variable = llvm::dyn_cast<llvm::AllocaInst>(set.getDest()->stripPointerCasts());
  const auto* value = llvm::dyn_cast<llvm::ConstantInt>(set.getValue());
  const auto* bytes = llvm::dyn_cast<llvm::ConstantInt>(set.getLength());
  if (!variable || !value || !value->isZero() || !bytes) return false;
  llvm::Type* element = scalar_of(variable->getAllocatedType());
  if (!element) return false;
  const uint64_t size = set.getDataLayout().getTypeStoreSize(element);
  if (size == 0 || bytes->getZExtValue() % size != 0 || bytes->getZExtValue() == 0) return false;
  const auto [place, index] = llvm::SplitBlockAndInsertSimpleForLoop(
      llvm::ConstantInt::get(bytes->getType(), bytes->getZExtValue() / size), &set);
  llvm::IRBuilder<> builder(place);
  builder.CreateStore(llvm::Constant::getNullValue(element),
                      builder.CreateGEP(element, set.getDest(), index));
  return true;
}

/// What a few words long copies are: a load and a store.
bool copy_as_vector(llvm::MemIntrinsic& intrinsic) {
  constexpr uint64_t kMost = 64;
  auto* copy = llvm::dyn_cast<llvm::MemTransferInst>(&intrinsic);
  auto* length = copy ? llvm::dyn_cast<llvm::ConstantInt>(copy->getLength()) : nullptr;
  if (!length || copy->isVolatile() || length->getZExtValue() % 4 != 0 ||
      length->getZExtValue() > kMost || length->isZero())
    return false;
  llvm::IRBuilder<> builder(copy);
  auto* type =
      llvm::FixedVectorType::get(builder.getInt32Ty(), unsigned(length->getZExtValue() / 4));
  llvm::Value* value =
      builder.CreateAlignedLoad(type, copy->getRawSource(), copy->getSourceAlign().valueOrOne());
  builder.CreateAlignedStore(value, copy->getRawDest(), copy->getDestAlign().valueOrOne());
  return true;
}

/// Other copies become loops, which go the way of all loops.
void expand_memory_intrinsics(llvm::Function& function, Passes& passes) {
  llvm::SmallVector<llvm::MemIntrinsic*, 4> found;
  for (llvm::Instruction& instruction : llvm::instructions(function)) {
    if (auto* copy = llvm::dyn_cast<llvm::MemIntrinsic>(&instruction)) found.push_back(copy);
  }
  for (llvm::MemIntrinsic* intrinsic : found) {
    if (copy_as_vector(*intrinsic)) {
      intrinsic->eraseFromParent();
      continue;
    }
    if (auto* copy = llvm::dyn_cast<llvm::MemCpyInst>(intrinsic)) {
      llvm::expandMemCpyAsLoop(copy,
                               passes.functions().getResult<llvm::TargetIRAnalysis>(function));
    } else if (auto* move = llvm::dyn_cast<llvm::MemMoveInst>(intrinsic)) {
      if (!llvm::expandMemMoveAsLoop(
              move, passes.functions().getResult<llvm::TargetIRAnalysis>(function)))
        continue;
    } else if (auto* set = llvm::cast<llvm::MemSetInst>(intrinsic); !expand_zeros(*set)) {
      llvm::expandMemSetAsLoop(set);
    }
    intrinsic->eraseFromParent();
    passes.functions().clear();
  }
}

/// Bit-fields are read and written as integers of 24, 40, 48 or 56 bits, which no vector of lanes
/// holds as memory does: two or three of whole sizes take their place.
void split_odd_integers(llvm::Function& function) {
  llvm::SmallVector<llvm::Instruction*, 8> found;
  for (llvm::Instruction& instruction : llvm::instructions(function)) {
    if (!llvm::isa<llvm::LoadInst, llvm::StoreInst>(instruction) || instruction.isAtomic())
      continue;
    const llvm::Type* type = llvm::getLoadStoreType(&instruction);
    if (!type->isIntegerTy()) continue;
    const unsigned bits = type->getIntegerBitWidth();
    if (bits % 8 == 0 && bits < 64 && !llvm::isPowerOf2_32(bits)) found.push_back(&instruction);
  }
  for (llvm::Instruction* access : found) {
    llvm::IRBuilder<> builder(access);
    auto* store = llvm::dyn_cast<llvm::StoreInst>(access);
    llvm::Type* type = llvm::getLoadStoreType(access);
    llvm::Value* pointer = llvm::getLoadStorePointerOperand(access);
    llvm::Value* all = llvm::ConstantInt::get(type, 0);
    for (unsigned at = 0, bits = type->getIntegerBitWidth(); at < bits;) {
      const unsigned size = llvm::bit_floor(bits - at);
      llvm::Value* from = builder.CreateConstGEP1_64(builder.getInt8Ty(), pointer, at / 8);
      const llvm::Align align = llvm::commonAlignment(llvm::getLoadStoreAlignment(access), at / 8);
      llvm::Type* part = builder.getIntNTy(size);
      if (store) {
        llvm::Value* value = builder.CreateLShr(store->getValueOperand(), at);
        builder.CreateAlignedStore(builder.CreateTrunc(value, part), from, align,
                                   store->isVolatile());
      } else {
        const bool is_volatile = llvm::cast<llvm::LoadInst>(access)->isVolatile();
        llvm::Value* value = builder.CreateAlignedLoad(part, from, align, is_volatile);
        all = builder.CreateOr(all, builder.CreateShl(builder.CreateZExt(value, type), at));
      }
      at += size;
    }
    if (!store) access->replaceAllUsesWith(all);
    access->eraseFromParent();
  }
}

/// Loops with one entry and one latch, closed; branches with two targets; one exit. Nothing here
/// may merge calls: a guard belongs to the access behind it.
void shape_control_flow(llvm::Function& function, Passes& passes) {
  passes.run(function, llvm::LowerSwitchPass(), llvm::UnifyFunctionExitNodesPass());
  llvm::removeUnreachableBlocks(function);  // the default of a switch with all cases
  passes.run(function, GiveOneEntryPass(), llvm::LoopSimplifyPass(), llvm::LCSSAPass());
}

/// Branches whose targets are one, and others that are constant, are no branches.
void fold_branches(llvm::Function& function) {
  for (llvm::BasicBlock& block : function) {
    auto* branch = llvm::dyn_cast<llvm::BranchInst>(block.getTerminator());
    if (!branch || !branch->isConditional() || branch->getSuccessor(0) != branch->getSuccessor(1))
      continue;
    llvm::BasicBlock* target = branch->getSuccessor(0);
    for (llvm::PHINode& phi : target->phis()) {
      phi.removeIncomingValue(phi.getBasicBlockIndex(&block), false);
    }
    llvm::BranchInst::Create(target, branch->getIterator());
    branch->eraseFromParent();
  }
}

Result<void> verify(const llvm::Function& function, const char* after) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  if (!llvm::verifyFunction(function, &stream)) return {};
  return internal_error(std::string("the code of a threadgroup is broken after ") + after + ": " +
                        stream.str());
}

Geometry make_geometry(const Options& options, unsigned together) {
  Geometry geometry;
  for (int axis = 0; axis < 3; ++axis) {
    geometry.size[axis] = options.threadgroup[axis];
    geometry.dispatch_size[axis] = options.dispatch_threadgroup[axis];
  }
  geometry.is_partial = options.is_partial;
  geometry.chunk = options.chunk;
  geometry.large = options.large;
  return geometry.joined(options.threadgroups_together, together);
}

/// A lane's variable begins where the one before ends, and not where the first alone may begin.
void lower_alignments(llvm::Function& function) {
  const llvm::DataLayout& layout = function.getDataLayout();
  for (llvm::Instruction& instruction : llvm::instructions(function)) {
    auto* load = llvm::dyn_cast<llvm::LoadInst>(&instruction);
    auto* store = llvm::dyn_cast<llvm::StoreInst>(&instruction);
    if (!load && !store) continue;
    llvm::Align alignment = llvm::getLoadStoreAlignment(&instruction);
    llvm::Value* pointer = llvm::getLoadStorePointerOperand(&instruction);
    for (const llvm::Value* object : find_objects(find_path(pointer).root)) {
      const auto* variable = llvm::dyn_cast<llvm::AllocaInst>(object);
      const auto size = variable ? variable->getAllocationSize(layout) : std::nullopt;
      if (size && !size->isZero())
        alignment = llvm::commonAlignment(alignment, size->getFixedValue());
    }
    if (load) load->setAlignment(alignment);
    if (store) store->setAlignment(alignment);
  }
}

/// No operations on vectors of a thread's own, no copies of memory.
void flatten(llvm::Function& function, Passes& passes) {
  expand_memory_intrinsics(function, passes);
  split_odd_integers(function);
  passes.run(function, llvm::ScalarizerPass(), llvm::SROAPass(llvm::SROAOptions::PreserveCFG),
             llvm::EarlyCSEPass());
  lower_alignments(function);
}

/// Registers that the values a loop carries from turn to turn take in a simdgroup, of the loop that
/// takes most; 0 if none carries vectors.
unsigned count_carried_registers(llvm::Function& entry, const ControlFlow& flow,
                                 const ShapeAnalysis& shapes, const Geometry& geometry) {
  unsigned most = 0;
  for (llvm::BasicBlock& block : entry) {
    if (!flow.loops().isLoopHeader(&block)) continue;
    unsigned carried = 0;
    for (llvm::PHINode& phi : block.phis()) {
      if (!shapes.of(&phi).is_varying()) continue;
      const unsigned bits =
          phi.getType()->isPointerTy() ? 64 : phi.getType()->getScalarSizeInBits();
      carried +=
          component_count(phi.getType()) * geometry.chunks_of_simdgroup() * std::max(1u, bits / 32);
    }
    most = std::max(most, carried);
  }
  return most;
}

/// Registers that a simdgroup loads of what a thread has side by side, in the block with most of it
/// that stores, too: all chunks' loads stand before the first store, which may write what they
/// read.
unsigned count_loaded_registers(llvm::Function& entry, const ShapeAnalysis& shapes,
                                const Geometry& geometry) {
  constexpr int64_t kFarthestNeighbours = 128;  // bytes from lane to lane: see join_neighbours.cc
  unsigned most = 0;
  for (const llvm::BasicBlock& block : entry) {
    unsigned bits = 0;
    bool stores = false;
    for (const llvm::Instruction& instruction : block) {
      const llvm::Value* pointer = llvm::getLoadStorePointerOperand(&instruction);
      if (!pointer || pointer->getType()->getPointerAddressSpace() != kDeviceSpace) continue;
      stores |= llvm::isa<llvm::StoreInst>(instruction);
      const auto* load = llvm::dyn_cast<llvm::LoadInst>(&instruction);
      const Shape shape = shapes.of(strip_guard(pointer).pointer);
      if (!load || !shape.has_base()) continue;
      const auto size = int64_t(load->getDataLayout().getTypeStoreSize(load->getType()));
      if (shape.offset(1) > size && shape.offset(1) <= kFarthestNeighbours)
        bits += unsigned(8 * size);
    }
    if (stores) most = std::max(most, bits * geometry.chunks_of_simdgroup() / 32);
  }
  return most;
}

/// Whether lanes part in the loop otherwise than by their positions.
bool parts_by_values(const llvm::BasicBlock& block, const llvm::Loop& loop, const ControlFlow& flow,
                     const ShapeAnalysis& shapes) {
  if (loop.isLoopExiting(&block))
    return &block != loop.getLoopLatch() || !parts_at_its_end(loop, flow, shapes);
  const auto* branch = llvm::cast<llvm::BranchInst>(block.getTerminator());
  return llvm::any_of(find_questions(branch->getCondition()), [&](const Question& question) {
    return !has_scalar_answer(question, shapes);
  });
}

/// Operations in loops that a simdgroup does once for all its lanes if it advances alone, as on
/// what it has summed; else each chunk does them.
unsigned count_simdgroup_operations(llvm::Function& entry, const ControlFlow& alone,
                                    const ShapeAnalysis& shapes, const ControlFlow& flow,
                                    const Geometry& geometry) {
  const ShapeAnalysis together(entry, flow, geometry);
  unsigned count = 0;
  for (llvm::BasicBlock* block : alone.order()) {
    if (!alone.loop_of(block)) continue;
    for (llvm::Instruction& instruction : *block) {
      const bool computes =
          llvm::isa<llvm::BinaryOperator, llvm::UnaryOperator, llvm::CastInst, llvm::IntrinsicInst>(
              instruction);
      if (computes && shapes.of(&instruction).is_uniform() &&
          !together.of(&instruction).knows_chunks())
        ++count;
    }
  }
  return count;
}

/// Whether lanes read memory side by side, a piece for each turn of a loop.
bool reads_in_turns(const ControlFlow& flow, const ShapeAnalysis& shapes) {
  return llvm::any_of(flow.order(), [&](llvm::BasicBlock* block) {
    if (!flow.loop_of(block) || !flow.loop_of(block)->isInnermost()) return false;
    return llvm::any_of(*block, [&](const llvm::Instruction& instruction) {
      const auto* load = llvm::dyn_cast<llvm::LoadInst>(&instruction);
      if (!load || load->getPointerAddressSpace() != kDeviceSpace) return false;
      const auto bytes = int64_t(load->getDataLayout().getTypeStoreSize(load->getType()));
      return shapes.of(strip_guard(load->getPointerOperand()).pointer).has_stride(bytes);
    });
  });
}

/// Instructions that each chunk has for itself: one scalar holds the others for all chunks, as most
/// addresses and checks.
unsigned count_chunk_instructions(llvm::Function& entry, const ShapeAnalysis& shapes) {
  unsigned count = 0;
  for (const llvm::Instruction& instruction : llvm::instructions(entry)) {
    if (instruction.isTerminator()) continue;
    if (!instruction.getType()->isVoidTy()) {
      const Shape shape = shapes.of(&instruction);
      if (shape.has_base() && shape.knows_chunks()) continue;
    }
    ++count;
  }
  return count;
}

/// Simdgroups of a row, where a threadgroup has several rows and its threads do little more than to
/// move a piece of one: memory is better read and written by rows than by halves of them in turn.
unsigned count_row_simdgroups(const ControlFlow& flow, unsigned instructions,
                              const Geometry& geometry) {
  constexpr unsigned kMostInstructions = 12, kMostSimdgroups = 4;
  const unsigned count = geometry.size[0] / kSimdgroupSize;
  if (geometry.size[0] % kSimdgroupSize != 0 || geometry.size[0] == geometry.threads() ||
      instructions > kMostInstructions || flow.has_barriers() || !flow.loops().empty())
    return 1;
  const bool fits = std::has_single_bit(count) && count <= kMostSimdgroups;
  return fits && geometry.simdgroups() % count == 0 ? count : 1;
}

/// Whether simdgroups come to barriers in turns of their own, or by ways of their own: as one step
/// they would pass one of them once. Not where some lanes go home, and the others to barriers.
bool part_before_barriers(const ControlFlow& alone, const ControlFlow& together) {
  return llvm::any_of(alone.order(), [&](llvm::BasicBlock* block) {
    return together.parts_before_barrier(block) &&
           (!alone.parts_before_barrier(block) || alone.parts_to_barriers(block));
  });
}

/// How many simdgroups advance together. What they read in common, a row of a tile, then serves all
/// of them while it is in a register; but their sums must stay in registers too. Where lanes part
/// in loops by what they computed, one alone: others would wait for its longest lane.
unsigned choose_together(llvm::Function& entry, const Options& options) {
  constexpr unsigned kRegistersForSums = 16;
  constexpr unsigned kMostInstructions = 1500;
  const Geometry geometry = make_geometry(options, 1);
  if (options.simdgroups_together != 0)
    return std::min(options.simdgroups_together, geometry.simdgroups());
  if (!geometry.is_full()) return 1;
  const ControlFlow flow(entry, geometry);
  const ShapeAnalysis shapes(entry, flow, geometry);
  bool has_full_turns = false;
  for (llvm::BasicBlock* block : flow.order()) {
    const llvm::Loop* loop = flow.is_divergent(block) ? flow.loop_of(block) : nullptr;
    if (!loop) continue;
    if (parts_by_values(*block, *loop, flow, shapes)) return 1;
    has_full_turns |= block == loop->getLoopLatch();
  }
  unsigned carried = count_carried_registers(entry, flow, shapes, geometry);
  // What a turn reads should be one piece of memory, even if it keeps nothing.
  if (has_full_turns || reads_in_turns(flow, shapes))
    carried = std::max(carried, geometry.chunks_of_simdgroup());
  if (carried == 0)
    return count_row_simdgroups(flow, count_chunk_instructions(entry, shapes), geometry);
  carried = std::max(carried, count_loaded_registers(entry, shapes, geometry));
  constexpr unsigned kFewOperations = 16;
  const Geometry two = make_geometry(options, 2);
  const ControlFlow flow_of_two(entry, two);
  if (count_simdgroup_operations(entry, flow, shapes, flow_of_two, two) > kFewOperations) return 1;
  // More rows than pages whose addresses the processor knows, and streams that it fetches ahead.
  if (!find_row_loops(flow, shapes, geometry, /*with_checks=*/true).empty()) return 1;
  const unsigned instructions = count_chunk_instructions(entry, shapes);
  unsigned together = 1;
  while (together * 2 * carried <= kRegistersForSums &&
         geometry.simdgroups() % (together * 2) == 0 &&
         instructions * together * 2 <= kMostInstructions)
    together *= 2;
  if (!flow.has_barriers()) return together;
  while (together > 1 &&
         part_before_barriers(flow, ControlFlow(entry, make_geometry(options, together))))
    together /= 2;
  return together;
}

/// Vector code of which nobody would want to wait for the registers is refused before it is made:
/// each operation that lanes have a value each of is one of each chunk at least, and LLVM hardly
/// takes a quarter of them away again.
Result<void> check_size(llvm::Function& entry, const Geometry& geometry) {
  constexpr size_t kMostOperations = 80'000;
  if (size_t(entry.getInstructionCount()) * geometry.chunks() <= kMostOperations) return {};
  const ControlFlow flow(entry, geometry);
  const ShapeAnalysis shapes(entry, flow, geometry);
  size_t count = 0;
  for (const llvm::BasicBlock* block : flow.order()) {
    for (const llvm::Instruction& instruction : *block) {
      if (llvm::isa<llvm::BinaryOperator, llvm::UnaryOperator, llvm::CmpInst>(instruction) &&
          shapes.of(&instruction).is_varying())
        count += geometry.chunks() * component_count(instruction.getType());
    }
  }
  if (count <= kMostOperations) return {};
  return unsupported_error("a threadgroup's code takes " + std::to_string(count) +
                           " operations of vectors; more than 80,000 are not supported yet");
}

/// The kernel for steps whose divisions are whole: where the top ends, they are asked, and behind
/// it more conditions and checks can be asked with scalars. Null if there is nothing to assume.
llvm::Function* assume_whole_divisions(llvm::Function& entry, const Options& options,
                                       const Geometry& geometry, Passes& passes) {
  {
    const ControlFlow flow(entry, geometry);
    // Steps that take different forms would come to different barriers.
    if (flow.has_barriers()) return nullptr;
    const ShapeAnalysis shapes(entry, flow, geometry);
    if (find_divisions(entry, shapes).empty()) return nullptr;
  }
  llvm::ValueToValueMapTy copies;
  llvm::Function* whole = llvm::CloneFunction(&entry, copies);
  llvm::IRBuilder<> builder(llvm::cast<llvm::Instruction>(copies[find_top(entry).end]));
  builder.CreateCall(entry.getParent()->getOrInsertFunction(kAssumesWhole, builder.getVoidTy()));
  if (separate_full_branches(*whole, geometry))
    passes.run(*whole, llvm::LoopSimplifyPass(), llvm::LCSSAPass());
  if (options.checks_bounds) separate_inside(*whole, geometry);
  return whole;
}

struct Step {
  llvm::Function* function;
  std::vector<Remark> remarks;
  llvm::BranchInst* assumption;
};

Result<Step> vectorize_form(llvm::Function& entry, const Geometry& geometry) {
  const ControlFlow flow(entry, geometry);
  const auto shapes = analyse_shapes(entry, flow, geometry);
  Vectorizer form(entry, geometry, flow, *shapes, join_neighbours(entry, *shapes, flow, geometry));
  ANYMETAL_ASSIGN_OR_RETURN(llvm::Function * function, form.run());
  return Step{function, form.remarks(), form.assumption()};
}

/// The code of a step. Where the top of the kernel divides neighbours by a number that they share,
/// as kernels do that take an index apart, there are two forms: one for steps in which each chunk
/// has one quotient, where most addresses stay patterns, and one for all others.
Result<llvm::Function*> vectorize_step(llvm::Function& entry, const Options& options,
                                       const Geometry& geometry, Passes& passes,
                                       std::vector<Remark>& remarks) {
  llvm::Function* whole = assume_whole_divisions(entry, options, geometry, passes);
  ANYMETAL_ASSIGN_OR_RETURN(const Step general, vectorize_form(entry, geometry));
  remarks = general.remarks;
  if (!whole) return general.function;
  ANYMETAL_ASSIGN_OR_RETURN(const Step special, vectorize_form(*whole, geometry));
  whole->eraseFromParent();
  if (!special.assumption) return internal_error("an assumption of divisions isn't checked");
  remarks = special.remarks;
  llvm::Function *step = general.function, *fast = special.function;
  llvm::Instruction* end = special.assumption->getSuccessor(1)->getTerminator();
  llvm::IRBuilder<> builder(end);
  repair_dominance(*step);
  repair_dominance(*fast);
  llvm::CallInst* call = builder.CreateCall(step, {fast->getArg(0), fast->getArg(1)});
  if (llvm::DISubprogram* program = fast->getSubprogram())
    call->setDebugLoc(llvm::DILocation::get(entry.getContext(), program->getLine(), 0, program));
  llvm::InlineFunctionInfo info;
  if (!llvm::InlineFunction(*call, info).isSuccess())
    return internal_error("the general form of a step can't be put beside the special one");
  fast->takeName(step);
  step->eraseFromParent();
  return fast;
}

/// Joins as many threadgroups as are asked for, or says how many would be good. Gives the size that
/// the code is for.
Result<Options> put_together(llvm::Function& entry, const Options& asked, const Options& alone,
                             Report& report) {
  const Togetherness chosen = choose_threadgroups_together(entry, make_geometry(alone, 1));
  if (asked.threadgroups_together == 1) {
    report.threadgroups_together = chosen.count;
    return alone;
  }
  if (chosen.count < asked.threadgroups_together)
    return unsupported_error("no form in vectors for so many threadgroups in one call");
  Options joined = asked;
  std::copy_n(chosen.size, 3, joined.threadgroup);
  join_threadgroups(entry, make_geometry(joined, 1));
  return joined;
}

}  // namespace

Result<Report> vectorize(llvm::Function& entry, const Options& asked) {
  Passes passes;
  fold_branches(entry);
  form_matrices(entry);
  if (asked.checks_bounds) copy_by_members(entry);
  flatten(entry, passes);
  mark_disjoint(entry);
  if (asked.checks_bounds) {
    show_addresses(*entry.getParent());
    ANYMETAL_RETURN_IF_ERROR(guard_accesses(entry, asked.is_const));
    // What was computed to prove accesses would count as a use of their indices.
    passes.run(entry, llvm::DCEPass());
  }
  fold_branches(entry);
  shape_control_flow(entry, passes);
  fold_branches(entry);
  Options alone = asked;
  alone.threadgroups_together = 1;
  narrow_comparisons(entry, make_geometry(alone, 1));
  flatten_branches(entry, make_geometry(alone, 1));
  Report report;
  ANYMETAL_ASSIGN_OR_RETURN(const Options options, put_together(entry, asked, alone, report));
  const Geometry geometry = make_geometry(options, choose_together(entry, options));
  ANYMETAL_RETURN_IF_ERROR(check_size(entry, geometry));
  const bool has_full_branches = separate_full_branches(entry, geometry);
  if (has_full_branches) passes.run(entry, llvm::LoopSimplifyPass(), llvm::LCSSAPass());
  if (separate_full_turns(entry, geometry))
    passes.run(entry, llvm::LoopSimplifyPass(), llvm::LCSSAPass());
  if (options.checks_bounds) {
    if (hoist_checks(entry, geometry))
      passes.run(entry, llvm::DCEPass(), llvm::LoopSimplifyPass(), llvm::LCSSAPass());
  }
  if (unroll_rows(entry, geometry)) passes.run(entry, llvm::LoopSimplifyPass(), llvm::LCSSAPass());
  if (options.checks_bounds) separate_inside(entry, geometry);
  separate_apart(entry, geometry);
  form_copies(entry, options.large != 0);
  ANYMETAL_ASSIGN_OR_RETURN(report.function,
                            vectorize_step(entry, options, geometry, passes, report.remarks));
  entry.eraseFromParent();
  llvm::Function*& function = report.function;
  repair_dominance(*function);
  ANYMETAL_RETURN_IF_ERROR(verify(*function, "vectorize"));
  promote_slots(*function);
  passes.run(*function, llvm::SROAPass(llvm::SROAOptions::ModifyCFG), llvm::EarlyCSEPass(true),
             llvm::InstCombinePass(), llvm::SimplifyCFGPass(), llvm::LowerSwitchPass(),
             llvm::LoopSimplifyPass());
  ANYMETAL_ASSIGN_OR_RETURN(report.regions, split_regions(function, geometry));
  ANYMETAL_RETURN_IF_ERROR(verify(*function, "split-regions"));
  passes.run(*function, llvm::SROAPass(llvm::SROAOptions::ModifyCFG));
  join_slots(*function);
  report.scratch_bytes = move_to_scratch(*function);
  return report;
}

}  // namespace anymetal::simt
