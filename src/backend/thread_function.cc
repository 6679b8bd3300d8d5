#include "backend/thread_function.h"

#include <llvm/ADT/ScopeExit.h>
#include <llvm/IR/InstIterator.h>
#include <llvm/Transforms/Utils/Cloning.h>

#include <map>
#include <string>

#include "backend/hidden_tables.h"
#include "backend/thread_state.h"
#include "support/stop_flag.h"

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

std::vector<llvm::CallBase*> inner_calls(llvm::Function& function) {
  std::vector<llvm::CallBase*> calls;
  for (auto& block : function) {
    for (auto& instruction : block) {
      auto* call = llvm::dyn_cast<llvm::CallBase>(&instruction);
      if (!call) continue;
      const llvm::Function* callee = call->getCalledFunction();
      if (callee && !callee->isDeclaration()) calls.push_back(call);
    }
  }
  return calls;
}

/// All functions that `entry` reaches, each behind those that it calls; `entry` comes last.
Result<std::vector<llvm::Function*>> callees_first(llvm::Function& entry) {
  struct Step {
    llvm::Function* function;
    std::vector<llvm::CallBase*> calls;
  };
  std::vector<llvm::Function*> order;
  std::map<llvm::Function*, bool> is_done;
  std::vector<Step> open;
  const auto enter = [&](llvm::Function* function) {
    is_done[function] = false;
    open.push_back({function, inner_calls(*function)});
  };
  enter(&entry);
  while (!open.empty()) {
    Step& step = open.back();
    if (step.calls.empty()) {
      is_done[step.function] = true;
      order.push_back(step.function);
      open.pop_back();
      continue;
    }
    llvm::Function* callee = step.calls.back()->getCalledFunction();
    step.calls.pop_back();
    const auto known = is_done.find(callee);
    if (known == is_done.end()) {
      enter(callee);
    } else if (!known->second) {
      return internal_error("a function of the kernel calls itself");
    }
  }
  return order;
}

}  // namespace

Result<void> inline_calls(llvm::Function& entry, const std::function<void(llvm::Function&)>& tidy) {
  ANYMETAL_ASSIGN_OR_RETURN(const std::vector<llvm::Function*> order, callees_first(entry));
  // Before it is done: functions that call each other twice double with each of them.
  std::map<llvm::Function*, size_t> sizes;
  for (llvm::Function* function : order) {
    size_t& size = sizes[function] = function->getInstructionCount();
    for (llvm::CallBase* call : inner_calls(*function)) size += sizes[call->getCalledFunction()];
    if (size > kMaxInstructions) return too_large(size);
  }
  // What comes in with a caller's numbers is folded on the way.
  hide_tables(*entry.getParent());
  const auto shown = llvm::make_scope_exit([&] { show_tables(*entry.getParent()); });
  for (llvm::Function* function : order) {
    for (llvm::CallBase* call : inner_calls(*function)) {
      if (stop_requested()) return compilation_stopped();
      llvm::InlineFunctionInfo info;
      const std::string name = call->getCalledFunction()->getName().str();
      const llvm::InlineResult result = llvm::InlineFunction(*call, info);
      if (!result.isSuccess()) {
        return internal_error("can't inline " + name + ": " + result.getFailureReason());
      }
    }
    if (function != &entry && tidy) tidy(*function);
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
  drop_other_functions(function);
  return thread;
}

void drop_other_functions(llvm::Function& kept) {
  std::vector<llvm::Function*> dead;
  for (llvm::Function& other : *kept.getParent()) {
    if (&other != &kept && !other.isDeclaration()) dead.push_back(&other);
  }
  for (llvm::Function* other : dead) other->deleteBody();
  for (llvm::Function* other : dead) {
    if (other->use_empty()) other->eraseFromParent();
  }
}

std::vector<const Parameter*> entry_parameters(const KernelInterface& interface) {
  std::vector<const Parameter*> parameters;
  for (const Parameter& parameter : interface.parameters) {
    if (parameter.kind != ParameterKind::attribute) parameters.push_back(&parameter);
  }
  return parameters;
}

}  // namespace anymetal::backend
