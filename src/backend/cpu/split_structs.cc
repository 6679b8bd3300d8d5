#include "backend/cpu/split_structs.h"

#include <llvm/ADT/MapVector.h>
#include <llvm/ADT/SetVector.h>
#include <llvm/ADT/SmallPtrSet.h>
#include <llvm/ADT/SmallVector.h>
#include <llvm/Analysis/TargetTransformInfo.h>
#include <llvm/IR/DataLayout.h>
#include <llvm/IR/IRBuilder.h>
#include <llvm/IR/InstIterator.h>
#include <llvm/IR/IntrinsicInst.h>

#include <algorithm>
#include <array>
#include <optional>
#include <set>
#include <utility>
#include <vector>

namespace anymetal::backend::cpu {
namespace {

using llvm::dyn_cast;
using llvm::isa;

/// An index into an array of structs: the sum of these. Empty: 0.
using Index = llvm::SmallVector<llvm::Value*, 2>;
using Indices = llvm::SmallVector<Index, 2>;

/// Parts that lanes share (unions), vectors and matrices stay as they are.
llvm::StructType* as_plain_struct(llvm::Type* type) {
  auto* all = dyn_cast<llvm::StructType>(type);
  if (!all || all->getNumElements() < 2) return nullptr;
  const llvm::StringRef name = all->hasName() ? all->getName() : "";
  if (name.starts_with("union.") || name.starts_with("struct.metal::")) return nullptr;
  return all;
}

void add_sizes(llvm::Type* type, const llvm::DataLayout& layout, std::set<uint64_t>& sizes) {
  if (auto* all = dyn_cast<llvm::StructType>(type)) {
    // A vector of three is padded with bytes.
    const bool is_vector = all->hasName() && all->getName().starts_with("struct.metal::vec");
    for (llvm::Type* member : all->elements()) {
      add_sizes(member, layout, sizes);
      if (is_vector) break;
    }
  } else if (type->isArrayTy()) {
    add_sizes(type->getArrayElementType(), layout, sizes);
  } else {
    sizes.insert(layout.getTypeStoreSize(type->getScalarType()));
  }
}

bool is_zero(const llvm::Value* value) {
  const auto* number = dyn_cast<llvm::ConstantInt>(value);
  return number && number->isZero();
}

std::optional<uint64_t> length_of(const llvm::MemIntrinsic& intrinsic) {
  const auto* length = dyn_cast<llvm::ConstantInt>(intrinsic.getLength());
  if (!length || intrinsic.isVolatile()) return {};
  return length->getZExtValue();
}

/// One variable: its struct, and all that leads into it.
class Variable {
 public:
  explicit Variable(llvm::AllocaInst& variable)
      : variable_(variable), layout_(variable.getDataLayout()) {
    llvm::Type* type = variable.getAllocatedType();
    while (type->isArrayTy()) type = type->getArrayElementType();
    struct_ = as_plain_struct(type);
  }

  /// `least`: bytes of elements that arrays may be made of.
  [[nodiscard]] bool can_be_split(uint64_t least) {
    if (!struct_ || variable_.isArrayAllocation()) return false;
    if (variable_.getAllocatedType() != struct_) {
      std::set<uint64_t> sizes;
      add_sizes(struct_, layout_, sizes);
      if (sizes.size() < 2 || *sizes.begin() < least) return false;
    }
    return follow(variable_, variable_.getAllocatedType(), {}) && has_running_index_;
  }

