#include "backend/number_meeting_points.h"

#include <llvm/ADT/PostOrderIterator.h>
#include <llvm/Analysis/LoopInfo.h>
#include <llvm/IR/InstIterator.h>

#include <algorithm>
#include <map>

#include "backend/debug_places.h"
#include "backend/insert_lockstep_points.h"
#include "backend/reference/meetings.h"
#include "backend/thread_state.h"
#include "builtins/builtins.h"

namespace anymetal::backend {
namespace {

struct MeetingCall {
  llvm::CallInst* call;
  MeetingSite site;
};

constexpr reference::Meeting kLockstep{reference::Operation::lockstep, false};

/// A point of insert_lockstep_points.
bool is_lockstep(const llvm::CallInst& call) {
  const auto* flags =
      call.arg_size() == 1 ? llvm::dyn_cast<llvm::ConstantInt>(call.getArgOperand(0)) : nullptr;
  return flags && call.getCalledFunction()->getName() == "am.simdgroup_barrier" &&
         flags->getZExtValue() == kLockstepFlag;
}

std::optional<MeetingSite> meeting_site(const llvm::Instruction& instruction) {
  const auto* call = llvm::dyn_cast<llvm::CallInst>(&instruction);
  const llvm::Function* callee = call ? call->getCalledFunction() : nullptr;
  if (!callee || !callee->getName().starts_with("am.")) return std::nullopt;
  const auto reference = builtins::find(std::string_view(callee->getName()));
  if (!reference) return std::nullopt;
  const auto meeting = reference::find_meeting(reference->builtin->name);
  if (!meeting) return std::nullopt;
  MeetingSite site;
  site.operation = reference::encode(is_lockstep(*call) ? kLockstep : *meeting);
  site.type = reference->type ? uint16_t(*reference->type) : uint16_t(0);
  return site;
}

class Numbering {
 public:
  Numbering(ThreadFunction& thread, llvm::LoopInfo& loops, KernelImage& image)
      : thread_(thread), loops_(loops), image_(image), meet_(declare_meet(thread.module())) {
    uint64_t next = 0;
    for (llvm::BasicBlock* block :
         llvm::ReversePostOrderTraversal<llvm::Function*>(thread.function)) {
      order_[block] = next++;
    }
  }

  void number_all() {
    std::vector<MeetingCall> calls;
    for (llvm::Instruction& instruction : llvm::instructions(thread_.function)) {
      if (const auto site = meeting_site(instruction)) {
        calls.push_back({llvm::cast<llvm::CallInst>(&instruction), *site});
      }
    }
    uint64_t index = 0;
    for (const MeetingCall& meeting : calls) number(meeting, index++);
  }

 private:
  static llvm::FunctionCallee declare_meet(llvm::Module& module) {
    llvm::LLVMContext& context = module.getContext();
    auto* type = llvm::FunctionType::get(
        llvm::Type::getVoidTy(context),
        {llvm::PointerType::get(context, 0), llvm::Type::getInt32Ty(context)}, false);
    auto callee = module.getOrInsertFunction("am_meet", type);
    llvm::cast<llvm::Function>(callee.getCallee())->addFnAttr(llvm::Attribute::NoUnwind);
    return callee;
  }

  /// Blocks apart by 2^32, so that calls within a block find room between them.
  [[nodiscard]] uint64_t position(const llvm::BasicBlock* block, uint64_t call = 0) const {
    return order_.at(block) << 32 | call;
  }

  /// How often this thread has come round: 0 in the first iteration.
  llvm::Value* counter(llvm::Loop* loop) {
    llvm::PHINode*& phi = counters_[loop];
    if (phi) return phi;
    llvm::BasicBlock* header = loop->getHeader();
    llvm::IRBuilder<> builder(&header->front());
    phi = builder.CreatePHI(builder.getInt64Ty(), 2, "iteration");
    for (llvm::BasicBlock* before : llvm::predecessors(header)) {
      if (!loop->contains(before)) {
        phi->addIncoming(builder.getInt64(0), before);
        continue;
      }
      builder.SetInsertPoint(before->getTerminator());
      phi->addIncoming(builder.CreateAdd(phi, builder.getInt64(1)), before);
    }
    return phi;
  }

