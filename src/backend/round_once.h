// Operations on half and bfloat that LLVM does in float and so rounds twice.
#pragma once

#include <llvm/IR/InstrTypes.h>
#include <llvm/IR/IntrinsicInst.h>

namespace anymetal::backend {

/// What replaces `llvm.fma` of half or bfloat; null for other types.
llvm::Value* fma_rounded_once(llvm::IntrinsicInst& fma);

/// What replaces the conversion of an integer of 32 or 64 bits to bfloat; null for others. (half
/// needs nothing: an integer that float can't hold is beyond it.)
llvm::Value* conversion_rounded_once(llvm::CastInst& conversion);

}  // namespace anymetal::backend
