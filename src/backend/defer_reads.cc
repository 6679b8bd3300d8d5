#include "backend/defer_reads.h"

#include <llvm/IR/InstIterator.h>
#include <llvm/IR/IntrinsicInst.h>
#include <llvm/IR/MDBuilder.h>
#include <llvm/IR/Module.h>
#include <llvm/IR/PatternMatch.h>
#include <llvm/Transforms/Utils/BasicBlockUtils.h>

#include <algorithm>
#include <optional>
#include <set>

#include "backend/thread_state.h"
#include "builtins/builtins.h"

namespace anymetal::backend {
namespace {

using llvm::dyn_cast;
using llvm::isa;

// What a load's value is followed through before it counts as used.
constexpr size_t kMaxSteps = 1000;

/// Functions of their operands alone.
bool is_pure_call(const llvm::CallInst& call) {
  const llvm::Function* callee = call.getCalledFunction();
  if (!callee || call.getType()->isVoidTy() || call.isConvergent()) return false;
  for (const llvm::Use& operand : call.args()) {
    if (operand->getType()->isPointerTy()) return false;
  }
  if (callee->isIntrinsic()) return call.doesNotAccessMemory();
  const auto reference = builtins::find(std::string_view(callee->getName()));
  if (!reference) return false;
  const builtins::Group group = reference->builtin->group;
  return group == builtins::Group::math || group == builtins::Group::integer;
}

/// Whether the result is computed from the operands, and nothing else happens.
bool is_computation(const llvm::Instruction& instruction) {
  if (const auto* call = dyn_cast<llvm::CallInst>(&instruction)) return is_pure_call(*call);
  return instruction.isUnaryOp() || instruction.isBinaryOp() || instruction.isCast() ||
         isa<llvm::CmpInst, llvm::ExtractElementInst, llvm::InsertElementInst,
             llvm::ShuffleVectorInst, llvm::ExtractValueInst, llvm::InsertValueInst,
             llvm::GetElementPtrInst, llvm::FreezeInst, llvm::SelectInst>(instruction);
}

/// `a && b`, `a || b` of bools, which one operand alone can decide: its value that does.
std::optional<bool> deciding_value(const llvm::Instruction& instruction) {
  using namespace llvm::PatternMatch;
  if (!instruction.getType()->isIntegerTy(1)) return std::nullopt;
  if (match(&instruction, m_LogicalAnd(m_Value(), m_Value()))) return false;
  if (match(&instruction, m_LogicalOr(m_Value(), m_Value()))) return true;
  return std::nullopt;
}

}  // namespace

ThrownAwayReads::Fate ThrownAwayReads::fate_of(llvm::Use& use, const llvm::LoadInst& load) const {
  auto* user = llvm::cast<llvm::Instruction>(use.getUser());
  if (auto* phi = dyn_cast<llvm::PHINode>(user)) {
    if (!ends_.dominates(phi->getIncomingBlock(use), load.getParent())) return Fate::thrown_away;
    // A sum over a loop keeps all that was added to it; other phis choose.
    return phi->getNumIncomingValues() == 1 || cycles_.is_in_one(use.get(), phi)
               ? Fate::goes_on
               : Fate::thrown_away;
  }
  if (!ends_.dominates(user->getParent(), load.getParent())) return Fate::thrown_away;
  if (deciding_value(*user)) return Fate::thrown_away;
  if (isa<llvm::SelectInst>(user) && use.getOperandNo() != 0) return Fate::thrown_away;
  return is_computation(*user) ? Fate::goes_on : Fate::used;
}

/// Tarjan's algorithm, without recursion: chains of values may be as long as the function.
class DataCycles::Search {
 public:
  explicit Search(std::unordered_map<const llvm::Value*, size_t>& cycle_of) : cycle_of_(cycle_of) {}

