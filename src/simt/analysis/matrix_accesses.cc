#include "simt/analysis/matrix_accesses.h"

#include <llvm/IR/InstIterator.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "simt/analysis/guards.h"
#include "simt/analysis/matrices.h"

namespace anymetal::simt {
namespace {

const llvm::LoadInst* find_load(const llvm::Value* element) {
  if (const auto* widened = llvm::dyn_cast<llvm::FPExtInst>(element))
    element = widened->getOperand(0);
  const auto* load = llvm::dyn_cast<llvm::LoadInst>(element);
  return load && load->isSimple() ? load : nullptr;
}

/// Whether memory at `to` is what it was at `from`, before it in the same block.
bool is_unwritten(const llvm::Instruction* from, const llvm::Instruction* to) {
  if (from->getParent() != to->getParent()) return false;
  for (; from != to; from = from->getNextNode()) {
    if (!from || from->mayWriteToMemory()) return false;
  }
  return true;
}

struct Element {
  int64_t offset;
  unsigned place;
};

/// Elements whose addresses are known from one of them.
struct Cluster {
  unsigned access, lane;
  llvm::SmallVector<Element, 32> elements;
};

/// How many elements lie side by side everywhere; 0 if fewer than 4.
unsigned find_length(llvm::ArrayRef<Cluster> clusters, int64_t bytes) {
  const auto fits = [&](unsigned length) {
    for (const Cluster& cluster : clusters) {
      if (cluster.elements.size() % length != 0) return false;
      for (size_t i = 1; i < cluster.elements.size(); ++i) {
        if (i % length != 0 && cluster.elements[i].offset != cluster.elements[i - 1].offset + bytes)
          return false;
      }
    }
    return true;
  };
  for (const unsigned length : {16u, 8u, 4u}) {
    if (fits(length)) return length;
  }
  return 0;
}

}  // namespace

MatrixAccesses::MatrixAccesses(const llvm::Function& entry, const ShapeAnalysis& shapes,
                               const ControlFlow& flow, const Geometry& geometry)
    : shapes_(shapes), flow_(flow), geometry_(geometry), distance_(shapes, flow) {
  bool has_matrices = false;
  for (const llvm::Instruction& instruction : llvm::instructions(entry)) {
    if (callee_name(&instruction) != kToMatrix) continue;
    has_matrices = true;
    find_loaded(llvm::cast<llvm::CallInst>(instruction));
  }
  for (const llvm::BasicBlock& block : entry) {
    if (flow.is_masked(&block)) continue;
    const llvm::StoreInst* before = nullptr;
    for (const llvm::Instruction& instruction : block) {
      if (!instruction.mayReadOrWriteMemory()) continue;
      const auto* store = llvm::dyn_cast<llvm::StoreInst>(&instruction);
      if (store && store->isSimple()) {
        find_copy(*store);
        if (has_matrices && before) find_stored(*before, *store);
        before = stored_.contains(store) ? nullptr : store;
      } else {
        before = nullptr;
      }
    }
  }
  find_absorbed(entry);
}

const MatrixPlace* MatrixAccesses::loaded(const llvm::CallInst* to_matrix) const {
  const auto found = loaded_.find(to_matrix);
  return found == loaded_.end() ? nullptr : found->second.get();
}

const MatrixPlace* MatrixAccesses::stored(const llvm::StoreInst* second) const {
  const auto found = stored_.find(second);
  return found == stored_.end() ? nullptr : found->second.get();
}

/// The elements of the first chunk that holds some fall into clusters; all chunks are alike, as far
/// as that is known.
bool MatrixAccesses::find_pieces(MatrixPlace& place) const {
  const llvm::DataLayout& layout = shapes_.layout();
  const auto bytes = int64_t(layout.getTypeStoreSize(place.element));
  for (unsigned i = 0; i < 2; ++i) {
    const auto guarded = strip_guard(llvm::getLoadStorePointerOperand(place.accesses[i]));
    place.pointers[i] = guarded.pointer;
    place.insides[i] = guarded.inside;
    if (shapes_.scale(guarded.pointer) != 1) return false;
  }
  const auto apart = LaneDistance::between_pointers(place.pointers[0], place.pointers[1], layout,
                                                    geometry_.large != 0);
  llvm::SmallVector<Cluster, 16> clusters;
  for (unsigned element = 0; element < kMatrixElements; ++element) {
    const unsigned lane = matrix_lane(element / kMatrixRows, element % kMatrixRows);
    const unsigned access = element % 2;
    bool found = false;
    for (Cluster& cluster : clusters) {
      if (cluster.lane / geometry_.chunk != lane / geometry_.chunk) continue;
      if (cluster.access != access && !apart) continue;
      const auto far = distance_.between_lanes(
          place.pointers[access], cluster.lane % geometry_.chunk, lane % geometry_.chunk);
      if (!far) continue;
      const int64_t step = cluster.access == access  ? 0
                           : cluster.access < access ? *apart
                                                     : -*apart;
      cluster.elements.push_back({*far + step, element});
      found = true;
      break;
    }
    if (!found) clusters.push_back({access, lane, {{0, element}}});
  }
  for (Cluster& cluster : clusters)
    llvm::sort(cluster.elements,
               [](const Element& a, const Element& b) { return a.offset < b.offset; });
  place.length = find_length(clusters, bytes);
  if (place.length == 0) return false;
  for (const Cluster& cluster : clusters) {
    for (size_t i = 0; i < cluster.elements.size(); i += place.length) {
      MatrixPiece piece{cluster.access, cluster.lane, cluster.elements[i].offset, {}};
      for (unsigned k = 0; k < place.length; ++k)
        piece.places.push_back(cluster.elements[i + k].place);
      place.pieces.push_back(std::move(piece));
    }
  }
  // A lane's two accesses may be of one place then: the second comes behind the first.
  if (!apart) {
    auto pieces = std::exchange(place.pieces, {});
    for (unsigned access = 0; access < 2; ++access)
      llvm::copy_if(pieces, std::back_inserter(place.pieces),
                    [&](const MatrixPiece& piece) { return piece.access == access; });
  }
  return true;
}

void MatrixAccesses::find_loaded(const llvm::CallInst& to_matrix) {
  const llvm::LoadInst* loads[2];
  for (unsigned i = 0; i < 2; ++i) {
    loads[i] = find_load(to_matrix.getArgOperand(i));
    if (!loads[i] || !is_unwritten(loads[i], &to_matrix)) return;
  }
  if (loads[0]->getType() != loads[1]->getType() || flow_.is_masked(to_matrix.getParent())) return;
  auto place = std::make_unique<MatrixPlace>(
      MatrixPlace{{loads[0], loads[1]},
                  {},
                  {},
                  loads[0]->getType(),
                  std::min(loads[0]->getAlign(), loads[1]->getAlign()),
                  0,
                  {}});
  if (find_pieces(*place)) loaded_[&to_matrix] = std::move(place);
}

void MatrixAccesses::find_stored(const llvm::StoreInst& first, const llvm::StoreInst& second) {
  llvm::Type* element = second.getValueOperand()->getType();
  if (first.getValueOperand()->getType() != element ||
      !(element->isFloatTy() || element->isHalfTy() || element->isBFloatTy()))
    return;
  auto place = std::make_unique<MatrixPlace>(MatrixPlace{
      {&first, &second}, {}, {}, element, std::min(first.getAlign(), second.getAlign()), 0, {}});
  if (!find_pieces(*place)) return;
  stored_[&second] = std::move(place);
  first_stores_[&second] = &first;
  pending_stores_.insert(&first);
}

/// Where each lane copies some words, a shuffle of all lanes' words in registers would only be
/// undone at the other end.
void MatrixAccesses::find_copy(const llvm::StoreInst& store) {
  const auto* load = llvm::dyn_cast<llvm::LoadInst>(store.getValueOperand());
  constexpr uint64_t kLeast = 16, kMost = 64;
  if (!load || !load->isSimple() || !load->hasOneUse() || !load->getType()->isVectorTy() ||
      !is_unwritten(load, &store))
    return;
  const uint64_t bytes = shapes_.layout().getTypeStoreSize(load->getType());
  if (bytes < kLeast || bytes > kMost || shapes_.of(load).has_base()) return;
  for (const llvm::Value* guarded : {load->getPointerOperand(), store.getPointerOperand()}) {
    const llvm::Value* pointer = strip_guard(guarded).pointer;
    if (shapes_.scale(pointer) != 1 || shapes_.of(pointer).is_flat()) return;
  }
  copies_[&store] = load;
}

void MatrixAccesses::find_absorbed(const llvm::Function& entry) {
  const auto goes_into_matrix = [&](const llvm::User* user) {
    const auto* call = llvm::dyn_cast<llvm::CallInst>(user);
    return call && loaded_.contains(call);
  };
  for (const llvm::Instruction& instruction : llvm::instructions(entry)) {
    const auto* load = llvm::dyn_cast<llvm::LoadInst>(&instruction);
    if (!load || load->use_empty()) continue;
    const bool absorbed = llvm::all_of(load->users(), [&](const llvm::User* user) {
      if (const auto* store = llvm::dyn_cast<llvm::StoreInst>(user))
        return copies_.lookup(store) == load;
      if (!llvm::isa<llvm::FPExtInst>(user)) return goes_into_matrix(user);
      return llvm::all_of(user->users(), goes_into_matrix);
    });
    if (absorbed) absorbed_.insert(load);
  }
}

llvm::SmallVector<LaneRun, 16> MatrixAccesses::copy_runs(const llvm::StoreInst& store) const {
  constexpr uint64_t kMost = 64;
  const llvm::LoadInst* load = copied(&store);
  const uint64_t bytes = shapes_.layout().getTypeStoreSize(load->getType());
  const auto is_next = [&](const llvm::Value* guarded, unsigned lane) {
    const llvm::Value* pointer = strip_guard(guarded).pointer;
    return distance_.between_lanes(pointer, lane - 1, lane) == int64_t(bytes);
  };
  llvm::SmallVector<LaneRun, 16> runs;
  for (unsigned lane = 0; lane < geometry_.chunk; ++lane) {
    if (lane > 0 && (runs.back().count + 1) * bytes <= kMost &&
        is_next(load->getPointerOperand(), lane) && is_next(store.getPointerOperand(), lane)) {
      ++runs.back().count;
    } else {
      runs.push_back({lane, 1});
    }
  }
  return runs;
}

ProductGroups find_product_groups(const llvm::Function& entry, unsigned most) {
  ProductGroups groups;
  for (const llvm::BasicBlock& block : entry) {
    llvm::SmallVector<const llvm::CallInst*, 4> group;
    const auto close = [&] {
      if (!group.empty()) groups[group.back()] = group;
      group.clear();
    };
    for (const llvm::Instruction& instruction : block) {
      const bool needs_one = llvm::any_of(instruction.operands(), [&](const llvm::Use& operand) {
        return llvm::is_contained(group, operand.get());
      });
      if (needs_one) close();
      if (callee_name(&instruction) != kMultiplyAccumulate) continue;
      const auto* call = llvm::cast<llvm::CallInst>(&instruction);
      const auto share = [&](unsigned operand) {
        return llvm::all_of(group, [&](const llvm::CallInst* other) {
          return other->getArgOperand(operand) == call->getArgOperand(operand);
        });
      };
      if (group.size() == most || !(share(0) || share(1))) close();
      group.push_back(call);
    }
    close();
  }
  return groups;
}

}  // namespace anymetal::simt
