#include "simt/transform/kept_pointers.h"

#include <llvm/ADT/MapVector.h>
#include <llvm/ADT/SetVector.h>
#include <llvm/IR/IRBuilder.h>
#include <llvm/IR/InstIterator.h>
#include <llvm/IR/IntrinsicInst.h>
#include <llvm/IR/Operator.h>

#include <algorithm>
#include <bit>
#include <map>
#include <numeric>
#include <optional>
#include <utility>

#include "ir/thread_ir.h"
#include "simt/analysis/objects.h"

namespace anymetal::simt {
namespace {

using llvm::dyn_cast;
using llvm::isa;

bool leads_to_buffer(const llvm::Type* type) {
  return type->isPointerTy() && (type->getPointerAddressSpace() == kDeviceSpace ||
                                 type->getPointerAddressSpace() == kConstantSpace);
}

/// Where in a variable something is: at `begin`, or any number of `step` from there.
struct Place {
  int64_t begin;
  uint64_t step;  ///< 0: there alone
  uint64_t bytes;
};

/// From one's beginning to the other's, less than a step where either has one.
int64_t distance(const Place& one, const Place& other) {
  const auto step = int64_t(std::gcd(one.step, other.step));
  const int64_t between = other.begin - one.begin;
  return step == 0 ? between : (between % step + step) % step;
}

/// Whether they may have a byte in common.
bool may_overlap(const Place& one, const Place& other) {
  const uint64_t step = std::gcd(one.step, other.step);
  const int64_t between = distance(one, other);
  if (between < 0) return uint64_t(-between) < other.bytes;
  return uint64_t(between) < one.bytes || (step != 0 && uint64_t(between) + other.bytes > step);
}

/// Where an address is that a getelementptr moves there.
std::optional<Place> moved(Place place, const llvm::GEPOperator& step,
                           const llvm::DataLayout& layout) {
  const unsigned bits = layout.getIndexTypeSizeInBits(step.getType());
  llvm::MapVector<llvm::Value*, llvm::APInt> variables;
  llvm::APInt constant(bits, 0);
  if (!step.collectOffset(layout, bits, variables, constant)) return {};
  place.begin += constant.getSExtValue();
  for (const auto& [index, scale] : variables)
    place.step = std::gcd(place.step, scale.abs().getZExtValue());
  return place;
}

/// A number, pointer or vector within a variable or a struct.
struct Member {
  uint64_t at;
  llvm::Type* type;
};
using Members = std::vector<Member>;

void add_members(llvm::Type& type, uint64_t at, const llvm::DataLayout& layout, Members& members) {
  if (auto* all = dyn_cast<llvm::StructType>(&type)) {
    for (unsigned i = 0; i < all->getNumElements(); ++i)
      add_members(*all->getElementType(i), at + layout.getStructLayout(all)->getElementOffset(i),
                  layout, members);
  } else if (type.isArrayTy()) {
    llvm::Type& element = *type.getArrayElementType();
    for (uint64_t i = 0; i < type.getArrayNumElements(); ++i)
      add_members(element, at + i * layout.getTypeAllocSize(&element), layout, members);
  } else {
    members.push_back({at, &type});
  }
}

/// Bytes: longer copies become loops, and what they copy numbers.
constexpr uint64_t kMostCopied = 512;

/// What lies in the variable at an address: a struct's members and, between them, bytes. None: no
/// variable, one without pointers into buffers, or the address isn't the same place in all structs.
class Contents {
 public:
  /// The members from there, each `at` so many bytes behind it.
  Members of(llvm::Value& address, uint64_t bytes) {
    const Path path = find_path(&address);
    auto* variable = dyn_cast<llvm::AllocaInst>(path.root);
    if (!variable || variable->isArrayAllocation()) return {};
    const llvm::DataLayout& layout = variable->getDataLayout();
    std::optional<Place> place = Place{0, 0, bytes};
    for (const llvm::GEPOperator* step : path.steps) {
      place = moved(*place, *step, layout);
      if (!place) return {};
    }
    const Members& all = of(*variable);
    const auto step = int64_t(place->step);
    const int64_t begin = step == 0 ? place->begin : (place->begin % step + step) % step;
    if (begin < 0 || !repeats(all, place->step)) return {};
    Members found;
    uint64_t done = uint64_t(begin);
    const uint64_t end = done + bytes;
    bool has_pointers = false;
    const auto fill = [&](uint64_t until) {
      for (uint64_t size; done < until; done += size) {
        size = std::min(uint64_t(1) << std::countr_zero(done | 8), std::bit_floor(until - done));
        found.push_back({done - uint64_t(begin),
                         llvm::Type::getIntNTy(variable->getContext(), unsigned(8 * size))});
      }
    };
    for (const Member& member : all) {
      const uint64_t size = layout.getTypeStoreSize(member.type);
      if (member.at + size <= uint64_t(begin) || member.at >= end) continue;
      if (member.at < done || member.at + size > end) return {};
      fill(member.at);
      found.push_back({member.at - uint64_t(begin), member.type});
      has_pointers |= leads_to_buffer(member.type);
      done = member.at + size;
    }
    if (!has_pointers) return {};
    fill(end);
    return found;
  }

