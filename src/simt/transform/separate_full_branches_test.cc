// Which conditions get a copy of what is behind them for steps in which all lanes come, and which
// accesses one without checks; that the copies have no masks. That results stay what they were is
// shown where code runs (backend/cpu/cpu_backend_test.cc, test/run).
#include "simt/transform/separate_full_branches.h"

#include <gtest/gtest.h>
#include <llvm/AsmParser/Parser.h>
#include <llvm/IR/Module.h>
#include <llvm/IR/Verifier.h>
#include <llvm/Support/SourceMgr.h>
#include <llvm/Support/raw_ostream.h>

#include "simt/analysis/control_flow.h"
#include "simt/analysis/guards.h"
#include "simt/analysis/questions.h"
#include "simt/transform/separate_inside.h"

namespace anymetal::simt {
namespace {

const Geometry kGeometry{.size = {64, 1, 1}, .dispatch_size = {64, 1, 1}, .chunk = 16};

/// A kernel that goes on if %in, with %body before it comes back.
std::string kernel(const std::string& condition, const std::string& body) {
  return R"(
declare i32 @am.thread_index_in_threadgroup() nounwind willreturn memory(none)
declare void @am.threadgroup_barrier(i32) convergent nounwind
declare void @simt.assumes_whole()
declare i1 @simt.inside(i64, i64) nounwind willreturn memory(none)
declare ptr addrspace(1) @simt.guarded.1(ptr addrspace(1), i1) nounwind willreturn memory(none)
define void @k(ptr addrspace(1) %x, i32 %n, i32 %m, i64 %bytes) {
entry:
  %t = call i32 @am.thread_index_in_threadgroup()
  %tw = zext i32 %t to i64
  %at = getelementptr float, ptr addrspace(1) %x, i64 %tw
)" + condition +
         R"(
  br i1 %in, label %body, label %end
body:
)" + body +
         R"(
  br label %end
end:
  ret void
}
)";
}

constexpr const char* kStore = "store float 1.0, ptr addrspace(1) %at";

class Separated {
 public:
  explicit Separated(const std::string& text) {
    llvm::SMDiagnostic diagnostic;
    module_ = llvm::parseAssemblyString(text, diagnostic, context_);
    EXPECT_TRUE(module_) << diagnostic.getMessage().str() << " in line " << diagnostic.getLineNo();
    if (!module_) return;
    llvm::Function& function = *module_->getFunction("k");
    branches = separate_full_branches(function, kGeometry);
    separate_inside(function, kGeometry);
    std::string error;
    llvm::raw_string_ostream stream(error);
    EXPECT_FALSE(llvm::verifyFunction(function, &stream)) << error;
    const ControlFlow flow(function, kGeometry);
    for (llvm::BasicBlock& block : function) {
      const auto* end = llvm::cast<llvm::Instruction>(block.getTerminator());
      const auto* branch = llvm::dyn_cast<llvm::BranchInst>(end);
      if (branch && branch->isConditional() && callee_name(branch->getCondition()) == kAllLanes) {
        ++asked;
        questions +=
            find_questions(llvm::cast<llvm::CallInst>(branch->getCondition())->getArgOperand(0))
                .size();
      }
      unsigned here = 0;
      for (const llvm::Instruction& instruction : block) {
        const llvm::Value* pointer = llvm::getLoadStorePointerOperand(&instruction);
        if (const auto* change = llvm::dyn_cast<llvm::AtomicRMWInst>(&instruction))
          pointer = change->getPointerOperand();
        if (!pointer) continue;
        const bool is_checked = callee_name(pointer).starts_with(kGuarded);
        (flow.is_masked(&block) || is_checked ? masked : whole) += 1;
        most_in_a_block = std::max(most_in_a_block, ++here);
      }
    }
  }

  bool branches = false;
  unsigned asked = 0, whole = 0, masked = 0, most_in_a_block = 0;
  size_t questions = 0;  ///< in those that are asked

 private:
  llvm::LLVMContext context_;
  std::unique_ptr<llvm::Module> module_;
};

TEST(SeparateFullBranches, BehindAComparisonOfPositions) {
  const Separated made(kernel("%in = icmp ult i32 %t, %n", kStore));
  EXPECT_TRUE(made.branches);
  EXPECT_EQ(made.asked, 1u);
  EXPECT_EQ(made.whole, 1u);
  EXPECT_EQ(made.masked, 1u);
}

