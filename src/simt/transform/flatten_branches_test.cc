// Which branches become selects. That results stay what they were is shown where code runs
// (backend/cpu/cpu_backend_test.cc, test/run, fuzz/kernels).
#include "simt/transform/flatten_branches.h"

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

const Geometry kGeometry{.size = {64, 1, 1}, .dispatch_size = {64, 1, 1}, .chunk = 16};

struct Counts {
  unsigned gone = 0, selects = 0;
  bool operator==(const Counts&) const = default;
};

/// Of a branch by %c, with %yes and %no before %meet.
Counts flattened(const std::string& yes, const std::string& no, const std::string& meet,
                 const std::string& condition = "%t, %n") {
  llvm::LLVMContext context;
  llvm::SMDiagnostic diagnostic;
  const auto module = llvm::parseAssemblyString(R"(
declare i32 @am.thread_index_in_threadgroup() memory(none)
define void @k(ptr addrspace(1) %x, i32 %n, i32 %m) {
entry:
  %t = call i32 @am.thread_index_in_threadgroup()
  %c = icmp ult i32 )" + condition + R"(
  br i1 %c, label %yes, label %no
yes:
)" + yes + "\n  br label %meet\nno:\n" + no + "\n  br label %meet\nmeet:\n" +
                                                    meet + R"(
  store i32 %v, ptr addrspace(1) %x
  ret void
}
)",
                                                diagnostic, context);
  EXPECT_TRUE(module) << diagnostic.getMessage().str() << " in line " << diagnostic.getLineNo();
  if (!module) return {};
  llvm::Function& function = *module->getFunction("k");
  Counts counts{.gone = flatten_branches(function, kGeometry)};
  EXPECT_FALSE(llvm::verifyFunction(function, &llvm::errs()));
  for (const llvm::Instruction& instruction : llvm::instructions(function))
    counts.selects += llvm::isa<llvm::SelectInst>(instruction);
  return counts;
}

const char* const kPhi = "  %v = phi i32 [ %a, %yes ], [ %n, %no ]";

TEST(FlattenBranches, WaysThatOnlyCompute) {
  EXPECT_EQ(flattened("%a = add i32 %t, 1", "", kPhi), (Counts{1, 1}));
  EXPECT_EQ(flattened("%a = add i32 %t, 1", "%b = mul i32 %t, 3",
                      "  %v = phi i32 [ %a, %yes ], [ %b, %no ]"),
            (Counts{1, 1}));
}

TEST(FlattenBranches, NotWaysThatDoMore) {
  EXPECT_EQ(flattened("%a = load i32, ptr addrspace(1) %x", "", kPhi), Counts{});
  EXPECT_EQ(flattened("%a = udiv i32 %t, %m", "", kPhi), Counts{});  // by what may be 0
  std::string many = "%a0 = add i32 %t, 1\n";
  for (int i = 1; i < 20; ++i)
    many += "%a" + std::to_string(i) + " = mul i32 %a" + std::to_string(i - 1) + ", %t\n";
  EXPECT_EQ(flattened(many + "%a = add i32 %a19, 1", "", kPhi), Counts{});
}

TEST(FlattenBranches, NotWhereAllLanesGoTheSameWay) {
  EXPECT_EQ(flattened("%a = add i32 %t, 1", "", kPhi, "%n, %m"), Counts{});
}

TEST(FlattenBranches, OneWithinTheOther) {
  EXPECT_EQ(flattened(R"(  %d = icmp eq i32 %t, 5
  br i1 %d, label %in, label %out
in:
  %e = add i32 %t, 7
  br label %out
out:
  %a = phi i32 [ %e, %in ], [ %t, %yes ])",
                      "", "  %v = phi i32 [ %a, %out ], [ %n, %no ]"),
            (Counts{2, 2}));
}

}  // namespace
}  // namespace anymetal::simt
