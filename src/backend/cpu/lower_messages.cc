#include "backend/cpu/lower_messages.h"

#include <llvm/IR/IRBuilder.h>
#include <llvm/IR/InstIterator.h>
#include <llvm/IR/Module.h>

#include <string>

#include "backend/cpu/lane_messages.h"
#include "backend/debug_places.h"
#include "backend/message_sites.h"

namespace anymetal::backend::cpu {
namespace {

constexpr uint64_t kMaxArguments = 64;  // each becomes a call

class Lowering {
 public:
  Lowering(llvm::Function& entry, std::vector<MessageSite>& sites)
      : module_(*entry.getParent()), builder_(entry.getContext()), sites_(sites) {}

  Result<void> lower(llvm::CallInst& call) {
    KernelImage places;
    const std::string place = places.place_text(find_place(call.getDebugLoc(), places));
    ANYMETAL_ASSIGN_OR_RETURN(const uint32_t site, add_message_site(call, sites_, place));
    auto* count = llvm::dyn_cast<llvm::ConstantInt>(call.getArgOperand(2));
    if (!count || count->getZExtValue() > kMaxArguments)
      return unsupported_error("a message with so many arguments (" + place +
                               ") is not supported yet");
    builder_.SetInsertPoint(&call);
    llvm::Value* index = position("am.thread_index_in_threadgroup");
    emit(kMessageName,
         {index, builder_.getInt32(site), call.getArgOperand(3), count,
          position("am.thread_position_in_grid.x"), position("am.thread_position_in_grid.y"),
          position("am.thread_position_in_grid.z")});
    for (uint64_t argument = 0; argument < count->getZExtValue(); ++argument) {
      llvm::SmallVector<llvm::Value*, 8> operands = {index};
      for (uint64_t word = 0; word < sizeof(MessageArgument) / 8; ++word) {
        llvm::Value* address =
            builder_.CreateConstInBoundsGEP1_64(builder_.getInt8Ty(), call.getArgOperand(1),
                                                argument * sizeof(MessageArgument) + word * 8);
        operands.push_back(builder_.CreateLoad(builder_.getInt64Ty(), address));
      }
      emit(kMessageArgumentName, operands);
    }
    call.eraseFromParent();
    return {};
  }

 private:
  llvm::Value* position(const char* name) {
    auto callee = module_.getOrInsertFunction(name, builder_.getInt32Ty());
    return builder_.CreateCall(callee);
  }

  /// Its effects are out of sight of the kernel's own memory.
  void emit(const char* name, llvm::ArrayRef<llvm::Value*> operands) {
    llvm::SmallVector<llvm::Type*, 8> types;
    for (llvm::Value* operand : operands) types.push_back(operand->getType());
    auto callee = module_.getOrInsertFunction(
        name, llvm::FunctionType::get(builder_.getVoidTy(), types, false));
    auto* function = llvm::cast<llvm::Function>(callee.getCallee());
    function->setDoesNotThrow();
    function->setOnlyAccessesInaccessibleMemory();
    builder_.CreateCall(callee, operands);
  }

  llvm::Module& module_;
  llvm::IRBuilder<> builder_;
  std::vector<MessageSite>& sites_;
};

}  // namespace

Result<void> lower_messages(llvm::Function& entry, std::vector<MessageSite>& sites) {
  std::vector<llvm::CallInst*> calls;
  for (llvm::Instruction& instruction : llvm::instructions(entry)) {
    auto* call = llvm::dyn_cast<llvm::CallInst>(&instruction);
    const llvm::Function* callee = call ? call->getCalledFunction() : nullptr;
    if (callee && callee->getName() == "am.message") calls.push_back(call);
  }
  Lowering lowering(entry, sites);
  for (llvm::CallInst* call : calls) ANYMETAL_RETURN_IF_ERROR(lowering.lower(*call));
  return {};
}

}  // namespace anymetal::backend::cpu
