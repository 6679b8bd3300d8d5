#include "simt/transform/ended_steps.h"

#include <llvm/IR/InstIterator.h>
#include <llvm/IR/Instructions.h>

#include "simt/analysis/control_flow.h"
#include "simt/analysis/guards.h"
#include "simt/transform/scratch.h"

namespace anymetal::simt {

std::vector<llvm::CallInst*> split_at_ends(llvm::Function& function) {
  std::vector<llvm::CallInst*> ends;
  for (llvm::Instruction& instruction : llvm::instructions(function)) {
    if (callee_name(&instruction) == kEndsStep)
      ends.push_back(llvm::cast<llvm::CallInst>(&instruction));
  }
  for (llvm::CallInst* end : ends) end->getParent()->splitBasicBlock(end->getNextNode(), "goes.on");
  return ends;
}

void branch_to_end(llvm::CallInst& call, llvm::BasicBlock* end) {
  llvm::Instruction* jump = call.getParent()->getTerminator();
  llvm::BranchInst::Create(end, jump->getSuccessor(0), call.getArgOperand(0), jump->getIterator());
  jump->eraseFromParent();
  call.eraseFromParent();
}

EndedSteps::EndedSteps(llvm::IRBuilder<>& prologue, const Geometry& geometry,
                       llvm::AllocaInst* counter, llvm::Value* steps)
    : context_(prologue.getContext()),
      function_(*prologue.GetInsertBlock()->getParent()),
      counter_(counter) {
  flags_type_ = llvm::ArrayType::get(prologue.getInt8Ty(), geometry.steps());
  flags_ = prologue.CreateAlloca(flags_type_, nullptr, "ended");
  flags_->setMetadata(kSlot, llvm::MDNode::get(context_, {}));
  alive_ = prologue.CreateAlloca(prologue.getInt32Ty(), nullptr, "alive");
  way_ = prologue.CreateAlloca(prologue.getInt32Ty(), nullptr, "way");
  prologue.CreateStore(llvm::Constant::getNullValue(flags_type_), flags_);
  prologue.CreateStore(steps, alive_);
  prologue.CreateStore(prologue.getInt32(0), way_);
}

llvm::BasicBlock* EndedSteps::make_way(llvm::BasicBlock* head, llvm::BasicBlock* target) {
  llvm::BasicBlock* block = llvm::BasicBlock::Create(context_, "way", &function_);
  ways_[head].push_back({block, target});
  return block;
}

void EndedSteps::emit_region(llvm::BasicBlock* head, llvm::BasicBlock& start,
                             llvm::BasicBlock& step, llvm::BasicBlock& latch,
                             llvm::BasicBlock& decision, llvm::BasicBlock& end) {
  latches_[head] = &latch;
  start.getTerminator()->eraseFromParent();
  llvm::IRBuilder<> builder(&start);
  builder.CreateCondBr(builder.CreateIsNull(builder.CreateLoad(builder.getInt32Ty(), alive_)), &end,
                       &step);
  builder.SetInsertPoint(&step);
  builder.CreateCondBr(builder.CreateIsNull(builder.CreateLoad(builder.getInt8Ty(), flag(builder))),
                       head, &latch);
  builder.SetInsertPoint(&decision);
  const auto& ways = ways_[head];
  llvm::SwitchInst* decide = nullptr;
  if (ways.size() == 1)
    builder.CreateBr(ways.front().target);
  else
    decide = builder.CreateSwitch(builder.CreateLoad(builder.getInt32Ty(), way_), &end);
  for (unsigned i = 0; i < ways.size(); ++i) {
    builder.SetInsertPoint(ways[i].block);
    if (decide) {
      builder.CreateStore(builder.getInt32(i), way_);
      decide->addCase(builder.getInt32(i), ways[i].target);
    }
    builder.CreateBr(&latch);
  }
}

llvm::BasicBlock* EndedSteps::make_end(llvm::BasicBlock* head) {
  llvm::BasicBlock* block = llvm::BasicBlock::Create(context_, "ended", &function_);
  llvm::IRBuilder<> builder(block);
  builder.CreateStore(builder.getInt8(1), flag(builder));
  llvm::Value* alive = builder.CreateLoad(builder.getInt32Ty(), alive_);
  builder.CreateStore(builder.CreateSub(alive, builder.getInt32(1)), alive_);
  builder.CreateBr(latches_[head]);
  return block;
}

llvm::Value* EndedSteps::flag(llvm::IRBuilder<>& builder) const {
  llvm::Value* step = builder.CreateLoad(builder.getInt32Ty(), counter_, "step");
  return builder.CreateInBoundsGEP(
      flags_type_, flags_, {builder.getInt32(0), builder.CreateZExt(step, builder.getInt64Ty())});
}

}  // namespace anymetal::simt