  void search_from(llvm::Instruction* start) {
    if (first_seen_.contains(start)) return;
    enter(start);
    while (!open_.empty()) {
      Step& step = open_.back();
      if (step.operand == step.value->getNumOperands()) {
        leave();
        continue;
      }
      auto* operand = dyn_cast<llvm::Instruction>(step.value->getOperand(step.operand++));
      if (!operand || !carries_on(*operand)) continue;
      if (!first_seen_.contains(operand)) {
        enter(operand);
      } else if (!cycle_of_.contains(operand)) {
        step.lowest = std::min(step.lowest, first_seen_[operand]);
      }
    }
  }

  static bool carries_on(const llvm::Instruction& instruction) {
    return isa<llvm::PHINode>(instruction) || is_computation(instruction);
  }

 private:
  struct Step {
    llvm::Instruction* value;
    unsigned operand;
    size_t lowest;
  };

  void enter(llvm::Instruction* value) {
    const size_t number = first_seen_.size();
    first_seen_[value] = number;
    pending_.push_back(value);
    open_.push_back({value, 0, number});
  }

  void leave() {
    const Step done = open_.back();
    open_.pop_back();
    if (!open_.empty()) open_.back().lowest = std::min(open_.back().lowest, done.lowest);
    const size_t number = first_seen_[done.value];
    if (done.lowest != number) return;
    for (const llvm::Value* member = nullptr; member != done.value;) {
      member = pending_.back();
      pending_.pop_back();
      cycle_of_[member] = number;
    }
  }