 private:
  const Members& of(llvm::AllocaInst& variable) {
    const auto [known, is_new] = known_.try_emplace(&variable);
    if (is_new && variable.getAllocationSize(variable.getDataLayout())->getFixedValue() <= kMost)
      add_members(*variable.getAllocatedType(), 0, variable.getDataLayout(), known->second);
    return known->second;
  }
  static bool repeats(const Members& all, uint64_t step) {
    if (step == 0) return true;
    std::map<uint64_t, llvm::Type*> types;
    for (const Member& member : all) types[member.at] = member.type;
    return llvm::all_of(all, [&](const Member& member) {
      const auto next = types.find(member.at + step);
      return next == types.end() ? member.at + step > all.back().at : next->second == member.type;
    });
  }

  static constexpr uint64_t kMost = 16'384;  ///< bytes of a variable
  std::map<llvm::AllocaInst*, Members> known_;
};

/// Follows an address of a variable to all accesses.
class Accesses {
 public:
  explicit Accesses(llvm::AllocaInst& variable) : layout_(variable.getDataLayout()) {
    kept_.variable = &variable;
    is_known_ = follow(variable, {0, 0, 0});
  }

  [[nodiscard]] bool are_known() const { return is_known_; }

  /// Whether nothing else is written where pointers are. Copies are of members or numbers by now.
  [[nodiscard]] bool are_pointers_alone() const {
    for (const Place& pointer : pointers_) {
      for (const Place& other : numbers_)
        if (may_overlap(pointer, other)) return false;
      for (const Place& other : pointers_)
        if (may_overlap(pointer, other) && distance(pointer, other) != 0) return false;
    }
    return true;
  }
  [[nodiscard]] const KeptPointers& kept() const { return kept_; }

 private:
  bool follow(llvm::Value& address, const Place& place) {
    for (llvm::User* user : address.users()) {
      if (auto* select = dyn_cast<llvm::SelectInst>(user)) {
        // Of checked indices: both sides lead to this variable.
        for (llvm::Value* side : {select->getTrueValue(), select->getFalseValue()})
          if (find_path(side).root != kept_.variable) return false;
        if (!follow(*select, place)) return false;
      } else if (auto* step = dyn_cast<llvm::GetElementPtrInst>(user)) {
        const auto next = moved(place, llvm::cast<llvm::GEPOperator>(*step), layout_);
        if (!next || !follow(*step, *next)) return false;
      } else if (auto* load = dyn_cast<llvm::LoadInst>(user)) {
        if (!leads_to_buffer(load->getType())) continue;
        if (!llvm::is_contained(kept_.loads, load)) kept_.loads.push_back(load);
        pointers_.push_back(sized(place, *load->getType()));
      } else if (auto* store = dyn_cast<llvm::StoreInst>(user)) {
        llvm::Value* value = store->getValueOperand();
        if (value == &address) return false;
        if (is_zero(*value)) continue;  // points to nothing, whatever it belongs to
        if (leads_to_buffer(value->getType()) && !llvm::is_contained(kept_.stores, store))
          kept_.stores.push_back(store);
        (leads_to_buffer(value->getType()) ? pointers_ : numbers_)
            .push_back(sized(place, *value->getType()));
      } else if (!isa<llvm::ICmpInst>(user) &&
                 !llvm::cast<llvm::Instruction>(user)->isLifetimeStartOrEnd()) {
        return false;
      }
    }
    return true;
  }
  static bool is_zero(const llvm::Value& value) {
    const auto* constant = dyn_cast<llvm::Constant>(&value);
    return constant && constant->isNullValue();
  }
  Place sized(Place place, llvm::Type& type) const {
    place.bytes = layout_.getTypeStoreSize(&type);
    return place;
  }

