// Loads move up to the first one of their group, with what their addresses are computed from, and
// stores down to the last one. What they pass by must not touch the same memory: barriers and
// atomics touch all, other accesses those of their address space, unless they are known to lie
// apart within the thread. Other threads of the step don't count: without a barrier nothing says
// which of two threads comes first.
#include "simt/transform/join_neighbours.h"

#include <llvm/Analysis/ValueTracking.h>
#include <llvm/IR/IntrinsicInst.h>

#include <algorithm>
#include <bit>
#include <optional>

#include "ir/thread_ir.h"
#include "simt/analysis/guards.h"
#include "simt/analysis/lane_distance.h"

namespace anymetal::simt {
namespace {

constexpr unsigned kMostMembers = 16;
constexpr unsigned kMostOpen = 16;   // groups that more may come into
constexpr int64_t kMostBytes = 128;  // from lane to lane

class Joiner {
 public:
  Joiner(llvm::Function& function, const ShapeAnalysis& shapes, const ControlFlow& flow,
         const Geometry& geometry)
      : function_(function),
        layout_(function.getDataLayout()),
        shapes_(shapes),
        geometry_(geometry),
        distance_(shapes, flow) {}

  NeighbourGroups run() {
    for (llvm::BasicBlock& block : function_) {
      open_.clear();
      done_.clear();
      for (llvm::Instruction& instruction : block) look_at(instruction);
      for (Group& group : open_) close(group);
      for (Group& group : done_) join(group);
    }
    return std::move(joined_);
  }

 private:
  struct Group {
    Neighbours neighbours;
    bool stores = false;
    bool is_open = true;
  };

  void look_at(llvm::Instruction& instruction) {
    if (!instruction.mayReadOrWriteMemory()) return;
    const bool is_access = llvm::isa<llvm::LoadInst, llvm::StoreInst>(instruction);
    Group* own = is_access ? find_group(instruction) : nullptr;
    for (Group& group : open_) {
      if (&group != own && group.is_open && disturbs(instruction, group)) close(group);
    }
    llvm::erase_if(open_, [](const Group& group) { return !group.is_open; });
    if (is_access && !add(instruction)) begin(instruction);
  }

  static llvm::Type* type_of(const llvm::Instruction& access) {
    return llvm::getLoadStoreType(const_cast<llvm::Instruction*>(&access));
  }

  static const llvm::Value* pointer_of(const llvm::Instruction& access) {
    return strip_guard(llvm::getLoadStorePointerOperand(&access)).pointer;
  }

  [[nodiscard]] int64_t bytes_of(const llvm::Instruction& access) const {
    return int64_t(layout_.getTypeStoreSize(type_of(access)));
  }

  /// Of one element of what is accessed.
  [[nodiscard]] int64_t element_bytes(const llvm::Instruction& access) const {
    return int64_t(layout_.getTypeStoreSize(type_of(access)->getScalarType()));
  }

  /// Whether an access can touch what the group has, or what may still come into it.
  [[nodiscard]] bool may_overlap(const llvm::Instruction& access, const Group& group) const {
    const Neighbours& all = group.neighbours;
    const llvm::Value *one = all.members[all.first].pointer, *other = pointer_of(access);
    const unsigned space = one->getType()->getPointerAddressSpace();
    const unsigned other_space = other->getType()->getPointerAddressSpace();
    if (space != other_space && space != kThreadSpace && other_space != kThreadSpace) return false;
    const llvm::Value *object = llvm::getUnderlyingObject(one, 0),
                      *other_object = llvm::getUnderlyingObject(other, 0);
    // A thread's own variable is in no other space, whatever the other pointer came from.
    if ((llvm::isa<llvm::AllocaInst>(object) && other_space != kThreadSpace) ||
        (llvm::isa<llvm::AllocaInst>(other_object) && space != kThreadSpace))
      return false;
    const auto is_variable = [](const llvm::Value* value) {
      return llvm::isa<llvm::AllocaInst, llvm::GlobalVariable>(value);
    };
    const auto is_known = [&](const llvm::Value* value) {
      return is_variable(value) || llvm::isa<llvm::Argument>(value);
    };
    if (object != other_object && is_known(object) && is_known(other_object) &&
        (is_variable(object) || is_variable(other_object)))
      return false;
    const auto apart = LaneDistance::between_pointers(one, other, layout_, geometry_.large != 0);
    return !apart || (*apart < all.stride && *apart + bytes_of(access) > all.bytes - all.stride);
  }

