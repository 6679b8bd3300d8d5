#include "backend/cpu/frame_arguments.h"

#include <llvm/Analysis/ValueTracking.h>
#include <llvm/IR/Instructions.h>
#include <llvm/IR/Module.h>

#include <cstddef>

#include "simt/threadgroup_frame.h"

namespace anymetal::backend::cpu {

std::optional<uint32_t> argument_of(const llvm::Value* pointer) {
  const auto* base = llvm::dyn_cast<llvm::LoadInst>(llvm::getUnderlyingObject(pointer, 0));
  if (!base) return std::nullopt;
  const llvm::DataLayout& layout = base->getModule()->getDataLayout();
  int64_t offset = 0;
  const auto* table = llvm::dyn_cast<llvm::LoadInst>(
      llvm::GetPointerBaseWithConstantOffset(base->getPointerOperand(), offset, layout));
  if (!table || offset < 0 || offset % int64_t{sizeof(simt::FrameArgument)} != 0)
    return std::nullopt;
  int64_t place = 0;
  const llvm::Value* frame =
      llvm::GetPointerBaseWithConstantOffset(table->getPointerOperand(), place, layout);
  if (frame != table->getFunction()->getArg(0) ||
      place != int64_t{offsetof(simt::ThreadgroupFrame, arguments)})
    return std::nullopt;
  return uint32_t(offset / int64_t{sizeof(simt::FrameArgument)});
}

}  // namespace anymetal::backend::cpu
