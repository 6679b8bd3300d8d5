// A check in each turn of a loop is a few scalar instructions, and the way for lanes that are
// outside beside it: with that in the loop, sums no longer fit into registers. But a loop's index
// mostly grows by the same number each turn, so that all its accesses are inside if the first and
// the last one are:
//
//   if all lanes are here, and inside in their first and in their last turn
//     { the loop, without those checks }
//   else { the loop as it was }
//
// Full turns (separate_full_turns.cc) have the other loop already: it is the one with masks. Their
// end is a comparison with a limit; of others, LLVM's scalar evolution knows how often they turn.
//
// Everything is reckoned in whole numbers: of an index of 32 bits, start and step are taken as
// signed, so that index k is start + k * step but for a multiple of 2^32. If the first and the last
// of these numbers are in [0, 2^31), so are all between them, and each is the index itself, however
// it is extended. Numbers of turns have bounds, so that nothing here overflows.
#include "simt/transform/hoist_checks.h"

#include <llvm/Analysis/ScalarEvolutionExpressions.h>
#include <llvm/IR/Dominators.h>
#include <llvm/IR/IRBuilder.h>
#include <llvm/IR/IntrinsicInst.h>
#include <llvm/IR/Module.h>
#include <llvm/Transforms/Utils/Cloning.h>
#include <llvm/Transforms/Utils/ScalarEvolutionExpander.h>
#include <llvm/Transforms/Utils/ValueMapper.h>

#include <optional>
#include <vector>

#include "simt/analysis/control_flow.h"
#include "simt/analysis/guards.h"
#include "simt/analysis/loop_analyses.h"
#include "simt/analysis/matrices.h"
#include "simt/analysis/questions.h"
#include "simt/analysis/shape_analysis.h"

namespace anymetal::simt {
namespace {

constexpr unsigned kMostInstructions = 300;
constexpr size_t kMostQuestions = 12;
constexpr int64_t kMostTurns = int64_t{1} << 24;
constexpr int64_t kMostLimit = int64_t{1} << 28;
constexpr int64_t kMostFactor = 1024;
constexpr size_t kMostOthers = 6;
// An index that begins below this, and grows by no more, has 31 bits in all turns.
constexpr int64_t kMostIndex = int64_t{1} << 30;

/// offset = factor * index + bytes + sum of others, where the index grows by `step` each turn.
struct Offset {
  const llvm::SCEV *start = nullptr, *step = nullptr;
  int64_t factor = 0;
  bool is_narrow = false;  ///< the index has 32 bits
  int64_t bytes = 0;
  llvm::SmallVector<std::pair<const llvm::SCEV*, int64_t>, 2> others;  ///< the same in all turns
};

struct Check {
  llvm::CallInst* guard;
  const llvm::SCEV* limit;
  Offset offset;
};

/// How far a loop of full turns goes: index < limit, or <= limit, holds in all turns but the first.
struct Bound {
  const llvm::SCEV *first, *limit;
  int64_t step;
  bool is_signed, includes_limit;
};

/// A loop, where it is asked for, and what.
struct Plan {
  llvm::Loop* loop;
  llvm::CallInst* question = nullptr;  ///< of full turns: simt.all_lanes at their entry
  llvm::SmallVector<llvm::CallInst*, 8> guards;
  llvm::Value* condition = nullptr;
};

class Hoisting {
 public:
  Hoisting(llvm::Function& function, const Geometry& geometry)
      : function_(function),
        geometry_(geometry),
        flow_(function, geometry),
        analyses_(function),
        expander_(evolution_, function.getDataLayout(), "hoisted") {}

  bool run() {
    std::vector<Draft> drafts;
    for (llvm::Loop* loop : analyses_.loops.getLoopsInPreorder()) {
      if (auto draft = look_at(*loop)) drafts.push_back(std::move(*draft));
    }
    if (drafts.empty()) return false;
    // Of what is new, the first analysis knows nothing.
    const ControlFlow flow(function_, geometry_);
    const ShapeAnalysis shapes(function_, flow, geometry_);
    std::vector<Plan> plans;
    for (Draft& draft : drafts) {
      if (choose(draft, shapes)) plans.push_back(std::move(draft.plan));
    }
    for (Plan& plan : plans) carry_out(plan);
    return true;
  }

