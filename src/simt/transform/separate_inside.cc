// Checked accesses are masked, and masked accesses are slow where memory isn't in a cache. Whether
// all lanes of a step are inside is a comparison of scalars for accesses side by side, so they are
// asked for together, as many as stand in a block:
//
//   if all lanes are inside with each of them
//     { the block from its first to its last checked access, without checks }
//   else { the same with them }
//
// What the addresses are computed from moves up before the question; what is computed from what was
// loaded there can't, and such accesses stay as they are.
#include "simt/transform/separate_inside.h"

#include <llvm/ADT/DenseMap.h>
#include <llvm/IR/IRBuilder.h>
#include <llvm/IR/IntrinsicInst.h>
#include <llvm/IR/PatternMatch.h>

#include <algorithm>

#include "ir/thread_ir.h"
#include "simt/analysis/control_flow.h"
#include "simt/analysis/guards.h"
#include "simt/analysis/lane_distance.h"
#include "simt/analysis/matrices.h"
#include "simt/analysis/questions.h"
#include "simt/analysis/shape_analysis.h"
#include "simt/transform/double_piece.h"
#include "simt/transform/known_before.h"

namespace anymetal::simt {
namespace {

constexpr unsigned kMostInstructions = 400;
constexpr unsigned kMostAccesses = 24, kMostInRows = 40;
constexpr uint64_t kMostFactor = 1024;  // bytes of an element

/// Checked accesses of a block that can be asked for at one place.
struct Piece {
  llvm::Instruction *first, *last;
  llvm::SmallVector<llvm::CallInst*, 8> guards;
  bool pays = false;  ///< has one that would be masked
};

class Separation {
 public:
  Separation(llvm::Function& function, const Geometry& geometry)
      : flow_(function, geometry),
        shapes_(analyse_shapes(function, flow_, geometry)),
        assumption_(find_assumption(function)) {}

  void run() {
    std::vector<Piece> pieces;
    for (llvm::BasicBlock* block : flow_.order()) {
      const bool is_behind = !assumption_ || flow_.dominators().dominates(assumption_, block);
      if (is_behind && !flow_.is_masked(block)) find_pieces(*block, pieces);
    }
    for (Piece& piece : pieces) separate(piece);
  }

 private:
  void find_pieces(llvm::BasicBlock& block, std::vector<Piece>& pieces) {
    const bool has_matrices = llvm::any_of(block, is_of_matrices);
    find_rows(block, has_matrices);
    std::optional<Piece> piece;
    const auto end = [&] {
      if (piece && piece->pays) pieces.push_back(*piece);
      piece.reset();
    };
    bool is_behind = assumption_ != &block;
    for (llvm::Instruction& instruction : block) {
      is_behind |= callee_name(&instruction) == kAssumesWhole;
      if (!is_behind) continue;
      if (callee_name(&instruction) == "am.threadgroup_barrier" || is_of_matrices(instruction))
        end();
      llvm::CallInst* guard = find_guard(instruction);
      if (!guard || (has_matrices && !in_rows_.contains(guard))) continue;
      llvm::Instruction& start = piece ? *piece->first : instruction;
      if (!is_known_before(guard->getArgOperand(1), start, may_move)) {
        // A new piece may begin behind what it is computed from.
        end();
        if (!is_known_before(guard->getArgOperand(1), instruction, may_move)) continue;
      }
      // Much is computed with what is read otherwise, and then a piece is too long to be there
      // twice.
      if (piece && piece->guards.size() >= (in_rows_.contains(guard) ? kMostInRows : kMostAccesses))
        end();
      if (!piece) piece = Piece{.first = &instruction, .last = &instruction, .guards = {}};
      piece->last = &instruction;
      piece->guards.push_back(guard);
      piece->pays |= !shapes_->of(guard->getArgOperand(0)).is_flat();
    }
    end();
  }

  static bool is_of_matrices(const llvm::Instruction& instruction) {
    const llvm::StringRef name = callee_name(&instruction);
    return name == kToMatrix || name == kMultiplyAccumulate;
  }

  /// Of an access whose check scalars can make for all lanes, or of a row of neighbours: one check
  /// in vectors then serves all of them, and what copies them can be one vector a lane.
  llvm::CallInst* find_guard(llvm::Instruction& instruction) const {
    llvm::CallInst* guard = find_own_guard(instruction);
    return guard && (in_rows_.contains(guard) ||
                     has_scalar_answer({guard->getArgOperand(1)}, *shapes_))
               ? guard
               : nullptr;
  }

