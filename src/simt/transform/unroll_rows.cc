// `for (k = 0; k < K; ++k) sum += row[thread * K + k] * x[k]` reads one element of each lane's row
// in a turn: a gather, of which each element costs as much as a whole register of neighbours would,
// and all rows' lines wait in the cache for their next turn, which they don't where K is a power of
// two and they fall into one set. So the loop becomes
//
//   for (; K - k >= lanes; k += lanes)  { the body, `lanes` times: each lane's piece is one load }
//   for (; k < K; ++k)                  the body
//
// The loop is one thread's here, and what it computes stays the same, whatever lanes do. Sums
// aren't reordered. It isn't worth its code where lanes leave in different turns, and where threads
// of several rows of the threadgroup read the same: their chunks share one gather.
#include "simt/transform/unroll_rows.h"

#include <llvm/ADT/SmallSet.h>
#include <llvm/Analysis/OptimizationRemarkEmitter.h>
#include <llvm/Analysis/TargetTransformInfo.h>
#include <llvm/Transforms/Utils/UnrollLoop.h>

#include <optional>

#include "ir/thread_ir.h"
#include "simt/analysis/guards.h"
#include "simt/analysis/lane_distance.h"
#include "simt/analysis/loop_analyses.h"
#include "simt/transform/join_neighbours.h"

namespace anymetal::simt {
namespace {

constexpr size_t kMostInstructions = 800;   // of all turns that are counted out
constexpr size_t kMostOperations = 10'000;  // of all loops, for all chunks of a simdgroup
constexpr int kDepth = 12;

using Step = std::optional<int64_t>;

/// What a value grows by in each turn. Indices are taken not to wrap (lane_distance.cc).
Step step_of(const llvm::Value* value, const llvm::Loop& loop, int depth = kDepth) {
  const auto* made = llvm::dyn_cast<llvm::Instruction>(value);
  if (!made || !loop.contains(made)) return 0;
  if (depth == 0) return std::nullopt;
  const auto of = [&](unsigned operand) {
    return step_of(made->getOperand(operand), loop, depth - 1);
  };
  if (const auto* phi = llvm::dyn_cast<llvm::PHINode>(made)) {
    const auto* next =
        llvm::dyn_cast<llvm::Instruction>(phi->getIncomingValueForBlock(loop.getLoopLatch()));
    if (!next || phi->getParent() != loop.getHeader() || next->getNumOperands() != 2 ||
        next->getOperand(0) != phi)
      return std::nullopt;
    const auto* number = llvm::dyn_cast<llvm::ConstantInt>(next->getOperand(1));
    if (!number || number->getValue().getSignificantBits() > 32) return std::nullopt;
    if (next->getOpcode() == llvm::Instruction::Add) return number->getSExtValue();
    const auto* address = llvm::dyn_cast<llvm::GetElementPtrInst>(next);
    if (!address) return std::nullopt;
    const uint64_t size =
        made->getDataLayout().getTypeAllocSize(address->getSourceElementType()).getFixedValue();
    return number->getSExtValue() * int64_t(size);
  }
  switch (made->getOpcode()) {
    case llvm::Instruction::SExt:
    case llvm::Instruction::ZExt:
    case llvm::Instruction::Freeze:
      return of(0);
    case llvm::Instruction::Add:
    case llvm::Instruction::Sub: {
      const Step first = of(0), second = of(1);
      if (!first || !second) return std::nullopt;
      return made->getOpcode() == llvm::Instruction::Add ? *first + *second : *first - *second;
    }
    case llvm::Instruction::GetElementPtr: {
      const auto* address = llvm::cast<llvm::GetElementPtrInst>(made);
      const llvm::DataLayout& layout = made->getDataLayout();
      const unsigned bits = layout.getIndexTypeSizeInBits(address->getType());
      llvm::MapVector<llvm::Value*, llvm::APInt> variables;
      llvm::APInt constant(bits, 0);
      Step total = of(0);
      if (!address->collectOffset(layout, bits, variables, constant)) return std::nullopt;
      for (const auto& [index, size] : variables) {
        const Step part = step_of(index, loop, depth - 1);
        if (!part || !total) return std::nullopt;
        *total += *part * size.getSExtValue();
      }
      return total;
    }
    default:
      return std::nullopt;
  }
}

/// Whether a value is made of positions along x and of what all threads share: a row of threads
/// then has what the next one has. A simdgroup may be such a row, in which y is the same.
bool depends_on_x_alone(const llvm::Value* value, const ShapeAnalysis& shapes, int depth = kDepth) {
  const auto* made = llvm::dyn_cast<llvm::Instruction>(value);
  if (!made) return true;
  const bool is_uniform = shapes.of(value).is_uniform();
  if (llvm::isa<llvm::CallInst>(made)) {
    const llvm::StringRef name = callee_name(made);
    return name.ends_with(".x") || (is_uniform && !name.ends_with(".y") && !name.ends_with(".z") &&
                                    !name.contains("simdgroup"));
  }
  if (depth == 0 || (made->mayReadOrWriteMemory() && !is_uniform)) return false;
  if (llvm::isa<llvm::PHINode>(made)) return is_uniform;
  return llvm::all_of(made->operands(), [&](const llvm::Use& operand) {
    return depends_on_x_alone(operand, shapes, depth - 1);
  });
}

class Search {
 public:
  Search(const ControlFlow& flow, const ShapeAnalysis& shapes, const Geometry& geometry,
         bool with_checks)
      : flow_(flow),
        shapes_(shapes),
        geometry_(geometry),
        distance_(shapes, flow),
        with_checks_(with_checks) {}

