// Cycles with several entries become loops whose turns are what they were.
#include "simt/transform/give_one_entry.h"

#include <gtest/gtest.h>
#include <llvm/ADT/PostOrderIterator.h>
#include <llvm/Analysis/CFG.h>
#include <llvm/Analysis/LoopInfo.h>
#include <llvm/AsmParser/Parser.h>
#include <llvm/IR/Dominators.h>
#include <llvm/IR/Module.h>
#include <llvm/IR/Verifier.h>
#include <llvm/Support/SourceMgr.h>
#include <llvm/Support/raw_ostream.h>

#include <memory>
#include <string>

namespace anymetal::simt {
namespace {

struct Result {
  llvm::LLVMContext context;
  std::unique_ptr<llvm::Module> module;
  bool has_changed = false;
  bool is_reducible = false;
  unsigned deepest = 0;  ///< how many loops are in one another

  llvm::BasicBlock* block(llvm::StringRef name) {
    for (llvm::BasicBlock& one : *module->getFunction("f"))
      if (one.getName() == name) return &one;
    return nullptr;
  }
  bool leads(llvm::StringRef from, llvm::StringRef to) {
    return llvm::is_contained(llvm::successors(block(from)), block(to));
  }
};

std::unique_ptr<Result> give(const std::string& body) {
  auto result = std::make_unique<Result>();
  llvm::SMDiagnostic diagnostic;
  result->module = llvm::parseAssemblyString(
      "define i32 @f(i1 %c, i1 %d, i32 %n) {\n" + body + "}\n", diagnostic, result->context);
  EXPECT_TRUE(result->module) << diagnostic.getMessage().str() << diagnostic.getLineNo();
  if (!result->module) return nullptr;
  llvm::Function& function = *result->module->getFunction("f");
  result->has_changed = give_one_entry(function);
  EXPECT_FALSE(llvm::verifyFunction(function, &llvm::errs()));
  const llvm::DominatorTree dominators(function);
  const llvm::LoopInfo loops(dominators);
  const llvm::ReversePostOrderTraversal<const llvm::Function*> order(&function);
  result->is_reducible = !llvm::containsIrreducibleCFG<const llvm::BasicBlock*>(order, loops);
  for (llvm::BasicBlock& block : function)
    result->deepest = std::max(result->deepest, loops.getLoopDepth(&block));
  return result;
}

constexpr const char* kTurn = R"(
first:
  %x = phi i32 [ 1, %entry ], [ %z, %last ]
  %x1 = add i32 %x, %n
  br i1 %d, label %second, label %last
second:
  %y = phi i32 [ %n, %entry ], [ %x1, %first ]
  %y1 = mul i32 %y, 3
  br label %last
last:
  %z = phi i32 [ %x1, %first ], [ %y1, %second ]
  %on = icmp ult i32 %z, 100
  br i1 %on, label %first, label %end
end:
  ret i32 %z
)";

TEST(GiveOneEntry, WaysWithinATurnStay) {
  const auto result =
      give(std::string("entry:\n  br i1 %c, label %first, label %second\n") + kTurn);
  ASSERT_TRUE(result);
  EXPECT_TRUE(result->has_changed);
  EXPECT_TRUE(result->is_reducible);
  EXPECT_EQ(result->deepest, 1u);
  EXPECT_TRUE(result->leads("first", "second"));
  EXPECT_TRUE(result->leads("first", "last"));
  EXPECT_TRUE(result->leads("turn", "first"));
  EXPECT_TRUE(result->leads("turn", "second"));
  EXPECT_FALSE(result->leads("last", "first"));
}

TEST(GiveOneEntry, LoopsAreLeftAlone) {
  const auto result = give(R"(
entry:
  br label %first
first:
  %x = phi i32 [ 1, %entry ], [ %y, %second ]
  br i1 %c, label %second, label %end
second:
  %y = phi i32 [ %x, %first ], [ %z, %second ]
  %z = add i32 %y, %n
  br i1 %d, label %second, label %first
end:
  ret i32 %x
)");
  ASSERT_TRUE(result);
  EXPECT_FALSE(result->has_changed);
  EXPECT_EQ(result->deepest, 2u);
}

// Into the inner one of two loops: the first block of the text begins the turns.
TEST(GiveOneEntry, EntriesOfAnInnerLoop) {
  const auto result = give(R"(
entry:
  br i1 %c, label %first, label %second
first:
  %x = phi i32 [ 1, %entry ], [ %z, %last ]
  br label %inner
inner:
  %w = phi i32 [ %x, %first ], [ %y1, %second ]
  %w1 = add i32 %w, 5
  br label %second
second:
  %y = phi i32 [ %n, %entry ], [ %w1, %inner ]
  %y1 = mul i32 %y, 3
  br i1 %d, label %inner, label %last
last:
  %z = add i32 %y1, 1
  %on = icmp ult i32 %z, 100
  br i1 %on, label %first, label %end
end:
  ret i32 %z
)");
  ASSERT_TRUE(result);
  EXPECT_TRUE(result->is_reducible);
  EXPECT_EQ(result->deepest, 2u);
  EXPECT_TRUE(result->leads("inner", "second"));
}

TEST(GiveOneEntry, ThreeEntriesTwoOfThemFromOneBlock) {
  const auto result = give(R"(
entry:
  br i1 %c, label %other, label %third
other:
  br i1 %d, label %first, label %second
first:
  %x = phi i32 [ 1, %other ], [ %z1, %third ]
  br label %second
second:
  %y = phi i32 [ 2, %other ], [ %x, %first ]
  br label %third
third:
  %z = phi i32 [ 3, %entry ], [ %y, %second ]
  %z1 = add i32 %z, %n
  %on = icmp ult i32 %z1, 100
  br i1 %on, label %first, label %end
end:
  ret i32 %z1
)");
  ASSERT_TRUE(result);
  EXPECT_TRUE(result->is_reducible);
  EXPECT_TRUE(result->leads("turn.other", "first"));
  EXPECT_TRUE(result->leads("turn.other", "second"));
  EXPECT_TRUE(result->leads("turn", "third"));
}

TEST(GiveOneEntry, WhereNobodyComes) {
  const auto result = give(R"(
entry:
  ret i32 %n
first:
  br i1 %c, label %second, label %first
second:
  br label %first
)");
  ASSERT_TRUE(result);
  EXPECT_FALSE(result->has_changed);
}

}  // namespace
}  // namespace anymetal::simt
