#include "backend/cpu/pipeline.h"

#include <llvm/Analysis/TargetTransformInfo.h>
#include <llvm/IR/InstIterator.h>
#include <llvm/IR/IntrinsicInst.h>
#include <llvm/Support/raw_ostream.h>
#include <llvm/Transforms/Scalar/EarlyCSE.h>
#include <llvm/Transforms/Scalar/LoopSink.h>
#include <llvm/Transforms/Utils/Cloning.h>
#include <llvm/Transforms/Utils/LoopSimplify.h>

#include <cstddef>
#include <memory>

#include "backend/code_generation.h"
#include "backend/cpu/cancel_permutations.h"
#include "backend/cpu/delay_masks.h"
#include "backend/cpu/fetch_ahead.h"
#include "backend/cpu/fix_positions.h"
#include "backend/cpu/guard_variables.h"
#include "backend/cpu/join_scalars.h"
#include "backend/cpu/join_turns.h"
#include "backend/cpu/join_upper_halves.h"
#include "backend/cpu/lower_messages.h"
#include "backend/cpu/lower_powers.h"
#include "backend/cpu/math/math_library.h"
#include "backend/cpu/order_chunks.h"
#include "backend/cpu/own_accumulators.h"
#include "backend/cpu/park_sums.h"
#include "backend/cpu/poll_stop.h"
#include "backend/cpu/reorder_lanes.h"
#include "backend/cpu/round_bfloats.h"
#include "backend/cpu/saturate_conversions.h"
#include "backend/cpu/scalar_passes.h"
#include "backend/cpu/simplify_extrema.h"
#include "backend/cpu/split_structs.h"
#include "backend/cpu/stream_stores.h"
#include "backend/cpu/widen_narrow_floats.h"
#include "backend/debug_places.h"
#include "backend/define_behaviour.h"
#include "backend/finish_turns.h"
#include "backend/hidden_tables.h"
#include "backend/lower_threadgroup_memory.h"
#include "backend/make_values.h"
#include "backend/run_passes.h"
#include "backend/thread_function.h"
#include "simt/simt.h"
#include "simt/threadgroup_frame.h"
#include "simt/transform/kept_pointers.h"
#include "support/stop_flag.h"

