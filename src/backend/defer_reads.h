// Published kernels load first and ask afterwards whether the place was inside a buffer, and throw
// the value away if it wasn't. Under Bounds::error such a kernel must run; one that uses the value
// must not.
//
// In: the thread function and the loads in it. Out: for each load whose value may be thrown away
// (seen in the code alone, so that all other loads stay as fast as they were) a *shadow*, an i32
// that travels beside the value through arithmetic, selects and phis: 0, or the number of the
// deferred read that gave the value, which was then 0. Where a value is used (stored, an address, a
// branch's condition, an operand of an atomic or of a meeting of threads) with a shadow that isn't
// 0, the kernel fails with what is remembered of that read. A compile-time answer alone couldn't
// tell, since whether a value is thrown away depends on the data.
#pragma once

#include <llvm/Analysis/PostDominators.h>
#include <llvm/IR/Instructions.h>

#include <map>
#include <set>
#include <unordered_map>
#include <vector>

#include "backend/pointer_origins.h"
#include "backend/thread_function.h"

namespace anymetal::backend {

/// Which values are computed from one another in a circle, as a sum in a loop from its phi.
class DataCycles {
 public:
  explicit DataCycles(llvm::Function& function);
  /// Whether `value`, which comes into `phi`, is computed from it: what has come into such a phi
  /// stays in it.
  [[nodiscard]] bool is_in_one(const llvm::Value* value, const llvm::PHINode* phi) const;

 private:
  class Search;
  std::unordered_map<const llvm::Value*, size_t> cycle_of_;
};

/// Answers before anything is changed.
class ThrownAwayReads {
 public:
  explicit ThrownAwayReads(ThreadFunction& thread)
      : ends_(*thread.function), cycles_(*thread.function) {}
  /// Whether there may be a run in which the load is executed and its value isn't used.
  [[nodiscard]] bool may_be_thrown_away(llvm::LoadInst& load) const;

 private:
  enum class Fate { thrown_away, used, goes_on };
  [[nodiscard]] Fate fate_of(llvm::Use& use, const llvm::LoadInst& load) const;

  llvm::PostDominatorTree ends_;
  DataCycles cycles_;
};

class DeferredReads {
 public:
  /// Gives shadows to all that depends on `loads`, and checks them where the values are used. Comes
  /// before other checks, so that a bad address is told as the read that gave it.
  DeferredReads(ThreadFunction& thread, const std::vector<llvm::LoadInst*>& loads);
  [[nodiscard]] bool has(const llvm::Instruction* load) const { return pending_.contains(load); }
  /// Says when the load is outside, and what to tell then. Each load needs this once.
  void record(llvm::LoadInst* load, llvm::Value* inside, uint32_t site, llvm::Value* address,
              const Origin& origin);

 private:
  struct Pending {
    llvm::Instruction* shadow;  ///< stands for the load's shadow until `record`
    uint32_t number;
  };
  void follow(const std::vector<llvm::LoadInst*>& loads);
  [[nodiscard]] llvm::Value* shadow_of(llvm::Value* value) const;
  llvm::Value* combine(llvm::IRBuilderBase& builder, llvm::Value* first, llvm::Value* second) const;
  llvm::Value* shadow_of_operands(llvm::IRBuilderBase& builder, llvm::Instruction& instruction);
  llvm::Value* shadow_of_decision(llvm::IRBuilderBase& builder, llvm::Value* first,
                                  llvm::Value* second, bool deciding);
  llvm::Value* shadow_of_select(llvm::IRBuilderBase& builder, llvm::SelectInst& select);
  [[nodiscard]] bool is_carrier(llvm::Value* value) const;
  void make_shadow(llvm::Instruction& instruction);
  void check_uses(llvm::Instruction& user);

  ThreadFunction& thread_;
  llvm::Constant* fine_;
  llvm::AllocaInst* records_ = nullptr;
  std::map<const llvm::Instruction*, Pending> pending_;
  std::map<llvm::Value*, llvm::Value*> shadows_;
  std::vector<llvm::Instruction*> carriers_;  ///< get a shadow from their operands
  std::set<llvm::Value*> reached_;            ///< carriers_ and users_
  std::set<llvm::Instruction*> users_;        ///< where a shadow must be 0
};

}  // namespace anymetal::backend