  std::unordered_map<const llvm::Value*, size_t>& cycle_of_;
  std::unordered_map<const llvm::Value*, size_t> first_seen_;
  std::vector<const llvm::Value*> pending_;
  std::vector<Step> open_;
};

DataCycles::DataCycles(llvm::Function& function) {
  Search search(cycle_of_);
  for (llvm::Instruction& instruction : llvm::instructions(function)) {
    if (isa<llvm::PHINode>(instruction)) search.search_from(&instruction);
  }
}

bool DataCycles::is_in_one(const llvm::Value* value, const llvm::PHINode* phi) const {
  const auto found = cycle_of_.find(value);
  return found != cycle_of_.end() && found->second == cycle_of_.at(phi);
}

bool ThrownAwayReads::may_be_thrown_away(llvm::LoadInst& load) const {
  if (!load.isSimple()) return false;
  std::set<llvm::Instruction*> seen{&load};
  std::vector<llvm::Instruction*> open{&load};
  while (!open.empty()) {
    llvm::Instruction* value = open.back();
    open.pop_back();
    for (llvm::Use& use : value->uses()) {
      const Fate fate = fate_of(use, load);
      if (fate == Fate::used) return false;
      auto* user = llvm::cast<llvm::Instruction>(use.getUser());
      if (fate == Fate::goes_on && seen.insert(user).second) open.push_back(user);
    }
    if (seen.size() > kMaxSteps) return false;
  }
  return true;
}

DeferredReads::DeferredReads(ThreadFunction& thread, const std::vector<llvm::LoadInst*>& loads)
    : thread_(thread),
      fine_(llvm::ConstantInt::get(llvm::Type::getInt32Ty(thread.module().getContext()), 0)) {
  if (loads.empty()) return;
  llvm::IRBuilder<> builder(&thread.function->getEntryBlock().front());
  auto* record = llvm::ArrayType::get(builder.getInt8Ty(), sizeof(DeferredRead));
  records_ =
      builder.CreateAlloca(llvm::ArrayType::get(record, loads.size()), nullptr, "deferred_reads");
  records_->setAlignment(llvm::Align(alignof(DeferredRead)));
  for (llvm::LoadInst* load : loads) {
    auto* shadow = new llvm::FreezeInst(fine_, "shadow", load->getNextNode()->getIterator());
    pending_[load] = {shadow, uint32_t(pending_.size() + 1)};
    shadows_[load] = shadow;
  }
  follow(loads);
  // Phis first: they close the cycles.
  for (llvm::Instruction* carrier : carriers_) {
    auto* phi = dyn_cast<llvm::PHINode>(carrier);
    if (!phi) continue;
    shadows_[phi] = llvm::PHINode::Create(fine_->getType(), phi->getNumIncomingValues(), "shadow",
                                          phi->getIterator());
  }
  for (llvm::Instruction* carrier : carriers_) make_shadow(*carrier);
  for (llvm::Instruction* carrier : carriers_) {
    auto* phi = dyn_cast<llvm::PHINode>(carrier);
    if (!phi) continue;
    auto* shadow = llvm::cast<llvm::PHINode>(shadows_[phi]);
    for (unsigned i = 0; i < phi->getNumIncomingValues(); ++i) {
      shadow->addIncoming(shadow_of(phi->getIncomingValue(i)), phi->getIncomingBlock(i));
    }
  }
  // From the end on, since each check splits a block (as in instrument_bounds).
  std::vector<llvm::Instruction*> users;
  for (llvm::Instruction& instruction : llvm::instructions(thread.function)) {
    if (users_.contains(&instruction)) users.push_back(&instruction);
  }
  for (auto user = users.rbegin(); user != users.rend(); ++user) check_uses(**user);
}

/// Finds what depends on the loads: carriers_ and users_, each once.
void DeferredReads::follow(const std::vector<llvm::LoadInst*>& loads) {
  std::vector<llvm::Value*> open(loads.begin(), loads.end());
  while (!open.empty()) {
    llvm::Value* next = open.back();
    open.pop_back();
    for (llvm::User* user : next->users()) {
      auto* instruction = llvm::cast<llvm::Instruction>(user);
      if (!reached_.insert(instruction).second) continue;
      if (isa<llvm::PHINode>(instruction) || is_computation(*instruction)) {
        carriers_.push_back(instruction);
        open.push_back(instruction);
      } else {
        users_.insert(instruction);
      }
    }
  }
}

llvm::Value* DeferredReads::shadow_of(llvm::Value* value) const {
  const auto found = shadows_.find(value);
  return found == shadows_.end() ? fine_ : found->second;
}

/// If neither is fine, the later read is told.
llvm::Value* DeferredReads::combine(llvm::IRBuilderBase& builder, llvm::Value* first,
                                    llvm::Value* second) const {
  if (first == fine_ || first == second) return second;
  if (second == fine_) return first;
  return builder.CreateBinaryIntrinsic(llvm::Intrinsic::umax, first, second);
}

llvm::Value* DeferredReads::shadow_of_operands(llvm::IRBuilderBase& builder,
                                               llvm::Instruction& instruction) {
  llvm::Value* shadow = fine_;
  for (llvm::Value* operand : instruction.operands()) {
    shadow = combine(builder, shadow, shadow_of(operand));
  }
  return shadow;
}

/// An operand that is fine and has the deciding value makes the other one irrelevant.
llvm::Value* DeferredReads::shadow_of_decision(llvm::IRBuilderBase& builder, llvm::Value* first,
                                               llvm::Value* second, bool deciding) {
  const auto decides = [&](llvm::Value* value) {
    llvm::Value* has_it = deciding ? value : builder.CreateNot(value);
    return builder.CreateAnd(has_it, builder.CreateIsNull(shadow_of(value)));
  };
  return builder.CreateSelect(builder.CreateOr(decides(first), decides(second)), fine_,
                              combine(builder, shadow_of(first), shadow_of(second)));
}

llvm::Value* DeferredReads::shadow_of_select(llvm::IRBuilderBase& builder,
                                             llvm::SelectInst& select) {
  llvm::Value* condition = select.getCondition();
  llvm::Value* if_true = shadow_of(select.getTrueValue());
  llvm::Value* if_false = shadow_of(select.getFalseValue());
  llvm::Value* chosen;
  if (condition->getType()->isVectorTy()) {
    // Of a vector, each side counts if one of its elements is chosen.
    if_true = builder.CreateSelect(builder.CreateOrReduce(condition), if_true, fine_);
    if_false = builder.CreateSelect(builder.CreateAndReduce(condition), fine_, if_false);
    chosen = combine(builder, if_true, if_false);
  } else {
    chosen = builder.CreateSelect(condition, if_true, if_false);
  }
  return combine(builder, shadow_of(condition), chosen);
}

/// Phis have theirs already; users that only check have none.
bool DeferredReads::is_carrier(llvm::Value* value) const {
  return reached_.contains(value) && is_computation(*llvm::cast<llvm::Instruction>(value));
}

/// Operands that come later in `carriers_` than their users are made first.
void DeferredReads::make_shadow(llvm::Instruction& instruction) {
  std::vector<llvm::Instruction*> open{&instruction};
  while (!open.empty()) {
    llvm::Instruction* next = open.back();
    if (shadows_.contains(next)) {
      open.pop_back();
      continue;
    }
    const size_t before = open.size();
    for (llvm::Value* operand : next->operands()) {
      if (is_carrier(operand) && !shadows_.contains(operand)) {
        open.push_back(llvm::cast<llvm::Instruction>(operand));
      }
    }
    if (open.size() != before) continue;
    open.pop_back();
    llvm::IRBuilder<> builder(next->getNextNode());
    auto* select = dyn_cast<llvm::SelectInst>(next);
    if (const auto deciding = deciding_value(*next)) {
      llvm::Value* second = next->getOperand(1);
      if (select && *deciding) second = select->getFalseValue();
      shadows_[next] = shadow_of_decision(builder, next->getOperand(0), second, *deciding);
    } else {
      shadows_[next] =
          select ? shadow_of_select(builder, *select) : shadow_of_operands(builder, *next);
    }
  }
}

void DeferredReads::check_uses(llvm::Instruction& user) {
  llvm::IRBuilder<> builder(&user);
  llvm::Value* shadow = shadow_of_operands(builder, user);
  llvm::Instruction* failure = llvm::SplitBlockAndInsertIfThen(
      builder.CreateIsNotNull(shadow), &user, /*Unreachable=*/true,
      llvm::MDBuilder(builder.getContext()).createUnlikelyBranchWeights());
  builder.SetInsertPoint(failure);
  auto callee = thread_.module().getOrInsertFunction("am_deferred_read_failed", builder.getVoidTy(),
                                                     builder.getPtrTy(), builder.getPtrTy(),
                                                     fine_->getType());
  auto* function = llvm::cast<llvm::Function>(callee.getCallee());
  function->addFnAttr(llvm::Attribute::NoUnwind);
  function->addFnAttr(llvm::Attribute::NoReturn);
  function->addFnAttr(llvm::Attribute::Cold);
  builder.CreateCall(callee, {thread_.state(), records_, shadow});
}

void DeferredReads::record(llvm::LoadInst* load, llvm::Value* inside, uint32_t site,
                           llvm::Value* address, const Origin& origin) {
  const Pending pending = pending_.at(load);
  llvm::IRBuilder<> builder(load);
  llvm::Value* number = builder.getInt32(pending.number);
  pending.shadow->replaceAllUsesWith(builder.CreateSelect(inside, fine_, number));
  pending.shadow->eraseFromParent();
  llvm::Instruction* cold = llvm::SplitBlockAndInsertIfThen(
      builder.CreateNot(inside), load, /*Unreachable=*/false,
      llvm::MDBuilder(builder.getContext()).createUnlikelyBranchWeights());
  builder.SetInsertPoint(cold);
  const auto store = [&](llvm::Value* value, size_t offset) {
    const size_t at = (pending.number - 1) * sizeof(DeferredRead) + offset;
    builder.CreateStore(value, member(builder, records_, at));
  };
  store(address, offsetof(DeferredRead, address));
  store(origin.base, offsetof(DeferredRead, base));
  store(origin.read_size, offsetof(DeferredRead, size));
  store(origin.object, offsetof(DeferredRead, object));
  store(builder.getInt32(site), offsetof(DeferredRead, site));
}

}  // namespace anymetal::backend
