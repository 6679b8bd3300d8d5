// Outputs of which a call wants more elements than all its threads can write. Counted from above:
// each store, as often as its loops can turn at most, in each thread of the grid, wherever it goes.
#include <fmt/format.h>
#include <llvm/Analysis/AssumptionCache.h>
#include <llvm/Analysis/ScalarEvolution.h>
#include <llvm/Analysis/TargetLibraryInfo.h>
#include <llvm/Analysis/ValueTracking.h>
#include <llvm/IR/InstIterator.h>
#include <llvm/TargetParser/Triple.h>

#include "lint/rules.h"

namespace anymetal::lint {
namespace {

/// How often blocks run at most in one thread.
class Turnings {
 public:
  explicit Turnings(llvm::Function& function)
      : dominators_(function),
        loops_(dominators_),
        assumptions_(function),
        known_(llvm::Triple()),
        functions_(known_),
        evolution_(function, functions_, assumptions_, dominators_, loops_) {}

  /// Nothing if that isn't known.
  std::optional<int64_t> of(const llvm::BasicBlock* block) {
    int64_t times = 1;
    for (const llvm::Loop* loop = loops_.getLoopFor(block); loop; loop = loop->getParentLoop()) {
      const unsigned turns = evolution_.getSmallConstantMaxTripCount(loop);
      if (turns == 0 || times > (int64_t{1} << 40)) return std::nullopt;
      // A loop that is left at its head turns once less than its head runs.
      const bool has_head = loop->getExitingBlock() == loop->getHeader();
      times *= has_head && block != loop->getHeader() ? turns - 1 : turns;
    }
    return times;
  }

 private:
  llvm::DominatorTree dominators_;
  llvm::LoopInfo loops_;
  llvm::AssumptionCache assumptions_;
  llvm::TargetLibraryInfoImpl known_;
  llvm::TargetLibraryInfo functions_;
  llvm::ScalarEvolution evolution_;
};

/// Whether the array goes to a function that isn't seen into.
bool is_handed_on(llvm::Function& function, const llvm::Value* object,
                  const std::vector<Access>& accesses) {
  std::set<const llvm::Instruction*> known;
  for (const Access& access : accesses) known.insert(access.instruction);
  for (const llvm::Instruction& instruction : llvm::instructions(function)) {
    const auto* call = llvm::dyn_cast<llvm::CallBase>(&instruction);
    if (!call || known.contains(call)) continue;
    for (const llvm::Use& argument : call->args()) {
      if (argument->getType()->isPointerTy() && llvm::getUnderlyingObject(argument, 0) == object)
        return true;
    }
  }
  return false;
}

}  // namespace

void find_unfilled_outputs(const KernelReading& kernel) {
  const Request& request = kernel.request;
  if (!request.is_body || !request.grid || request.has_initial_value) return;
  std::map<std::string, std::vector<const Access*>> writes;
  std::map<std::string, const llvm::Value*> objects;
  for (const Access& access : kernel.code.accesses()) {
    if (!access.writes) continue;
    if (!access.object) return;
    const Parameter* parameter = kernel.code.parameter_of(access.object);
    if (!parameter) continue;
    writes[parameter->name].push_back(&access);
    objects[parameter->name] = access.object;
  }
  const int64_t threads =
      int64_t((*request.grid)[0]) * int64_t((*request.grid)[1]) * int64_t((*request.grid)[2]);
  std::optional<Turnings> turnings;
  for (size_t i = 0; i < request.output_names.size() && i < request.outputs.size(); ++i) {
    const auto& shape = request.outputs[i].shape;
    const auto found = writes.find(request.output_names[i]);
    if (!shape || found == writes.end()) continue;
    const llvm::Value* object = objects[found->first];
    const int64_t size = int64_t(kernel.code.parameter_of(object)->size);
    int64_t wanted = 1, bytes = 0;
    for (const int64_t extent : *shape) wanted *= extent;
    if (!turnings) turnings.emplace(kernel.code.function());
    bool is_known =
        size > 0 && !is_handed_on(kernel.code.function(), object, kernel.code.accesses());
    bool in_loop = false;
    for (const Access* access : found->second) {
      const auto times = turnings->of(access->instruction->getParent());
      is_known = is_known && times && *times < (int64_t{1} << 32);
      if (!is_known) break;
      in_loop = in_loop || kernel.code.loops().getLoopFor(access->instruction->getParent());
      bytes += *times * int64_t(access->bytes);
    }
    // One store in each thread is what the side that reads the call says itself, at the grid.
    if (!is_known || (found->second.size() == 1 && !in_loop)) continue;
    if (bytes / size * threads >= wanted) continue;
    const Place place = kernel.findings.place_of(found->second.back()->instruction->getDebugLoc());
    kernel.findings.add(
        "KERNEL-OUTPUT-001", place,
        fmt::format("{} threads write at most {} elements of `{}`, and the call gives it {}: the "
                    "others are undefined",
                    threads, bytes / size * threads, found->first, wanted),
        "a grid of more threads, or a smaller output_shapes, or init_value=0");
  }
}

}  // namespace anymetal::lint
