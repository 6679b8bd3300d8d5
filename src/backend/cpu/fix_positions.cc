#include "backend/cpu/fix_positions.h"

#include <llvm/IR/IRBuilder.h>
#include <llvm/IR/InstIterator.h>
#include <llvm/IR/MDBuilder.h>
#include <llvm/IR/Module.h>

#include <string>
#include <string_view>
#include <vector>

#include "builtins/builtins.h"
#include "simt/simt.h"

namespace anymetal::backend::cpu {
namespace {

using simt::kSimdgroupSize;

constexpr uint32_t kQuadgroupSize = 4;
constexpr uint64_t kMaxThreads = UINT32_MAX;  // of a grid, along an axis

uint64_t ceil_divide(uint64_t a, uint64_t b) {
  return (a + b - 1) / b;
}

/// "thread_position_in_grid.y" → its name and axis 1; axis 0 for what has none.
struct Position {
  std::string_view name;
  unsigned axis = 0;
};

Position split(std::string_view name) {
  if (name.size() > 2 && name[name.size() - 2] == '.')
    return {name.substr(0, name.size() - 2), unsigned(name.back() - 'x')};
  return {name, 0};
}

std::vector<std::pair<llvm::CallInst*, std::string>> position_calls(llvm::Function& function) {
  std::vector<std::pair<llvm::CallInst*, std::string>> calls;
  for (llvm::Instruction& instruction : llvm::instructions(function)) {
    auto* call = llvm::dyn_cast<llvm::CallInst>(&instruction);
    const llvm::Function* callee = call ? call->getCalledFunction() : nullptr;
    if (!callee || !callee->getName().starts_with("am.")) continue;
    const auto reference = builtins::find(callee->getName().str());
    if (reference && reference->builtin->group == builtins::Group::position)
      calls.emplace_back(call, std::string(reference->builtin->name));
  }
  return calls;
}

class Fixing {
 public:
  Fixing(llvm::Function& entry, const Variant& variant)
      : module_(*entry.getParent()),
        variant_(variant),
        size_(variant.threadgroup),
        threads_(variant.threadgroup.volume()) {}

  void fix(llvm::CallInst& call, Position position) {
    llvm::IRBuilder<> builder(&call);
    if (llvm::Value* value = find_value(builder, position)) {
      if (value == &call) return;
      call.replaceAllUsesWith(value);
      call.eraseFromParent();
      return;
    }
    limit(call, position);
  }

 private:
  /// What replaces the call; null: it stays.
  llvm::Value* find_value(llvm::IRBuilder<>& builder, Position position) {
    const auto [name, axis] = position;
    const auto constant = [&](uint64_t value) { return builder.getInt32(uint32_t(value)); };
    const Extent& dispatch = variant_.dispatch;
    if (name == "dispatch_threads_per_threadgroup") return constant(along(dispatch, axis));
    if (name == "dispatch_simdgroups_per_threadgroup")
      return constant(ceil_divide(dispatch.volume(), kSimdgroupSize));
    if (name == "dispatch_quadgroups_per_threadgroup")
      return constant(ceil_divide(dispatch.volume(), kQuadgroupSize));
    if (name == "threads_per_simdgroup" || name == "thread_execution_width")
      return constant(kSimdgroupSize);
    if (name == "grid_origin") return constant(0);
    if (name == "grid_size") return ask(builder, "threads_per_grid", axis);
    if (name == "threads_per_threadgroup") {
      const bool is_cut = variant_.is_partial && axis == last_axis(size_);
      return is_cut ? nullptr : constant(along(size_, axis));
    }
    if (name == "simdgroups_per_threadgroup") return groups(builder, kSimdgroupSize);
    if (name == "quadgroups_per_threadgroup") return groups(builder, kQuadgroupSize);
    return find_thread_value(builder, position);
  }

  llvm::Value* find_thread_value(llvm::IRBuilder<>& builder, Position position) {
    const auto [name, axis] = position;
    if (name == "thread_position_in_grid") {
      // No grid has 2^32 threads along an axis.
      llvm::Value* group = ask(builder, "threadgroup_position_in_grid", axis);
      llvm::Value* start = builder.CreateMul(
          group, builder.getInt32(along(variant_.dispatch, axis)), "", /*HasNUW=*/true);
      return builder.CreateAdd(start, position_in_threadgroup(builder, axis), "", /*HasNUW=*/true);
    }
    if (name == "thread_position_in_threadgroup") {
      const bool stays = along(size_, axis) != 1 && along(size_, axis) != threads_;
      return stays ? nullptr : position_in_threadgroup(builder, axis);
    }
    const bool is_index = name == "thread_index_in_threadgroup";
    if (is_index && threads_ == 1) return builder.getInt32(0);
    if (name == "thread_index_in_simdgroup" && threads_ <= kSimdgroupSize) return index(builder);
    if (name == "thread_index_in_quadgroup" && threads_ <= kQuadgroupSize) return index(builder);
    if (name == "simdgroup_index_in_threadgroup" && threads_ <= kSimdgroupSize)
      return builder.getInt32(0);
    if (name == "quadgroup_index_in_threadgroup" && threads_ <= kQuadgroupSize)
      return builder.getInt32(0);
    return nullptr;
  }