  /// Accesses without scalar answers that are a number of bytes apart, as tiles are loaded where a
  /// row's length comes from a buffer.
  void find_rows(llvm::BasicBlock& block, bool has_matrices) {
    constexpr size_t kLeast = 4, kMostOpen = 16;
    llvm::SmallVector<llvm::SmallVector<llvm::CallInst*, 16>, 4> rows;
    for (llvm::Instruction& instruction : block) {
      llvm::CallInst* guard = find_own_guard(instruction);
      if (!guard || !llvm::isa<llvm::LoadInst, llvm::StoreInst>(instruction) ||
          (has_matrices && !is_copied(instruction)) ||
          has_scalar_answer({guard->getArgOperand(1)}, *shapes_))
        continue;
      // Of blocks with hundreds of them, the last ones are enough.
      auto* row =
          std::find_if(rows.size() > kMostOpen ? rows.end() - kMostOpen : rows.begin(), rows.end(),
                       [&](const auto& other) { return distance(*other[0], *guard).has_value(); });
      if (row == rows.end()) row = &rows.emplace_back();
      row->push_back(guard);
    }
    for (const auto& row : rows) {
      if (row.size() < kLeast) continue;
      for (llvm::CallInst* guard : row) in_rows_[guard] = {row[0], *distance(*row[0], *guard)};
    }
  }

  /// From one guard's access to the other's, of one object.
  static std::optional<int64_t> distance(llvm::CallInst& from, llvm::CallInst& to) {
    const auto* one = llvm::cast<llvm::CallInst>(from.getArgOperand(1));
    const auto* other = llvm::cast<llvm::CallInst>(to.getArgOperand(1));
    const llvm::Value *first = from.getArgOperand(0), *second = to.getArgOperand(0);
    if (first->getType() != second->getType() ||
        !are_equal(one->getArgOperand(1), other->getArgOperand(1)))
      return std::nullopt;
    const auto bytes =
        LaneDistance::between_pointers(first, second, from.getFunction()->getDataLayout(),
                                       /*wraps=*/true);
    constexpr int64_t kMost = 1 << 16;
    return bytes && *bytes > -kMost && *bytes < kMost ? bytes : std::nullopt;
  }

  /// From a buffer to threadgroup memory, and nothing else: no part of a matrix.
  static bool is_copied(const llvm::Instruction& instruction) {
    const auto* load = llvm::dyn_cast<llvm::LoadInst>(&instruction);
    const auto* store =
        load && load->hasOneUse() ? llvm::dyn_cast<llvm::StoreInst>(*load->user_begin()) : nullptr;
    return store && store->getValueOperand() == load &&
           store->getPointerAddressSpace() == kThreadgroupSpace;
  }

  llvm::CallInst* find_own_guard(llvm::Instruction& instruction) const {
    llvm::Value* pointer = llvm::getLoadStorePointerOperand(&instruction);
    if (auto* change = llvm::dyn_cast<llvm::AtomicRMWInst>(&instruction))
      pointer = change->getPointerOperand();
    if (!pointer || !callee_name(pointer).starts_with(kGuarded)) return nullptr;
    auto* guard = llvm::cast<llvm::CallInst>(pointer);
    return guard->hasOneUse() && guard->getParent() == instruction.getParent() &&
                   callee_name(guard->getArgOperand(1)) == kInside
               ? guard
               : nullptr;
  }

  static bool may_move(const llvm::Instruction& made) {
    if (llvm::isa<llvm::PHINode>(made) || made.mayReadOrWriteMemory() || made.mayHaveSideEffects())
      return false;
    return !made.isIntDivRem() || llvm::isa<llvm::Constant>(made.getOperand(1));
  }

  void separate(Piece& piece) {
    // The parts that earlier pieces of this block have become are blocks of their own by now.
    if (piece.first->getParent() != piece.last->getParent()) return;
    for (llvm::CallInst* guard : piece.guards) move_before(guard->getArgOperand(1), *piece.first);
    const auto length = std::distance(piece.first->getIterator(), piece.last->getIterator());
    if (length > kMostInstructions) return;
    // Behind the guards' own calls: the first access's stands before it.
    llvm::CallInst* first_guard = piece.guards.front();
    first_guard->moveBefore(piece.first);
    llvm::ValueToValueMapTy copies;
    const DoubledPiece doubled =
        double_piece(*first_guard, *piece.last,
                     {.original = "some.inside", .copy = ".all", .below = "inside.or.not"}, copies);
    llvm::SmallVector<llvm::CallInst*, 8> needless;
    for (llvm::CallInst* guard : piece.guards)
      needless.push_back(llvm::cast<llvm::CallInst>(copies[guard]));
    for (llvm::CallInst* copy : needless) {
      copy->replaceAllUsesWith(copy->getArgOperand(0));
      copy->eraseFromParent();
    }
    llvm::IRBuilder<> builder(doubled.above);
    builder.SetCurrentDebugLocation(piece.first->getDebugLoc());
    builder.CreateCondBr(ask_all_lanes(builder, all_inside(builder, piece)), doubled.copy,
                         doubled.original);
  }