  /// The new variables, which may be split in turn.
  std::vector<llvm::AllocaInst*> split() {
    for (unsigned i = 0; i < struct_->getNumElements(); ++i) {
      llvm::IRBuilder<> builder(&variable_);
      auto* member = builder.CreateAlloca(type_of(variable_.getAllocatedType(), i), nullptr,
                                          variable_.getName() + "." + llvm::Twine(i));
      member->setAlignment(llvm::commonAlignment(variable_.getAlign(), offset_of(i)));
      member->copyMetadata(variable_);
      members_.push_back(member);
    }
    for (const Entry& entry : entries_) {
      llvm::IRBuilder<> builder(entry.user);
      llvm::Value* place = place_of(builder, entry.member, entry.indices, entry.rest);
      if (entry.offset != 0)
        place = builder.CreateConstGEP1_64(builder.getInt8Ty(), place, entry.offset);
      if (entry.operand) {
        entry.user->setOperand(*entry.operand, place);
      } else {
        entry.user->replaceAllUsesWith(place);
        entry.user->eraseFromParent();
      }
    }
    for (const auto& [intrinsic, sides] : wholes_) split_whole(*intrinsic, sides);
    for (llvm::Instruction* access : padding_) {
      if (isa<llvm::LoadInst>(access))
        access->replaceAllUsesWith(llvm::Constant::getNullValue(access->getType()));
      access->eraseFromParent();
    }
    for (llvm::Instruction* step : llvm::reverse(steps_)) step->eraseFromParent();
    variable_.eraseFromParent();
    return members_;
  }

 private:
  /// Where a member is entered.
  struct Entry {
    llvm::Instruction* user;
    std::optional<unsigned> operand;  ///< the member's beginning; none: the user is its address
    unsigned member;
    Indices indices;
    llvm::SmallVector<llvm::Value*, 4> rest;  ///< indices within the member
    int64_t offset = 0;                       ///< bytes, from there
  };
  /// Whether an intrinsic function writes and reads a struct of this variable, and which.
  using Sides = std::array<std::optional<Indices>, 2>;

  uint64_t offset_of(unsigned member) const {
    return layout_.getStructLayout(struct_)->getElementOffset(member);
  }
  uint64_t size_of(llvm::Type* type) const { return layout_.getTypeAllocSize(type); }

  /// The variable's type, with this member in the struct's place.
  llvm::Type* type_of(llvm::Type* type, unsigned member) const {
    if (type == struct_) return struct_->getElementType(member);
    return llvm::ArrayType::get(type_of(type->getArrayElementType(), member),
                                type->getArrayNumElements());
  }
  unsigned depth() const {
    unsigned count = 0;
    for (llvm::Type* type = variable_.getAllocatedType(); type != struct_; ++count)
      type = type->getArrayElementType();
    return count;
  }

  /// All uses of an address of the whole, or of a struct or an array of them in it.
  bool follow(llvm::Value& address, llvm::Type* level, const Indices& indices) {
    for (llvm::Use& use : address.uses()) {
      auto* user = llvm::cast<llvm::Instruction>(use.getUser());
      bool is_well = false;
      if (auto* step = dyn_cast<llvm::GetElementPtrInst>(user)) {
        is_well = follow_step(*step, level, indices);
      } else if (isa<llvm::LoadInst, llvm::StoreInst>(user)) {
        is_well = llvm::getLoadStorePointerOperand(user) == &address &&
                  use.getOperandNo() == (isa<llvm::StoreInst>(user) ? 1 : 0) &&
                  fits(llvm::getLoadStoreType(user), 0) &&
                  add_entry({user, use.getOperandNo(), 0, filled(indices), {}});
      } else if (auto* intrinsic = dyn_cast<llvm::MemIntrinsic>(user)) {
        is_well = follow_whole(*intrinsic, use.getOperandNo(), level, indices);
      } else if (user->isLifetimeStartOrEnd()) {
        steps_.push_back(user);
        is_well = true;
      }
      if (!is_well) return false;
    }
    return true;
  }

