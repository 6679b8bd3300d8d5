// Which lines are rounded by the machine. test/library/test_bfloats.py compares what comes out.
#include "backend/cpu/round_bfloats.h"

#include <gtest/gtest.h>
#include <llvm/AsmParser/Parser.h>
#include <llvm/IR/Constants.h>
#include <llvm/IR/InstIterator.h>
#include <llvm/IR/IntrinsicInst.h>
#include <llvm/IR/IntrinsicsX86.h>
#include <llvm/IR/Module.h>
#include <llvm/IR/Verifier.h>
#include <llvm/Support/SourceMgr.h>
#include <llvm/Support/raw_ostream.h>

#include <string>

namespace anymetal::backend::cpu {
namespace {

std::string splat(const std::string& number) {
  std::string all;
  for (int i = 0; i < 16; ++i) all += (i ? ", i32 " : "i32 ") + number;
  return "<" + all + ">";
}

/// The words of which upper halves are the bfloats of `%name`, as integers round.
std::string words(const std::string& name, const std::string& added) {
  const std::string n = "%" + name, type = " <16 x i32> ";
  return "  " + n + "b = bitcast <16 x float> " + n + " to" + type + "\n  " + n + "s = lshr" +
         type + n + "b, " + splat("16") + "\n  " + n + "o = and" + type + n + "s, " + splat("1") +
         "\n  " + n + "a = add" + type + n + "b, " + splat(added) + "\n  " + n + "r = add" + type +
         n + "a, " + n + "o\n  " + n + "q = or" + type + n + "b, " + splat("4194304") + "\n  " + n +
         "c = fcmp ord <16 x float> " + n + ", " + n + "\n  " + n + "w = select <16 x i1> " + n +
         "c," + type + n + "r," + type + n + "q\n  " + n + "h = bitcast" + type + n +
         "w to <32 x i16>\n";
}

std::string line(const std::string& low, const std::string& high, int at) {
  std::string odd;
  for (int i = 0; i < 32; ++i) odd += (i ? ", i32 " : "i32 ") + std::to_string(2 * i + 1);
  const std::string n = std::to_string(at);
  return "  %both" + n + " = shufflevector <32 x i16> %" + low + "h, <32 x i16> %" + high +
         "h, <32 x i32> <" + odd + ">\n  %p" + n + " = getelementptr i8, ptr %p, i64 " + n +
         "\n  store <32 x i16> %both" + n + ", ptr %p" + n + ", align 2\n";
}

struct Made {
  unsigned lines, conversions, questions;
};

Made rounded(const std::string& body) {
  llvm::LLVMContext context;
  llvm::SMDiagnostic diagnostic;
  const auto module = llvm::parseAssemblyString(
      "define void @f(ptr %p, <16 x float> %x, <16 x float> %y, <16 x float> %z) {\n" + body +
          "  ret void\n}\n",
      diagnostic, context);
  EXPECT_TRUE(module) << diagnostic.getMessage().str() << " in line " << diagnostic.getLineNo();
  Made made{};
  if (!module) return made;
  llvm::Function& function = *module->getFunction("f");
  made.lines = round_bfloats(function);
  EXPECT_FALSE(llvm::verifyFunction(function, &llvm::errs()));
  for (const llvm::Instruction& instruction : llvm::instructions(function)) {
    const auto* call = llvm::dyn_cast<llvm::IntrinsicInst>(&instruction);
    if (!call) continue;
    made.conversions += call->getIntrinsicID() == llvm::Intrinsic::x86_avx512bf16_cvtne2ps2bf16_512;
    made.questions += call->getIntrinsicID() == llvm::Intrinsic::x86_avx512_fpclass_ps_512;
  }
  // What integers do is done where there is a denormal alone.
  if (made.lines > 0)
    for (const llvm::Instruction& instruction : function.getEntryBlock())
      EXPECT_FALSE(llvm::isa<llvm::BinaryOperator>(instruction) &&
                   instruction.getType()->getScalarSizeInBits() == 32);
  return made;
}

const std::string kRounded = words("x", "32767") + words("y", "32767");

TEST(RoundBfloats, LinesOfOneQuestion) {
  const Made made = rounded(kRounded + line("x", "y", 0) + line("y", "x", 64));
  EXPECT_EQ(made.lines, 2u);
  EXPECT_EQ(made.conversions, 2u);
  EXPECT_EQ(made.questions, 4u);
}

TEST(RoundBfloats, WhereMemoryIsSeenBetween) {
  const Made made = rounded(kRounded + words("z", "32767") + line("x", "y", 0) +
                            "  %v = load i8, ptr %p\n  store i8 %v, ptr %p\n" + line("z", "z", 64));
  EXPECT_EQ(made.conversions, 2u);
}

TEST(RoundBfloats, NotWhatIsRoundedOtherwise) {
  EXPECT_EQ(rounded(words("x", "32767") + words("y", "32768") + line("x", "y", 0)).lines, 0u);
}

}  // namespace
}  // namespace anymetal::backend::cpu