 private:
  /// Questions that let some guards go.
  struct Group {
    llvm::SmallVector<llvm::Value*, 4> questions;
    llvm::SmallVector<llvm::CallInst*, 4> guards;
  };
  struct Draft {
    Plan plan;
    llvm::SmallVector<llvm::Value*, 2> common;  ///< that all groups need
    std::vector<Group> groups;
  };

  std::optional<Draft> look_at(llvm::Loop& loop) {
    llvm::BasicBlock *before = loop.getLoopPreheader(), *latch = loop.getLoopLatch();
    if (!loop.isInnermost() || !before || !latch || !is_fit(loop)) return std::nullopt;
    std::vector<Check> checks;
    for (llvm::BasicBlock* block : loop.blocks()) {
      if (!analyses_.dominators.dominates(block, latch)) continue;
      for (llvm::Instruction& instruction : *block) {
        if (auto check = find_check(instruction, loop)) checks.push_back(std::move(*check));
      }
    }
    if (checks.empty()) return std::nullopt;
    Draft draft{.plan = {.loop = &loop}, .common = {}, .groups = {}};
    draft.plan.question = find_entry(loop);
    llvm::Instruction* place =
        draft.plan.question ? llvm::cast<llvm::Instruction>(*draft.plan.question->user_begin())
                            : before->getTerminator();
    const bool known = draft.plan.question ? draft_full_turns(draft, checks, *place)
                                           : draft_turns(draft, checks, *place);
    return known ? std::optional(std::move(draft)) : std::nullopt;
  }

  bool is_fit(const llvm::Loop& loop) const {
    unsigned count = 0;
    for (llvm::BasicBlock* block : loop.blocks()) {
      if (flow_.has_barrier(block)) return false;
      for (const llvm::Instruction& instruction : *block) {
        const llvm::StringRef name = callee_name(&instruction);
        if (++count > kMostInstructions || name == kToMatrix || name == kMultiplyAccumulate)
          return false;
      }
    }
    return true;
  }

  std::optional<Check> find_check(llvm::Instruction& instruction, const llvm::Loop& loop) {
    const llvm::Value* pointer = llvm::getLoadStorePointerOperand(&instruction);
    if (!pointer || !callee_name(pointer).starts_with(kGuarded)) return std::nullopt;
    auto* guard = llvm::cast<llvm::CallInst>(const_cast<llvm::Value*>(pointer));
    const auto* inside = llvm::dyn_cast<llvm::CallInst>(guard->getArgOperand(1));
    if (!guard->hasOneUse() || !inside || callee_name(inside) != kInside) return std::nullopt;
    const llvm::SCEV* limit = evolution_.getSCEV(inside->getArgOperand(1));
    if (!evolution_.isLoopInvariant(limit, &loop)) return std::nullopt;
    Check check{guard, limit, {}};
    if (!collect(inside->getArgOperand(0), 1, loop, check.offset) || !check.offset.start)
      return std::nullopt;
    return check;
  }

  /// Adds `factor` * value to the offset. False: it isn't of that form.
  bool collect(llvm::Value* value, int64_t factor, const llvm::Loop& loop, Offset& offset) {
    if (factor == 0 || factor > kMostFactor || factor < -kMostFactor) return false;
    if (const auto* number = llvm::dyn_cast<llvm::ConstantInt>(value)) {
      if (number->getValue().getSignificantBits() > 32) return false;
      offset.bytes += factor * number->getSExtValue();
      return true;
    }
    // Computed for the check, mostly, and so in the loop whether it has to or not.
    if (const llvm::SCEV* same = evolution_.getSCEV(value);
        evolution_.isLoopInvariant(same, &loop)) {
      offset.others.emplace_back(same, factor);
      return offset.others.size() <= kMostOthers;
    }
    auto* made = llvm::dyn_cast<llvm::Instruction>(value);
    if (!made) return false;
    llvm::Value* first = made->getNumOperands() > 0 ? made->getOperand(0) : nullptr;
    llvm::Value* second = made->getNumOperands() > 1 ? made->getOperand(1) : nullptr;
    const auto* number = llvm::dyn_cast_or_null<llvm::ConstantInt>(second);
    switch (made->getOpcode()) {
      case llvm::Instruction::Add:
        return collect(first, factor, loop, offset) && collect(second, factor, loop, offset);
      case llvm::Instruction::Mul:
        if (number && number->getValue().isStrictlyPositive() &&
            number->getValue().ult(kMostFactor))
          return collect(first, factor * number->getSExtValue(), loop, offset);
        return false;
      case llvm::Instruction::Shl:
        if (number && number->getValue().ult(10))
          return collect(first, factor << number->getZExtValue(), loop, offset);
        return false;
      case llvm::Instruction::ZExt:
      case llvm::Instruction::SExt:
        return first->getType()->isIntegerTy(32) && take_index(first, factor, true, loop, offset);
      case llvm::Instruction::PHI:
        return take_index(value, factor, false, loop, offset);
      default:
        return false;
    }
  }

