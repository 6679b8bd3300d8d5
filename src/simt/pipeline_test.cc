// What is refused as a whole; what becomes of kernels is shown where they run.
#include <gtest/gtest.h>
#include <llvm/AsmParser/Parser.h>
#include <llvm/IR/Module.h>
#include <llvm/Support/SourceMgr.h>

#include <string>

#include "simt/simt.h"

namespace anymetal::simt {
namespace {

/// Of a kernel in which lanes compute `operations` times, in eight simdgroups of eight chunks.
Result<Report> vectorized(int operations) {
  llvm::LLVMContext context;
  llvm::SMDiagnostic diagnostic;
  std::string text = R"(
declare i32 @am.thread_index_in_threadgroup() memory(none)
define void @k(ptr addrspace(1) %x) {
  %v0 = call i32 @am.thread_index_in_threadgroup()
  %p = getelementptr i32, ptr addrspace(1) %x, i32 %v0
  %w0 = load i32, ptr addrspace(1) %p
)";
  for (int i = 1; i <= operations; ++i) {
    text += "  %w" + std::to_string(i) + " = mul i32 %w" + std::to_string(i - 1) + ", %w0\n";
  }
  text += "  store i32 %w" + std::to_string(operations) + ", ptr addrspace(1) %p\n  ret void\n}\n";
  const auto module = llvm::parseAssemblyString(text, diagnostic, context);
  EXPECT_TRUE(module) << diagnostic.getMessage().str() << " in line " << diagnostic.getLineNo();
  if (!module) return internal_error("no module");
  const Options options{.threadgroup = {256, 1, 1},
                        .dispatch_threadgroup = {256, 1, 1},
                        .chunk = 4,
                        .is_const = {false},
                        .simdgroups_together = 8};
  return vectorize(*module->getFunction("k"), options);
}

TEST(Pipeline, CodeThatNobodyWouldWaitForIsRefused) {
  EXPECT_TRUE(vectorized(1000).ok());
  const auto refused = vectorized(2000);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().kind, ErrorKind::unsupported);
  EXPECT_NE(refused.error().message.find("128000 operations"), std::string::npos)
      << refused.error().message;
}

}  // namespace
}  // namespace anymetal::simt
