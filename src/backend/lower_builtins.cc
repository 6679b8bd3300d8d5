#include "backend/lower_builtins.h"

#include <llvm/IR/InstIterator.h>

#include <optional>
#include <string_view>

#include "backend/debug_places.h"
#include "backend/message_sites.h"
#include "backend/thread_state.h"
#include "builtins/builtins.h"

namespace anymetal::backend {
namespace {

struct StateMember {
  std::string_view name;
  bool of_threadgroup;
  size_t offset;
};

#define ANYMETAL_OF_THREAD(name) {#name, false, offsetof(ThreadState, name)}
#define ANYMETAL_OF_THREADGROUP(name) {#name, true, offsetof(ThreadgroupState, name)}
constexpr StateMember kMembers[] = {
    ANYMETAL_OF_THREAD(thread_position_in_grid),
    ANYMETAL_OF_THREAD(thread_position_in_threadgroup),
    ANYMETAL_OF_THREAD(thread_index_in_threadgroup),
    ANYMETAL_OF_THREAD(thread_index_in_simdgroup),
    ANYMETAL_OF_THREAD(simdgroup_index_in_threadgroup),
    ANYMETAL_OF_THREAD(thread_index_in_quadgroup),
    ANYMETAL_OF_THREAD(quadgroup_index_in_threadgroup),
    ANYMETAL_OF_THREADGROUP(threadgroup_position_in_grid),
    ANYMETAL_OF_THREADGROUP(threads_per_threadgroup),
    ANYMETAL_OF_THREADGROUP(dispatch_threads_per_threadgroup),
    ANYMETAL_OF_THREADGROUP(threads_per_grid),
    {"grid_size", true, offsetof(ThreadgroupState, threads_per_grid)},
    ANYMETAL_OF_THREADGROUP(threadgroups_per_grid),
    ANYMETAL_OF_THREADGROUP(simdgroups_per_threadgroup),
    ANYMETAL_OF_THREADGROUP(dispatch_simdgroups_per_threadgroup),
    ANYMETAL_OF_THREADGROUP(quadgroups_per_threadgroup),
    ANYMETAL_OF_THREADGROUP(dispatch_quadgroups_per_threadgroup),
};
#undef ANYMETAL_OF_THREAD
#undef ANYMETAL_OF_THREADGROUP

/// "thread_position_in_grid.y" → its member, with the offset of the component.
std::optional<StateMember> find_member(std::string_view name) {
  size_t component = 0;
  if (name.size() > 2 && name[name.size() - 2] == '.') {
    component = size_t(name.back() - 'x');
    if (component > 2) return std::nullopt;
    name.remove_suffix(2);
  }
  for (const StateMember& member : kMembers) {
    if (member.name == name)
      return StateMember{name, member.of_threadgroup, member.offset + component * 4};
  }
  return std::nullopt;
}

/// Positions that are the same for every dispatch.
std::optional<uint32_t> find_constant(std::string_view name) {
  if (name.starts_with("grid_origin.")) return 0;
  if (name == "threads_per_simdgroup" || name == "thread_execution_width") return 32;
  return std::nullopt;
}

class Lowering {
 public:
  Lowering(ThreadFunction& thread, KernelImage& image) : thread_(thread), image_(image) {
    llvm::IRBuilder<> builder(&*thread.function->getEntryBlock().getFirstInsertionPt());
    threadgroup_ = builder.CreateLoad(
        builder.getPtrTy(), member(builder, thread.state(), offsetof(ThreadState, threadgroup)),
        "threadgroup");
  }

  ~Lowering() {
    if (threadgroup_->use_empty()) threadgroup_->eraseFromParent();
  }

  Lowering(const Lowering&) = delete;
  Lowering& operator=(const Lowering&) = delete;

  Result<void> lower(llvm::CallInst& call) {
    const std::string ir_name = call.getCalledFunction()->getName().str();
    const auto reference = builtins::find(ir_name);
    if (!reference) return internal_error("the IR calls '" + ir_name + "', which is no builtin");
    using builtins::Group;
    const Group group = reference->builtin->group;
    if (group == Group::math || group == Group::integer || group == Group::texture) return {};
    llvm::IRBuilder<> builder(&call);
    const std::string_view name = reference->builtin->name;
    if (const auto found = find_member(name)) {
      llvm::Value* base = found->of_threadgroup ? threadgroup_ : thread_.state();
      replace(call, builder.CreateLoad(call.getType(), member(builder, base, found->offset)));
    } else if (const auto value = find_constant(name)) {
      replace(call, builder.getInt32(*value));
    } else if (name == "atomic_thread_fence") {
      fence(builder, call);
    } else if (name == "message") {
      return message(builder, call);
    } else {
      return internal_error("the reference executor has no lowering for '" + ir_name + "'");
    }
    return {};
  }

 private:
  static void replace(llvm::CallInst& call, llvm::Value* value) {
    call.replaceAllUsesWith(value);
    call.eraseFromParent();
  }

  /// Relaxed fences order nothing; for all others the strongest is right, and this executor needn't
  /// be fast.
  static void fence(llvm::IRBuilder<>& builder, llvm::CallInst& call) {
    auto* order = llvm::dyn_cast<llvm::ConstantInt>(call.getArgOperand(1));
    if (!order || !order->isZero())
      builder.CreateFence(llvm::AtomicOrdering::SequentiallyConsistent);
    call.eraseFromParent();
  }

  /// The literals go into the image, so that the code hands over an index and the arguments.
  Result<void> message(llvm::IRBuilder<>& builder, llvm::CallInst& call) {
    ANYMETAL_ASSIGN_OR_RETURN(
        const uint32_t site,
        add_message_site(call, image_.messages,
                         image_.place_text(find_place(call.getDebugLoc(), image_))));
    auto callee = thread_.module().getOrInsertFunction(
        "am_message", builder.getVoidTy(), builder.getPtrTy(), builder.getInt32Ty(),
        builder.getPtrTy(), builder.getInt32Ty(), builder.getInt32Ty());
    llvm::cast<llvm::Function>(callee.getCallee())->addFnAttr(llvm::Attribute::NoUnwind);
    builder.CreateCall(callee, {thread_.state(), builder.getInt32(site), call.getArgOperand(1),
                                call.getArgOperand(2), call.getArgOperand(3)});
    call.eraseFromParent();
    return {};
  }

  ThreadFunction& thread_;
  KernelImage& image_;
  llvm::LoadInst* threadgroup_;
};

}  // namespace

Result<void> lower_builtins(ThreadFunction& thread, KernelImage& image) {
  std::vector<llvm::CallInst*> calls;
  for (llvm::Instruction& instruction : llvm::instructions(thread.function)) {
    auto* call = llvm::dyn_cast<llvm::CallInst>(&instruction);
    if (!call) continue;
    const llvm::Function* callee = call->getCalledFunction();
    if (!callee) return internal_error("the IR has an indirect call");
    if (callee->getName().starts_with("am.")) calls.push_back(call);
  }
  Lowering lowering(thread, image);
  for (llvm::CallInst* call : calls) ANYMETAL_RETURN_IF_ERROR(lowering.lower(*call));
  return {};
}

bool lowers_to_instructions(std::string_view name) {
  return find_member(name) || find_constant(name) || name == "atomic_thread_fence" ||
         name == "message";
}

}  // namespace anymetal::backend