  bool take_index(llvm::Value* index, int64_t factor, bool is_narrow, const llvm::Loop& loop,
                  Offset& offset) {
    const auto* turns = llvm::dyn_cast<llvm::SCEVAddRecExpr>(evolution_.getSCEV(index));
    if (!turns || !turns->isAffine() || turns->getLoop() != &loop || offset.start || factor < 0)
      return false;
    offset.start = turns->getStart();
    offset.step = turns->getStepRecurrence(evolution_);
    offset.factor = factor;
    offset.is_narrow = is_narrow;
    return true;
  }

  /// The question at the entry of full turns; null: it is another loop.
  static llvm::CallInst* find_entry(const llvm::Loop& loop) {
    if (callee_name(latch_condition(loop)) != kAllLanes) return nullptr;
    const llvm::BasicBlock* entry = loop.getLoopPreheader();
    const llvm::BasicBlock* before = entry->getSinglePredecessor();
    const auto* branch =
        before ? llvm::dyn_cast<llvm::BranchInst>(before->getTerminator()) : nullptr;
    if (!branch || !branch->isConditional() || branch->getSuccessor(0) != entry ||
        branch->getSuccessor(1) == entry || callee_name(branch->getCondition()) != kAllLanes ||
        !branch->getCondition()->hasOneUse())
      return nullptr;
    return llvm::cast<llvm::CallInst>(branch->getCondition());
  }

  static llvm::Value* latch_condition(const llvm::Loop& loop) {
    const auto* branch = llvm::dyn_cast<llvm::BranchInst>(loop.getLoopLatch()->getTerminator());
    return branch && branch->isConditional() ? branch->getCondition() : nullptr;
  }

  /// Of full turns whose counter can't wrap around.
  std::optional<Bound> find_bound(const llvm::Loop& loop) {
    const auto* all = llvm::cast<llvm::CallInst>(latch_condition(loop));
    const auto* compare = llvm::dyn_cast<llvm::ICmpInst>(all->getArgOperand(0));
    if (!compare || !compare->getOperand(0)->getType()->isIntegerTy(32)) return std::nullopt;
    llvm::CmpInst::Predicate predicate = compare->getPredicate();
    llvm::Value *index = compare->getOperand(0), *limit = compare->getOperand(1);
    if (llvm::ICmpInst::isGT(predicate) || llvm::ICmpInst::isGE(predicate)) {
      predicate = llvm::CmpInst::getSwappedPredicate(predicate);
      std::swap(index, limit);
    }
    const bool is_less = llvm::ICmpInst::isLT(predicate);
    if ((!is_less && !llvm::ICmpInst::isLE(predicate)) ||
        !evolution_.isLoopInvariant(evolution_.getSCEV(limit), &loop))
      return std::nullopt;
    const bool is_signed = llvm::CmpInst::isSigned(predicate);
    const auto* next = llvm::dyn_cast<llvm::BinaryOperator>(index);
    const auto* turns = llvm::dyn_cast<llvm::SCEVAddRecExpr>(evolution_.getSCEV(index));
    if (!next || next->getOpcode() != llvm::Instruction::Add ||
        !(is_signed ? next->hasNoSignedWrap() : next->hasNoUnsignedWrap()) || !turns ||
        !turns->isAffine() || turns->getLoop() != &loop)
      return std::nullopt;
    const auto* step = llvm::dyn_cast<llvm::SCEVConstant>(turns->getStepRecurrence(evolution_));
    if (!step || !step->getAPInt().isStrictlyPositive()) return std::nullopt;
    const llvm::SCEV* first = evolution_.getMinusSCEV(turns->getStart(), step);
    if (is_signed && !evolution_.isKnownNonNegative(first)) return std::nullopt;
    return Bound{first, evolution_.getSCEV(limit), step->getAPInt().getSExtValue(), is_signed,
                 !is_less};
  }