  llvm::SmallVector<RowLoop, 2> run() {
    llvm::SmallVector<RowLoop, 2> found;
    size_t operations = 0;
    for (llvm::BasicBlock* block : flow_.order()) {
      const llvm::Loop* loop = flow_.loop_of(block);
      if (!loop || loop->getHeader() != block || !is_fit(*loop)) continue;
      const unsigned turns = turns_of(*block, *loop);
      const size_t instructions = turns * block->size();
      if (turns == 1 || instructions > kMostInstructions) continue;
      operations += instructions * geometry_.chunks_of_simdgroup();
      if (operations > kMostOperations) break;
      found.push_back({loop, turns});
    }
    return found;
  }

 private:
  /// One block, which all lanes leave together, and which only computes and reads.
  [[nodiscard]] bool is_fit(const llvm::Loop& loop) const {
    const llvm::BasicBlock* block = loop.getHeader();
    if (loop.getNumBlocks() != 1 || !loop.getLoopPreheader() || !loop.getExitBlock() ||
        flow_.is_divergent(block))
      return false;
    return llvm::none_of(*block, [](const llvm::Instruction& instruction) {
      const auto* call = llvm::dyn_cast<llvm::CallBase>(&instruction);
      return instruction.mayWriteToMemory() || (call && call->isConvergent());
    });
  }

  /// Turns that make a register's elements of a row; 1 if there is none.
  [[nodiscard]] unsigned turns_of(const llvm::BasicBlock& block, const llvm::Loop& loop) {
    unsigned turns = 1;
    for (const llvm::Instruction& instruction : block) {
      const auto* load = llvm::dyn_cast<llvm::LoadInst>(&instruction);
      if (!load) continue;
      const unsigned elements = row_elements(*load, loop);
      // Whose checks couldn't be asked before the loop is the way for those that are outside.
      if (elements == 0 && !with_checks_ && strip_guard(load->getPointerOperand()).inside) return 1;
      if (elements != 0) turns = std::max(turns, geometry_.chunk / elements);
    }
    return turns;
  }

  /// How many elements of a row each turn reads, of which the load has the first; 0: it is none.
  [[nodiscard]] unsigned row_elements(const llvm::LoadInst& load, const llvm::Loop& loop) {
    const llvm::Type* type = load.getType();
    const unsigned space = load.getPointerAddressSpace();
    if (!load.isSimple() || !is_piece_element(type) ||
        (space != kDeviceSpace && space != kConstantSpace))
      return 0;
    const llvm::DataLayout& layout = load.getDataLayout();
    const auto bytes = int64_t(layout.getTypeStoreSize(load.getType()));
    const llvm::Value* pointer = strip_guard(load.getPointerOperand()).pointer;
    const Step step = shapes_.of(pointer).is_flat() ? std::nullopt : step_of(pointer, loop);
    const int64_t all = geometry_.chunk * bytes;
    if (!step || *step <= 0 || all % *step != 0 || *step % bytes != 0) return 0;
    const auto stride = distance_.between_lanes(pointer, 0, 1);
    if (stride && std::abs(*stride) < all) return 0;
    if (geometry_.size[0] < geometry_.threads() && depends_on_x_alone(pointer, shapes_)) return 0;
    llvm::SmallSet<int64_t, 16> offsets;
    for (const llvm::Instruction& other : *load.getParent()) {
      if (!llvm::isa<llvm::LoadInst>(other) || other.getType() != type) continue;
      const auto offset = LaneDistance::between_pointers(
          pointer, strip_guard(llvm::getLoadStorePointerOperand(&other)).pointer, layout);
      if (offset && *offset % bytes == 0 && std::abs(*offset) < *step) offsets.insert(*offset);
    }
    return int64_t(offsets.size()) * bytes == *step ? unsigned(offsets.size()) : 0;
  }

  const ControlFlow& flow_;
  const ShapeAnalysis& shapes_;
  const Geometry& geometry_;
  LaneDistance distance_;
  const bool with_checks_;
};

}  // namespace

llvm::SmallVector<RowLoop, 2> find_row_loops(const ControlFlow& flow, const ShapeAnalysis& shapes,
                                             const Geometry& geometry, bool with_checks) {
  // Of buffers with more than 2^31 elements nobody knows which elements are neighbours.
  if (geometry.large != 0) return {};
  return Search(flow, shapes, geometry, with_checks).run();
}

bool unroll_rows(llvm::Function& function, const Geometry& geometry) {
  llvm::SmallVector<std::pair<llvm::BasicBlock*, unsigned>, 2> headers;
  {
    const ControlFlow flow(function, geometry);
    const ShapeAnalysis shapes(function, flow, geometry);
    for (const auto& [loop, turns] : find_row_loops(flow, shapes, geometry, false))
      headers.emplace_back(loop->getHeader(), turns);
  }
  bool changed = false;
  for (const auto& [header, turns] : headers) {
    LoopAnalyses analyses(function);
    llvm::Loop* loop = analyses.loops.getLoopFor(header);
    const unsigned constant = analyses.evolution.getSmallConstantTripCount(loop);
    if (constant != 0 && constant < turns) continue;
    const llvm::TargetTransformInfo target(function.getDataLayout());
    llvm::OptimizationRemarkEmitter remarks(&function);
    llvm::UnrollLoopOptions options{.Count = turns,
                                    .Force = false,
                                    .Runtime = true,
                                    .AllowExpensiveTripCount = false,
                                    .UnrollRemainder = false,
                                    .ForgetAllSCEV = false};
    const auto result =
        llvm::UnrollLoop(loop, options, &analyses.loops, &analyses.evolution, &analyses.dominators,
                         &analyses.assumptions, &target, &remarks, /*PreserveLCSSA=*/true);
    changed |= result != llvm::LoopUnrollResult::Unmodified;
  }
  return changed;
}

}  // namespace anymetal::simt
