// Which sums go to memory between their turns, and which stay values.
#include "backend/cpu/park_sums.h"

#include <gtest/gtest.h>
#include <llvm/AsmParser/Parser.h>
#include <llvm/IR/InstIterator.h>
#include <llvm/IR/Instructions.h>
#include <llvm/IR/IntrinsicInst.h>
#include <llvm/IR/Module.h>
#include <llvm/IR/Verifier.h>
#include <llvm/Support/SourceMgr.h>
#include <llvm/Support/raw_ostream.h>

#include <string>

namespace anymetal::backend::cpu {
namespace {

constexpr const char* kVector = "<16 x float>";

std::string number(const std::string& name, int i) {
  return name + std::to_string(i);
}

/// sum += x[turn] * x[turn], `products` times, from the value `from`; the last one is %r<i>_last.
std::string chain(int i, int products, const std::string& from) {
  std::string text, sum = from;
  for (int k = 1; k <= products; ++k) {
    const std::string next =
        "%r" + std::to_string(i) + "_" + (k == products ? "last" : std::to_string(k));
    text += "  " + next + " = call " + kVector + " @llvm.fma.v16f32(" + kVector + " %v, " +
            kVector + " %v, " + kVector + " " + sum + ")\n";
    sum = next;
  }
  return text;
}

struct Counts {
  unsigned parked, phis, loads, stores;  // the last two: volatile
  std::string text;
};

Counts park(const std::string& text) {
  llvm::LLVMContext context;
  llvm::SMDiagnostic diagnostic;
  const auto module = llvm::parseAssemblyString(
      "declare <16 x float> @llvm.fma.v16f32(<16 x float>, <16 x float>, <16 x float>)\n" + text,
      diagnostic, context);
  EXPECT_TRUE(module) << diagnostic.getMessage().str() << " in line " << diagnostic.getLineNo();
  Counts counts{};
  if (!module) return counts;
  llvm::Function& function = *module->getFunction("f");
  LlvmPasses passes;
  counts.parked = park_sums(function, 32, passes);
  EXPECT_FALSE(llvm::verifyFunction(function, &llvm::errs()));
  for (const llvm::Instruction& instruction : llvm::instructions(function)) {
    const bool is_vector = instruction.getType()->isVectorTy();
    counts.phis += llvm::isa<llvm::PHINode>(instruction) && is_vector;
    counts.loads += llvm::isa<llvm::LoadInst>(instruction) && instruction.isVolatile();
    counts.stores += llvm::isa<llvm::StoreInst>(instruction) && instruction.isVolatile();
  }
  llvm::raw_string_ostream stream(counts.text);
  function.print(stream);
  return counts;
}

/// A loop with so many sums, each of which takes so many products in a turn.
Counts park_loop(int sums, int products, const std::string& more = "") {
  std::string text =
      "define void @f(ptr %x, ptr %y, i64 %n) {\nentry:\n  br label %again\nagain:\n";
  text += "  %i = phi i64 [ 0, %entry ], [ %next, %again ]\n";
  for (int i = 0; i < sums; ++i) {
    text += "  " + number("%s", i) + " = phi " + kVector + " [ zeroinitializer, %entry ], [ " +
            number("%r", i) + "_last, %again ]\n";
  }
  text += "  %p = getelementptr <16 x float>, ptr %x, i64 %i\n  %v = load <16 x float>, ptr %p\n";
  for (int i = 0; i < sums; ++i) text += chain(i, products, number("%s", i));
  text += more;
  text += "  %next = add i64 %i, 1\n  %on = icmp ult i64 %next, %n\n";
  text += "  br i1 %on, label %again, label %end\nend:\n";
  for (int i = 0; i < sums; ++i) {
    text += "  " + number("%q", i) + " = getelementptr <16 x float>, ptr %y, i64 " +
            std::to_string(i) + "\n  store <16 x float> " + number("%r", i) + "_last, ptr " +
            number("%q", i) + "\n";
  }
  return park(text + "  ret void\n}\n");
}

TEST(ParkSums, OfALoop) {
  const Counts counts = park_loop(64, 8);
  EXPECT_EQ(counts.parked, 64U);
  EXPECT_EQ(counts.phis, 0U);
  EXPECT_EQ(counts.loads, 64U);
  EXPECT_EQ(counts.stores, 64U);
  // Right before the first product and behind the last one: group by group.
  EXPECT_LT(counts.text.find("store volatile"), counts.text.rfind("load volatile"));
}

TEST(ParkSums, NotWhereRegistersSuffice) {
  EXPECT_EQ(park_loop(24, 8).parked, 0U);
  EXPECT_EQ(park_loop(25, 8).parked, 25U);
}

TEST(ParkSums, NotForFewProducts) {
  EXPECT_EQ(park_loop(64, 3).parked, 0U);
  EXPECT_EQ(park_loop(64, 4).parked, 64U);
}

TEST(ParkSums, NotWhatOthersSee) {
  const Counts counts = park_loop(26, 8, "  store <16 x float> %s0, ptr %y\n");
  EXPECT_EQ(counts.parked, 25U);
  EXPECT_EQ(counts.phis, 1U);
  EXPECT_EQ(park_loop(26, 8, "  store <16 x float> %r0_5, ptr %y\n").parked, 25U);
}

/// Sums that have their places: all loaded at the top, all stored at the end. `between` stands
/// there before the stores.
Counts park_places(const std::string& places, const std::string& between = "") {
  std::string text = "define void @f(ptr %x, ptr noalias %y) {\n";
  std::string loads, products, stores;
  for (int i = 0; i < 32; ++i) {
    const std::string p = number("%p", i), s = number("%s", i);
    loads += "  " + p + " = getelementptr <16 x float>, ptr " + places + ", i64 " +
             std::to_string(i) + "\n  " + s + " = load <16 x float>, ptr " + p + "\n";
    products += chain(i, 8, s);
    stores += "  store <16 x float> " + number("%r", i) + "_last, ptr " + p + "\n";
  }
  text += loads + "  %v = load <16 x float>, ptr %x\n" + products + between + stores;
  return park(text + "  ret void\n}\n");
}

TEST(ParkSums, InTheirPlaces) {
  const Counts counts = park_places("%y");
  EXPECT_EQ(counts.parked, 32U);
  EXPECT_EQ(counts.loads, 32U);
  EXPECT_EQ(counts.stores, 32U);
  EXPECT_LT(counts.text.find("store volatile"), counts.text.rfind("load volatile"));
}

TEST(ParkSums, NotOverWhatReadsThem) {
  const Counts counts = park_places("%y", R"(
  %read = load float, ptr %y
  store float %read, ptr %x
)");
  // The first place alone is read there.
  EXPECT_EQ(counts.stores, 31U);
}

}  // namespace
}  // namespace anymetal::backend::cpu
