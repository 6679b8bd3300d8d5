#include "backend/space_alias.h"

#include <llvm/Analysis/ValueTracking.h>
#include <llvm/IR/GlobalVariable.h>
#include <llvm/IR/InstrTypes.h>
#include <llvm/IR/Instructions.h>

#include "ir/thread_ir.h"
#include "simt/simt.h"

namespace anymetal::backend {
namespace {

unsigned space_of(const llvm::MemoryLocation& place) {
  return place.Ptr->getType()->getPointerAddressSpace();
}

/// Whether the space is memory of its own. Pointers of space 0 may mean any.
bool is_apart(unsigned space) {
  return space == kDeviceSpace || space == kThreadgroupSpace || space == kConstantSpace;
}

/// Memory that only addresses computed from this value lead to.
bool is_reached_alone(const llvm::Value* object) {
  const auto* call = llvm::dyn_cast<llvm::CallBase>(object);
  return call && call->hasFnAttr(simt::kReachedAlone);
}

/// Whether two places lie in different objects, of which one is reached alone. A phi or a number
/// that became a pointer may lead anywhere.
bool are_apart(const llvm::Value* a, const llvm::Value* b) {
  const llvm::Value *one = llvm::getUnderlyingObject(a), *other = llvm::getUnderlyingObject(b);
  if (one == other) return false;
  if (!is_reached_alone(one)) std::swap(one, other);
  return is_reached_alone(one) &&
         (llvm::isa<llvm::Argument, llvm::LoadInst, llvm::GlobalVariable, llvm::AllocaInst>(
              other) ||
          is_reached_alone(other));
}

}  // namespace

llvm::AnalysisKey SpaceAliasAnalysis::Key;

llvm::AliasResult SpaceAliases::alias(const llvm::MemoryLocation& a, const llvm::MemoryLocation& b,
                                      llvm::AAQueryInfo&, const llvm::Instruction*) {
  const unsigned one = space_of(a), other = space_of(b);
  if (one != other && is_apart(one) && is_apart(other)) return llvm::AliasResult::NoAlias;
  return are_apart(a.Ptr, b.Ptr) ? llvm::AliasResult::NoAlias : llvm::AliasResult::MayAlias;
}

llvm::ModRefInfo SpaceAliases::getModRefInfoMask(const llvm::MemoryLocation& place,
                                                 llvm::AAQueryInfo&, bool) {
  return space_of(place) == kConstantSpace ? llvm::ModRefInfo::NoModRef : llvm::ModRefInfo::ModRef;
}

}  // namespace anymetal::backend