  bool can_expand(const llvm::SCEV* value, const llvm::Instruction& place) {
    return expander_.isSafeToExpandAt(value, &place);
  }

  llvm::Value* expand(const llvm::SCEV* value, llvm::Instruction& place) {
    return expander_.expandCodeFor(value, value->getType(), place.getIterator());
  }

  /// Up to the limit.
  bool draft_full_turns(Draft& draft, std::vector<Check>& checks, llvm::Instruction& place) {
    const std::optional<Bound> bound = find_bound(*draft.plan.loop);
    if (!bound || !can_expand(bound->limit, place)) return false;
    llvm::IRBuilder<> builder(&place);
    llvm::Value* most = llvm::ConstantInt::get(bound->limit->getType(), kMostLimit);
    draft.common.push_back(
        builder.CreateICmp(bound->is_signed ? llvm::CmpInst::ICMP_SLE : llvm::CmpInst::ICMP_ULE,
                           expand(bound->limit, place), most));
    const llvm::SCEV* last = bound->limit;
    if (!bound->includes_limit)
      last = evolution_.getMinusSCEV(last, evolution_.getOne(last->getType()));
    const llvm::SCEV* distance = evolution_.getMinusSCEV(last, bound->first);
    for (const Check& check : checks) {
      if (!check.offset.is_narrow) continue;
      const auto* step = llvm::dyn_cast<llvm::SCEVConstant>(check.offset.step);
      if (step)
        ask_up_to(draft, check, step->getAPInt().getSExtValue(), *bound, distance, place);
      else
        ask_up_to(draft, check, *bound, last, place);
    }
    return !draft.groups.empty();
  }

  /// Of an index that grows by a constant.
  void ask_up_to(Draft& draft, const Check& check, int64_t step, const Bound& bound,
                 const llvm::SCEV* distance, llvm::Instruction& place) {
    constexpr int64_t kMostSteps = 4;  // times the limit it stays below 2^31
    const int64_t steps = step / bound.step;
    if (step <= 0 || step % bound.step != 0 || steps > kMostSteps) return;
    const llvm::SCEV* end = evolution_.getAddExpr(
        check.offset.start,
        evolution_.getMulExpr(evolution_.getConstant(distance->getType(), uint64_t(steps)),
                              distance));
    if (!can_expand(check.offset.start, place) || !can_expand(end, place)) return;
    llvm::IRBuilder<> builder(&place);
    auto* word = builder.getInt64Ty();
    llvm::Value* ends[2] = {builder.CreateSExt(expand(check.offset.start, place), word),
                            builder.CreateSExt(expand(end, place), word)};
    ask(draft, check, ends, place);
  }

  /// What the counter's step is multiplied with; null: the index's isn't seen to be a multiple.
  const llvm::SCEV* find_pitch(const llvm::SCEV* step, int64_t of_counter) {
    if (of_counter == 1) return step;
    const auto* product = llvm::dyn_cast<llvm::SCEVMulExpr>(step);
    const auto* number =
        product ? llvm::dyn_cast<llvm::SCEVConstant>(product->getOperand(0)) : nullptr;
    if (!number || number->getAPInt().srem(of_counter) != 0) return nullptr;
    llvm::SmallVector<const llvm::SCEV*, 4> factors(product->operands());
    factors[0] = evolution_.getConstant(number->getAPInt().sdiv(of_counter));
    return evolution_.getMulExpr(factors);
  }

