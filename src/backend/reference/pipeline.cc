#include "backend/reference/pipeline.h"

#include <llvm/IR/CFG.h>
#include <llvm/Support/raw_ostream.h>
#include <llvm/Transforms/InstCombine/InstCombine.h>
#include <llvm/Transforms/Scalar/EarlyCSE.h>
#include <llvm/Transforms/Scalar/SimplifyCFG.h>
#include <llvm/Transforms/Utils/LoopSimplify.h>

#include <algorithm>

#include "backend/choose_values.h"
#include "backend/code_generation.h"
#include "backend/debug_places.h"
#include "backend/define_behaviour.h"
#include "backend/finish_turns.h"
#include "backend/insert_lockstep_points.h"
#include "backend/instrument_bounds.h"
#include "backend/instrument_loops.h"
#include "backend/lower_builtins.h"
#include "backend/lower_threadgroup_memory.h"
#include "backend/make_values.h"
#include "backend/number_meeting_points.h"
#include "backend/run_passes.h"
#include "backend/thread_function.h"
#include "backend/thread_state.h"
#include "simt/transform/give_one_entry.h"
#include "support/stop_flag.h"

namespace anymetal::backend::reference {
namespace {

constexpr uint32_t kMaxVariableBytes = 16u << 20;
constexpr size_t kManyAccesses = 1000;

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
void shape_loops(llvm::Function& function, bool meets, LlvmPasses& passes) {
  passes.run(function, simt::GiveOneEntryPass());
  if (meets) passes.run(function, llvm::LoopSimplifyPass());
}

/// Code generation moves or compares whole blocks for single instructions of theirs; from the end
/// on, so that here each instruction moves once.
void split_long_blocks(llvm::Function& function) {
  constexpr size_t kLength = 250;
  std::vector<llvm::Instruction*> cuts;
  for (llvm::BasicBlock& block : function) {
    size_t length = 0;
    for (llvm::Instruction& instruction : block) {
      if (llvm::isa<llvm::AllocaInst, llvm::PHINode>(instruction) || ++length % kLength != 0)
        continue;
      if (!instruction.isTerminator()) cuts.push_back(&instruction);
    }
    // Variables stay in the block that they are in: there they have a place of fixed size.
    const auto last = std::find_if(block.rbegin(), block.rend(), [](const llvm::Instruction& i) {
      return llvm::isa<llvm::AllocaInst>(i);
    });
    if (last == block.rend()) continue;
    std::erase_if(cuts, [&](llvm::Instruction* cut) {
      return cut->getParent() == &block && cut->comesBefore(&*last);
    });
  }
  for (auto cut = cuts.rbegin(); cut != cuts.rend(); ++cut)
    (*cut)->getParent()->splitBasicBlock(*cut);
}

/// What is never reached comes behind everything else, so that it isn't jumped over.
void put_failures_last(llvm::Function& function) {
  std::vector<llvm::BasicBlock*> ends;
  for (llvm::BasicBlock& block : function) {
    if (llvm::isa<llvm::UnreachableInst>(block.getTerminator())) ends.push_back(&block);
  }
  for (llvm::BasicBlock* block : ends) block->moveAfter(&function.back());
}

/// What a pass may look at and change.
struct Compilation {
  llvm::Module& module;
  llvm::Function* entry;
  KernelImage image;
  LlvmPasses passes = LlvmPasses();
  bool meets = false;          ///< from insert-lockstep-points on
  ThreadFunction thread = {};  ///< from make-thread-function on
};

// The order, and why. STYLE of a name: the function's, with dashes.
constexpr Pass<Compilation> kPasses[] = {
    // While blocks are in the order of the text.
    {"finish-turns", "keeps in a loop's turn what stands there before break and return",
     plain<[](Compilation& c) { finish_turns(c.module); }>},
    // All calls go first: later passes then see one function, and meeting points have one place
    // each. A callee's variables become values before, or there would be thousands at once, and
    // SROA takes time for each in each block.
    {"inline-calls", "puts all functions that the kernel calls into it",
     [](Compilation& c) {
       return inline_calls(*c.entry, [&](llvm::Function& callee) {
         define_callee(callee);
         make_values(c.passes, callee);
       });
     }},
    // Before LLVM's own passes, which would take advantage of what is undefined.
    {"define-behaviour", "gives a meaning to all that LLVM leaves undefined",
     plain<[](Compilation& c) { define_behaviour(*c.entry); }>},
    // No pass that merges calls may run yet: each meeting point counts.
    {"sroa", "makes variables values (LLVM's)",
     plain<[](Compilation& c) { make_values(c.passes, *c.entry); }>},
    // For the sake of reads that are thrown away: a branch counts as a use.
    {"choose-values", "makes selects of branches that only choose between values",
     plain<[](Compilation& c) { choose_values(*c.entry); }>},
    // Pointers to threadgroup memory are in sight now, and the points are still to be numbered.
    {"insert-lockstep-points", "lets lanes meet between stores and loads of threadgroup memory",
     plain<[](Compilation& c) {
       insert_lockstep_points(*c.entry);
       c.meets = has_meeting_points(*c.entry);
     }>},
    {"shape-loops", "gives each cycle one entry, and where threads meet one back edge",
     plain<[](Compilation& c) { shape_loops(*c.entry, c.meets, c.passes); }>},
    {"make-thread-function", "makes of the entry a function of the thread's state",
     plain<[](Compilation& c) { c.thread = make_thread_function(*c.entry); }>},
    // Right here, where all accesses but the loads of arguments are the user's.
    {"instrument-bounds", "checks accesses against the objects that their pointers come from",
     plain<[](Compilation& c) { instrument_bounds(c.thread, c.image); }>},
    {"number-meeting-points", "makes calls that concern several threads meetings with a key",
     plain<[](Compilation& c) {
       if (c.meets) number_meeting_points(c.thread, c.passes.functions(), c.image);
     }>},
    {"lower-builtins", "makes the other builtins loads, instructions and calls of the runtime",
     [](Compilation& c) { return lower_builtins(c.thread, c.image); }},
    // After numbering: it splits the blocks with back edges.
    {"instrument-loops", "looks at each back edge whether the run is to end",
     plain<[](Compilation& c) {
       c.image.has_loops = instrument_loops(c.thread, c.passes.functions());
     }>},
    // Last of ours: the checks speak of the variables.
    {"lower-threadgroup-memory", "gives threadgroup variables their places",
     plain<[](Compilation& c) {
       c.image.threadgroup_bytes = lower_threadgroup_memory(
           *c.thread.function, offsetof(ThreadState, arena), /*alignment=*/16);
       drop_places(*c.thread.function);
     }>},
    {"optimise", "makes away with checks that can't fail (LLVM's)", plain<[](Compilation& c) {
       llvm::Function& function = *c.thread.function;
       c.passes.run(function, llvm::EarlyCSEPass());
       // It looks at each check of a buffer with all other checks of the same buffer in mind.
       if (c.image.accesses.size() < kManyAccesses) c.passes.run(function, llvm::InstCombinePass());
       c.passes.run(function, llvm::SimplifyCFGPass());
     }>},
    // Last: SimplifyCFG would join them again.
    {"split-long-blocks", "bounds the work of code generation in each block",
     plain<[](Compilation& c) { split_long_blocks(*c.thread.function); }>},
    {"put-failures-last", "puts what ends a thread behind everything else",
     plain<[](Compilation& c) { put_failures_last(*c.thread.function); }>},
};

/// All but code generation: changes the module of `ir`. Ends after the pass `last`; empty: after
/// all.
Result<KernelImage> transform(ThreadIr& ir, const CompileOptions& options,
                              std::string_view last = {}) {
  llvm::Module& module = *ir.module;
  llvm::Function* entry = module.getFunction(ir.entry);
  if (!entry || entry->isDeclaration())
    return internal_error("the IR has no entry '" + ir.entry + "'");
  Compilation compilation{.module = module, .entry = entry, .image = start_image(ir, options)};
  if (entry->arg_size() != compilation.image.objects.size()) {
    return internal_error("the entry of '" + ir.interface.name +
                          "' doesn't have one parameter per argument");
  }
  ANYMETAL_RETURN_IF_ERROR(set_host_target(module));
  ANYMETAL_RETURN_IF_ERROR(run_passes<Compilation>(kPasses, compilation, last));
  return std::move(compilation.image);
}

}  // namespace

Result<KernelImage> compile_image(ThreadIr ir, const CompileOptions& options) {
  const double begin = processor_seconds();
  ANYMETAL_ASSIGN_OR_RETURN(KernelImage image, transform(ir, options));
  const double start = processor_seconds();
  ANYMETAL_ASSIGN_OR_RETURN(ObjectCode code, generate_code(*ir.module, Effort::quick));
  if (CompileTimes* times = options.times) {
    times->passes = start - begin;
    times->code_generation = processor_seconds() - start;
  }
  if (code.stack_bytes > kMaxVariableBytes) {
    return unsupported_error(
        "kernel '" + image.kernel + "' has " + std::to_string(code.stack_bytes) +
        " bytes of variables in each thread; more than 16 MiB are not supported yet");
  }
  image.object = std::move(code.bytes);
  image.stack_bytes = code.stack_bytes;
  return image;
}

Result<std::string> ir_after(ThreadIr ir, const CompileOptions& options, std::string_view pass) {
  ANYMETAL_RETURN_IF_ERROR(transform(ir, options, pass));
  std::string text;
  llvm::raw_string_ostream stream(text);
  ir.module->print(stream, nullptr);
  return text;
}

std::vector<PassName> passes() {
  return pass_names<Compilation>(kPasses);
}

Result<std::string> compile_assembly(ThreadIr ir, const CompileOptions& options) {
  ANYMETAL_RETURN_IF_ERROR(transform(ir, options));
  return generate_assembly(*ir.module, Effort::quick);
}

}  // namespace anymetal::backend::reference