  /// Along the only axis that isn't 1 it is the index.
  llvm::Value* position_in_threadgroup(llvm::IRBuilder<>& builder, unsigned axis) {
    if (along(size_, axis) == 1) return builder.getInt32(0);
    if (along(size_, axis) == threads_) return index(builder);
    return ask(builder, "thread_position_in_threadgroup", axis);
  }

  llvm::Value* index(llvm::IRBuilder<>& builder) {
    if (threads_ == 1) return builder.getInt32(0);
    return ask(builder, "thread_index_in_threadgroup", std::nullopt);
  }

  /// How many groups of `width` threads there are.
  llvm::Value* groups(llvm::IRBuilder<>& builder, uint32_t width) {
    if (!variant_.is_partial || threads_ <= width)
      return builder.getInt32(uint32_t(ceil_divide(threads_, width)));
    const unsigned axis = last_axis(size_);
    llvm::Value* rows = ask(builder, "threads_per_threadgroup", axis);
    llvm::Value* threads =
        builder.CreateNUWMul(rows, builder.getInt32(uint32_t(threads_ / along(size_, axis))));
    return builder.CreateUDiv(builder.CreateNUWAdd(threads, builder.getInt32(width - 1)),
                              builder.getInt32(width));
  }

  /// A call of another position, with its limits.
  llvm::CallInst* ask(llvm::IRBuilder<>& builder, std::string_view name,
                      std::optional<unsigned> axis) {
    std::string ir_name = "am." + std::string(name);
    if (axis) ir_name += std::string(".") + "xyz"[*axis];
    auto callee = module_.getOrInsertFunction(ir_name, builder.getInt32Ty());
    auto* function = llvm::cast<llvm::Function>(callee.getCallee());
    function->setDoesNotThrow();
    function->setDoesNotAccessMemory();
    function->setWillReturn();
    llvm::CallInst* call = builder.CreateCall(callee);
    limit(*call, {name, axis.value_or(0)});
    return call;
  }

  /// Says which values the call can give.
  void limit(llvm::CallInst& call, Position position) {
    const auto [name, axis] = position;
    const uint64_t groups = ceil_divide(kMaxThreads, along(variant_.dispatch, axis));
    if (name == "thread_position_in_threadgroup") return limit(call, 0, along(size_, axis));
    if (name == "thread_index_in_threadgroup") return limit(call, 0, threads_);
    if (name == "thread_index_in_simdgroup") return limit(call, 0, kSimdgroupSize);
    if (name == "thread_index_in_quadgroup") return limit(call, 0, kQuadgroupSize);
    if (name == "simdgroup_index_in_threadgroup")
      return limit(call, 0, ceil_divide(threads_, kSimdgroupSize));
    if (name == "quadgroup_index_in_threadgroup")
      return limit(call, 0, ceil_divide(threads_, kQuadgroupSize));
    if (name == "threadgroup_position_in_grid") return limit(call, 0, groups);
    if (name == "threadgroups_per_grid") return limit(call, 1, groups + 1);
    if (name == "threads_per_grid") return limit(call, 1, kMaxThreads + 1);
    if (name == "threads_per_threadgroup") return limit(call, 1, along(size_, axis) + 1);
  }

  static void limit(llvm::CallInst& call, uint64_t low, uint64_t end) {
    const llvm::APInt from(32, low), to(32, end & UINT32_MAX);
    if (from == to) return;
    call.setMetadata(llvm::LLVMContext::MD_range,
                     llvm::MDBuilder(call.getContext()).createRange(from, to));
  }

  llvm::Module& module_;
  const Variant& variant_;
  const Extent& size_;
  const uint64_t threads_;
};

}  // namespace

void fix_positions(llvm::Function& entry, const Variant& variant) {
  Fixing fixing(entry, variant);
  for (const auto& [call, name] : position_calls(entry)) fixing.fix(*call, split(name));
}

}  // namespace anymetal::backend::cpu
