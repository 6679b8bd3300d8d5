#include "backend/thread_function.h"

#include <llvm/IR/InstIterator.h>
#include <llvm/Transforms/Utils/Cloning.h>

#include <map>
#include <string>

#include "backend/thread_state.h"

namespace anymetal::backend {
namespace {

// A body of ten thousand lines stays below, and compiles in seconds; what exceeds it is a mistake,
// such as templates that unroll forever.
constexpr size_t kMaxInstructions = 1'000'000;

Error too_large(size_t instructions) {
  return unsupported_error(
      "the kernel is too large: " + std::to_string(instructions) +
      " instructions or more once its functions are put into it, and the "
      "limit is 1,000,000; make loops of what is repeated, or several kernels");
}

std::vector<llvm::CallBase*> inner_calls(llvm::Function& entry) {
  std::vector<llvm::CallBase*> calls;
  for (auto& block : entry) {
    for (auto& instruction : block) {
      auto* call = llvm::dyn_cast<llvm::CallBase>(&instruction);
      if (!call) continue;
      const llvm::Function* callee = call->getCalledFunction();
      if (callee && !callee->isDeclaration()) calls.push_back(call);
    }
  }
  return calls;
}

}  // namespace

Result<void> inline_calls(llvm::Function& entry) {
  size_t instructions = entry.getInstructionCount();
  if (instructions > kMaxInstructions) return too_large(instructions);
  std::map<llvm::Function*, size_t> sizes;
  for (auto calls = inner_calls(entry); !calls.empty(); calls = inner_calls(entry)) {
    for (llvm::CallBase* call : calls) {
      llvm::Function* callee = call->getCalledFunction();
      if (callee == &entry) return internal_error("the kernel calls itself");
      const auto [size, is_new] = sizes.try_emplace(callee, 0);
      if (is_new) size->second = callee->getInstructionCount();
      instructions += size->second;
      // Before it is done: functions that call each other twice double with each of them.
      if (instructions > kMaxInstructions) return too_large(instructions);
      llvm::InlineFunctionInfo info;
      const llvm::InlineResult result = llvm::InlineFunction(*call, info);
      if (!result.isSuccess()) {
        return internal_error("can't inline " + callee->getName().str() + ": " +
                              result.getFailureReason());
      }
    }
  }
  return {};
}

llvm::Value* member(llvm::IRBuilderBase& builder, llvm::Value* base, size_t offset) {
  return builder.CreateConstInBoundsGEP1_64(builder.getInt8Ty(), base, offset);
}

ThreadFunction make_thread_function(llvm::Function& entry) {
  llvm::Module& module = *entry.getParent();
  llvm::LLVMContext& context = module.getContext();
  auto* type = llvm::FunctionType::get(llvm::Type::getVoidTy(context),
                                       {llvm::PointerType::get(context, 0)}, false);
  ThreadFunction thread;
  thread.function = llvm::Function::Create(type, llvm::Function::ExternalLinkage, "", &module);
  llvm::Function& function = *thread.function;
  function.splice(function.begin(), &entry);
  function.setSubprogram(entry.getSubprogram());
  entry.setSubprogram(nullptr);
  function.addFnAttr(llvm::Attribute::NoUnwind);
  function.getArg(0)->setName("state");
  llvm::IRBuilder<> builder(&function.getEntryBlock(),
                            function.getEntryBlock().getFirstInsertionPt());
  if (entry.arg_size() != 0) {
    llvm::Value* slots = builder.CreateLoad(
        builder.getPtrTy(), member(builder, thread.state(), offsetof(ThreadState, arguments)),
        "arguments");
    for (llvm::Argument& argument : entry.args()) {
      const size_t at = argument.getArgNo() * sizeof(ArgumentSlot);
      llvm::Value* data = builder.CreateLoad(
          argument.getType(), member(builder, slots, at + offsetof(ArgumentSlot, data)),
          argument.getName());
      llvm::Value* size = builder.CreateLoad(
          builder.getInt64Ty(), member(builder, slots, at + offsetof(ArgumentSlot, size)),
          argument.getName() + ".size");
      argument.replaceAllUsesWith(data);
      thread.data.push_back(data);
      thread.size.push_back(size);
    }
  }
  entry.eraseFromParent();
  function.setName(kThreadFunctionName);
  // Inlined functions have served.
  std::vector<llvm::Function*> dead;
  for (llvm::Function& other : module) {
    if (&other != &function && !other.isDeclaration()) dead.push_back(&other);
  }
  for (llvm::Function* other : dead) other->deleteBody();
  for (llvm::Function* other : dead) {
    if (other->use_empty()) other->eraseFromParent();
  }
  return thread;
}

std::vector<const Parameter*> entry_parameters(const KernelInterface& interface) {
  std::vector<const Parameter*> parameters;
  for (const Parameter& parameter : interface.parameters) {
    if (parameter.kind != ParameterKind::attribute) parameters.push_back(&parameter);
  }
  return parameters;
}

}  // namespace anymetal::backend