  bool follow_step(llvm::GetElementPtrInst& step, llvm::Type* level, Indices indices) {
    llvm::Type* source = step.getSourceElementType();
    while (level != source && level != struct_) {
      level = level->getArrayElementType();
      indices.emplace_back();
    }
    if (level != source) return enter_by_bytes(step, indices);
    llvm::SmallVector<llvm::Value*, 4> rest(step.indices());
    if (!is_zero(rest.front())) {
      if (indices.empty() || rest.front()->getType()->isVectorTy()) return false;
      indices.back().push_back(rest.front());  // from one struct to others
      has_running_index_ |= !isa<llvm::Constant>(rest.front());
    }
    for (size_t i = 1; i < rest.size(); ++i) {
      if (level == struct_) {
        const auto member = unsigned(llvm::cast<llvm::ConstantInt>(rest[i])->getZExtValue());
        return enter(step, member, indices, llvm::ArrayRef(rest).drop_front(i + 1));
      }
      level = level->getArrayElementType();
      indices.push_back({rest[i]});
      has_running_index_ |= !isa<llvm::Constant>(rest[i]);
    }
    steps_.push_back(&step);
    return follow(step, level, indices);
  }

  bool enter(llvm::GetElementPtrInst& step, unsigned member, const Indices& indices,
             llvm::ArrayRef<llvm::Value*> rest) {
    llvm::Type& type = *struct_->getElementType(member);
    for (llvm::Value* index : rest) has_running_index_ |= !isa<llvm::Constant>(index);
    const auto at = offset_in(type, rest);
    if (depth() > 0 && (!at || *at < 0 || uint64_t(*at) >= size_of(&type))) return false;
    return stays_inside(step, size_of(&type), at) &&
           add_entry({&step, {}, member, indices, {rest.begin(), rest.end()}});
  }

  /// Where indices lead in a member, if that is known. In an array of structs, what leaves a member
  /// of one would come to the same one of the next.
  std::optional<int64_t> offset_in(llvm::Type& type, llvm::ArrayRef<llvm::Value*> rest) const {
    llvm::SmallVector<llvm::Value*, 4> all{
        llvm::ConstantInt::get(llvm::Type::getInt32Ty(variable_.getContext()), 0)};
    all.append(rest.begin(), rest.end());
    if (!llvm::all_of(all, [](llvm::Value* index) { return isa<llvm::ConstantInt>(index); }))
      return {};
    return layout_.getIndexedOffsetInType(&type, all);
  }

  /// By an address that is computed otherwise than by the struct's type: a constant one, or one
  /// within the first member, whose address is the struct's.
  bool enter_by_bytes(llvm::GetElementPtrInst& step, const Indices& indices) {
    llvm::APInt bytes(layout_.getIndexTypeSizeInBits(step.getType()), 0);
    if (step.accumulateConstantOffset(layout_, bytes)) {
      const int64_t offset = bytes.getSExtValue();
      if (offset < 0 || uint64_t(offset) >= size_of(struct_)) return false;
      const unsigned member =
          layout_.getStructLayout(struct_)->getElementContainingOffset(uint64_t(offset));
      const int64_t inside = offset - int64_t(offset_of(member));
      if (uint64_t(inside) >= size_of(struct_->getElementType(member)))
        return is_copy_of_padding(step, uint64_t(offset), member);
      return stays_inside(step, size_of(struct_->getElementType(member)), inside, false) &&
             add_entry({&step, {}, member, indices, {}, inside});
    }
    // `[8 x i32], %v, 0, %i`. Of `i8, %v, %i` nobody knows whether it is the first member's.
    llvm::Type* first = struct_->getElementType(0);
    if (step.getSourceElementType() != first || !is_zero(step.idx_begin()->get())) return false;
    if (depth() > 0) return false;
    has_running_index_ = true;
    return stays_inside(step, size_of(first), {}) && add_entry({&step, 0U, 0, indices, {}});
  }

  /// What copies of structs that became loads and stores move behind a member: nothing.
  bool is_copy_of_padding(llvm::GetElementPtrInst& step, uint64_t offset, unsigned member) {
    const bool is_last = member + 1 == struct_->getNumElements();
    const uint64_t end = is_last ? size_of(struct_) : offset_of(member + 1);
    for (llvm::Use& use : step.uses()) {
      auto* user = llvm::cast<llvm::Instruction>(use.getUser());
      if (auto* intrinsic = dyn_cast<llvm::MemIntrinsic>(user)) {
        const auto length = length_of(*intrinsic);
        if (!length || offset + *length > end) return false;
        padding_.insert(user);
        continue;
      }
      if (llvm::getLoadStorePointerOperand(user) != &step || user->isAtomic() ||
          (isa<llvm::StoreInst>(user) && use.getOperandNo() == 0) ||
          offset + layout_.getTypeStoreSize(llvm::getLoadStoreType(user)) > end)
        return false;
      padding_.insert(user);
    }
    steps_.push_back(&step);
    return true;
  }