namespace anymetal::backend::cpu {
namespace {

// A threadgroup's code runs on the stack of whoever runs it; 8 MiB is usual, and 512 KiB is what
// some systems give to a thread that isn't the first.
constexpr uint32_t kMaxStackBytes = 256u << 10;

// Registers are allocated in more than proportion to a function's size: this many take 7 s.
constexpr unsigned kMaxInstructions = 60'000;

// LLVM's passes take a twentieth of the vectoriser's code away again.
constexpr unsigned kMaxVectorised = 66'000;

// Of a thread. Texts ask for loops to be unrolled that hold others which they want unrolled too:
// where that makes more than so much, it would hardly be vector code in the end.
constexpr unsigned kManyUnrolled = 12'000;

// A function that is called from so many places is simplified before it is put there. Curves'
// arithmetic calls a product of 256 bits, loops in loops, a hundred times.
constexpr unsigned kManyCalls = 8;

/// What a pass may look at and change.
struct Compilation {
  llvm::Module& module;
  llvm::Function* function;  ///< the entry, then am_threadgroup
  VariantImage image;
  std::vector<bool> is_const;     ///< of the entry's parameters: whether kernels mayn't write there
  std::vector<uint32_t> written;  ///< of the entry's parameters: buffers that are only stored to
  LlvmPasses passes;
  Unrolling unrolling;
  bool has_other_try;         ///< with less unrolling
  bool is_too_large = false;  ///< for this one
};

/// For a pass that gives up since there is too much code.
Result<void> too_large(Compilation& c, size_t count) {
  c.is_too_large = true;
  return unsupported_error("a threadgroup's code takes " + std::to_string(count) +
                           " instructions of vectors; more than 60,000 are not supported yet");
}

/// Instructions of a function as the processor has them: what it can't read or write under a mask
/// is a branch for each lane, and what stands there.
size_t count_instructions(llvm::Function& function, LlvmPasses& passes) {
  constexpr size_t kOfLane = 5;
  const auto& target = passes.functions().getResult<llvm::TargetIRAnalysis>(function);
  size_t count = function.getInstructionCount();
  for (const llvm::Instruction& instruction : llvm::instructions(function)) {
    const auto* access = llvm::dyn_cast<llvm::IntrinsicInst>(&instruction);
    if (!access) continue;
    const auto id = access->getIntrinsicID();
    const bool reads = id == llvm::Intrinsic::masked_load || id == llvm::Intrinsic::masked_gather;
    const bool writes =
        id == llvm::Intrinsic::masked_store || id == llvm::Intrinsic::masked_scatter;
    if (!reads && !writes) continue;
    auto* type = llvm::cast<llvm::FixedVectorType>(reads ? access->getType()
                                                         : access->getArgOperand(0)->getType());
    const llvm::Align align(1);
    const bool is_one =
        id == llvm::Intrinsic::masked_load     ? target.isLegalMaskedLoad(type, align)
        : id == llvm::Intrinsic::masked_store  ? target.isLegalMaskedStore(type, align)
        : id == llvm::Intrinsic::masked_gather ? target.isLegalMaskedGather(type, align)
                                               : target.isLegalMaskedScatter(type, align);
    if (!is_one) count += kOfLane * type->getNumElements();
  }
  return count;
}

/// Where nothing is left to try, twenty seconds of compilation are better than the reference
/// executor.
Result<void> check_size(Compilation& c, size_t most) {
  constexpr size_t kLastTry = 3;
  const size_t written = c.function->getInstructionCount();
  if (written > most) return too_large(c, written);
  const size_t count = count_instructions(*c.function, c.passes);
  if (count > (c.has_other_try ? most : kLastTry * most)) return too_large(c, count);
  return {};
}

Result<void> vectorize(Compilation& c) {
  const Variant& variant = c.image.variant;
  c.image.accumulators = find_accumulators(*c.function);
  c.written = find_written(*c.function);
  simt::Options options;
  for (unsigned axis = 0; axis < 3; ++axis) {
    options.threadgroup[axis] = along(variant.threadgroup, axis);
    options.dispatch_threadgroup[axis] = along(variant.dispatch, axis);
  }
  options.is_partial = variant.is_partial;
  options.checks_bounds = variant.bounds == Bounds::robust;
  options.large = variant.large;
  options.is_const = c.is_const;
  options.chunk = vector_register_bytes() / 4;
  options.threadgroups_together = variant.threadgroups_together;
  ANYMETAL_ASSIGN_OR_RETURN(const simt::Report report, simt::vectorize(*c.function, options));
  c.function = report.function;
  ANYMETAL_RETURN_IF_ERROR(check_size(c, kMaxVectorised));
  c.image.scratch_bytes = report.scratch_bytes;
  c.image.threadgroups_together = report.threadgroups_together;
  for (const simt::Remark& remark : report.remarks)
    c.image.remarks.push_back({remark.file, remark.line, remark.text});
  return {};
}

void prepare_code_generation(llvm::Function& function) {
  // LLVM would take narrower registers than the vectors that the code is made of.
  const std::string bits = std::to_string(vector_register_bytes() * 8);
  function.addFnAttr("prefer-vector-width", bits);
  function.addFnAttr("min-legal-vector-width", bits);
  function.addFnAttr(llvm::Attribute::NoUnwind);
  // Vectors that don't fit into registers else cross the ends of cache lines.
  function.addFnAttr("stackrealign");
}

/// Copies of pointers are such before LLVM makes words of them.
void check_variables(llvm::Function& function) {
  simt::copy_by_members(function);
  guard_variables(function);
}

// The order, and why. STYLE of a name: the function's, with dashes.
constexpr Pass<Compilation> kPasses[] = {
    // While blocks are in the order of the text, and as in the reference executor.
    {"finish-turns", "keeps in a loop's turn what stands there before break and return",
     plain<[](Compilation& c) { finish_turns(c.module); }>},
    // All calls go first: later passes then see one function. As in the reference executor, where
    // the reasons stand.
    {"inline-calls", "puts all functions that the kernel calls into it",
     [](Compilation& c) {
       auto result = inline_calls(*c.function, [&](llvm::Function& callee) {
         define_callee(callee);
         make_values(c.passes, callee);
         if (!callee.hasNUsesOrMore(kManyCalls)) return;
         if (c.image.variant.bounds == Bounds::robust) check_variables(callee);
         optimise_callee(callee, c.passes, c.unrolling);
       });
       drop_other_functions(*c.function);
       return result;
     }},
    // Before LLVM's own passes, so that code does here what it does on the reference executor.
    {"define-behaviour", "gives a meaning to all that LLVM leaves undefined",
     plain<[](Compilation& c) { define_behaviour(*c.function); }>},
    // As scalar code, of which lanes are made like of the kernel's own. What isn't undefined there
    // needs no definition.
    {"link-math", "puts the code of math functions into it",
     [](Compilation& c) -> Result<void> {
       ANYMETAL_RETURN_IF_ERROR(link_math(c.module));
       ANYMETAL_RETURN_IF_ERROR(inline_calls(*c.function));
       drop_other_functions(*c.function);
       return {};
     }},
    // Before anything depends on the variant, so that all of them number messages alike; formats
    // are
    // literals only once variables are values.
    {"lower-messages", "makes messages calls with plain numbers, lane by lane",
     [](Compilation& c) {
       make_values(c.passes, *c.function);
       return lower_messages(*c.function, c.image.messages);
     }},
    // Right before LLVM's passes, which make most of constants and limits.
    {"fix-positions", "makes constants of the sizes that this code is made for",
     plain<[](Compilation& c) { fix_positions(*c.function, c.image.variant); }>},
    // While addresses have the text's types, and before variables get their ends.
    {"split-structs", "makes the members of structs variables of their own",
     plain<[](Compilation& c) {
       auto& analyses = c.passes.functions();
       split_structs(*c.function, analyses.getResult<llvm::TargetIRAnalysis>(*c.function));
       c.passes.clear();
     }>},
    // Before LLVM unrolls loops and folds what it reads from tables.
    {"guard-variables", "keeps accesses of variables and tables inside of them",
     plain<[](Compilation& c) {
       if (c.image.variant.bounds == Bounds::robust) check_variables(*c.function);
     }>},
    {"optimise-thread", "simplifies the code of one thread (LLVM's)",
     [](Compilation& c) -> Result<void> {
       // What is that large without any unrolling gets no better: many loops take LLVM longer.
       if (c.function->getInstructionCount() > kManyUnrolled) c.has_other_try = false;
       optimise_thread(*c.function, c.passes, c.unrolling,
                       c.image.variant.bounds == Bounds::robust);
       const size_t count = c.function->getInstructionCount();
       const size_t chunks = simt::kSimdgroupSize * 4 / vector_register_bytes();
       if (count <= kManyUnrolled || !c.has_other_try) return {};
       return too_large(c, count * chunks);
     }},
    {"vectorize", "makes threads the lanes of vectors", vectorize},
    // Behind what checks accesses.
    {"show-tables", "puts tables back where others stood for them",
     plain<[](Compilation& c) { show_tables(c.module); }>},
    // After vectorizing, which tells threadgroup memory from other memory by its variables.
    {"lower-threadgroup-memory", "gives threadgroup variables their places",
     plain<[](Compilation& c) {
       // Debug locations have served: the remarks are written.
       drop_places(*c.function);
       c.image.threadgroup_bytes = lower_threadgroup_memory(
           *c.function, offsetof(simt::ThreadgroupFrame, threadgroup_memory), /*alignment=*/64);
     }>},
    {"optimise-threadgroup", "simplifies the code of the threadgroup (LLVM's)",
     plain<[](Compilation& c) {
       optimise_threadgroup(*c.function, c.passes);
       prepare_code_generation(*c.function);
     }>},
    // While operations on narrow floats are still what the text has.
    {"cancel-permutations", "computes in the order of memory where all lanes do the same",
     plain<[](Compilation& c) { cancel_permutations(*c.function, vector_register_bytes() / 4); }>},
    // Likewise, and what was stored has its order.
    {"reorder-lanes", "sums, and computes in loops, in the order of memory",
     plain<[](Compilation& c) { reorder_lanes(*c.function, vector_register_bytes() / 4); }>},
    // While loops have LLVM's form still.
    {"fetch-ahead", "asks for memory that later turns of loops read",
     plain<[](Compilation& c) { fetch_ahead(*c.function, c.passes); }>},
    // Behind what asks how much a turn reads. Without AVX2 a multiply-add is a call for each lane.
    {"join-turns", "takes several turns of a loop at once where their scalars are alike",
     plain<[](Compilation& c) {
       if (vector_register_bytes() >= 32) join_turns(*c.function, vector_register_bytes() / 4);
       c.passes.clear();
     }>},
    {"join-scalars", "computes scalars that are alike as lanes of a vector",
     plain<[](Compilation& c) {
       if (vector_register_bytes() >= 32) join_scalars(*c.function, vector_register_bytes() / 4);
     }>},
    // After LLVM's passes, which make equal comparisons one, and before anything adds ways out.
    {"delay-masks", "makes masks where lanes part, and not on the way of all",
     plain<[](Compilation& c) { delay_masks(*c.function, c.passes); }>},
    // Before the last removal of common expressions: the power may be there as a float.
    {"lower-powers", "multiplies by powers of two as the machine can",
     plain<[](Compilation& c) { lower_powers(*c.function, vector_register_bytes() == 64); }>},
    // Last: LLVM's simplifications would make narrow operations of these again.
    {"widen-narrow-floats", "computes halves and bfloats in float where the machine can't",
     plain<[](Compilation& c) {
       widen_narrow_floats(*c.function, has_half_arithmetic());
       c.passes.run(*c.function, llvm::EarlyCSEPass());
       // Narrower machines have no such permutation.
       if (vector_register_bytes() == 64) join_upper_halves(*c.function, 16);
     }>},
    // Floats only are left, and LLVM's passes, which know what saturates, are done.
    {"saturate-conversions", "converts vectors of floats to whole numbers as vectors",
     plain<[](Compilation& c) { saturate_conversions(*c.function); }>},
    // After all that would take a comparison and a select for something else.
    {"simplify-extrema", "makes maxima and minima of numbers one instruction",
     plain<[](Compilation& c) { simplify_extrema(*c.function); }>},
    // After all that might take it out of loops again; code generation, which would too, sees by
    // the count that it may not.
    {"sink-rare", "computes what only rare ways need on those ways", plain<[](Compilation& c) {
       c.function->setEntryCount(1);
       c.passes.run(*c.function, llvm::LoopSimplifyPass(), llvm::LoopSinkPass());
     }>},
    // Behind all that changes what there is to compute; code generation keeps more or less to it.
    {"order-chunks", "computes chunk by chunk where registers don't suffice",
     plain<[](Compilation& c) {
       order_chunks(*c.function, vector_register_bytes() == 64 ? 32 : 16);
     }>},
    // After whatever would move loads; before scratch memory has an address like any other.
    {"park-sums", "keeps sums in memory while others are added to, where registers don't suffice",
     plain<[](Compilation& c) {
       park_sums(*c.function, vector_register_bytes() == 64 ? 32 : 16, c.passes);
     }>},
    // After all that computes: the form without locks is a copy.
    {"own-accumulators", "adds without locks to what a processor's thread has for itself",
     plain<[](Compilation& c) { own_accumulators(*c.function, c.image.accumulators); }>},
    // Behind the order of chunks, which is one of each block.
    {"round-bfloats", "rounds to bfloat by the machine's instruction where no float is denormal",
     plain<[](Compilation& c) {
       if (vector_register_bytes() != 64 || !has_bfloat_conversion()) return;
       if (round_bfloats(*c.function) != 0) allow_bfloat_conversion(*c.function);
       c.passes.clear();
     }>},
    // Stores have their final form; what asks for their place belongs to no computation.
    {"stream-stores", "makes stores of whole lines go past the caches, where much is written",
     plain<[](Compilation& c) {
       c.image.streamed = find_streamed(*c.function, c.written);
       if (c.image.variant.streams) stream_stores(*c.function, c.image.streamed);
     }>},
    // After all that asks what may be written where.
    {"lower-scratch", "gives large variables their places",
     plain<[](Compilation& c) { simt::lower_scratch(*c.function); }>},
    // Last: loops have their final form, and nothing has to keep the polling.
    {"poll-stop", "lets loops that may never end look whether they are to stop",
     plain<[](Compilation& c) { poll_stop(*c.function, c.passes); }>},
};

/// Whether anything could be unrolled less: Clang marks the loops of a text.
bool has_loops(const llvm::Module& module) {
  return llvm::any_of(module, [](const llvm::Function& function) {
    return llvm::any_of(function, [](const llvm::BasicBlock& block) {
      return block.getTerminator()->hasMetadata(llvm::LLVMContext::MD_loop);
    });
  });
}

/// Of the entry's parameters: whether kernels mayn't write there.
std::vector<bool> find_const(const KernelInterface& interface) {
  std::vector<bool> is_const;
  for (const Parameter* parameter : entry_parameters(interface)) {
    is_const.push_back(parameter->kind == ParameterKind::buffer &&
                       (parameter->is_const || parameter->space == AddressSpace::constant));
  }
  return is_const;
}

/// All but code generation: changes the module of `ir`. Ends after the pass `last`; empty: after
/// all. What is too large is tried again with fewer loops unrolled.
Result<VariantImage> transform(ThreadIr& ir, const Variant& variant, std::string_view last = {},
                               std::vector<PassTime>* times = nullptr) {
  const llvm::Function* entry = ir.module->getFunction(ir.entry);
  if (!entry || entry->isDeclaration())
    return internal_error("the IR has no entry '" + ir.entry + "'");
  ANYMETAL_RETURN_IF_ERROR(set_host_target(*ir.module));
  BorrowedMachine machine;
  const bool loops = has_loops(*ir.module);
  for (const Unrolling unrolling : {Unrolling::as_asked, Unrolling::small, Unrolling::none}) {
    const bool has_other_try = loops && unrolling != Unrolling::none;
    auto untouched = has_other_try ? llvm::CloneModule(*ir.module) : nullptr;
    Compilation compilation{.module = *ir.module,
                            .function = ir.module->getFunction(ir.entry),
                            .image = {.variant = variant},
                            .is_const = find_const(ir.interface),
                            .written = {},
                            .passes = LlvmPasses(machine.get()),
                            .unrolling = unrolling,
                            .has_other_try = has_other_try};
    auto done = run_passes<Compilation>(kPasses, compilation, last, times);
    if (done.ok() && last.empty()) done = check_size(compilation, kMaxInstructions);
    if (done.ok()) return std::move(compilation.image);
    if (!compilation.is_too_large || !has_other_try) return std::move(done).error();
    ir.module = std::move(untouched);
  }
  return internal_error("no way to unroll loops is left");
}

}  // namespace

Result<VariantImage> compile_variant(ThreadIr ir, const Variant& variant, CompileTimes* times) {
  const double begin = processor_seconds();
  ANYMETAL_ASSIGN_OR_RETURN(VariantImage image, transform(ir, variant));
  if (times) times->passes = processor_seconds() - begin;
  const double start = processor_seconds();
  ANYMETAL_ASSIGN_OR_RETURN(ObjectCode code, generate_code(*ir.module, Effort::full));
  if (times) times->code_generation = processor_seconds() - start;
  if (code.stack_bytes > kMaxStackBytes) {
    return unsupported_error("the variables of a simdgroup take " +
                             std::to_string(code.stack_bytes) +
                             " bytes of stack; more than 256 KiB are not supported yet");
  }
  image.object = std::move(code.bytes);
  image.stack_bytes = code.stack_bytes;
  return image;
}

Result<std::string> compile_assembly(ThreadIr ir, const Variant& variant) {
  ANYMETAL_RETURN_IF_ERROR(transform(ir, variant));
  return generate_assembly(*ir.module, Effort::full);
}

Result<std::vector<PassTime>> time_passes(ThreadIr ir, const Variant& variant) {
  std::vector<PassTime> times;
  ANYMETAL_RETURN_IF_ERROR(transform(ir, variant, {}, &times));
  const double start = processor_seconds();
  ANYMETAL_ASSIGN_OR_RETURN(const ObjectCode code, generate_code(*ir.module, Effort::full));
  times.push_back({"code generation", processor_seconds() - start, code.bytes.size()});
  return times;
}

std::vector<PassName> passes() {
  return pass_names<Compilation>(kPasses);
}

Result<std::string> ir_after(ThreadIr ir, const Variant& variant, std::string_view pass) {
  ANYMETAL_RETURN_IF_ERROR(transform(ir, variant, pass));
  std::string text;
  llvm::raw_string_ostream stream(text);
  ir.module->print(stream, nullptr);
  return text;
}

}  // namespace anymetal::backend::cpu