TEST(SeparateFullBranches, BehindTwoComparisons) {
  const Separated made(kernel(R"(%a = icmp uge i32 %t, %n
  %b = icmp ugt i32 %t, %m
  %out = select i1 %a, i1 true, i1 %b
  %in = xor i1 %out, true)",
                              kStore));
  EXPECT_EQ(made.asked, 1u);
  EXPECT_EQ(made.whole, 1u);
}

TEST(SeparateFullBranches, NotBehindWhatEachLaneComputed) {
  EXPECT_FALSE(Separated(kernel(R"(%v = load float, ptr addrspace(1) %at
  %in = fcmp olt float %v, 1.0)",
                                kStore))
                   .branches);
  EXPECT_FALSE(Separated(kernel(R"(%odd = and i32 %t, 1
  %in = icmp eq i32 %odd, 0)",
                                kStore))
                   .branches);
}

TEST(SeparateFullBranches, NotAroundBarriersOrWithoutAccesses) {
  const std::string condition = "%in = icmp ult i32 %t, %n";
  EXPECT_FALSE(Separated(kernel(condition, std::string(kStore) +
                                               "\n  call void @am.threadgroup_barrier(i32 2)"))
                   .branches);
  EXPECT_FALSE(Separated(kernel(condition, "")).branches);
}

/// Eight elements of each thread, each behind a condition.
std::string row_of_conditions(const std::string& limit_of_last) {
  std::string text = R"(
declare i32 @am.thread_index_in_threadgroup() memory(none)
define void @k(ptr addrspace(1) %x, i32 %n, i32 %m) {
entry:
  %t = call i32 @am.thread_index_in_threadgroup()
  %t0 = shl i32 %t, 3
  %w0 = zext i32 %t0 to i64
  %base = getelementptr float, ptr addrspace(1) %x, i64 %w0
  br label %b0
b0:
)";
  std::string sum = "0.0", before = "entry";
  for (int j = 0; j < 8; ++j) {
    const std::string at = std::to_string(j), next = std::to_string(j + 1);
    text += "  %i" + at + " = or disjoint i32 %t0, " + at + "\n  %c" + at + " = icmp slt i32 %i" +
            at + ", " + (j == 7 ? limit_of_last : "%n") + "\n  br i1 %c" + at + ", label %in" + at +
            ", label %b" + next + "\nin" + at + ":\n  %p" + at +
            " = getelementptr i8, ptr addrspace(1) %base, i64 " + std::to_string(4 * j) + "\n  %v" +
            at + " = load float, ptr addrspace(1) %p" + at + "\n  br label %b" + next + "\nb" +
            next + ":\n  %e" + next + " = phi float [ %v" + at + ", %in" + at + " ], [ 2.0, %b" +
            at + " ]\n  %s" + next + " = fadd float %e" + next + ", " + sum + "\n";
    sum = "%s" + next;
  }
  text += "  %o = fmul float %e3, " + sum;
  return text + "\n  store float %o, ptr addrspace(1) %base\n  ret void\n}\n";
}

TEST(SeparateFullBranches, ARowOfThemIsOneQuestion) {
  const Separated made(row_of_conditions("%n"));
  EXPECT_EQ(made.asked, 1u);
  EXPECT_EQ(made.whole, 9u);
  EXPECT_EQ(made.masked, 8u);
  EXPECT_EQ(made.most_in_a_block, 8u);
}

TEST(SeparateFullBranches, AnotherLimitIsAnotherQuestion) {
  const Separated made(row_of_conditions("%m"));
  EXPECT_EQ(made.asked, 2u);
  EXPECT_EQ(made.whole, 9u);
  EXPECT_EQ(made.most_in_a_block, 7u);
}

/// A checked load and store of neighbours.
constexpr const char* kChecked = R"(
  %o = mul i64 %tw, 4
  %i = call i1 @simt.inside(i64 %o, i64 %bytes)
  %p = call ptr addrspace(1) @simt.guarded.1(ptr addrspace(1) %at, i1 %i)
  %v = load float, ptr addrspace(1) %p
  %i2 = call i1 @simt.inside(i64 %o, i64 %bytes)
  %p2 = call ptr addrspace(1) @simt.guarded.1(ptr addrspace(1) %at, i1 %i2)
  store float %v, ptr addrspace(1) %p2)";

TEST(SeparateInside, AsksOnceForABlock) {
  const Separated made(kernel("%in = icmp ult i32 7, %n", kChecked));
  EXPECT_FALSE(made.branches);
  EXPECT_EQ(made.asked, 1u);
  EXPECT_EQ(made.questions, 1u);
  EXPECT_EQ(made.whole, 2u);
  EXPECT_EQ(made.masked, 2u);
}

