#include "simt/transform/kept_pointers.h"

#include <llvm/ADT/MapVector.h>
#include <llvm/ADT/SetVector.h>
#include <llvm/IR/InstIterator.h>
#include <llvm/IR/Operator.h>

#include <numeric>
#include <optional>

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

/// Follows an address of a variable to all accesses.
class Accesses {
 public:
  explicit Accesses(llvm::AllocaInst& variable) : layout_(variable.getDataLayout()) {
    kept_.variable = &variable;
    is_known_ = follow(variable, {0, 0, 0});
  }

  /// Whether nothing else is written where pointers are. Copies are numbers by now, of any type.
  [[nodiscard]] bool are_pointers_alone() const {
    if (!is_known_) return false;
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
      if (auto* step = dyn_cast<llvm::GetElementPtrInst>(user)) {
        const auto next = moved(place, *step);
        if (!next || !follow(*step, *next)) return false;
      } else if (auto* load = dyn_cast<llvm::LoadInst>(user)) {
        if (!leads_to_buffer(load->getType())) continue;
        kept_.loads.push_back(load);
        pointers_.push_back(sized(place, *load->getType()));
      } else if (auto* store = dyn_cast<llvm::StoreInst>(user)) {
        llvm::Value* value = store->getValueOperand();
        if (value == &address) return false;
        if (leads_to_buffer(value->getType())) kept_.stores.push_back(store);
        (leads_to_buffer(value->getType()) ? pointers_ : numbers_)
            .push_back(sized(place, *value->getType()));
      } else if (!isa<llvm::ICmpInst>(user) &&
                 !llvm::cast<llvm::Instruction>(user)->isLifetimeStartOrEnd()) {
        return false;
      }
    }
    return true;
  }
  Place sized(Place place, llvm::Type& type) const {
    place.bytes = layout_.getTypeStoreSize(&type);
    return place;
  }
  std::optional<Place> moved(Place place, const llvm::GetElementPtrInst& step) const {
    const unsigned bits = layout_.getIndexTypeSizeInBits(step.getType());
    llvm::MapVector<llvm::Value*, llvm::APInt> variables;
    llvm::APInt constant(bits, 0);
    if (!llvm::cast<llvm::GEPOperator>(step).collectOffset(layout_, bits, variables, constant))
      return {};
    place.begin += constant.getSExtValue();
    for (const auto& [index, scale] : variables)
      place.step = std::gcd(place.step, scale.abs().getZExtValue());
    return place;
  }

  const llvm::DataLayout& layout_;
  KeptPointers kept_{};
  std::vector<Place> pointers_, numbers_;
  bool is_known_ = false;
};

}  // namespace

std::vector<KeptPointers> find_kept_pointers(llvm::Function& function) {
  llvm::SetVector<llvm::AllocaInst*> variables;
  for (llvm::Instruction& instruction : llvm::instructions(function)) {
    auto* load = dyn_cast<llvm::LoadInst>(&instruction);
    if (!load || !leads_to_buffer(load->getType())) continue;
    if (auto* variable = dyn_cast<llvm::AllocaInst>(find_path(load->getPointerOperand()).root))
      variables.insert(variable);
  }
  std::vector<KeptPointers> found;
  for (llvm::AllocaInst* variable : variables) {
    const Accesses accesses(*variable);
    if (accesses.are_pointers_alone()) found.push_back(accesses.kept());
  }
  return found;
}

llvm::Value* same_place(llvm::Value* address, llvm::AllocaInst& variable, llvm::AllocaInst& other) {
  if (address == &variable) return &other;
  auto* step = llvm::cast<llvm::GetElementPtrInst>(address);
  llvm::Instruction* same = step->clone();
  same->setOperand(0, same_place(step->getPointerOperand(), variable, other));
  same->insertAfter(step);
  return same;
}

}  // namespace anymetal::simt
