// `for (j = 0; j < 8; ++j) to[i + j] = from[i + j];` reads neighbours, but each behind a store that
// might write it: two buffers may be one, and then the order counts. Which it is, a few scalars
// tell while the kernel runs:
//
//   if all lanes are here, and no store of theirs writes what they load behind it
//     { the loads, then the rest }       neighbours, which are moved together (join_neighbours.cc)
//   else { the block as it was }
//
// Only the order within a thread counts: without a barrier nothing says which of two threads comes
// first. Within each, the two addresses are equally far apart, so it is one question for all:
// whether that distance is one at which a store meets a load that it has to stay in front of. Where
// both are the same address, as for what is changed in place, none does.
#include "simt/transform/separate_apart.h"

#include <llvm/IR/IRBuilder.h>

#include <algorithm>
#include <optional>
#include <vector>

#include "ir/thread_ir.h"
#include "simt/analysis/control_flow.h"
#include "simt/analysis/guards.h"
#include "simt/analysis/lane_distance.h"
#include "simt/analysis/shape_analysis.h"
#include "simt/transform/double_piece.h"
#include "simt/transform/known_before.h"

namespace anymetal::simt {
namespace {

constexpr unsigned kMostInstructions = 400;
constexpr unsigned kMostAccesses = 64;
constexpr unsigned kMostQuestions = 4;

using Access = llvm::Instruction;

/// Whether distances from `load` to `store` that lie in [least, most] are to be avoided.
struct Question {
  Access *load, *store;
  int64_t least, most;
};

/// Accesses of a block, one behind the other, with nothing in between that concerns memory.
struct Piece {
  llvm::SmallVector<Access*, 16> accesses;
  llvm::SmallVector<Access*, 16> late;  ///< loads that stand behind a store, and needn't
  llvm::SmallVector<Question, 4> questions;
};

/// A plain access; checked ones are masked, and would stay so.
bool is_simple(const llvm::Instruction& instruction) {
  const llvm::Value* pointer = llvm::getLoadStorePointerOperand(&instruction);
  if (!pointer || callee_name(pointer).starts_with(kGuarded)) return false;
  if (const auto* load = llvm::dyn_cast<llvm::LoadInst>(&instruction)) return load->isSimple();
  const auto* store = llvm::dyn_cast<llvm::StoreInst>(&instruction);
  return store && store->isSimple();
}

const llvm::Value* pointer_of(const Access& access) {
  return llvm::getLoadStorePointerOperand(&access);
}

bool is_device_access(const llvm::Instruction& instruction) {
  const llvm::Value* pointer = pointer_of(instruction);
  return pointer && pointer->getType()->getPointerAddressSpace() == kDeviceSpace;
}

/// Whether there is anything to look for: a store between two loads.
bool may_have_pieces(const llvm::BasicBlock& block) {
  bool has_load = false, has_store = false;
  for (const llvm::Instruction& instruction : block) {
    if (!is_device_access(instruction)) continue;
    if (llvm::isa<llvm::StoreInst>(instruction))
      has_store = has_load;
    else if (has_store)
      return true;
    else
      has_load = true;
  }
  return false;
}

class Separation {
 public:
  Separation(llvm::Function& function, const Geometry& geometry)
      : layout_(function.getDataLayout()),
        chunk_(geometry.chunk),
        is_large_(geometry.large != 0),
        flow_(function, geometry),
        shapes_(function, flow_, geometry) {}

  void run() {
    std::vector<Piece> pieces;
    for (llvm::BasicBlock* block : flow_.order()) {
      if (may_have_pieces(*block)) find_pieces(*block, pieces);
    }
    for (Piece& piece : pieces) separate(piece);
  }