  /// Whether an address that points into a member of so many bytes, `at` so many behind its
  /// beginning if that is known, is only used for it. `may_run`: the text has led there by the
  /// member's name, so that an index or a condition stays in it.
  bool stays_inside(llvm::Value& address, uint64_t bytes, std::optional<int64_t> at,
                    bool may_run = true) {
    using Pointer = std::pair<llvm::Value*, std::optional<int64_t>>;
    const auto is_inside = [&](std::optional<int64_t> from, uint64_t size) {
      return from ? *from >= 0 && uint64_t(*from) + size <= bytes : size <= bytes;
    };
    std::vector<Pointer> work{{&address, at}};
    llvm::SmallPtrSet<llvm::Value*, 8> seen{&address};
    while (!work.empty()) {
      const auto [pointer, from] = work.back();
      work.pop_back();
      for (llvm::Use& use : pointer->uses()) {
        auto* user = llvm::cast<llvm::Instruction>(use.getUser());
        std::optional<int64_t> next;
        if (auto* step = dyn_cast<llvm::GetElementPtrInst>(user)) {
          const bool goes_on = !is_zero(step->idx_begin()->get());
          if (goes_on && size_of(step->getSourceElementType()) >= bytes) return false;
          const bool runs = !step->hasAllConstantIndices();
          if (runs && (!may_run || depth() > 0)) return false;
          has_running_index_ |= runs;
          llvm::APInt more(layout_.getIndexTypeSizeInBits(step->getType()), 0);
          if (from && step->accumulateConstantOffset(layout_, more))
            next = *from + more.getSExtValue();
          if (next && !is_inside(next, may_run ? 0 : 1)) return false;
        } else if (isa<llvm::PHINode, llvm::SelectInst>(user)) {
          if (!may_run) return false;
        } else if (isa<llvm::LoadInst, llvm::StoreInst>(user)) {
          if (isa<llvm::StoreInst>(user) && use.getOperandNo() == 0) return false;
          if (!is_inside(from, layout_.getTypeStoreSize(llvm::getLoadStoreType(user))))
            return false;
          continue;
        } else if (auto* intrinsic = dyn_cast<llvm::MemIntrinsic>(user)) {
          const auto length = length_of(*intrinsic);
          if (!length || !is_inside(from, *length)) return false;
          continue;
        } else if (isa<llvm::ICmpInst>(user)) {
          // Where one member ends another one begins.
          if (!may_run) return false;
          continue;
        } else {
          return false;
        }
        if (seen.insert(user).second) work.emplace_back(user, next);
      }
    }
    return true;
  }

  /// Copies and zeros of one struct, or of all of them.
  bool follow_whole(llvm::MemIntrinsic& intrinsic, unsigned operand, llvm::Type* level,
                    const Indices& indices) {
    const auto length = length_of(intrinsic);
    if (!length || operand > 1) return false;
    if (*length > size_of(struct_)) {
      // All of it becomes other bytes.
      if (!isa<llvm::MemSetInst>(intrinsic) || level != variable_.getAllocatedType() ||
          *length != size_of(level))
        return false;
      wholes_[&intrinsic][0] = Indices();
      return true;
    }
    wholes_[&intrinsic][operand] = filled(indices);
    return true;
  }