TEST(SeparateInside, OneQuestionForAccessesSomeBytesApart) {
  const Separated made(kernel("%in = icmp ult i32 7, %n", R"(
  %o = mul i64 %tw, 8
  %i = call i1 @simt.inside(i64 %o, i64 %bytes)
  %p = call ptr addrspace(1) @simt.guarded.1(ptr addrspace(1) %at, i1 %i)
  %v = load float, ptr addrspace(1) %p
  %same = mul i64 %tw, 8
  %o2 = add i64 %same, 4
  %i2 = call i1 @simt.inside(i64 %o2, i64 12345)
  %p2 = call ptr addrspace(1) @simt.guarded.1(ptr addrspace(1) %at, i1 %i2)
  store float %v, ptr addrspace(1) %p2
  %o3 = mul i64 %tw, 12
  %i3 = call i1 @simt.inside(i64 %o3, i64 %bytes)
  %p3 = call ptr addrspace(1) @simt.guarded.1(ptr addrspace(1) %at, i1 %i3)
  store float %v, ptr addrspace(1) %p3)"));
  EXPECT_EQ(made.asked, 1u);
  EXPECT_EQ(made.questions, 2u);
  EXPECT_EQ(made.whole, 3u);
}

TEST(SeparateInside, AtomicOperationsToo) {
  const Separated made(kernel("%in = icmp ult i32 7, %n", R"(
  %o = mul i64 %tw, 4
  %i = call i1 @simt.inside(i64 %o, i64 %bytes)
  %p = call ptr addrspace(1) @simt.guarded.1(ptr addrspace(1) %at, i1 %i)
  %old = atomicrmw add ptr addrspace(1) %p, i32 1 monotonic)"));
  EXPECT_EQ(made.asked, 1u);
  EXPECT_EQ(made.whole, 1u);
  EXPECT_EQ(made.masked, 1u);
}

/// Each row of %n has a check of its own, which is known where all lanes are in one row.
constexpr const char* kRow = R"(
  %row = udiv i32 %t, %n
  %rw = zext i32 %row to i64
  %o = mul i64 %rw, 4
  %of = add i64 %tw, %o
  %i = call i1 @simt.inside(i64 %of, i64 %bytes)
  %p = call ptr addrspace(1) @simt.guarded.1(ptr addrspace(1) %at, i1 %i)
  store float 1.0, ptr addrspace(1) %p)";

TEST(SeparateInside, BehindTheAssumptionThatDivisionsAreWhole) {
  EXPECT_EQ(Separated(kernel("%in = icmp ult i32 7, %n", kRow)).asked, 0u);
  const Separated made(kernel("%in = icmp ult i32 7, %n\n  call void @simt.assumes_whole()", kRow));
  EXPECT_EQ(made.asked, 1u);
  EXPECT_EQ(made.whole, 1u);
}

TEST(SeparateFullBranches, WhereNoLaneIsTheFirstOne) {
  const Separated made(kernel("%in = icmp ne i32 %t, 0", kStore));
  EXPECT_TRUE(made.branches);
  EXPECT_EQ(made.whole, 1u);
  EXPECT_FALSE(Separated(kernel("%in = icmp eq i32 %t, 0", "")).branches);
}

TEST(SeparateInside, AndAgainForWhatIsComputedFromALoad) {
  const Separated made(kernel("%in = icmp ult i32 7, %n", std::string(kChecked) + R"(
  %far = load i64, ptr addrspace(1) %x
  %o3 = add i64 %o, %far
  %i3 = call i1 @simt.inside(i64 %o3, i64 %bytes)
  %p3 = call ptr addrspace(1) @simt.guarded.1(ptr addrspace(1) %at, i1 %i3)
  store float %v, ptr addrspace(1) %p3)"));
  EXPECT_EQ(made.asked, 2u);
  EXPECT_EQ(made.whole, 4u);
  EXPECT_EQ(made.masked, 3u);
}

TEST(SeparateInside, NotWhereEachLaneGoesSomewhere) {
  const Separated made(kernel("%in = icmp ult i32 7, %n", R"(
  %there = load i64, ptr addrspace(1) %at
  %i3 = call i1 @simt.inside(i64 %there, i64 %bytes)
  %p3 = call ptr addrspace(1) @simt.guarded.1(ptr addrspace(1) %at, i1 %i3)
  store float 1.0, ptr addrspace(1) %p3)"));
  EXPECT_EQ(made.asked, 0u);
}

}  // namespace
}  // namespace anymetal::simt