  /// Whether the group's accesses may not be moved over the instruction.
  [[nodiscard]] bool disturbs(const llvm::Instruction& instruction, const Group& group) const {
    if (!group.stores && !instruction.mayWriteToMemory()) return false;
    const bool is_plain = llvm::isa<llvm::LoadInst, llvm::StoreInst>(instruction) &&
                          !instruction.isAtomic() && !instruction.isVolatile();
    if (!is_plain) return true;
    return may_overlap(instruction, group);
  }

  /// Elements of a size that lanes have, each lane's as far from the next lane's.
  [[nodiscard]] std::optional<int64_t> stride_of(const llvm::Instruction& access) {
    llvm::Type* type = type_of(access);
    const bool is_simple = llvm::isa<llvm::LoadInst>(access)
                               ? llvm::cast<llvm::LoadInst>(access).isSimple()
                               : llvm::cast<llvm::StoreInst>(access).isSimple();
    llvm::Type* element = type->getScalarType();
    if (!is_simple || !(element->isIntegerTy() || element->isFloatingPointTy()))
      return std::nullopt;
    const int64_t bytes = bytes_of(access), each = element_bytes(access);
    if (each > 8 || layout_.getTypeSizeInBits(element) != uint64_t(each) * 8) return std::nullopt;
    const llvm::Value* pointer = pointer_of(access);
    if (shapes_.scale(pointer) != 1 || shapes_.of(pointer).is_flat()) return std::nullopt;
    const auto stride = distance_.between_lanes(pointer, 0, 1);
    if (!stride || *stride <= bytes || *stride > kMostBytes || *stride % each != 0)
      return std::nullopt;
    for (unsigned lane = 2; lane < geometry_.chunk; ++lane) {
      if (distance_.between_lanes(pointer, 0, lane) != *stride * lane) return std::nullopt;
    }
    return stride;
  }

  /// The group that the access would belong to.
  Group* find_group(const llvm::Instruction& access) {
    for (Group& group : open_) {
      if (fits(access, group)) return &group;
    }
    return nullptr;
  }

  [[nodiscard]] std::optional<int64_t> offset_in(const llvm::Instruction& access,
                                                 const Group& group) const {
    const auto& first = group.neighbours.members[group.neighbours.first];
    return LaneDistance::between_pointers(first.pointer, pointer_of(access), layout_,
                                          geometry_.large != 0);
  }

  /// Elements of one type, or of a struct that has several, none of which is larger than a word.
  [[nodiscard]] bool may_be_beside(const llvm::Instruction& access, const llvm::Instruction& other,
                                   bool anywhere) const {
    llvm::Type *type = type_of(access)->getScalarType(),
               *other_type = type_of(other)->getScalarType();
    return type == other_type ||
           (!anywhere && is_piece_element(type) && is_piece_element(other_type));
  }

  [[nodiscard]] bool fits(const llvm::Instruction& access, const Group& group) const {
    const Neighbours& all = group.neighbours;
    const llvm::Instruction& other = *all.members[0].access;
    if (llvm::isa<llvm::StoreInst>(access) != group.stores || all.members.size() == kMostMembers ||
        access.isAtomic() || access.isVolatile() || !may_be_beside(access, other, all.anywhere))
      return false;
    const auto offset = offset_in(access, group);
    if (!offset) return false;
    const int64_t bytes = bytes_of(access);
    const int64_t start = std::min<int64_t>(0, *offset);
    const int64_t end = std::max(all.bytes, *offset + bytes);
    if (end - start > all.stride || (*offset - start) % element_bytes(access) != 0) return false;
    // Each one begins at a multiple of its size from what comes to be the first one.
    return llvm::none_of(all.members, [&](const Neighbours::Member& member) {
      return (member.offset - start) % element_bytes(*member.access) != 0 ||
             (member.offset < *offset + bytes &&
              *offset < member.offset + bytes_of(*member.access));
    });
  }

