#include "backend/reference/pipeline.h"

#include <llvm/ADT/PostOrderIterator.h>
#include <llvm/Analysis/CFG.h>
#include <llvm/Analysis/LoopInfo.h>
#include <llvm/IR/CFG.h>
#include <llvm/IR/DebugInfo.h>
#include <llvm/IR/PassManager.h>
#include <llvm/IR/Verifier.h>
#include <llvm/Passes/PassBuilder.h>
#include <llvm/Support/raw_ostream.h>
#include <llvm/Transforms/InstCombine/InstCombine.h>
#include <llvm/Transforms/Scalar/EarlyCSE.h>
#include <llvm/Transforms/Scalar/SROA.h>
#include <llvm/Transforms/Scalar/SimplifyCFG.h>
#include <llvm/Transforms/Utils/FixIrreducible.h>
#include <llvm/Transforms/Utils/LoopSimplify.h>
#include <llvm/Transforms/Utils/LowerSwitch.h>

#include "backend/code_generation.h"
#include "backend/define_behaviour.h"
#include "backend/insert_lockstep_points.h"
#include "backend/instrument_bounds.h"
#include "backend/instrument_loops.h"
#include "backend/lower_builtins.h"
#include "backend/lower_threadgroup_memory.h"
#include "backend/number_meeting_points.h"
#include "backend/thread_function.h"

namespace anymetal::backend::reference {
namespace {

constexpr uint32_t kMaxVariableBytes = 16u << 20;

/// LLVM's analyses for one function.
class Passes {
 public:
  Passes() {
    llvm::PassBuilder builder;
    builder.registerModuleAnalyses(modules_);
    builder.registerCGSCCAnalyses(cgscc_);
    builder.registerFunctionAnalyses(functions_);
    builder.registerLoopAnalyses(loops_);
    builder.crossRegisterProxies(loops_, functions_, cgscc_, modules_);
  }

  template <class... Pass>
  void run(llvm::Function& function, Pass... pass) {
    llvm::FunctionPassManager manager;
    (manager.addPass(std::move(pass)), ...);
    clear();
    manager.run(function, functions_);
    clear();
  }

  /// Our own passes change the function without saying what they keep.
  void clear() { functions_.clear(); }

  llvm::FunctionAnalysisManager& functions() { return functions_; }

 private:
  llvm::LoopAnalysisManager loops_;
  llvm::FunctionAnalysisManager functions_;
  llvm::CGSCCAnalysisManager cgscc_;
  llvm::ModuleAnalysisManager modules_;
};

Result<void> verify(const llvm::Module& module, std::string_view after) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  if (llvm::verifyModule(module, &stream)) {
    return internal_error("the IR is broken after " + std::string(after) + ": " + stream.str());
  }
  return {};
}

KernelImage start_image(const ThreadIr& ir, const CompileOptions& options) {
  KernelImage image;
  image.kernel = ir.interface.name;
  image.bounds = options.bounds;
  for (const Parameter* parameter : entry_parameters(ir.interface)) {
    ObjectInfo object;
    object.kind = parameter->kind == ParameterKind::threadgroup ? ObjectKind::threadgroup
                                                                : ObjectKind::buffer;
    object.name = parameter->name;
    object.type = parameter->type;
    object.element_bytes = parameter->size == 0 ? 1 : parameter->size;
    object.is_const = object.kind == ObjectKind::buffer &&
                      (parameter->is_const || parameter->space == AddressSpace::constant);
    image.objects.push_back(std::move(object));
  }
  image.argument_count = uint32_t(image.objects.size());
  return image;
}

/// Each cycle becomes a loop with one entry; for numbering, also one back edge.
void shape_loops(llvm::Function& function, bool meets, Passes& passes) {
  auto& loops = passes.functions().getResult<llvm::LoopAnalysis>(function);
  llvm::ReversePostOrderTraversal<const llvm::Function*> order(&function);
  if (llvm::containsIrreducibleCFG<const llvm::BasicBlock*>(order, loops)) {
    passes.run(function, llvm::LowerSwitchPass(), llvm::FixIrreduciblePass());
  }
  if (meets) passes.run(function, llvm::LoopSimplifyPass());
}

/// All but code generation: changes the module of `ir`.
Result<KernelImage> transform(ThreadIr& ir, const CompileOptions& options) {
  llvm::Module& module = *ir.module;
  llvm::Function* entry = module.getFunction(ir.entry);
  if (!entry || entry->isDeclaration())
    return internal_error("the IR has no entry '" + ir.entry + "'");
  KernelImage image = start_image(ir, options);
  if (entry->arg_size() != image.objects.size()) {
    return internal_error("the entry of '" + image.kernel +
                          "' doesn't have one parameter per argument");
  }
  ANYMETAL_RETURN_IF_ERROR(set_host_target(module));
  Passes passes;
  // All calls go first: later passes then see one function, and meeting points have one place each.
  ANYMETAL_RETURN_IF_ERROR(inline_calls(*entry));
  // Before LLVM's own passes, which would take advantage of what is undefined.
  define_behaviour(*entry);
  // Variables become values. No pass that merges calls may run yet: each meeting point counts.
  passes.run(*entry, llvm::SROAPass(llvm::SROAOptions::PreserveCFG));
  // Pointers to threadgroup memory are in sight now, and the points are still to be numbered.
  insert_lockstep_points(*entry);
  const bool meets = has_meeting_points(*entry);
  shape_loops(*entry, meets, passes);
  ThreadFunction thread = make_thread_function(*entry);
  // Right here, where all accesses but the loads of arguments are the user's.
  instrument_bounds(thread, image);
  passes.clear();
  if (meets) number_meeting_points(thread, passes.functions(), image);
  ANYMETAL_RETURN_IF_ERROR(lower_builtins(thread));
  // After numbering: it splits the blocks with back edges.
  image.has_loops = instrument_loops(thread, passes.functions());
  image.threadgroup_bytes = lower_threadgroup_memory(thread);
  llvm::StripDebugInfo(module);
  ANYMETAL_RETURN_IF_ERROR(verify(module, "the passes"));
  passes.run(*thread.function, llvm::EarlyCSEPass(), llvm::InstCombinePass(),
             llvm::SimplifyCFGPass());
  return image;
}

}  // namespace

Result<KernelImage> compile_image(ThreadIr ir, const CompileOptions& options) {
  ANYMETAL_ASSIGN_OR_RETURN(KernelImage image, transform(ir, options));
  ANYMETAL_ASSIGN_OR_RETURN(ObjectCode code, generate_code(*ir.module));
  if (code.stack_bytes > kMaxVariableBytes) {
    return unsupported_error(
        "kernel '" + image.kernel + "' has " + std::to_string(code.stack_bytes) +
        " bytes of variables in each thread; more than 16 MiB are not supported yet");
  }
  image.object = std::move(code.bytes);
  image.stack_bytes = code.stack_bytes;
  return image;
}

Result<std::string> compile_assembly(ThreadIr ir, const CompileOptions& options) {
  ANYMETAL_RETURN_IF_ERROR(transform(ir, options));
  return generate_assembly(*ir.module);
}

}  // namespace anymetal::backend::reference