  void split_whole(llvm::MemIntrinsic& intrinsic, const Sides& sides) {
    const uint64_t length = *length_of(intrinsic);
    llvm::IRBuilder<> builder(&intrinsic);
    for (unsigned i = 0; i < struct_->getNumElements(); ++i) {
      const uint64_t begin = offset_of(i);
      uint64_t bytes = size_of(struct_->getElementType(i));
      if (length > size_of(struct_)) {
        auto* set = llvm::cast<llvm::MemSetInst>(&intrinsic);
        builder.CreateMemSet(members_[i], set->getValue(), size_of(members_[i]->getAllocatedType()),
                             llvm::Align(1));
        continue;
      }
      if (begin >= length) break;
      bytes = std::min(bytes, length - begin);
      const auto side = [&](unsigned operand) {
        return sides[operand]
                   ? place_of(builder, i, *sides[operand], {})
                   : builder.CreateStructGEP(struct_, intrinsic.getArgOperand(operand), i);
      };
      if (auto* set = dyn_cast<llvm::MemSetInst>(&intrinsic)) {
        builder.CreateMemSet(side(0), set->getValue(), bytes, llvm::Align(1));
      } else if (isa<llvm::MemMoveInst>(intrinsic)) {
        builder.CreateMemMove(side(0), llvm::Align(1), side(1), llvm::Align(1), bytes);
      } else {
        builder.CreateMemCpy(side(0), llvm::Align(1), side(1), llvm::Align(1), bytes);
      }
    }
    intrinsic.eraseFromParent();
  }

  llvm::Value* place_of(llvm::IRBuilder<>& builder, unsigned member, const Indices& indices,
                        llvm::ArrayRef<llvm::Value*> rest) {
    llvm::SmallVector<llvm::Value*, 6> all{builder.getInt64(0)};
    for (const Index& index : indices) {
      llvm::Value* sum = builder.getInt64(0);
      for (llvm::Value* part : index)
        sum = builder.CreateAdd(sum, builder.CreateSExtOrTrunc(part, builder.getInt64Ty()));
      all.push_back(sum);
    }
    all.append(rest.begin(), rest.end());
    return builder.CreateGEP(members_[member]->getAllocatedType(), members_[member], all);
  }

  bool fits(llvm::Type* type, unsigned member) const {
    return layout_.getTypeStoreSize(type) <= size_of(struct_->getElementType(member));
  }
  Indices filled(Indices indices) const {
    indices.resize(depth());
    return indices;
  }
  bool add_entry(Entry entry) {
    entry.indices = filled(entry.indices);
    entries_.push_back(std::move(entry));
    return true;
  }

  llvm::AllocaInst& variable_;
  const llvm::DataLayout& layout_;
  llvm::StructType* struct_ = nullptr;
  std::vector<llvm::AllocaInst*> members_;
  std::vector<Entry> entries_;
  llvm::MapVector<llvm::MemIntrinsic*, Sides> wholes_;
  std::vector<llvm::Instruction*> steps_;                ///< that lead to no member yet
  llvm::SmallSetVector<llvm::Instruction*, 4> padding_;  ///< accesses between members
  bool has_running_index_ = false;
};

}  // namespace

void split_structs(llvm::Function& function, const llvm::TargetTransformInfo& target) {
  // Without gathers and scatters lanes read and write one by one: a struct of each is less to do
  // than its members.
  auto* words = llvm::FixedVectorType::get(llvm::Type::getInt32Ty(function.getContext()), 8);
  const uint64_t least = target.isLegalMaskedScatter(words, llvm::Align(4))  ? 1
                         : target.isLegalMaskedGather(words, llvm::Align(4)) ? 4
                                                                             : UINT64_MAX;
  std::vector<llvm::AllocaInst*> work;
  for (llvm::Instruction& instruction : llvm::instructions(function))
    if (auto* variable = dyn_cast<llvm::AllocaInst>(&instruction)) work.push_back(variable);
  while (!work.empty()) {
    Variable variable(*work.back());
    work.pop_back();
    if (!variable.can_be_split(least)) continue;
    const auto members = variable.split();
    work.insert(work.end(), members.begin(), members.end());
  }
}

}  // namespace anymetal::backend::cpu