  /// An offset as a value and a number of bytes.
  static std::pair<llvm::Value*, int64_t> split(llvm::Value* offset) {
    int64_t bytes = 0;
    while (auto* sum = llvm::dyn_cast<llvm::BinaryOperator>(offset)) {
      const auto* number = llvm::dyn_cast<llvm::ConstantInt>(sum->getOperand(1));
      if (sum->getOpcode() != llvm::Instruction::Add || !number || number->isZero() ||
          number->getValue().getSignificantBits() > 32)
        break;
      bytes += number->getSExtValue();
      offset = sum->getOperand(0);
    }
    return {offset, bytes};
  }

  /// Indices of 32 bits some elements apart, as elements of one array: base + `elements`.
  struct Index {
    llvm::Value* base = nullptr;  ///< null: the offset is another
    int64_t elements = 0, factor = 1;
  };
  static Index find_index(llvm::Value* offset) {
    using namespace llvm::PatternMatch;
    llvm::Value *index = nullptr, *base = nullptr;
    llvm::ConstantInt *factor = nullptr, *more = nullptr;
    Index found;
    if (match(offset, m_Mul(m_Value(index), m_ConstantInt(factor))) &&
        factor->getValue().isStrictlyPositive() && factor->getValue().ult(kMostFactor))
      found.factor = factor->getSExtValue();
    else if (match(offset, m_Shl(m_Value(index), m_ConstantInt(factor))) &&
             factor->getValue().ult(8))
      found.factor = int64_t{1} << factor->getZExtValue();
    else
      index = offset;
    if (!match(index, m_ZExtOrSExt(m_Value(base))) || !base->getType()->isIntegerTy(32)) return {};
    found.base = base;
    if (match(base, m_Add(m_Value(index), m_ConstantInt(more))) &&
        more->getValue().getSignificantBits() <= 16) {
      found.base = index;
      found.elements = more->getSExtValue();
    }
    return found;
  }

  /// Of accesses in rows: whether the lowest is as far from its end as the highest needs.
  llvm::Value* row_inside(llvm::IRBuilder<>& builder, llvm::ArrayRef<llvm::CallInst*> row) const {
    const auto bytes = [&](const llvm::CallInst* guard) { return in_rows_.lookup(guard).bytes; };
    const auto [low, high] = std::minmax_element(
        row.begin(), row.end(), [&](const auto* a, const auto* b) { return bytes(a) < bytes(b); });
    auto* inside = llvm::cast<llvm::CallInst>((*low)->getArgOperand(1));
    llvm::Value* limit =
        builder.CreateBinaryIntrinsic(llvm::Intrinsic::usub_sat, inside->getArgOperand(1),
                                      builder.getInt64(uint64_t(bytes(*high) - bytes(*low))));
    return builder.CreateCall(inside->getCalledFunction(), {inside->getArgOperand(0), limit});
  }

  /// Whether two values are computed alike.
  static bool are_equal(const llvm::Value* a, const llvm::Value* b, int depth = 0) {
    constexpr int kDeepest = 6;
    if (a == b) return true;
    const auto* one = llvm::dyn_cast<llvm::Instruction>(a);
    const auto* other = llvm::dyn_cast<llvm::Instruction>(b);
    if (!one || !other || depth == kDeepest ||
        !llvm::isa<llvm::BinaryOperator, llvm::CastInst, llvm::IntrinsicInst>(a) ||
        one->mayReadOrWriteMemory() || !one->isSameOperationAs(other))
      return false;
    for (unsigned i = 0; i < one->getNumOperands(); ++i) {
      if (!are_equal(one->getOperand(i), other->getOperand(i), depth + 1)) return false;
    }
    return true;
  }

  struct Part {
    llvm::CallInst* inside;
    llvm::Value* base;  ///< the offset but for `bytes`
    int64_t bytes;
    Index index;  ///< of the base
  };
  using Parts = llvm::SmallVector<Part, 4>;

  static Part part_of(llvm::CallInst& inside) {
    const auto [base, bytes] = split(inside.getArgOperand(0));
    return {&inside, base, bytes, find_index(base)};
  }

