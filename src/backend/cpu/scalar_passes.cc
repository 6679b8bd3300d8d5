// Which of LLVM's passes run, and in which order.
#include "backend/cpu/scalar_passes.h"

#include <llvm/Analysis/LoopInfo.h>
#include <llvm/IR/Dominators.h>
#include <llvm/Transforms/InstCombine/InstCombine.h>
#include <llvm/Transforms/Scalar/ADCE.h>
#include <llvm/Transforms/Scalar/BDCE.h>
#include <llvm/Transforms/Scalar/CorrelatedValuePropagation.h>
#include <llvm/Transforms/Scalar/DeadStoreElimination.h>
#include <llvm/Transforms/Scalar/DivRemPairs.h>
#include <llvm/Transforms/Scalar/EarlyCSE.h>
#include <llvm/Transforms/Scalar/GVN.h>
#include <llvm/Transforms/Scalar/IndVarSimplify.h>
#include <llvm/Transforms/Scalar/InferAddressSpaces.h>
#include <llvm/Transforms/Scalar/JumpThreading.h>
#include <llvm/Transforms/Scalar/LICM.h>
#include <llvm/Transforms/Scalar/LoopDeletion.h>
#include <llvm/Transforms/Scalar/LoopPassManager.h>
#include <llvm/Transforms/Scalar/LoopRotation.h>
#include <llvm/Transforms/Scalar/LoopUnrollPass.h>
#include <llvm/Transforms/Scalar/SCCP.h>
#include <llvm/Transforms/Scalar/SROA.h>
#include <llvm/Transforms/Scalar/SimplifyCFG.h>
#include <llvm/Transforms/Utils/LCSSA.h>
#include <llvm/Transforms/Utils/LoopSimplify.h>

#include "backend/cpu/keep_sizes.h"
#include "backend/cpu/keep_turns.h"
#include "backend/cpu/unroll_arrays.h"
#include "ir/thread_ir.h"
#include "simt/transform/give_one_entry.h"

