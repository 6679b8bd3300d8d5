#pragma once

#include <llvm/IR/Function.h>
#include <llvm/IR/Instructions.h>

#include <vector>

namespace anymetal::backend::cpu {

/// What a scalar is computed by, as far as nobody else wants it: the code of a math function, say.
struct Cone {
  llvm::Instruction* root;                    ///< what others use
  std::vector<llvm::Instruction*> members;    ///< the root first, users before what they use
  llvm::SmallVector<llvm::Value*, 4> leaves;  ///< what it is computed from
  std::vector<uint64_t> form;                 ///< equal where the same is done
};

/// The scalars of a block that take enough instructions to be worth a lane; those that are part of
/// others too.
std::vector<Cone> find_cones(llvm::BasicBlock& block);

/// Scalars of a block that are computed alike and don't depend on each other, as several exp of
/// sums, are computed as lanes of one vector, of at most `lanes`. Returns how many vectors.
unsigned join_scalars(llvm::Function& threadgroup, unsigned lanes);

}  // namespace anymetal::backend::cpu