 private:
  void find_pieces(llvm::BasicBlock& block, std::vector<Piece>& pieces) {
    Piece piece;
    const auto end = [&] {
      if (find_questions(piece)) pieces.push_back(piece);
      piece = {};
    };
    for (llvm::Instruction& instruction : block) {
      if (!instruction.mayReadOrWriteMemory()) continue;
      if (!is_simple(instruction) ||
          (llvm::isa<llvm::StoreInst>(instruction) && !is_device_access(instruction))) {
        end();
      } else if (is_device_access(instruction)) {
        if (piece.accesses.size() == kMostAccesses) end();
        piece.accesses.push_back(&instruction);
      }
    }
    end();
  }

  [[nodiscard]] int64_t bytes_of(const Access& access) const {
    return int64_t(
        layout_.getTypeStoreSize(llvm::getLoadStoreType(const_cast<llvm::Instruction*>(&access))));
  }

  [[nodiscard]] std::optional<int64_t> between(const Access& a, const Access& b) const {
    return LaneDistance::between_pointers(pointer_of(a), pointer_of(b), layout_, is_large_);
  }

  /// Whether lanes are equally far apart with both, and scalars tell how far the two are.
  [[nodiscard]] bool can_ask(const Access& a, const Access& b) const {
    const Shape one = shapes_.of(pointer_of(a)), other = shapes_.of(pointer_of(b));
    if (!one.has_base() || !other.has_base() || shapes_.scale(pointer_of(a)) != 1 ||
        shapes_.scale(pointer_of(b)) != 1)
      return false;
    for (unsigned lane = 1; lane < chunk_; ++lane) {
      if (one.offset(lane) != other.offset(lane)) return false;
    }
    return true;
  }

  /// Whether another load of the piece, before its first store, lies so close that the two could be
  /// moved together.
  [[nodiscard]] bool has_neighbour(const Access& load, const Piece& piece) const {
    constexpr int64_t kFarthest = 128;
    const Shape shape = shapes_.of(pointer_of(load));
    if (!shape.has_base() || shape.offset(1) <= bytes_of(load)) return false;
    for (const Access* other : piece.accesses) {
      if (llvm::isa<llvm::StoreInst>(other)) return false;
      const auto apart = between(*other, load);
      if (apart && *apart != 0 && std::abs(*apart) < kFarthest) return true;
    }
    return false;
  }

  /// What has to be asked for the loads that stand behind stores. False: there are none, or it
  /// can't be asked.
  bool find_questions(Piece& piece) {
    if (piece.accesses.empty()) return false;
    bool is_unknown = false;
    llvm::SmallVector<Access*, 16> stores;
    for (Access* access : piece.accesses) {
      if (llvm::isa<llvm::StoreInst>(access)) {
        stores.push_back(access);
        continue;
      }
      if (stores.empty() || !has_neighbour(*access, piece) ||
          !is_known_before(pointer_of(*access), *stores[0], may_move))
        continue;
      piece.late.push_back(access);
      for (Access* store : stores) {
        const auto apart = between(*access, *store);
        is_unknown |= !apart;
        if (apart ? *apart < bytes_of(*access) && -*apart < bytes_of(*store)
                  : !add_question(piece, *access, *store))
          return false;
      }
    }
    return is_unknown;
  }

  bool add_question(Piece& piece, Access& load, Access& store) const {
    if (!can_ask(load, store)) return false;
    for (Question& question : piece.questions) {
      const auto from = between(*question.load, load), to = between(*question.store, store);
      if (!from || !to) continue;
      question.least = std::min(question.least, *from - *to - bytes_of(store) + 1);
      question.most = std::max(question.most, *from - *to + bytes_of(load) - 1);
      return true;
    }
    if (piece.questions.size() == kMostQuestions ||
        !is_known_before(pointer_of(store), *piece.accesses[0], may_move) ||
        !is_known_before(pointer_of(load), *piece.accesses[0], may_move))
      return false;
    piece.questions.push_back({&load, &store, 1 - bytes_of(store), bytes_of(load) - 1});
    return true;
  }

  static bool may_move(const llvm::Instruction& made) {
    return llvm::isa<llvm::BinaryOperator, llvm::CastInst, llvm::GetElementPtrInst>(made) &&
           !made.isIntDivRem();
  }