  bool add(llvm::Instruction& access) {
    Group* group = find_group(access);
    if (!group || (!group->stores && !can_move_up(access, *group->neighbours.members[0].access)))
      return false;
    Neighbours& all = group->neighbours;
    const int64_t offset = *offset_in(access, *group);
    const auto [pointer, inside] = strip_guard(llvm::getLoadStorePointerOperand(&access));
    all.members.push_back({&access, pointer, inside, offset});
    all.bytes = std::max(all.bytes, offset + bytes_of(access));
    if (offset < 0) {
      for (Neighbours::Member& member : all.members) member.offset -= offset;
      all.bytes -= offset;
      all.first = unsigned(all.members.size() - 1);
    }
    return true;
  }

  /// Loads by addresses of which nobody knows how far those of other lanes are, or which are far.
  [[nodiscard]] bool lies_anywhere(const llvm::Instruction& access) {
    const auto* load = llvm::dyn_cast<llvm::LoadInst>(&access);
    const llvm::Value* pointer = pointer_of(access);
    if (!load || !load->isSimple() || !is_piece_element(type_of(access)) ||
        shapes_.of(pointer).is_flat() || shapes_.scale(pointer) != 1)
      return false;
    const auto stride = distance_.between_lanes(pointer, 0, 1);
    return shapes_.of(pointer).is_varying() ||
           (stride && std::abs(*stride) >= int64_t{geometry_.chunk} * bytes_of(access));
  }

  void begin(llvm::Instruction& access) {
    auto stride = stride_of(access);
    const bool anywhere = !stride && lies_anywhere(access);
    if (anywhere) stride = int64_t{geometry_.chunk} * bytes_of(access);
    if (!stride) return;
    const auto [pointer, inside] = strip_guard(llvm::getLoadStorePointerOperand(&access));
    Group group;
    group.stores = llvm::isa<llvm::StoreInst>(access);
    group.neighbours.members.push_back({&access, pointer, inside, 0});
    group.neighbours.stride = *stride;
    group.neighbours.anywhere = anywhere;
    group.neighbours.bytes = bytes_of(access);
    // The oldest goes: large blocks would take too long.
    if (open_.size() == kMostOpen) {
      close(open_.front());
      open_.erase(open_.begin());
    }
    open_.push_back(std::move(group));
  }

  /// What a load's address is computed from, behind `place` in its block; false if it depends on
  /// memory or on calls that concern other threads.
  bool collect(llvm::Value* value, const llvm::Instruction& place,
               llvm::SmallVectorImpl<llvm::Instruction*>& found) const {
    auto* made = llvm::dyn_cast<llvm::Instruction>(value);
    if (!made || made->getParent() != place.getParent() || made->comesBefore(&place)) return true;
    if (llvm::is_contained(found, made)) return true;
    const auto* call = llvm::dyn_cast<llvm::CallBase>(made);
    const llvm::StringRef name = callee_name(made);
    const bool is_own = name.starts_with(kGuarded) || name == kInside || name == kArgumentBytes ||
                        name == kMemoryBase || name == kMemoryBytes;
    if (made->mayReadOrWriteMemory() || llvm::isa<llvm::PHINode>(made) ||
        (call && call->isConvergent() && !is_own))
      return false;
    for (llvm::Value* operand : made->operands()) {
      if (!collect(operand, place, found)) return false;
    }
    found.push_back(made);
    return true;
  }

  [[nodiscard]] bool can_move_up(llvm::Instruction& load, const llvm::Instruction& place) const {
    llvm::SmallVector<llvm::Instruction*, 16> needed;
    return collect(load.getOperand(0), place, needed);
  }

