#include "backend/instrument_loops.h"

#include <llvm/Analysis/LoopInfo.h>
#include <llvm/IR/MDBuilder.h>
#include <llvm/Transforms/Utils/BasicBlockUtils.h>

#include <algorithm>
#include <map>
#include <vector>

#include "backend/short_loops.h"
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

// A thread that turns no oftener than this, with all the loops inside, is about to look anyway.
constexpr unsigned kShort = 1024;

/// The loops that may turn longer. Loops of a few turns are most of those that kernels have, and in
/// them looking would be most of the work.
std::vector<llvm::Loop*> long_loops(const llvm::LoopInfo& loops) {
  std::vector<llvm::Loop*> result;
  std::map<const llvm::Loop*, unsigned> turns;  // with those inside; 1: it looks by itself
  auto inside_out = loops.getLoopsInPreorder();
  std::reverse(inside_out.begin(), inside_out.end());
  for (llvm::Loop* loop : inside_out) {
    unsigned most = 1;
    for (const llvm::Loop* inner : *loop) most = std::max(most, turns.at(inner));
    const auto own = most_turns(*loop, kShort / most);
    turns[loop] = own ? std::max(*own, 1u) * most : 1;
    if (!own) result.push_back(loop);
  }
  return result;
}

}  // namespace

bool instrument_loops(ThreadFunction& thread, llvm::FunctionAnalysisManager& analyses) {
  std::vector<llvm::Instruction*> ends;  // of the blocks with back edges
  auto& loops = analyses.getResult<llvm::LoopAnalysis>(*thread.function);
  for (llvm::Loop* loop : long_loops(loops)) {
    llvm::SmallVector<llvm::BasicBlock*, 4> latches;
    loop->getLoopLatches(latches);
    for (llvm::BasicBlock* latch : latches) ends.push_back(latch->getTerminator());
  }
  if (ends.empty()) return !loops.empty();
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