  /// How much more the store's address is than the load's: what both add to their bases falls out.
  llvm::Value* distance(llvm::IRBuilder<>& builder, const Question& question) const {
    auto* from = const_cast<llvm::Value*>(pointer_of(*question.load));
    auto* to = const_cast<llvm::Value*>(pointer_of(*question.store));
    const unsigned bits = layout_.getIndexTypeSizeInBits(from->getType());
    llvm::APInt from_offset(bits, 0), to_offset(bits, 0);
    while (true) {
      from = from->stripAndAccumulateConstantOffsets(layout_, from_offset, true);
      to = to->stripAndAccumulateConstantOffsets(layout_, to_offset, true);
      auto* a = llvm::dyn_cast<llvm::GetElementPtrInst>(from);
      auto* b = llvm::dyn_cast<llvm::GetElementPtrInst>(to);
      if (!a || !b || a->getSourceElementType() != b->getSourceElementType() ||
          !std::equal(a->idx_begin(), a->idx_end(), b->idx_begin(), b->idx_end()))
        break;
      from = a->getPointerOperand();
      to = b->getPointerOperand();
    }
    llvm::Type* type = builder.getIntNTy(bits);
    return builder.CreateAdd(
        builder.CreateSub(builder.CreatePtrToInt(to, type), builder.CreatePtrToInt(from, type)),
        llvm::ConstantInt::get(type, to_offset - from_offset));
  }

  llvm::Value* ask(llvm::IRBuilder<>& builder, const Piece& piece) const {
    llvm::Value* all = nullptr;
    for (const Question& question : piece.questions) {
      llvm::Value* is = distance(builder, question);
      const auto number = [&](int64_t value) {
        return llvm::ConstantInt::getSigned(is->getType(), value);
      };
      llvm::Value* apart = builder.CreateICmpUGT(builder.CreateSub(is, number(question.least)),
                                                 number(question.most - question.least));
      all = all ? builder.CreateAnd(all, apart) : apart;
    }
    return ask_all_lanes(builder, all);
  }

  void separate(Piece& piece) {
    Access& first = *piece.accesses.front();
    Access& last = *piece.accesses.back();
    // The parts that earlier pieces of this block have become are blocks of their own by now.
    if (first.getParent() != last.getParent() ||
        std::distance(first.getIterator(), last.getIterator()) > kMostInstructions)
      return;
    for (const Question& question : piece.questions) {
      move_before(question.load->getOperand(llvm::LoadInst::getPointerOperandIndex()), first);
      move_before(question.store->getOperand(llvm::StoreInst::getPointerOperandIndex()), first);
    }
    llvm::ValueToValueMapTy copies;
    const DoubledPiece doubled = double_piece(
        first, last, {.original = "may.meet", .copy = ".apart", .below = "apart.or.not"}, copies);
    read_first(piece, copies);
    llvm::IRBuilder<> builder(doubled.above);
    builder.SetCurrentDebugLocation(first.getDebugLoc());
    builder.CreateCondBr(ask(builder, piece), doubled.copy, doubled.original);
  }

  static void read_first(const Piece& piece, llvm::ValueToValueMapTy& copies) {
    const auto is_store = [](const Access* access) { return llvm::isa<llvm::StoreInst>(access); };
    auto* store = llvm::cast<llvm::Instruction>(copies[*llvm::find_if(piece.accesses, is_store)]);
    for (Access* load : piece.late) move_before(copies[load], *store);
  }

  const llvm::DataLayout& layout_;
  const unsigned chunk_;
  const bool is_large_;  ///< 32-bit indices may wrap around within buffers
  const ControlFlow flow_;
  const ShapeAnalysis shapes_;
};

}  // namespace

void separate_apart(llvm::Function& function, const Geometry& geometry) {
  if (llvm::any_of(function, may_have_pieces)) Separation(function, geometry).run();
}

}  // namespace anymetal::simt
