// Which arguments are only added to, when that is used, and that what is collected is added right.
// That dispatches give what they should is shown where code runs (cpu_backend_test.cc).
#include "backend/cpu/accumulators.h"

#include <gtest/gtest.h>
#include <llvm/AsmParser/Parser.h>
#include <llvm/IR/Module.h>
#include <llvm/Support/SourceMgr.h>

#include <array>
#include <bit>
#include <string>

namespace anymetal::backend::cpu {
namespace {

/// The arguments that are found, in a function of %x, %bins and %i, as text.
std::string found(const std::string& body) {
  llvm::LLVMContext context;
  llvm::SMDiagnostic diagnostic;
  const auto module = llvm::parseAssemblyString(
      "define void @k(ptr addrspace(1) %x, ptr addrspace(1) %bins, i64 %i) {\n"
      "  %at = getelementptr i32, ptr addrspace(1) %bins, i64 %i\n" +
          body + "\n  ret void\n}\n",
      diagnostic, context);
  EXPECT_TRUE(module) << diagnostic.getMessage().str() << " in line " << diagnostic.getLineNo();
  std::string text;
  if (!module) return "nothing";
  for (const Accumulator& each : find_accumulators(*module->getFunction("k")))
    text += std::to_string(each.argument) + ":" + std::to_string(int(each.what)) + " ";
  return text;
}

std::string add(const char* operation, const char* type = "i32 1", const char* name = "") {
  return std::string(name) + "atomicrmw " + operation + " ptr addrspace(1) %at, " + type +
         " monotonic\n";
}

TEST(FindAccumulators, ArgumentsThatAreOnlyAddedTo) {
  EXPECT_EQ(found(add("add")), "1:0 ");
  EXPECT_EQ(found(add("add") + add("sub", "i32 3")), "1:0 ");
  EXPECT_EQ(found(add("fadd", "float 1.0")), "1:1 ");
  EXPECT_EQ(found(add("umax")), "1:8 ");
  EXPECT_EQ(found("%v = load i32, ptr addrspace(1) %x\n" + add("xor", "i32 %v")), "1:4 ");
}

TEST(FindAccumulators, NotWhatIsAlsoReadOrGivenElsewhere) {
  EXPECT_EQ(found(add("add", "i32 1", "%old = ") + "store i32 %old, ptr addrspace(1) %x"), "");
  EXPECT_EQ(found(add("add") + "%v = load i32, ptr addrspace(1) %at\n"
                               "store i32 %v, ptr addrspace(1) %x"),
            "");
  EXPECT_EQ(found(add("add") + add("umax")), "");
  EXPECT_EQ(found(add("xchg")), "");
  EXPECT_EQ(found(add("add", "i64 1")), "");
  EXPECT_EQ(found(add("add") + "store ptr addrspace(1) %at, ptr addrspace(1) %x"), "");
  EXPECT_EQ(found("atomicrmw add ptr addrspace(1) %at, i32 1 seq_cst"), "");
  // Another pointer may lead to the same memory.
  EXPECT_EQ(found(add("add") + "%p = load ptr addrspace(1), ptr addrspace(1) %x\n"
                               "store i32 1, ptr addrspace(1) %p"),
            "");
}

TEST(ChooseAccumulators, WhereManyThreadsAddToFewWords) {
  alignas(4) std::array<uint8_t, 2048> memory{};
  const Accumulator bins{1, Accumulation::sum};
  const auto chosen = [&](uint64_t at, uint64_t bytes, uint64_t threads) {
    const Argument arguments[] = {{memory.data(), 1024}, {memory.data() + at, bytes}};
    ChosenAccumulators accumulators;
    accumulators.choose({&bins, 1}, arguments, threads);
    return accumulators.size();
  };
  EXPECT_EQ(chosen(1024, 1024, 1024), 1u);
  EXPECT_EQ(chosen(1024, 1024, 1023), 0u);        // 256 words, fewer than four threads each
  EXPECT_EQ(chosen(1020, 1024, 1 << 20), 0u);     // the other argument's memory
  EXPECT_EQ(chosen(1025, 1000, 1 << 20), 0u);     // not aligned
  EXPECT_EQ(chosen(1024, 1 << 17, 1 << 30), 0u);  // larger than a cache
}

TEST(AddAccumulator, JoinsWithWhatIsThere) {
  const auto joined = [](Accumulation what, uint32_t there, uint32_t more) {
    uint32_t words[2];
    clear_accumulator(what, words, 2);
    words[0] = more;
    uint32_t to[2] = {there, there};
    add_accumulator(what, words, 2, to);
    EXPECT_EQ(to[1], there);  // nothing was added
    return to[0];
  };
  EXPECT_EQ(joined(Accumulation::sum, 5, uint32_t(-7)), uint32_t(-2));
  EXPECT_EQ(
      joined(Accumulation::float_sum, std::bit_cast<uint32_t>(1.5F), std::bit_cast<uint32_t>(2.0F)),
      std::bit_cast<uint32_t>(3.5F));
  EXPECT_EQ(joined(Accumulation::bit_and, 12, 10), 8u);
  EXPECT_EQ(joined(Accumulation::bit_or, 12, 10), 14u);
  EXPECT_EQ(joined(Accumulation::bit_xor, 12, 10), 6u);
  EXPECT_EQ(joined(Accumulation::signed_min, 1, uint32_t(-1)), uint32_t(-1));
  EXPECT_EQ(joined(Accumulation::signed_max, uint32_t(-5), uint32_t(-1)), uint32_t(-1));
  EXPECT_EQ(joined(Accumulation::unsigned_min, 1, uint32_t(-1)), 1u);
  EXPECT_EQ(joined(Accumulation::unsigned_max, 1, uint32_t(-1)), uint32_t(-1));
}

}  // namespace
}  // namespace anymetal::backend::cpu
