// What lies where. That values survive is shown where code runs (backend/cpu/cpu_backend_test.cc,
// test/run, fuzz/kernels).
#include "simt/transform/scratch.h"

#include <gtest/gtest.h>
#include <llvm/Analysis/AliasAnalysis.h>
#include <llvm/AsmParser/Parser.h>
#include <llvm/IR/InstIterator.h>
#include <llvm/IR/Instructions.h>
#include <llvm/IR/Module.h>
#include <llvm/IR/Operator.h>
#include <llvm/IR/Verifier.h>
#include <llvm/Support/SourceMgr.h>
#include <llvm/Support/raw_ostream.h>

#include <map>
#include <string>

#include "simt/simt.h"

namespace anymetal::simt {
namespace {

struct Made {
  unsigned joined = 0;
  uint64_t bytes = 0;
  std::map<std::string, int64_t> records;  ///< by the names of loads: how far steps are apart
  unsigned stores = 0;
  unsigned alone = 0;   ///< of them those that no pointer is kept of
  unsigned places = 0;  ///< memory that LLVM knows nothing else points to
};

Made made_of(const std::string& variables, const std::string& code) {
  llvm::LLVMContext context;
  llvm::SMDiagnostic diagnostic;
  const auto module =
      llvm::parseAssemblyString("define void @k(ptr %frame, i64 %step, <16 x float> %v) {\n" +
                                    variables + code + "  ret void\n}\n!0 = !{}\n",
                                diagnostic, context);
  EXPECT_TRUE(module) << diagnostic.getMessage().str() << " in line " << diagnostic.getLineNo();
  if (!module) return {};
  llvm::Function& function = *module->getFunction("k");
  Made made;
  made.joined = join_slots(function);
  for (const llvm::Instruction& instruction : llvm::instructions(function)) {
    made.stores += llvm::isa<llvm::StoreInst>(instruction);
    if (!llvm::isa<llvm::LoadInst>(instruction)) continue;
    const llvm::DataLayout& layout = function.getDataLayout();
    llvm::MapVector<llvm::Value*, llvm::APInt> variables_of;
    llvm::APInt constant(64, 0);
    const auto* address =
        llvm::cast<llvm::GEPOperator>(llvm::getLoadStorePointerOperand(&instruction));
    EXPECT_TRUE(address->collectOffset(layout, 64, variables_of, constant));
    for (const auto& [index, size] : variables_of)
      made.records[instruction.getName().str()] = size.getSExtValue();
  }
  made.bytes = move_to_scratch(function);
  EXPECT_FALSE(llvm::verifyFunction(function, &llvm::errs()));
  for (const llvm::Instruction& instruction : llvm::instructions(function)) {
    made.places += llvm::isNoAliasCall(&instruction);
    const auto* call = llvm::dyn_cast<llvm::CallInst>(&instruction);
    made.alone += call && call->hasFnAttr(kReachedAlone);
  }
  lower_scratch(function);
  EXPECT_FALSE(llvm::verifyFunction(function, &llvm::errs()));
  for (const llvm::Instruction& instruction : llvm::instructions(function))
    EXPECT_FALSE(llvm::isa<llvm::CallInst>(instruction));
  return made;
}

std::string slot(const std::string& name, const std::string& type) {
  return "  %" + name + " = alloca [32 x " + type + "], !simt.slot !0\n";
}

std::string use(const std::string& name, const std::string& type, const std::string& value) {
  const std::string address =
      "getelementptr inbounds [32 x " + type + "], ptr %" + name + ", i32 0, i64 %step\n";
  return "  %to." + name + " = " + address + "  store " + type + " " + value + ", ptr %to." + name +
         "\n  %from." + name + " = " + address + "  %" + name + ".read = load " + type +
         ", ptr %from." + name + "\n  store volatile " + type + " %" + name + ".read, ptr %frame\n";
}

TEST(Scratch, SlotsOfAStepLieTogether) {
  const Made made =
      made_of(slot("a", "<16 x float>") + slot("b", "<16 x half>") + slot("c", "<16 x float>"),
              use("a", "<16 x float>", "%v") + use("b", "<16 x half>", "zeroinitializer") +
                  use("c", "<16 x float>", "%v"));
  EXPECT_EQ(made.joined, 3u);
  EXPECT_EQ(made.records,
            (std::map<std::string, int64_t>{{"a.read", 192}, {"b.read", 192}, {"c.read", 192}}));
  EXPECT_EQ(made.bytes, 32u * 192);
  EXPECT_EQ(made.places, 1u);
}

TEST(Scratch, EachLargeVariableIsMemoryOfItsOwn) {
  const std::string large = "alloca [32 x <16 x float>]\n";
  const Made made = made_of("  %a = " + large + "  %b = " + large + "  %c = alloca <16 x float>\n",
                            use("a", "<16 x float>", "%v") + use("b", "<16 x float>", "%v"));
  EXPECT_EQ(made.places, 2u);
  EXPECT_EQ(made.alone, 2u);
  EXPECT_EQ(made.bytes, 2u * 32 * 64);
}

TEST(Scratch, WhatIsPointedToIsNotReachedAlone) {
  std::string uses = use("b", "<16 x float>", "%v") + "  store ptr %a, ptr %frame\n";
  for (int many = 0; many < 200; ++many) uses += "  store <16 x float> %v, ptr %b\n";
  const std::string large = "alloca [32 x <16 x float>]\n";
  const Made made = made_of("  %a = " + large + "  %b = " + large, uses);
  EXPECT_EQ(made.places, 2u);
  EXPECT_EQ(made.alone, 1u);
}

TEST(Scratch, SmallOnesLieCloser) {
  const Made made = made_of(
      slot("a", "<16 x float>") + slot("b", "i32") + slot("c", "<16 x float>"),
      use("a", "<16 x float>", "%v") + use("b", "i32", "7") + use("c", "<16 x float>", "%v"));
  EXPECT_EQ(made.joined, 2u);
  EXPECT_EQ(made.records,
            (std::map<std::string, int64_t>{{"a.read", 128}, {"b.read", 4}, {"c.read", 128}}));
  EXPECT_EQ(made.bytes, 32u * 128);
}

TEST(Scratch, WhatNobodyReadsIsNotKept) {
  const Made made = made_of(slot("a", "<16 x float>") + slot("b", "<16 x float>"),
                            use("a", "<16 x float>", "%v") + R"(
  %to.b = getelementptr inbounds [32 x <16 x float>], ptr %b, i32 0, i64 %step
  store <16 x float> %v, ptr %to.b
  %unused = load <16 x float>, ptr %to.b
)");
  EXPECT_EQ(made.joined, 0u);
  EXPECT_EQ(made.stores, 2u);
  EXPECT_EQ(made.bytes, 32u * 64);
}

}  // namespace
}  // namespace anymetal::simt
