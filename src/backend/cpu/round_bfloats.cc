// AVX512-BF16 rounds two registers of floats to one of bfloats in one instruction, to nearest even,
// and a NaN to the same quiet one as integers do (widen_narrow_floats.cc), which take twelve
// instructions. But it takes denormals for zeros, whatever the thread's settings are. So where such
// lines are stored, the floats are asked for denormals (an instruction each and one for two masks),
// and where there is one, all are rounded by integers, in a block of its own.
//
// Lines are what join_upper_halves.cc has made: stores of the upper halves of two registers. Those
// that follow one another, with nothing between that concerns memory, are one question. It comes
// behind order_chunks.cc, so that what leads to a line stands before it and not in front of all.
#include "backend/cpu/round_bfloats.h"

#include <llvm/Analysis/ValueTracking.h>
#include <llvm/IR/IRBuilder.h>
#include <llvm/IR/IntrinsicsX86.h>
#include <llvm/IR/MDBuilder.h>
#include <llvm/IR/Module.h>
#include <llvm/IR/PatternMatch.h>
#include <llvm/Transforms/Utils/BasicBlockUtils.h>
#include <llvm/Transforms/Utils/Local.h>

#include <vector>

namespace anymetal::backend::cpu {
namespace {

constexpr unsigned kLanes = 16;
constexpr size_t kMostLines = 4;  // of a question

/// Two registers of floats, whose bfloats a store writes.
struct Line {
  llvm::StoreInst* store;
  llvm::Value *low, *high;
};

/// The floats whose bits these are, with what rounds them added; null: they are something else.
llvm::Value* find_floats(llvm::Value* words, const llvm::DataLayout& layout) {
  using namespace llvm::PatternMatch;
  llvm::Value *sum = words, *floats = nullptr, *bits = nullptr;
  llvm::CmpInst::Predicate predicate;
  llvm::Value *left = nullptr, *right = nullptr, *quiet = nullptr;
  if (match(words, m_Select(m_FCmp(predicate, m_Value(left), m_Value(right)), m_Value(sum),
                            m_Value(quiet)))) {
    if (predicate != llvm::CmpInst::FCMP_ORD || left != right ||
        !match(quiet, m_c_Or(m_BitCast(m_Specific(left)), m_SpecificInt(0x400000))))
      return nullptr;
  }
  if (!match(sum, m_c_Add(m_c_Add(m_Value(bits), m_SpecificInt(0x7fff)),
                          m_c_And(m_LShr(m_Deferred(bits), m_SpecificInt(16)), m_One()))) ||
      !match(bits, m_BitCast(m_Value(floats))) || (left && left != floats))
    return nullptr;
  // Of a NaN's bits integers make another number, unless they were asked not to.
  if (!left && !llvm::isKnownNeverNaN(floats, 0, llvm::SimplifyQuery(layout))) return nullptr;
  const auto* type = llvm::dyn_cast<llvm::FixedVectorType>(floats->getType());
  const bool is_register =
      type && type->getNumElements() == kLanes && type->getElementType()->isFloatTy();
  return is_register ? floats : nullptr;
}

/// None: the store writes something else.
Line find_line(llvm::Instruction& instruction) {
  using namespace llvm::PatternMatch;
  auto* store = llvm::dyn_cast<llvm::StoreInst>(&instruction);
  auto* both = store ? llvm::dyn_cast<llvm::ShuffleVectorInst>(store->getValueOperand()) : nullptr;
  if (!both || !store->isSimple() || both->getShuffleMask().size() != 2 * kLanes) return {};
  for (unsigned lane = 0; lane < 2 * kLanes; ++lane)
    if (both->getMaskValue(lane) != int(2 * lane + 1)) return {};
  llvm::Value *low = nullptr, *high = nullptr;
  if (!match(both->getOperand(0), m_BitCast(m_Value(low))) ||
      !match(both->getOperand(1), m_BitCast(m_Value(high))))
    return {};
  const llvm::DataLayout& layout = instruction.getModule()->getDataLayout();
  low = find_floats(low, layout);
  high = find_floats(high, layout);
  return low && high ? Line{store, low, high} : Line{};
}

/// Lines of a block, as many together as one question serves.
std::vector<std::vector<Line>> find_lines(llvm::BasicBlock& block) {
  std::vector<std::vector<Line>> found;
  bool is_open = false;
  for (llvm::Instruction& instruction : block) {
    const Line line = find_line(instruction);
    if (!line.store) {
      if (instruction.mayReadOrWriteMemory() || instruction.mayHaveSideEffects()) is_open = false;
      continue;
    }
    if (!is_open || found.back().size() == kMostLines) found.emplace_back();
    found.back().push_back(line);
    is_open = true;
  }
  return found;
}

llvm::Value* is_any_denormal(llvm::IRBuilder<>& builder, llvm::ArrayRef<Line> lines) {
  constexpr unsigned kDenormal = 0x20;
  const auto ask = [&](llvm::Value* floats) {
    return builder.CreateIntrinsic(llvm::Intrinsic::x86_avx512_fpclass_ps_512, {},
                                   {floats, builder.getInt32(kDenormal)});
  };
  llvm::SmallVector<llvm::Value*, kMostLines> each;
  for (const Line& line : lines) each.push_back(builder.CreateOr(ask(line.low), ask(line.high)));
  while (each.size() > 1) {
    llvm::Value* last = each.pop_back_val();
    each[0] = builder.CreateOr(each[0], last);
  }
  llvm::Value* bits = builder.CreateBitCast(each[0], builder.getInt16Ty());
  return builder.CreateICmpNE(bits, builder.getInt16(0));
}

void make(llvm::ArrayRef<Line> lines) {
  for (const Line& line : lines.drop_back()) line.store->moveBefore(lines.back().store);
  llvm::IRBuilder<> builder(lines.front().store);
  llvm::Value* is_rare = is_any_denormal(builder, lines);
  llvm::Instruction *rare = nullptr, *usual = nullptr;
  llvm::SplitBlockAndInsertIfThenElse(
      is_rare, lines.front().store->getIterator(), &rare, &usual,
      llvm::MDBuilder(builder.getContext()).createBranchWeights(1, 1u << 20));
  builder.SetInsertPoint(usual);
  for (const Line& line : lines) {
    llvm::Value* rounded = builder.CreateIntrinsic(
        llvm::Intrinsic::x86_avx512bf16_cvtne2ps2bf16_512, {}, {line.high, line.low});
    auto* words = llvm::FixedVectorType::get(builder.getInt16Ty(), 2 * kLanes);
    auto* store =
        builder.CreateAlignedStore(builder.CreateBitCast(rounded, words),
                                   line.store->getPointerOperand(), line.store->getAlign());
    store->copyMetadata(*line.store);
  }
  // By integers, as it was: what only these lines want goes there.
  for (const Line& line : lines) line.store->moveBefore(rare);
}

/// Operations on the way to the stores that nobody else wants, down to the floats.
void sink(llvm::StoreInst& store) {
  llvm::SmallVector<llvm::Instruction*, 16> work{&store};
  while (!work.empty()) {
    llvm::Instruction* user = work.pop_back_val();
    for (llvm::Value* operand : user->operands()) {
      auto* made = llvm::dyn_cast<llvm::Instruction>(operand);
      if (!made || made->getParent() == store.getParent() || llvm::isa<llvm::PHINode>(made) ||
          made->mayReadOrWriteMemory() || made->mayHaveSideEffects() ||
          !llvm::all_of(made->users(), [&](llvm::User* other) {
            return llvm::cast<llvm::Instruction>(other)->getParent() == store.getParent();
          }))
        continue;
      // In front of the first of its users, which all are there.
      llvm::Instruction* first = store.getParent()->getTerminator();
      for (llvm::User* other : made->users()) {
        auto* one = llvm::cast<llvm::Instruction>(other);
        if (one->comesBefore(first)) first = one;
      }
      made->moveBefore(first);
      work.push_back(made);
    }
  }
}

}  // namespace

unsigned round_bfloats(llvm::Function& threadgroup) {
  std::vector<std::vector<Line>> found;
  for (llvm::BasicBlock& block : threadgroup)
    for (std::vector<Line>& lines : find_lines(block)) found.push_back(std::move(lines));
  unsigned count = 0;
  for (const std::vector<Line>& lines : found) {
    make(lines);
    for (const Line& line : lines) sink(*line.store);
    count += unsigned(lines.size());
  }
  return count;
}

}  // namespace anymetal::backend::cpu
