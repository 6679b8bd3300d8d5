#include "simt/analysis/objects.h"

#include <llvm/ADT/MapVector.h>
#include <llvm/ADT/SmallPtrSet.h>
#include <llvm/Analysis/ValueTracking.h>
#include <llvm/IR/ConstantRange.h>
#include <llvm/IR/Instructions.h>

namespace anymetal::simt {

using llvm::dyn_cast;

Path find_path(llvm::Value* pointer) {
  Path path{pointer, {}};
  while (true) {
    if (auto* address = dyn_cast<llvm::GEPOperator>(path.root)) {
      path.steps.push_back(address);
      path.root = address->getPointerOperand();
    } else if (llvm::Operator::getOpcode(path.root) == llvm::Instruction::AddrSpaceCast) {
      path.root = llvm::cast<llvm::Operator>(path.root)->getOperand(0);
    } else if (auto* freeze = dyn_cast<llvm::FreezeInst>(path.root)) {
      path.root = freeze->getOperand(0);
    } else {
      return path;
    }
  }
}

namespace {

/// Of an index, with its sign, as a number of 64 bits.
llvm::ConstantRange range_of(const llvm::Value* index) {
  constexpr unsigned kBits = 64;
  const auto* cast = dyn_cast<llvm::CastInst>(index);
  const bool is_extended = cast && llvm::isa<llvm::ZExtInst, llvm::SExtInst>(cast);
  const llvm::Value* from = is_extended ? cast->getOperand(0) : index;
  const llvm::ConstantRange range =
      llvm::computeConstantRange(from, /*ForSigned=*/false, /*UseInstrInfo=*/false);
  if (range.getBitWidth() >= kBits) return range;
  return is_extended && llvm::isa<llvm::ZExtInst>(cast) ? range.zeroExtend(kBits)
                                                        : range.signExtend(kBits);
}

}  // namespace

std::optional<uint64_t> greatest_offset(const Path& path, const llvm::DataLayout& layout) {
  llvm::ConstantRange sum(llvm::APInt(64, 0));
  for (const llvm::GEPOperator* step : path.steps) {
    llvm::MapVector<llvm::Value*, llvm::APInt> variables;
    llvm::APInt constant(64, 0);
    if (!step->collectOffset(layout, 64, variables, constant)) return {};
    sum = sum.add(llvm::ConstantRange(constant));
    for (const auto& [index, scale] : variables) {
      if (!index->getType()->isIntegerTy() || index->getType()->getIntegerBitWidth() > 64)
        return {};
      sum = sum.add(range_of(index).multiply(llvm::ConstantRange(scale)));
    }
  }
  if (sum.isFullSet() || sum.isWrappedSet()) return {};
  return sum.getUnsignedMax().getZExtValue();
}

Objects find_objects(llvm::Value* root) {
  Objects objects;
  llvm::SmallVector<llvm::Value*, 8> work{root};
  llvm::SmallPtrSet<llvm::Value*, 8> seen;
  while (!work.empty()) {
    llvm::Value* value = find_path(work.pop_back_val()).root;
    if (!seen.insert(value).second) continue;
    if (auto* phi = dyn_cast<llvm::PHINode>(value)) {
      work.append(phi->op_begin(), phi->op_end());
    } else if (auto* select = dyn_cast<llvm::SelectInst>(value)) {
      work.push_back(select->getTrueValue());
      work.push_back(select->getFalseValue());
    } else {
      objects.insert(value);
    }
  }
  return objects;
}

}  // namespace anymetal::simt