  /// Of rest + counter * pitch, as of a column in rows whose length nobody knows here.
  void ask_up_to(Draft& draft, const Check& check, const Bound& bound, const llvm::SCEV* last,
                 llvm::Instruction& place) {
    constexpr int64_t kMostBytes = 8;  // times 2^31 * kMostLimit is less than 2^63
    const llvm::SCEV* pitch = find_pitch(check.offset.step, bound.step);
    if (!pitch || check.offset.factor > kMostBytes) return;
    const llvm::SCEV* rest =
        evolution_.getMinusSCEV(check.offset.start, evolution_.getMulExpr(pitch, bound.first));
    for (const llvm::SCEV* each : {pitch, rest, bound.first, last}) {
      if (!can_expand(each, place)) return;
    }
    llvm::IRBuilder<> builder(&place);
    auto* word = builder.getInt64Ty();
    const auto widened = [&](const llvm::SCEV* value) {
      return builder.CreateSExt(expand(value, place), word);
    };
    llvm::Value *start = widened(rest), *each = widened(pitch);
    llvm::Value* ends[2] = {builder.CreateAdd(start, builder.CreateMul(each, widened(bound.first))),
                            builder.CreateAdd(start, builder.CreateMul(each, widened(last)))};
    ask(draft, check, ends, place);
  }

  /// As often as the loop turns.
  bool draft_turns(Draft& draft, std::vector<Check>& checks, llvm::Instruction& place) {
    llvm::Loop& loop = *draft.plan.loop;
    const llvm::SCEV* turns = evolution_.getBackedgeTakenCount(&loop);
    if (llvm::isa<llvm::SCEVCouldNotCompute>(turns) || flow_.is_masked(place.getParent()) ||
        turns->getType()->getIntegerBitWidth() < 32 || !can_expand(turns, place))
      return false;
    llvm::IRBuilder<> builder(&place);
    const auto* number = llvm::dyn_cast<llvm::SCEVConstant>(turns);
    constexpr uint64_t kFew = 3;
    if (number && (number->getAPInt().ult(kFew) || number->getAPInt().ugt(kMostTurns)))
      return false;
    llvm::Value* count = expand(turns, place);
    if (!number)
      draft.common.push_back(
          builder.CreateICmpULE(count, llvm::ConstantInt::get(count->getType(), kMostTurns)));
    auto* word = builder.getInt64Ty();
    count = builder.CreateZExtOrTrunc(count, word);
    std::vector<Answered> answered;
    for (const Check& check : checks) {
      const Offset& offset = check.offset;
      const auto* step = llvm::dyn_cast<llvm::SCEVConstant>(offset.step);
      const bool is_small = step && step->getAPInt().getSignificantBits() <= 21;
      if ((!offset.is_narrow && !is_small) || offset.factor > 16 ||
          !can_expand(offset.start, place) || !can_expand(offset.step, place))
        continue;
      if (is_small && step->getAPInt().isStrictlyPositive() &&
          (!offset.is_narrow || step->getAPInt().getSExtValue() <= kMostIndex / kMostTurns)) {
        ask_first(draft, check, count, step->getAPInt().getSExtValue(), answered, place);
        continue;
      }
      llvm::Value* start = builder.CreateSExt(expand(offset.start, place), word);
      llvm::Value* each = builder.CreateSExt(expand(offset.step, place), word);
      llvm::Value* ends[2] = {start, builder.CreateAdd(start, builder.CreateMul(count, each))};
      ask(draft, check, ends, place);
    }
    return !draft.groups.empty();
  }

  /// Checks of one offset and limit have the same answer.
  struct Answered {
    const Check* check;
    size_t group;
  };
  static bool are_alike(const Check& a, const Check& b) {
    return a.limit == b.limit && a.offset.start == b.offset.start &&
           a.offset.step == b.offset.step && a.offset.factor == b.offset.factor &&
           a.offset.is_narrow == b.offset.is_narrow && a.offset.bytes == b.offset.bytes &&
           a.offset.others == b.offset.others;
  }

