#include "backend/instrument_loops.h"

#include <llvm/Analysis/LoopInfo.h>
#include <llvm/IR/MDBuilder.h>
#include <llvm/Transforms/Utils/BasicBlockUtils.h>

#include <vector>

#include "backend/thread_state.h"

namespace anymetal::backend {
namespace {

/// Another thread of the process writes the flag at any time.
llvm::Value* load_flag(llvm::IRBuilderBase& builder, llvm::Value* address) {
  llvm::LoadInst* load = builder.CreateLoad(builder.getInt32Ty(), address);
  load->setAtomic(llvm::AtomicOrdering::Monotonic);
  load->setAlignment(llvm::Align(4));
  return load;
}

}  // namespace

bool instrument_loops(ThreadFunction& thread, llvm::FunctionAnalysisManager& analyses) {
  std::vector<llvm::Instruction*> ends;  // of the blocks with back edges
  auto& loops = analyses.getResult<llvm::LoopAnalysis>(*thread.function);
  for (llvm::Loop* loop : loops.getLoopsInPreorder()) {
    llvm::SmallVector<llvm::BasicBlock*, 4> latches;
    loop->getLoopLatches(latches);
    for (llvm::BasicBlock* latch : latches) ends.push_back(latch->getTerminator());
  }
  if (ends.empty()) return false;
  llvm::LLVMContext& context = thread.function->getContext();
  auto stopped = thread.module().getOrInsertFunction("am_stopped", llvm::Type::getVoidTy(context),
                                                     llvm::PointerType::get(context, 0));
  auto* callee = llvm::cast<llvm::Function>(stopped.getCallee());
  callee->addFnAttr(llvm::Attribute::NoUnwind);
  callee->addFnAttr(llvm::Attribute::NoReturn);
  llvm::IRBuilder<> builder(&*thread.function->getEntryBlock().getFirstInsertionPt());
  llvm::Value* stop = builder.CreateLoad(
      builder.getPtrTy(), member(builder, thread.state(), offsetof(ThreadState, stop)), "stop");
  llvm::Value* failed = builder.CreateLoad(
      builder.getPtrTy(), member(builder, thread.state(), offsetof(ThreadState, failed)), "failed");
  for (llvm::Instruction* end : ends) {
    builder.SetInsertPoint(end);
    llvm::Value* flags = builder.CreateOr(load_flag(builder, stop), load_flag(builder, failed));
    llvm::Instruction* halt =
        llvm::SplitBlockAndInsertIfThen(builder.CreateIsNotNull(flags), end, /*Unreachable=*/true,
                                        llvm::MDBuilder(context).createUnlikelyBranchWeights());
    builder.SetInsertPoint(halt);
    builder.CreateCall(stopped, {thread.state()})->setDoesNotReturn();
  }
  return true;
}

}  // namespace anymetal::backend