namespace anymetal::backend::cpu {
namespace {

using llvm::FunctionPassManager;

template <class... Pass>
auto loop_passes(bool memory_ssa, Pass... pass) {
  llvm::LoopPassManager loops;
  (loops.addPass(std::move(pass)), ...);
  return llvm::createFunctionToLoopPassAdaptor(std::move(loops), memory_ssa);
}

void clean(FunctionPassManager& all) {
  all.addPass(llvm::SROAPass(llvm::SROAOptions::ModifyCFG));
  all.addPass(llvm::EarlyCSEPass(/*UseMemorySSA=*/true));
  all.addPass(llvm::InstCombinePass());
  // As it is by default: nothing is hoisted out of or sunk from branches, for calls that concern
  // several threads must stay among those.
  all.addPass(llvm::SimplifyCFGPass());
}

/// Takes back what the text says of its loops.
void forget_hints(llvm::Function& function) {
  for (llvm::BasicBlock& block : function)
    block.getTerminator()->setMetadata(llvm::LLVMContext::MD_loop, nullptr);
}

void unroll(FunctionPassManager& all, Unrolling unrolling) {
  if (unrolling == Unrolling::none) {
    all.addPass(loop_passes(/*memory_ssa=*/false, llvm::IndVarSimplifyPass(/*WidenIndVars=*/false),
                            llvm::LoopDeletionPass()));
  } else {
    all.addPass(loop_passes(/*memory_ssa=*/false, llvm::IndVarSimplifyPass(/*WidenIndVars=*/false),
                            llvm::LoopDeletionPass(), llvm::LoopFullUnrollPass(/*OptLevel=*/3)));
  }
}

}  // namespace

void optimise_thread(llvm::Function& entry, LlvmPasses& passes, Unrolling unrolling,
                     bool checks_bounds) {
  if (unrolling != Unrolling::as_asked) forget_hints(entry);
  FunctionPassManager all;
  all.addPass(KeepTurnsPass());
  clean(all);
  // Pointers that were passed on as plain ones: threadgroup memory is threadgroup memory again.
  all.addPass(llvm::InferAddressSpacesPass(kThreadSpace));
  all.addPass(KeepTurnsPass());  // sees through pointers that lay in variables
  all.addPass(llvm::SCCPPass());
  // Knows from the positions' limits which numbers are small or not negative.
  all.addPass(llvm::CorrelatedValuePropagationPass());
  // Clang leaves loops by a switch of which each way in knows its way out: lanes would keep what
  // they had by selects. Blocks of hardly more than such a switch: no code is worth a copy here,
  // and calls that concern several threads are never copied.
  constexpr int kMostCopied = 2;
  all.addPass(llvm::JumpThreadingPass(kMostCopied));
  all.addPass(llvm::SimplifyCFGPass());
  all.addPass(llvm::InstCombinePass());
  // Here, and each time before loops get LLVM's form: simplifying branches undoes it at times.
  all.addPass(simt::GiveOneEntryPass());
  all.addPass(loop_passes(/*memory_ssa=*/true, llvm::LoopRotatePass(),
                          llvm::LICMPass(llvm::LICMOptions())));
  all.addPass(KeepTurnsPass());
  all.addPass(llvm::SimplifyCFGPass());
  all.addPass(llvm::InstCombinePass());
  all.addPass(simt::GiveOneEntryPass());
  if (unrolling == Unrolling::as_asked) all.addPass(UnrollArrays());
  unroll(all, unrolling);
  // Arrays whose indices are constants now.
  clean(all);
  if (checks_bounds) all.addPass(KeepSizesPass());
  all.addPass(llvm::GVNPass());
  all.addPass(llvm::SCCPPass());
  all.addPass(llvm::BDCEPass());
  all.addPass(llvm::InstCombinePass());
  all.addPass(llvm::DSEPass());
  if (checks_bounds) all.addPass(JoinSizesPass());
  all.addPass(simt::GiveOneEntryPass());
  all.addPass(loop_passes(/*memory_ssa=*/true, llvm::LICMPass(llvm::LICMOptions())));
  all.addPass(llvm::ADCEPass());
  all.addPass(llvm::SimplifyCFGPass());
  all.addPass(llvm::InstCombinePass());
  passes.run(entry, std::move(all));
  drop_turns(*entry.getParent());
}

void optimise_callee(llvm::Function& callee, LlvmPasses& passes, Unrolling unrolling) {
  // What must not be reached gets its meaning only in the entry.
  const bool defined = llvm::none_of(callee, [](const llvm::BasicBlock& block) {
    return llvm::isa<llvm::UnreachableInst>(block.getTerminator());
  });
  const llvm::DominatorTree dominators(callee);
  if (!defined || llvm::LoopInfo(dominators).empty()) return;
  if (unrolling != Unrolling::as_asked) forget_hints(callee);
  FunctionPassManager all;
  all.addPass(KeepTurnsPass());
  clean(all);
  all.addPass(KeepTurnsPass());
  all.addPass(simt::GiveOneEntryPass());
  all.addPass(loop_passes(/*memory_ssa=*/true, llvm::LoopRotatePass(),
                          llvm::LICMPass(llvm::LICMOptions())));
  all.addPass(llvm::SimplifyCFGPass());
  all.addPass(llvm::InstCombinePass());
  all.addPass(simt::GiveOneEntryPass());
  unroll(all, unrolling);
  clean(all);
  passes.run(callee, std::move(all));
}

void optimise_threadgroup(llvm::Function& threadgroup, LlvmPasses& passes) {
  FunctionPassManager all;
  clean(all);
  all.addPass(loop_passes(/*memory_ssa=*/true, llvm::LoopRotatePass(),
                          llvm::LICMPass(llvm::LICMOptions())));
  all.addPass(llvm::GVNPass());
  all.addPass(llvm::DSEPass());
  all.addPass(llvm::InstCombinePass());
  all.addPass(loop_passes(/*memory_ssa=*/true, llvm::LICMPass(llvm::LICMOptions())));
  all.addPass(llvm::ADCEPass());
  all.addPass(llvm::SimplifyCFGPass());
  // Quotients beside their remainders, which come from the same instruction.
  all.addPass(llvm::DivRemPairsPass());
  passes.run(threadgroup, std::move(all));
}

}  // namespace anymetal::backend::cpu
