#include "backend/finish_turns.h"

#include <llvm/Analysis/LoopInfo.h>
#include <llvm/IR/Dominators.h>

#include <set>
#include <string>

#include "backend/pass_test.h"

namespace anymetal::backend {
namespace {

class FinishTurns : public PassTest {
 protected:
  /// Runs the pass, and looks which blocks are in loops.
  void finish(const std::string& body) {
    llvm::Function& k = read(
        "declare i32 @am.simd_sum.i32(i32) convergent\n"
        "declare void @am.threadgroup_barrier(i32) convergent\n"
        "define void @k(ptr addrspace(1) %out, i1 %c, i1 %d) {\n" +
        body + "}\n!0 = distinct !{!0}\n");
    before_ = k.size();
    finish_turns(*k.getParent());
    text_ = written();
    const llvm::DominatorTree dominators(k);
    const llvm::LoopInfo loops(dominators);
    for (llvm::BasicBlock& block : k)
      if (loops.getLoopFor(&block)) inside_.insert(block.getName().str());
    after_ = k.size();
  }
  bool is_inside(const char* block) { return inside_.contains(block); }

  std::string text_;
  std::set<std::string> inside_;
  size_t before_ = 0, after_ = 0;
};

constexpr const char* kSum = "%s = call i32 @am.simd_sum.i32(i32 1)\n";

TEST_F(FinishTurns, AnArmWithASumIsInTheLoop) {
  finish(std::string("br label %for.cond\nfor.cond:\nbr i1 %c, label %arm, label %for.inc\n") +
         "arm:\n" + kSum + "br label %for.end\n" +
         "for.inc:\nbr label %for.cond, !llvm.loop !0\nfor.end:\nret void\n");
  EXPECT_TRUE(is_inside("arm"));
  EXPECT_FALSE(is_inside("for.end"));
  // The hints of the loop go where it goes round now.
  expect_in_order(text_, {"turn.end:", "switch i32", "!llvm.loop"});
  EXPECT_EQ(count(text_, "!llvm.loop"), 1u);
}

TEST_F(FinishTurns, AnArmBehindTheLastWayBackIsInTheLoop) {
  finish(std::string("br label %while.body\nwhile.body:\nbr i1 %c, label %next, label %arm\n") +
         "next:\nbr label %while.body\narm:\n" + kSum +
         "br i1 %d, label %more, label %while.end\n" +
         "more:\nstore i32 %s, ptr addrspace(1) %out\nbr label %while.end\n" +
         "while.end:\n%t = call i32 @am.simd_sum.i32(i32 2)\nret void\n");
  EXPECT_TRUE(is_inside("arm"));
  EXPECT_TRUE(is_inside("more"));
  EXPECT_FALSE(is_inside("while.end"));
}

TEST_F(FinishTurns, WhatAnArmReturnsIsKept) {
  finish(std::string("br label %do.body\ndo.body:\nbr i1 %c, label %arm, label %do.cond\n") +
         "arm:\n" + kSum + "ret void\n" +
         "do.cond:\nbr i1 %d, label %do.body, label %do.end\ndo.end:\nret void\n");
  EXPECT_TRUE(is_inside("arm"));
  EXPECT_FALSE(is_inside("return"));
}

TEST_F(FinishTurns, ValuesOfTheLoopAreThereBehindIt) {
  finish(std::string("br label %for.cond\nfor.cond:\n%n = phi i32 [ 0, %0 ], [ %m, %for.inc ]\n") +
         "br i1 %c, label %arm, label %for.inc\narm:\n" + kSum + "br label %for.end\n" +
         "for.inc:\n%m = add i32 %n, 1\nbr i1 %d, label %for.cond, label %for.end\n" +
         "for.end:\n%x = phi i32 [ %s, %arm ], [ %n, %for.inc ]\n" +
         "store i32 %x, ptr addrspace(1) %out\nret void\n");  // `written` verifies
  EXPECT_TRUE(is_inside("arm"));
}

TEST_F(FinishTurns, WhatFollowsAnInnerLoopsEndIsStillTheArm) {
  finish(std::string("br label %while.body\nwhile.body:\nbr i1 %c, label %next, label %arm\n") +
         "next:\nbr label %while.body\narm:\nbr label %for.cond\n" +
         "for.cond:\nbr i1 %d, label %for.cond, label %for.end\nfor.end:\n" + kSum +
         "br label %while.end\nwhile.end:\nret void\n");
  EXPECT_TRUE(is_inside("for.end"));
  EXPECT_FALSE(is_inside("while.end"));
}

TEST_F(FinishTurns, ALoopThatOnlyReturnEndsTakesNothingFromTheOneAroundIt) {
  // The inner loop has no end, so the next one is another's.
  finish(std::string("br label %while.body\n") +
         "while.body:\nbr i1 %c, label %next, label %arm\nnext:\n" +
         "br i1 %d, label %while.body, label %while.end\n" +
         "arm:\nbr label %for.cond\nfor.cond:\nbr i1 %d, label %for.cond, label %leave\nleave:\n" +
         "ret void\nwhile.end:\n" + kSum + "ret void\n");
  EXPECT_FALSE(is_inside("while.end"));
  EXPECT_EQ(after_, before_);
}

TEST_F(FinishTurns, ALoopThatNeverGoesRoundHasAnEndToo) {
  finish(std::string("br label %while.body\nwhile.body:\nbr i1 %c, label %next, label %arm\n") +
         "next:\nbr label %while.body\narm:\nbr label %do.body\ndo.body:\nbr label %do.end\n" +
         "do.end:\n" + kSum + "br label %while.end\nwhile.end:\nret void\n");
  EXPECT_TRUE(is_inside("do.end"));
  EXPECT_FALSE(is_inside("while.end"));
}

TEST_F(FinishTurns, ALoopThatASwitchJumpsIntoHasAnEndToo) {
  finish(std::string("br label %for.cond\nfor.cond:\nbr i1 %c, label %arm, label %for.inc\n") +
         "arm:\nbr i1 %d, label %do.body, label %label\ndo.body:\nbr label %label\nlabel:\n" +
         "br i1 %c, label %do.body, label %do.end\ndo.end:\n" + kSum + "br label %for.end\n" +
         "for.inc:\nbr label %for.cond\nfor.end:\nret void\n");
  EXPECT_TRUE(is_inside("do.end"));
  EXPECT_FALSE(is_inside("for.end"));
}

TEST_F(FinishTurns, ABlockAtTheFunctionsEndIsNoText) {
  // As Clang places wide ranges of cases.
  finish(std::string("br label %do.body\ndo.body:\nbr i1 %c, label %arm, label %sw.caserange\n") +
         "arm:\n" + kSum + "br label %do.end\n" +
         "do.cond:\nbr i1 %d, label %do.body, label %do.end\ndo.end:\n" +
         "%t = call i32 @am.simd_sum.i32(i32 2)\nret void\nsw.caserange:\nbr label %do.cond\n");
  EXPECT_TRUE(is_inside("arm"));
  EXPECT_FALSE(is_inside("do.end"));
}

TEST_F(FinishTurns, AConditionThatHoldsAlwaysDoesNotTakeAnArmOut) {
  // %d may turn out to be true; then %arm leads back no more.
  finish(std::string("br label %for.cond\nfor.cond:\nbr i1 %c, label %arm, label %for.inc\n") +
         "arm:\n" + kSum + "br i1 %d, label %for.end, label %for.inc\n" +
         "for.inc:\nbr label %for.cond\nfor.end:\nret void\n");
  EXPECT_GT(after_, before_);
  for (llvm::BasicBlock& block : *module_->getFunction("k"))
    if (block.getName() == "for.end")
      EXPECT_EQ(block.getSinglePredecessor()->getName(), "turn.end");
}

TEST_F(FinishTurns, CountersGoOnBehindTheJoin) {
  // So that lanes which leave don't make them differ.
  finish(std::string("br label %for.cond\nfor.cond:\nbr i1 %d, label %for.body, label %for.end\n") +
         "for.body:\nbr i1 %c, label %arm, label %if.end\narm:\n" + kSum + "br label %for.end\n" +
         "if.end:\nbr label %for.inc\nfor.inc:\nbr label %for.cond\nfor.end:\nret void\n");
  expect_in_order(text_, {"turn.end:", "label %if.end [", "if.end:", "for.inc:"});
}

TEST_F(FinishTurns, LoopsOfConstructorsHaveNoText) {
  finish(std::string("br label %arrayctor.loop\narrayctor.loop:\n") +
         "br i1 %c, label %arrayctor.cont, label %arrayctor.loop\narrayctor.cont:\n" + kSum +
         "br label %for.cond\nfor.cond:\nbr i1 %c, label %for.cond, label %for.end\n" +
         "for.end:\nret void\n");
  EXPECT_FALSE(is_inside("arrayctor.cont"));
  EXPECT_EQ(after_, before_);
}

TEST_F(FinishTurns, MemoryMattersWhereThreadsMeet) {
  const std::string arm = "arm:\nstore i32 1, ptr addrspace(1) %out\nbr label %for.end\n";
  const std::string rest = "for.inc:\nbr label %for.cond\nfor.end:\nret void\n";
  finish("br label %for.cond\nfor.cond:\nbr i1 %c, label %arm, label %for.inc\n" + arm + rest);
  EXPECT_FALSE(is_inside("arm"));
  EXPECT_EQ(after_, before_);
  inside_.clear();
  finish(std::string("br label %for.cond\nfor.cond:\n") + kSum +
         "br i1 %c, label %arm, label %for.inc\n" + arm + rest);
  EXPECT_TRUE(is_inside("arm"));
}

TEST_F(FinishTurns, ABarrierAloneIsMetByAll) {
  finish(
      "br label %for.cond\nfor.cond:\nbr i1 %c, label %arm, label %for.inc\narm:\n"
      "call void @am.threadgroup_barrier(i32 2)\nstore i32 1, ptr addrspace(1) %out\n"
      "br label %for.end\nfor.inc:\nbr label %for.cond\nfor.end:\nret void\n");
  EXPECT_FALSE(is_inside("arm"));
  EXPECT_EQ(after_, before_);
}

}  // namespace
}  // namespace anymetal::backend
