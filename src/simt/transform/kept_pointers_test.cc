#include "simt/transform/kept_pointers.h"

#include <gtest/gtest.h>
#include <llvm/AsmParser/Parser.h>
#include <llvm/IR/Module.h>
#include <llvm/Support/SourceMgr.h>

#include <memory>
#include <string>

namespace anymetal::simt {
namespace {

/// Whether %v, an array of `{ ptr, i32, i32 }`, is one that holds pointers alone, if this is
/// done besides; `accesses`: loads of pointers, and stores.
bool are_known(const std::string& more, size_t accesses = 1) {
  llvm::LLVMContext context;
  llvm::SMDiagnostic diagnostic;
  const std::unique_ptr<llvm::Module> module = llvm::parseAssemblyString(
      "declare void @take(ptr)\n"
      "define float @f(ptr addrspace(1) %a, i64 %i, i64 %j) {\n"
      "%v = alloca [4 x { ptr addrspace(1), i32, i32 }]\n"
      "%s = getelementptr { ptr addrspace(1), i32, i32 }, ptr %v, i64 %i\n"
      "store ptr addrspace(1) %a, ptr %s\n" +
          more +
          "%l = getelementptr { ptr addrspace(1), i32, i32 }, ptr %v, i64 %j\n"
          "%p = load ptr addrspace(1), ptr %l\n"
          "%x = load float, ptr addrspace(1) %p\n"
          "ret float %x\n}\n",
      diagnostic, context);
  EXPECT_TRUE(module) << diagnostic.getMessage().str();
  copy_by_members(*module->getFunction("f"));
  const auto found = find_kept_pointers(*module->getFunction("f"));
  if (found.empty()) return false;
  if (found.front().is_alone) {
    EXPECT_EQ(found.front().loads.size(), accesses);
    EXPECT_EQ(found.front().stores.size(), accesses);
  }
  return found.front().is_alone;
}

TEST(KeptPointers, NumbersBesideThePointersAreNothingToThem) {
  EXPECT_TRUE(are_known(""));
  EXPECT_TRUE(are_known("%n = getelementptr i8, ptr %s, i64 8\nstore i32 7, ptr %n\n"));
  EXPECT_TRUE(are_known("%n = getelementptr i8, ptr %s, i64 12\nstore i8 7, ptr %n\n"));
  EXPECT_TRUE(are_known("%n = getelementptr i8, ptr %v, i64 24\nstore i64 7, ptr %n\n"));
}

TEST(KeptPointers, ZerosPointToNothing) {
  EXPECT_TRUE(are_known("%n = getelementptr i8, ptr %v, i64 %j\nstore i8 0, ptr %n\n"));
}

TEST(KeptPointers, CopiesOfStructsAreOfMembers) {
  const std::string from = "%c = getelementptr { ptr addrspace(1), i32, i32 }, ptr %v, i64 %j\n";
  EXPECT_TRUE(are_known(from + "call void @llvm.memcpy.p0.p0.i64(ptr align 8 %c, ptr align 8 %s, "
                               "i64 16, i1 false)\n",
                        2));
  EXPECT_TRUE(
      are_known(from + "%w = load i64, ptr %s, align 8\nstore i64 %w, ptr %c, align 8\n", 2));
  EXPECT_FALSE(are_known(from + "%w = load i64, ptr %s, align 8\n%u = add i64 %w, 1\n"
                                "store i64 %u, ptr %c, align 8\n"));
  EXPECT_FALSE(are_known(from + "%h = getelementptr i8, ptr %c, i64 4\n"
                                "call void @llvm.memcpy.p0.p0.i64(ptr align 8 %c, ptr align 4 %h, "
                                "i64 8, i1 false)\n"
                                "call void @llvm.memcpy.p0.p0.i64(ptr align 4 %h, ptr align 8 %c, "
                                "i64 8, i1 false)\n"));
}

TEST(KeptPointers, WhateverElseIsWrittenThereMayBeAPointer) {
  EXPECT_FALSE(are_known("%n = getelementptr i8, ptr %s, i64 4\nstore i32 7, ptr %n\n"));
  EXPECT_FALSE(
      are_known("%n = getelementptr i8, ptr %s, i64 8\nstore <3 x i32> splat (i32 7), "
                "ptr %n, align 4\n"));
  EXPECT_FALSE(are_known("%n = getelementptr i8, ptr %v, i64 16\nstore i64 %i, ptr %n\n"));
  EXPECT_FALSE(are_known("%n = getelementptr i32, ptr %v, i64 %j\nstore i32 7, ptr %n\n"));
  EXPECT_FALSE(are_known("call void @take(ptr %v)\n"));
  EXPECT_FALSE(
      are_known("store ptr addrspace(1) %a, ptr %v, align 4\n"
                "%n = getelementptr i8, ptr %v, i64 4\n"
                "%q = load ptr addrspace(1), ptr %n, align 4\n"));
}

}  // namespace
}  // namespace anymetal::simt