  void close(Group& group) {
    group.is_open = false;
    if (group.neighbours.members.size() > 1) done_.push_back(group);
  }

  /// Units that registers are taken apart into: words where elements are narrower, since words are
  /// what permutations are made for. 0: no such.
  [[nodiscard]] unsigned unit_of(const Group& group) const {
    const Neighbours& all = group.neighbours;
    int64_t bytes = INT64_MAX;
    for (const Neighbours::Member& member : all.members) {
      bytes = std::min(bytes, element_bytes(*member.access));
    }
    constexpr int64_t kWord = 4;
    if (bytes >= kWord) return unsigned(bytes);
    if (all.stride % kWord != 0 || all.bytes % kWord != 0) return 0;
    return unsigned(kWord);
  }

  /// Whether the machine writes some of a register's elements as fast as all, and each unit is
  /// written as a whole or not at all.
  [[nodiscard]] bool has_whole_units(const Neighbours& all) const {
    constexpr unsigned kLanesOfAvx512 = 16;
    if (geometry_.chunk != kLanesOfAvx512) return false;
    llvm::SmallVector<int64_t, 16> bytes(all.factor());
    for (const Neighbours::Member& member : all.members) {
      const int64_t end = member.offset + bytes_of(*member.access);
      for (int64_t at = member.offset; at < end; ++at) ++bytes[size_t(at / all.unit)];
    }
    return llvm::all_of(bytes, [&](int64_t count) { return count == 0 || count == all.unit; });
  }

  void join(Group& group) {
    Neighbours& all = group.neighbours;
    all.unit = unit_of(group);
    if (all.unit == 0) return;
    const unsigned factor = all.factor();
    constexpr unsigned kMostOfOddFactors = 16;
    if (!std::has_single_bit(factor) && factor > kMostOfOddFactors) return;
    // What is between the elements that are written belongs to others, or is a struct's padding.
    int64_t covered = 0;
    for (const Neighbours::Member& member : all.members) covered += bytes_of(*member.access);
    const bool is_whole = all.bytes == all.stride && covered == all.bytes;
    if (!is_whole && (all.anywhere || (group.stores && !has_whole_units(all)))) return;
    // One element in many is better gathered.
    if (covered * 4 < all.stride) return;
    if (group.stores) {
      llvm::Instruction* last = all.members.back().access;
      for (Neighbours::Member& member : all.members) {
        if (member.access != last) member.access->moveBefore(last);
      }
    } else {
      llvm::Instruction* place = all.members[0].access;
      llvm::SmallVector<llvm::Instruction*, 32> needed;
      for (Neighbours::Member& member : all.members)
        collect(member.access->getOperand(0), *place, needed);
      for (llvm::Instruction* made : needed) made->moveBefore(place);
      for (Neighbours::Member& member : all.members) {
        if (member.access == place) continue;
        member.access->moveAfter(place);
        place = member.access;
      }
    }
    const llvm::Instruction* last = all.members.back().access;
    joined_[last] = std::move(all);
  }

  llvm::Function& function_;
  const llvm::DataLayout& layout_;
  const ShapeAnalysis& shapes_;
  const Geometry& geometry_;
  LaneDistance distance_;
  llvm::SmallVector<Group, 8> open_;
  llvm::SmallVector<Group, 8> done_;
  NeighbourGroups joined_;
};

}  // namespace

bool is_piece_element(const llvm::Type* type) {
  return type->isIntegerTy(8) || type->isIntegerTy(16) || type->isIntegerTy(32) ||
         type->isFloatTy() || type->isHalfTy() || type->isBFloatTy();
}

NeighbourGroups join_neighbours(llvm::Function& function, const ShapeAnalysis& shapes,
                                const ControlFlow& flow, const Geometry& geometry) {
  return Joiner(function, shapes, flow, geometry).run();
}

}  // namespace anymetal::simt