  const llvm::DataLayout& layout_;
  KeptPointers kept_{};
  std::vector<Place> pointers_, numbers_;
  bool is_known_ = false;
};

void copy_members(llvm::MemTransferInst& copy, const Members& members) {
  llvm::IRBuilder<> builder(&copy);
  const auto at = [&](llvm::Value* address, uint64_t offset) {
    return offset == 0 ? address
                       : builder.CreateConstInBoundsGEP1_64(builder.getInt8Ty(), address, offset);
  };
  const llvm::Align from = copy.getSourceAlign().valueOrOne();
  const llvm::Align to = copy.getDestAlign().valueOrOne();
  std::vector<llvm::Value*> values;
  for (const Member& member : members)
    values.push_back(builder.CreateAlignedLoad(member.type, at(copy.getRawSource(), member.at),
                                               llvm::commonAlignment(from, member.at)));
  for (size_t i = 0; i < members.size(); ++i)
    builder.CreateAlignedStore(values[i], at(copy.getRawDest(), members[i].at),
                               llvm::commonAlignment(to, members[i].at));
  copy.eraseFromParent();
}

/// The pointer that a word is, if it is loaded from where one lies, or stored there.
llvm::Type* find_pointer(const llvm::LoadInst& load, Contents& contents) {
  if (!load.isSimple() || !load.getType()->isIntegerTy(64)) return nullptr;
  std::vector places{load.getPointerOperand()};
  for (const llvm::User* user : load.users())
    if (const auto* store = dyn_cast<llvm::StoreInst>(user); store && store->isSimple())
      places.push_back(store->getPointerOperand());
  for (const llvm::Value* place : places) {
    const Members members = contents.of(const_cast<llvm::Value&>(*place), 8);
    if (members.size() == 1) return members.front().type;
  }
  return nullptr;
}

void load_as_pointer(llvm::LoadInst& load, llvm::Type& type) {
  llvm::IRBuilder<> builder(&load);
  auto* pointer = builder.CreateAlignedLoad(&type, load.getPointerOperand(), load.getAlign());
  for (llvm::User* user : llvm::make_early_inc_range(load.users())) {
    if (auto* store = dyn_cast<llvm::StoreInst>(user)) {
      if (store->isSimple()) store->setOperand(0, pointer);
    } else if (auto* cast = dyn_cast<llvm::IntToPtrInst>(user); cast && cast->getType() == &type) {
      cast->replaceAllUsesWith(pointer);
      cast->eraseFromParent();
    }
  }
  if (!load.use_empty()) load.replaceAllUsesWith(builder.CreatePtrToInt(pointer, load.getType()));
  load.eraseFromParent();
}

}  // namespace

void copy_by_members(llvm::Function& function) {
  Contents contents;
  std::vector<std::pair<llvm::MemTransferInst*, Members>> copies;
  std::vector<std::pair<llvm::LoadInst*, llvm::Type*>> words;
  for (llvm::Instruction& instruction : llvm::instructions(function)) {
    if (auto* load = dyn_cast<llvm::LoadInst>(&instruction)) {
      if (llvm::Type* type = find_pointer(*load, contents)) words.emplace_back(load, type);
    } else if (auto* copy = dyn_cast<llvm::MemTransferInst>(&instruction)) {
      const auto* length = dyn_cast<llvm::ConstantInt>(copy->getLength());
      if (!length || length->getZExtValue() > kMostCopied || copy->isVolatile()) continue;
      Members members = contents.of(*copy->getRawDest(), length->getZExtValue());
      if (members.empty()) members = contents.of(*copy->getRawSource(), length->getZExtValue());
      if (!members.empty()) copies.emplace_back(copy, std::move(members));
    }
  }
  for (const auto& [copy, members] : copies) copy_members(*copy, members);
  for (const auto& [load, type] : words) load_as_pointer(*load, *type);
}

std::vector<KeptPointers> find_kept_pointers(llvm::Function& function) {
  llvm::SetVector<llvm::AllocaInst*> variables;
  for (llvm::Instruction& instruction : llvm::instructions(function)) {
    auto* load = dyn_cast<llvm::LoadInst>(&instruction);
    if (!load || !leads_to_buffer(load->getType())) continue;
    for (llvm::Value* object : find_objects(find_path(load->getPointerOperand()).root))
      if (auto* variable = dyn_cast<llvm::AllocaInst>(object)) variables.insert(variable);
  }
  std::vector<KeptPointers> found;
  for (llvm::AllocaInst* variable : variables) {
    const Accesses accesses(*variable);
    if (!accesses.are_known()) continue;
    found.push_back(accesses.kept());
    found.back().is_alone = accesses.are_pointers_alone();
  }
  return found;
}

llvm::Value* same_place(llvm::Value* address, llvm::AllocaInst& variable, llvm::AllocaInst& other) {
  if (address == &variable) return &other;
  auto* made = llvm::cast<llvm::Instruction>(address);
  llvm::Instruction* same = made->clone();
  const bool is_select = isa<llvm::SelectInst>(made);
  for (const unsigned operand : is_select ? std::vector{1U, 2U} : std::vector{0U})
    same->setOperand(operand, same_place(made->getOperand(operand), variable, other));
  same->insertAfter(made);
  return same;
}

}  // namespace anymetal::simt