  /// Whether they are some bytes apart.
  static bool are_beside(const Part& part, const Part& other) {
    if (part.index.base && other.index.base && part.index.factor == other.index.factor)
      return are_equal(part.index.base, other.index.base);
    return are_equal(part.base, other.base);
  }

  /// That all accesses are inside. Those that are some bytes from each other are asked at once.
  llvm::Value* all_inside(llvm::IRBuilder<>& builder, const Piece& piece) const {
    llvm::SmallVector<Parts, 8> groups;
    llvm::SmallVector<llvm::SmallVector<llvm::CallInst*, 16>, 4> rows;
    for (llvm::CallInst* guard : piece.guards) {
      if (const auto in_row = in_rows_.find(guard); in_row != in_rows_.end()) {
        auto* row = llvm::find_if(rows, [&](const auto& other) {
          return in_rows_.lookup(other[0]).first == in_row->second.first;
        });
        if (row == rows.end()) row = &rows.emplace_back();
        row->push_back(guard);
        continue;
      }
      const Part part = part_of(*llvm::cast<llvm::CallInst>(guard->getArgOperand(1)));
      auto* group =
          llvm::find_if(groups, [&](const Parts& parts) { return are_beside(part, parts[0]); });
      if (group == groups.end()) group = &groups.emplace_back();
      group->push_back(part);
    }
    llvm::Value* condition = nullptr;
    for (const auto& row : rows) {
      llvm::Value* holds = row_inside(builder, row);
      condition = condition ? builder.CreateAnd(condition, holds) : holds;
    }
    for (const Parts& parts : groups) {
      llvm::Value* holds = parts.size() == 1 ? parts[0].inside : all_inside(builder, parts);
      condition = condition ? builder.CreateAnd(condition, holds) : holds;
    }
    return condition;
  }

  /// The lowest one is as far from its end as the farthest needs. Indices that differ are so by
  /// their elements while the highest one is below 2^31.
  static llvm::Value* all_inside(llvm::IRBuilder<>& builder, const Parts& parts) {
    const auto& [low, high] =
        std::minmax_element(parts.begin(), parts.end(), [](const Part& a, const Part& b) {
          return std::pair(a.index.elements, a.bytes) < std::pair(b.index.elements, b.bytes);
        });
    const int64_t elements = high->index.elements - low->index.elements;
    // Of one index, the lowest offset is asked for; else the lowest index.
    const int64_t start = elements == 0 ? low->bytes : 0;
    const auto distance = [&](const Part& part) {
      return (part.index.elements - low->index.elements) * part.index.factor + part.bytes - start;
    };
    llvm::Value* limit = nullptr;
    if (elements != 0)
      limit = builder.getInt64(uint64_t(((int64_t{1} << 31) - elements) * low->index.factor));
    llvm::SmallVector<std::pair<llvm::Value*, int64_t>, 4> seen;
    for (const Part& part : parts) {
      llvm::Value* room = part.inside->getArgOperand(1);
      const int64_t bytes = distance(part);
      if (bytes < 0) return each_inside(builder, parts);
      if (llvm::any_of(seen, [&](const auto& other) {
            return other.second == bytes && are_equal(other.first, room);
          }))
        continue;
      seen.emplace_back(room, bytes);
      if (bytes != 0)
        room = builder.CreateBinaryIntrinsic(llvm::Intrinsic::usub_sat, room,
                                             builder.getInt64(uint64_t(bytes)));
      limit = limit ? builder.CreateBinaryIntrinsic(llvm::Intrinsic::umin, limit, room) : room;
    }
    llvm::Value* offset = elements == 0 ? low->inside->getArgOperand(0) : low->base;
    return builder.CreateCall(low->inside->getCalledFunction(), {offset, limit});
  }

  static llvm::Value* each_inside(llvm::IRBuilder<>& builder, const Parts& parts) {
    llvm::Value* all = parts[0].inside;
    for (const Part& part : llvm::drop_begin(parts)) all = builder.CreateAnd(all, part.inside);
    return all;
  }

  const ControlFlow flow_;
  const std::unique_ptr<const ShapeAnalysis> shapes_;
  llvm::BasicBlock* const assumption_;  ///< checks before it are done with
  struct InRow {
    const llvm::CallInst* first = nullptr;  ///< the row's
    int64_t bytes = 0;                      ///< from there
  };
  llvm::DenseMap<const llvm::CallInst*, InRow> in_rows_;
};

}  // namespace

void separate_inside(llvm::Function& function, const Geometry& geometry) {
  Separation(function, geometry).run();
}

}  // namespace anymetal::simt
