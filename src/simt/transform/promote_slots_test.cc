// Which variables become values, and which ones; that results stay is shown where code runs.
#include "simt/transform/promote_slots.h"

#include <gtest/gtest.h>
#include <llvm/AsmParser/Parser.h>
#include <llvm/IR/InstIterator.h>
#include <llvm/IR/Instructions.h>
#include <llvm/IR/Module.h>
#include <llvm/IR/Verifier.h>
#include <llvm/Support/SourceMgr.h>
#include <llvm/Support/raw_ostream.h>

#include <string>

namespace anymetal::simt {
namespace {

struct Left {
  unsigned variables = 0, phis = 0;
  std::string returned;
  bool operator==(const Left&) const = default;
};

Left promoted(const std::string& blocks) {
  llvm::LLVMContext context;
  llvm::SMDiagnostic diagnostic;
  const auto module = llvm::parseAssemblyString(
      "define i32 @k(i1 %c, i32 %n, i32 %m) {\nentry:\n  %slot = alloca i32\n"
      "  store i32 0, ptr %slot\n" +
          blocks + "}\n",
      diagnostic, context);
  if (!module) {
    ADD_FAILURE() << diagnostic.getMessage().str();
    return {};
  }
  llvm::Function& function = *module->getFunction("k");
  promote_slots(function);
  EXPECT_FALSE(llvm::verifyFunction(function, &llvm::errs()));
  Left left;
  for (const llvm::Instruction& instruction : llvm::instructions(function)) {
    left.variables += llvm::isa<llvm::AllocaInst>(instruction);
    left.phis += llvm::isa<llvm::PHINode>(instruction);
    if (const auto* end = llvm::dyn_cast<llvm::ReturnInst>(&instruction)) {
      llvm::raw_string_ostream text(left.returned);
      end->getReturnValue()->printAsOperand(text, false);
    }
  }
  return left;
}

TEST(PromoteSlots, TwoWaysMeetInAPhi) {
  EXPECT_EQ(promoted(R"(  br i1 %c, label %yes, label %no
yes:
  store i32 %n, ptr %slot
  br label %meet
no:
  store i32 %m, ptr %slot
  br label %meet
meet:
  br label %end
end:
  %v = load i32, ptr %slot
  ret i32 %v
)"),
            (Left{0, 1, "%slot2"}));
}

TEST(PromoteSlots, OneStoreNeedsNoPhi) {
  EXPECT_EQ(promoted(R"(  br label %next
next:
  store i32 %n, ptr %slot
  br i1 %c, label %yes, label %meet
yes:
  br label %meet
meet:
  %v = load i32, ptr %slot
  ret i32 %v
)"),
            (Left{0, 0, "%n"}));
}

// What a block hands on may be what it read from the same variable.
TEST(PromoteSlots, GoesRoundALoop) {
  EXPECT_EQ(promoted(R"(  br label %before
before:
  store i32 %n, ptr %slot
  br label %loop
loop:
  %old = load i32, ptr %slot
  %new = add i32 %old, %m
  store i32 %new, ptr %slot
  br i1 %c, label %loop, label %end
end:
  %v = load i32, ptr %slot
  ret i32 %v
)"),
            (Left{0, 1, "%new"}));
}

// The first value of all comes from the entry: LLVM's promotion sees to such.
TEST(PromoteSlots, LeavesWhatIsUsedAsAnAddress) {
  EXPECT_EQ(promoted(R"(  %at = getelementptr i8, ptr %slot, i64 1
  store i8 1, ptr %at
  %v = load i32, ptr %slot
  ret i32 %v
)"),
            (Left{1, 0, "%v"}));
}

}  // namespace
}  // namespace anymetal::simt
