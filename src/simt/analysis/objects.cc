#include "simt/analysis/objects.h"

#include <llvm/ADT/SmallPtrSet.h>
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
