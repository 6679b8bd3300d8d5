// The straight path: text to interface to IR, and the rules of docs/design/ir.md.
#include "language/language.h"

#include <gtest/gtest.h>
#include <llvm/IR/DebugInfoMetadata.h>
#include <llvm/IR/InstIterator.h>
#include <llvm/IR/Instructions.h>

#include "builtins/builtins.h"
#include "language/testing.h"

namespace anymetal::language {
namespace {

constexpr const char* kMyExp = R"(#include <metal_stdlib>
using namespace metal;
template <typename T>
[[kernel]] void custom_kernel_myexp(
  const device T* inp [[buffer(0)]],
  device T* out [[buffer(1)]],
  uint3 thread_position_in_grid [[thread_position_in_grid]]) {
        uint elem = thread_position_in_grid.x;
        T tmp = inp[elem];
        out[elem] = metal::exp(tmp);
}
template [[host_name("custom_kernel_myexp_float")]] [[kernel]] decltype(custom_kernel_myexp<float>) custom_kernel_myexp<float>;
)";

TEST(Language, ReadsTheInterface) {
  auto parsed = parse({.text = kMyExp, .name = "kernel.metal", .marks = {}}, {});
  ASSERT_TRUE(parsed.ok()) << parsed.error().text();
  EXPECT_TRUE((*parsed)->warnings().empty());
  ASSERT_EQ((*parsed)->kernels().size(), 1u);
  const KernelInterface& kernel = (*parsed)->kernels()[0];
  EXPECT_EQ(kernel.name, "custom_kernel_myexp_float");
  ASSERT_EQ(kernel.parameters.size(), 3u);
  EXPECT_EQ(describe(kernel.parameters[0]), "device const float* inp [[buffer(0)]]");
  EXPECT_EQ(describe(kernel.parameters[1]), "device float* out [[buffer(1)]]");
  EXPECT_EQ(describe(kernel.parameters[2]),
            "uint3 thread_position_in_grid [[thread_position_in_grid]]");
  EXPECT_EQ(kernel.parameters[0].size, 4u);
  EXPECT_EQ(kernel.parameters[0].line, 5u);
}

TEST(Language, KeepsTheContractOfTheIr) {
  const ThreadIr ir = emit_only(kMyExp);
  ASSERT_TRUE(ir.module);
  const auto* entry = ir.module->getFunction(ir.entry);
  ASSERT_TRUE(entry);
  EXPECT_TRUE(entry->getReturnType()->isVoidTy());
  ASSERT_EQ(entry->arg_size(), 2u);
  EXPECT_EQ(entry->getArg(0)->getType()->getPointerAddressSpace(), kDeviceSpace);
  for (const auto& function : *ir.module) {
    const std::string name = function.getName().str();
    if (function.isDeclaration()) {
      EXPECT_TRUE(function.isIntrinsic() || builtins::find(name)) << name;
    } else {
      EXPECT_TRUE(function.hasInternalLinkage() || name == ir.entry) << name;
    }
    EXPECT_FALSE(function.hasFnAttribute("target-cpu"));
    EXPECT_FALSE(function.hasFnAttribute("target-features"));
  }
  const std::string text = ir_text(ir);
  EXPECT_NE(text.find("am.thread_position_in_grid.x"), std::string::npos);
  EXPECT_EQ(text.find("annotation"), std::string::npos);
}

TEST(Language, GivesEachAccessThePlaceInTheUsersText) {
  const std::string text = std::string("// generated\n") + kMyExp;
  auto parsed = parse({.text = text, .name = "x", .marks = {{13, "myexp.source", 100}}}, {});
  ASSERT_TRUE(parsed.ok()) << parsed.error().text();
  auto ir = (*parsed)->emit("custom_kernel_myexp_float");
  ASSERT_TRUE(ir.ok()) << ir.error().text();
  size_t found = 0;
  for (const auto& function : *ir->module) {
    for (const auto& instruction : llvm::instructions(function)) {
      const auto* store = llvm::dyn_cast<llvm::StoreInst>(&instruction);
      if (!store || store->getPointerAddressSpace() != kDeviceSpace) continue;
      ++found;
      ASSERT_TRUE(store->getDebugLoc());
      EXPECT_EQ(store->getDebugLoc()->getFilename(), "myexp.source");
      EXPECT_EQ(store->getDebugLoc().getLine(), 109u);
    }
  }
  EXPECT_EQ(found, 1u);
}

}  // namespace
TEST(Language, ReadsPragmasThatEndTooEarly) {
  const std::string kernel = "kernel void k(device float* x) { x[0] = 1; }\n";
  for (const char* pragma :
       {"", " fp", " fp contract", " fp contract(", " fp contract(off", " fp ("}) {
    const std::string line = std::string("#pragma METAL") + pragma;
    emit_only(line + "\n" + kernel);  // the line behind it is still there
    emit_only(kernel + line);         // and behind the text nothing is read
  }
}

}  // namespace anymetal::language
