// Comparisons are computed for values at all borders, before and after: what differs is told.
#include "simt/transform/narrow_comparisons.h"

#include <gtest/gtest.h>
#include <llvm/Analysis/InstructionSimplify.h>
#include <llvm/AsmParser/Parser.h>
#include <llvm/IR/Constants.h>
#include <llvm/IR/InstIterator.h>
#include <llvm/IR/Instructions.h>
#include <llvm/IR/Module.h>
#include <llvm/IR/Verifier.h>
#include <llvm/Support/SourceMgr.h>
#include <llvm/Support/raw_ostream.h>

#include <string>

namespace anymetal::simt {
namespace {

const Geometry kGeometry{.size = {64, 1, 1}, .dispatch_size = {64, 1, 1}, .chunk = 16};

struct Made {
  llvm::LLVMContext context;
  std::unique_ptr<llvm::Module> module;
  unsigned count = 0;
};

/// `index` is %w, a widened %i, and the limit is %n.
std::unique_ptr<Made> narrowed(const std::string& widening, const std::string& comparison,
                               const std::string& limit_from = "%size") {
  auto made = std::make_unique<Made>();
  llvm::SMDiagnostic diagnostic;
  made->module = llvm::parseAssemblyString(R"(
declare i32 @am.thread_index_in_threadgroup() memory(none)
define void @k(ptr addrspace(1) %x, i64 %size, i32 %from) {
  %t = call i32 @am.thread_index_in_threadgroup()
  %i = add i32 %t, %from
  %w = )" + widening + R"(
  %own = zext i32 %t to i64
  %n = add i64 )" + limit_from + R"(, 0
  %c = icmp )" + comparison + R"(
  store i1 %c, ptr addrspace(1) %x
  ret void
})",
                                           diagnostic, made->context);
  EXPECT_TRUE(made->module) << diagnostic.getMessage().str();
  made->count = narrow_comparisons(*made->module->getFunction("k"), kGeometry);
  EXPECT_FALSE(llvm::verifyModule(*made->module, &llvm::errs()));
  return made;
}

/// What is stored, with %i = index and %size = limit.
bool result(llvm::Function& function, uint32_t index, uint64_t limit) {
  llvm::DenseMap<llvm::Value*, llvm::Constant*> known;
  auto& context = function.getContext();
  known[function.getArg(1)] = llvm::ConstantInt::get(llvm::Type::getInt64Ty(context), limit);
  known[function.getArg(2)] = llvm::ConstantInt::get(llvm::Type::getInt32Ty(context), index);
  const llvm::SimplifyQuery query(function.getDataLayout());
  for (llvm::Instruction& instruction : llvm::instructions(function)) {
    if (auto* store = llvm::dyn_cast<llvm::StoreInst>(&instruction))
      return known.lookup(store->getValueOperand())->isOneValue();
    if (instruction.getName() == "t") {
      known[&instruction] = llvm::ConstantInt::get(instruction.getType(), 0);
      continue;
    }
    llvm::SmallVector<llvm::Value*, 4> operands;
    for (llvm::Value* operand : instruction.operand_values())
      operands.push_back(known.contains(operand) ? known[operand] : operand);
    auto* value = llvm::dyn_cast_or_null<llvm::Constant>(
        llvm::simplifyInstructionWithOperands(&instruction, operands, query));
    EXPECT_TRUE(value) << instruction.getName().str();
    if (!value) return false;
    known[&instruction] = value;
  }
  return false;
}

const uint32_t kIndices[] = {0, 1, 100, 0x7ffffffe, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff};
const uint64_t kLimits[] = {0,
                            1,
                            2,
                            100,
                            101,
                            0x7fffffff,
                            0x80000000,
                            0x80000001,
                            0xffffffff,
                            0x100000000,
                            0x100000001,
                            uint64_t(-1),
                            uint64_t(-2),
                            uint64_t(-0x80000000ll),
                            uint64_t(-0x80000001ll),
                            uint64_t(INT64_MAX),
                            uint64_t(INT64_MIN)};

bool expected(llvm::CmpInst::Predicate predicate, uint64_t a, uint64_t b) {
  return llvm::ICmpInst::compare(llvm::APInt(64, a), llvm::APInt(64, b), predicate);
}

void check(bool has_sign, llvm::CmpInst::Predicate predicate, bool index_first) {
  const std::string name = llvm::CmpInst::getPredicateName(predicate).str();
  SCOPED_TRACE(name + (has_sign ? " of sext" : " of zext") + (index_first ? "" : ", limit first"));
  const auto made = narrowed(has_sign ? "sext i32 %i to i64" : "zext i32 %i to i64",
                             name + " i64 " + (index_first ? "%w, %n" : "%n, %w"));
  ASSERT_EQ(made->count, has_sign && llvm::CmpInst::isUnsigned(predicate) ? 0u : 1u);
  for (const uint32_t index : kIndices) {
    const uint64_t wide = has_sign ? uint64_t(int64_t(int32_t(index))) : index;
    for (const uint64_t limit : kLimits) {
      EXPECT_EQ(result(*made->module->getFunction("k"), index, limit),
                index_first ? expected(predicate, wide, limit) : expected(predicate, limit, wide))
          << index << ' ' << limit;
    }
  }
}

TEST(NarrowComparisons, HoldWhereTheWideOnesHold) {
  using llvm::CmpInst;
  for (const bool has_sign : {false, true})
    for (const bool index_first : {false, true})
      for (const auto predicate :
           {CmpInst::ICMP_ULT, CmpInst::ICMP_ULE, CmpInst::ICMP_UGT, CmpInst::ICMP_UGE,
            CmpInst::ICMP_SLT, CmpInst::ICMP_SLE, CmpInst::ICMP_SGT, CmpInst::ICMP_SGE})
        check(has_sign, predicate, index_first);
}

TEST(NarrowComparisons, NoOthers) {
  EXPECT_EQ(narrowed("zext i32 %i to i64", "eq i64 %w, %n")->count, 0u);
  EXPECT_EQ(narrowed("zext i32 %from to i64", "ult i64 %w, %n")->count, 0u) << "all lanes have it";
  EXPECT_EQ(narrowed("zext i32 %i to i64", "ult i64 %w, %n", "%own")->count, 0u) << "lanes differ";
}

}  // namespace
}  // namespace anymetal::simt
