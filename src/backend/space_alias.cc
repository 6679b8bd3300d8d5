#include "backend/space_alias.h"

#include "ir/thread_ir.h"

namespace anymetal::backend {
namespace {

unsigned space_of(const llvm::MemoryLocation& place) {
  return place.Ptr->getType()->getPointerAddressSpace();
}

/// Whether the space is memory of its own. Pointers of space 0 may mean any.
bool is_apart(unsigned space) {
  return space == kDeviceSpace || space == kThreadgroupSpace || space == kConstantSpace;
}

}  // namespace

llvm::AnalysisKey SpaceAliasAnalysis::Key;

llvm::AliasResult SpaceAliases::alias(const llvm::MemoryLocation& a, const llvm::MemoryLocation& b,
                                      llvm::AAQueryInfo&, const llvm::Instruction*) {
  const unsigned one = space_of(a), other = space_of(b);
  return one != other && is_apart(one) && is_apart(other) ? llvm::AliasResult::NoAlias
                                                          : llvm::AliasResult::MayAlias;
}

llvm::ModRefInfo SpaceAliases::getModRefInfoMask(const llvm::MemoryLocation& place,
                                                 llvm::AAQueryInfo&, bool) {
  return space_of(place) == kConstantSpace ? llvm::ModRefInfo::NoModRef : llvm::ModRefInfo::ModRef;
}

}  // namespace anymetal::backend
