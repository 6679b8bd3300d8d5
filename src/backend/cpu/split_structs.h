// Structs with arrays in them: `struct { int items[32]; int top; }`, `struct { float d; ushort i; }
// heap[16]`.
//
// Why: LLVM keeps a variable whole that an index of a running number leads into. Then the stack's
// `top` is in memory too, and where members are of different sizes lanes lie one behind the other,
// and not side by side.
#pragma once

#include <llvm/Analysis/TargetTransformInfo.h>
#include <llvm/IR/Function.h>

namespace anymetal::backend::cpu {

/// Makes variables of a struct, or of an array of structs whose members differ in size, one
/// variable (an array) for each member, where such an index leads into them. Not among them:
/// unions, variables that are passed on or looked at as a whole, and those in which a pointer to
/// one member may go on to the next. Arrays only as far as the target gathers and scatters their
/// members. Needs Clang's types of addresses.
void split_structs(llvm::Function& function, const llvm::TargetTransformInfo& target);

}  // namespace anymetal::backend::cpu