  /// Of an index that grows by a small number: whether the first one is inside an object that ends
  /// sooner by all that is added to it. An index of 32 bits must begin low; mostly that is known.
  void ask_first(Draft& draft, const Check& check, llvm::Value* count, int64_t step,
                 std::vector<Answered>& answered, llvm::Instruction& place) {
    const auto known = llvm::find_if(
        answered, [&](const Answered& other) { return are_alike(*other.check, check); });
    if (known != answered.end()) {
      draft.groups[known->group].guards.push_back(check.guard);
      return;
    }
    const Offset& offset = check.offset;
    if (!can_expand(check.limit, place)) return;
    for (const auto& [value, factor] : offset.others) {
      if (!can_expand(value, place)) return;
    }
    llvm::IRBuilder<> builder(&place);
    auto* inside = llvm::cast<llvm::CallInst>(check.guard->getArgOperand(1))->getCalledFunction();
    const auto times = [&](llvm::Value* value, int64_t factor) {
      return factor == 1 ? value : builder.CreateMul(value, builder.getInt64(uint64_t(factor)));
    };
    Group group;
    group.guards.push_back(check.guard);
    llvm::Value* start = builder.CreateSExt(expand(offset.start, place), builder.getInt64Ty());
    if (offset.is_narrow && !begins_low(offset.start))
      group.questions.push_back(
          builder.CreateCall(inside, {start, builder.getInt64(uint64_t(kMostIndex))}));
    llvm::Value* first = times(start, offset.factor);
    for (const auto& [value, factor] : offset.others)
      first = builder.CreateAdd(first, times(expand(value, place), factor));
    if (offset.bytes != 0)
      first = builder.CreateAdd(first, builder.getInt64(uint64_t(offset.bytes)));
    llvm::Value* limit = builder.CreateBinaryIntrinsic(
        llvm::Intrinsic::usub_sat, expand(check.limit, place), times(count, step * offset.factor));
    group.questions.push_back(builder.CreateCall(inside, {first, limit}));
    answered.push_back({&check, draft.groups.size()});
    draft.groups.push_back(std::move(group));
  }

  bool begins_low(const llvm::SCEV* start) {
    const llvm::ConstantRange range = evolution_.getSignedRange(start);
    return !range.getSignedMin().isNegative() && range.getSignedMax().slt(kMostIndex);
  }

  /// That both ends are inside.
  void ask(Draft& draft, const Check& check, llvm::ArrayRef<llvm::Value*> ends,
           llvm::Instruction& place) {
    llvm::IRBuilder<> builder(&place);
    const Offset& offset = check.offset;
    if (!can_expand(check.limit, place)) return;
    for (const auto& [value, factor] : offset.others) {
      if (!can_expand(value, place)) return;
    }
    auto* inside = llvm::cast<llvm::CallInst>(check.guard->getArgOperand(1))->getCalledFunction();
    const int64_t top = offset.is_narrow ? offset.factor << 31 : INT64_MAX;
    const bool is_alone = offset.others.empty() && offset.bytes >= 0;
    llvm::Value* limit = expand(check.limit, place);
    llvm::Value* others = builder.getInt64(uint64_t(offset.bytes));
    for (const auto& [value, factor] : offset.others)
      others = builder.CreateAdd(
          others, builder.CreateMul(expand(value, place), builder.getInt64(uint64_t(factor))));
    Group group;
    group.guards.push_back(check.guard);
    for (llvm::Value* end : ends) {
      llvm::Value* at = builder.CreateMul(end, builder.getInt64(uint64_t(offset.factor)));
      llvm::Value* most = builder.getInt64(uint64_t(top));
      if (is_alone) {
        llvm::Value* room = builder.CreateBinaryIntrinsic(llvm::Intrinsic::usub_sat, limit,
                                                          builder.getInt64(uint64_t(offset.bytes)));
        most = builder.CreateBinaryIntrinsic(llvm::Intrinsic::umin, most, room);
        group.questions.push_back(builder.CreateCall(inside, {at, most}));
        continue;
      }
      group.questions.push_back(builder.CreateCall(inside, {at, most}));
      group.questions.push_back(builder.CreateCall(inside, {builder.CreateAdd(at, others), limit}));
    }
    draft.groups.push_back(std::move(group));
  }