  void number(const MeetingCall& meeting, uint64_t index) {
    llvm::CallInst* call = meeting.call;
    std::vector<llvm::Loop*> nest;
    for (llvm::Loop* loop = loops_.getLoopFor(call->getParent()); loop;
         loop = loop->getParentLoop()) {
      nest.push_back(loop);
    }
    std::reverse(nest.begin(), nest.end());
    std::vector<llvm::Value*> key;
    auto* word = llvm::Type::getInt64Ty(call->getContext());
    for (llvm::Loop* loop : nest) {
      key.push_back(llvm::ConstantInt::get(word, position(loop->getHeader())));
      key.push_back(counter(loop));
    }
    key.push_back(llvm::ConstantInt::get(word, position(call->getParent(), index)));
    MeetingSite site = meeting.site;
    site.key_length = uint32_t(key.size());
    site.place = find_place(call->getDebugLoc(), image_);
    image_.key_length = std::max(image_.key_length, site.key_length);
    image_.meetings.push_back(site);
    replace(call, key, uint32_t(image_.meetings.size() - 1));
  }

  void replace(llvm::CallInst* call, const std::vector<llvm::Value*>& key, uint32_t site) {
    llvm::IRBuilder<> builder(call);
    llvm::Value* state = thread_.state();
    llvm::Value* list =
        builder.CreateLoad(builder.getPtrTy(), member(builder, state, offsetof(ThreadState, key)));
    for (size_t at = 0; at < key.size(); ++at) {
      builder.CreateStore(key[at], member(builder, list, at * sizeof(uint64_t)));
    }
    for (unsigned at = 0; at < call->arg_size() && at < kMaxOperands; ++at) {
      llvm::Value* value = call->getArgOperand(at);
      if (value->getType()->isIntegerTy(1)) value = builder.CreateZExt(value, builder.getInt8Ty());
      builder.CreateStore(
          value, member(builder, state, offsetof(ThreadState, operands) + at * sizeof(uint64_t)));
    }
    builder.CreateCall(meet_, {state, builder.getInt32(site)});
    if (!call->getType()->isVoidTy()) {
      llvm::Value* from = member(builder, state, offsetof(ThreadState, result));
      const bool is_bool = call->getType()->isIntegerTy(1);
      llvm::Value* result =
          builder.CreateLoad(is_bool ? builder.getInt8Ty() : call->getType(), from);
      if (is_bool) result = builder.CreateTrunc(result, builder.getInt1Ty());
      call->replaceAllUsesWith(result);
    }
    call->eraseFromParent();
  }

  ThreadFunction& thread_;
  llvm::LoopInfo& loops_;
  KernelImage& image_;
  llvm::FunctionCallee meet_;
  std::map<const llvm::BasicBlock*, uint64_t> order_;
  std::map<llvm::Loop*, llvm::PHINode*> counters_;
};

}  // namespace

void number_meeting_points(ThreadFunction& thread, llvm::FunctionAnalysisManager& analyses,
                           KernelImage& image) {
  auto& loops = analyses.getResult<llvm::LoopAnalysis>(*thread.function);
  Numbering(thread, loops, image).number_all();
}

bool is_meeting_point(const llvm::Instruction& instruction) {
  return meeting_site(instruction).has_value();
}

bool has_meeting_points(const llvm::Function& function) {
  return std::any_of(
      llvm::inst_begin(function), llvm::inst_end(function),
      [](const llvm::Instruction& instruction) { return meeting_site(instruction).has_value(); });
}

}  // namespace anymetal::backend
