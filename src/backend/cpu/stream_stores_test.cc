// Which stores go past the caches, and what becomes of them.
#include "backend/cpu/stream_stores.h"

#include <gtest/gtest.h>
#include <llvm/AsmParser/Parser.h>
#include <llvm/IR/InstIterator.h>
#include <llvm/IR/Instructions.h>
#include <llvm/IR/IntrinsicInst.h>
#include <llvm/IR/Module.h>
#include <llvm/IR/Verifier.h>
#include <llvm/Support/SourceMgr.h>
#include <llvm/Support/raw_ostream.h>

#include <memory>
#include <vector>

namespace anymetal::backend::cpu {
namespace {

using Numbers = std::vector<uint32_t>;

struct Parsed {
  llvm::LLVMContext context;
  std::unique_ptr<llvm::Module> module;

  explicit Parsed(const std::string& text) {
    llvm::SMDiagnostic diagnostic;
    module = llvm::parseAssemblyString(text, diagnostic, context);
    EXPECT_TRUE(module) << diagnostic.getMessage().str() << " in line " << diagnostic.getLineNo();
  }
  [[nodiscard]] llvm::Function& function() const { return *module->getFunction("f"); }
};

Numbers written(const std::string& body) {
  const Parsed parsed("define void @f(ptr addrspace(1) %a, ptr addrspace(1) %b, i64 %i) {\n" +
                      body + "ret void\n}\n");
  return find_written(parsed.function());
}

TEST(StreamStores, BuffersThatAreOnlyWritten) {
  EXPECT_EQ(written(R"(
  %from = getelementptr float, ptr addrspace(1) %a, i64 %i
  %x = load float, ptr addrspace(1) %from
  %to = getelementptr float, ptr addrspace(1) %b, i64 %i
  store float %x, ptr addrspace(1) %to
)"),
            Numbers{1});
}

TEST(StreamStores, NotThoseThatAreReadOrLeadElsewhere) {
  EXPECT_EQ(written("%x = load float, ptr addrspace(1) %b\n store float %x, ptr addrspace(1) %b\n"),
            Numbers{});
  EXPECT_EQ(
      written("store ptr addrspace(1) %b, ptr addrspace(1) %a\n store i8 1, ptr addrspace(1) %b\n"),
      Numbers{0});
  EXPECT_EQ(written("store volatile i8 1, ptr addrspace(1) %b\n"), Numbers{});
}

/// The code of a threadgroup that has these stores to its second argument, %b.
std::string threadgroup(const std::string& body) {
  return R"(
declare void @llvm.prefetch.p1(ptr addrspace(1), i32, i32, i32)
define void @f(ptr noalias readonly %frame, <16 x float> %x, <8 x float> %half, ptr %elsewhere) {
  %arguments = load ptr, ptr %frame, align 8
  %a = load ptr addrspace(1), ptr %arguments, align 8
  %second = getelementptr inbounds i8, ptr %arguments, i64 16
  %b = load ptr addrspace(1), ptr %second, align 8
  %next = getelementptr i8, ptr addrspace(1) %b, i64 64
)" + body +
         "  ret void\n}\n";
}

struct Counts {
  unsigned past = 0, plain = 0, questions = 0;
  bool operator==(const Counts&) const = default;
};

Counts streamed(const std::string& body) {
  const Parsed parsed(threadgroup(body));
  llvm::Function& function = parsed.function();
  stream_stores(function, Numbers{1});
  EXPECT_FALSE(llvm::verifyFunction(function, &llvm::errs()));
  Counts counts;
  for (const llvm::Instruction& each : llvm::instructions(function)) {
    if (llvm::isa<llvm::StoreInst>(each))
      ++(each.getMetadata(llvm::LLVMContext::MD_nontemporal) ? counts.past : counts.plain);
    const auto* branch = llvm::dyn_cast<llvm::BranchInst>(&each);
    counts.questions += branch && branch->isConditional();
  }
  return counts;
}

constexpr const char* kOne = "  store <16 x float> %x, ptr addrspace(1) %b, align 1\n";
constexpr const char* kNext = "  store <16 x float> %x, ptr addrspace(1) %next, align 1\n";

TEST(StreamStores, WholeLinesOfTheBuffer) {
  EXPECT_EQ(streamed(kOne), (Counts{1, 1, 1}));
}

TEST(StreamStores, OneQuestionServesNeighbours) {
  EXPECT_EQ(streamed(std::string(kOne) + kNext), (Counts{2, 2, 1}));
  EXPECT_EQ(streamed(std::string(kOne) + "  %y = load i32, ptr %elsewhere\n" + kNext),
            (Counts{2, 2, 2}));
}

TEST(StreamStores, NeitherPartsOfLinesNorOtherMemory) {
  EXPECT_EQ(streamed("  store <8 x float> %half, ptr addrspace(1) %b, align 1\n"),
            (Counts{0, 1, 0}));
  EXPECT_EQ(streamed("  store <16 x float> %x, ptr addrspace(1) %a, align 1\n"), (Counts{0, 1, 0}));
  EXPECT_EQ(streamed("  store <16 x float> %x, ptr %elsewhere, align 1\n"), (Counts{0, 1, 0}));
  EXPECT_EQ(streamed("  store volatile <16 x float> %x, ptr addrspace(1) %b, align 1\n"),
            (Counts{0, 1, 0}));
}

TEST(StreamStores, FindsWhatIsStreamed) {
  const Parsed parsed(threadgroup(kOne));
#ifdef __x86_64__
  EXPECT_EQ(find_streamed(parsed.function(), Numbers{0, 1}), Numbers{1});
#endif
  EXPECT_EQ(find_streamed(parsed.function(), Numbers{0}), Numbers{});
}

/// How many requests are left where stores to %b are streamed.
unsigned requests(const std::string& asks) {
  const Parsed parsed(threadgroup(asks + kOne));
  stream_stores(parsed.function(), Numbers{1});
  EXPECT_FALSE(llvm::verifyModule(*parsed.module, &llvm::errs()));
  return unsigned(llvm::count_if(llvm::instructions(parsed.function()), [](const auto& each) {
    const auto* call = llvm::dyn_cast<llvm::IntrinsicInst>(&each);
    return call && call->getIntrinsicID() == llvm::Intrinsic::prefetch;
  }));
}

TEST(StreamStores, WhatIsStreamedIsNotAskedForAhead) {
  const auto ask = [](const std::string& place, const std::string& writes) {
    return "  call void @llvm.prefetch.p1(ptr addrspace(1) " + place + ", i32 " + writes +
           ", i32 3, i32 1)\n";
  };
  EXPECT_EQ(requests(ask("%b", "1")), 0u);
  EXPECT_EQ(requests(ask("%b", "0")), 1u);
  EXPECT_EQ(requests(ask("%a", "1")), 1u);
  EXPECT_EQ(requests(ask("%a", "0") + ask("%b", "1")), 1u);
}

TEST(StreamStores, NotWhereComputingTakesLonger) {
  std::string body = "  %y0 = fadd <16 x float> %x, %x\n";
  for (int i = 0; i < 100; ++i)
    body +=
        "  %y" + std::to_string(i + 1) + " = fmul <16 x float> %y" + std::to_string(i) + ", %x\n";
  const Parsed parsed(
      threadgroup(body + "  store <16 x float> %y100, ptr addrspace(1) %b, align 1\n"));
  EXPECT_EQ(find_streamed(parsed.function(), Numbers{1}), Numbers{});
}

TEST(StreamStores, SmallDispatchesDont) {
  std::vector<Argument> arguments(2);
  arguments[1].size = 1000;
  EXPECT_FALSE(is_worth_streaming(Numbers{1}, arguments));
  EXPECT_FALSE(is_worth_streaming(Numbers{}, arguments));
}

}  // namespace
}  // namespace anymetal::backend::cpu