  /// Those questions that scalars answer, as many as pay.
  static bool choose(Draft& draft, const ShapeAnalysis& shapes) {
    const auto is_scalar = [&](llvm::Value* question) {
      return llvm::isa<llvm::Constant>(question) || has_scalar_answer({question}, shapes);
    };
    if (!llvm::all_of(draft.common, is_scalar)) return false;
    llvm::SmallVector<llvm::Value*, kMostQuestions> questions(draft.common.begin(),
                                                              draft.common.end());
    for (Group& group : draft.groups) {
      if (!llvm::all_of(group.questions, is_scalar) ||
          questions.size() + group.questions.size() > kMostQuestions)
        continue;
      questions.append(group.questions);
      draft.plan.guards.append(group.guards);
    }
    if (draft.plan.guards.empty()) return false;
    llvm::Instruction* place =
        draft.plan.question ? llvm::cast<llvm::Instruction>(*draft.plan.question->user_begin())
                            : draft.plan.loop->getLoopPreheader()->getTerminator();
    llvm::IRBuilder<> builder(place);
    for (llvm::Value* question : questions) {
      llvm::Value*& all = draft.plan.condition;
      all = all ? builder.CreateAnd(all, question) : question;
    }
    return true;
  }

  void carry_out(Plan& plan) {
    if (plan.question) {
      auto* branch = llvm::cast<llvm::Instruction>(*plan.question->user_begin());
      plan.question->moveBefore(branch);
      llvm::IRBuilder<> builder(plan.question);
      plan.question->setArgOperand(
          0, builder.CreateAnd(plan.question->getArgOperand(0), plan.condition));
      for (llvm::CallInst* guard : plan.guards) drop(*guard);
      return;
    }
    copy(plan);
  }

  static void drop(llvm::CallInst& guard) {
    guard.replaceAllUsesWith(guard.getArgOperand(0));
    guard.eraseFromParent();
  }

  void copy(Plan& plan) {
    llvm::BasicBlock* before = plan.loop->getLoopPreheader();
    llvm::SmallVector<llvm::BasicBlock*, 8> blocks(plan.loop->blocks());
    llvm::SmallVector<llvm::BasicBlock*, 4> exits;
    plan.loop->getUniqueExitBlocks(exits);
    llvm::ValueToValueMapTy copies;
    for (llvm::BasicBlock* block : blocks)
      copies[block] = llvm::CloneBasicBlock(block, copies, ".inside", &function_);
    const auto copied = [&](llvm::Value* value) {
      const auto found = copies.find(value);
      return found == copies.end() ? value : static_cast<llvm::Value*>(found->second);
    };
    for (llvm::BasicBlock* block : blocks) {
      auto* twin = llvm::cast<llvm::BasicBlock>(copies[block]);
      for (llvm::Instruction& instruction : *twin) {
        llvm::RemapInstruction(&instruction, copies,
                               llvm::RF_NoModuleLevelChanges | llvm::RF_IgnoreMissingLocals);
      }
      twin->moveBefore(blocks.front());
    }
    for (llvm::BasicBlock* exit : exits) {
      for (llvm::PHINode& phi : exit->phis()) {
        for (unsigned i = 0, count = phi.getNumIncomingValues(); i < count; ++i) {
          if (llvm::is_contained(blocks, phi.getIncomingBlock(i)))
            phi.addIncoming(copied(phi.getIncomingValue(i)),
                            llvm::cast<llvm::BasicBlock>(copied(phi.getIncomingBlock(i))));
        }
      }
    }
    for (llvm::CallInst* guard : plan.guards) drop(*llvm::cast<llvm::CallInst>(copied(guard)));
    llvm::Instruction* jump = before->getTerminator();
    llvm::IRBuilder<> builder(jump);
    builder.CreateCondBr(ask_all_lanes(builder, plan.condition),
                         llvm::cast<llvm::BasicBlock>(copied(blocks.front())), blocks.front());
    jump->eraseFromParent();
  }

  llvm::Function& function_;
  const Geometry& geometry_;
  const ControlFlow flow_;
  LoopAnalyses analyses_;
  llvm::ScalarEvolution& evolution_ = analyses_.evolution;
  llvm::SCEVExpander expander_;
};

}  // namespace

bool hoist_checks(llvm::Function& function, const Geometry& geometry) {
  return Hoisting(function, geometry).run();
}

}  // namespace anymetal::simt
