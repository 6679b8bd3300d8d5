// For which kernels threadgroups should run together, and how many. That results stay what they
// were is shown where code runs (backend/cpu/cpu_backend_test.cc).
#include "simt/transform/join_threadgroups.h"

#include <gtest/gtest.h>
#include <llvm/AsmParser/Parser.h>
#include <llvm/IR/InstIterator.h>
#include <llvm/IR/Module.h>
#include <llvm/IR/Verifier.h>
#include <llvm/Support/SourceMgr.h>
#include <llvm/Support/raw_ostream.h>

#include "simt/analysis/control_flow.h"

namespace anymetal::simt {
namespace {

Geometry geometry(uint32_t x, uint32_t y = 1) {
  return {.size = {x, y, 1}, .dispatch_size = {x, y, 1}, .chunk = 16};
}

/// What a kernel that adds up columns may have otherwise.
struct Kernel {
  std::string start = "i32 0";         ///< the first row
  std::string next = "add i32 %i, 1";  ///< the row after %i
  std::string place = "add i32 %row, %column";
  std::string before;  ///< the loop
  std::string in_turn;
  std::string behind;             ///< the loop
  std::string length = "%pitch";  ///< of a row
  std::string group;              ///< where its columns begin; empty: its width each
  uint32_t width = 32;
};

std::string text_of(const Kernel& kernel) {
  return R"(
@am.threadgroup.parts = external addrspace(3) global [256 x float], align 4
declare i32 @am.threadgroup_position_in_grid.x() memory(none)
declare i32 @am.thread_position_in_threadgroup.x() memory(none)
declare i32 @am.thread_position_in_threadgroup.y() memory(none)
declare i32 @am.thread_index_in_threadgroup() memory(none)
declare i32 @am.simdgroup_index_in_threadgroup() memory(none)
declare void @am.threadgroup_barrier(i32) convergent nounwind
declare void @print(i32)
define void @k(ptr addrspace(1) %q, ptr addrspace(1) %out, i32 %m, i32 %pitch) {
entry:
  %g = call i32 @am.threadgroup_position_in_grid.x()
  %x = call i32 @am.thread_position_in_threadgroup.x()
  %y = call i32 @am.thread_position_in_threadgroup.y()
  %t = call i32 @am.thread_index_in_threadgroup()
  %start = )" +
         (kernel.group.empty() ? "mul i32 %g, " + std::to_string(kernel.width) : kernel.group) +
         "\n  %column = add i32 %start, %x\n" + kernel.before + R"(
  br label %again
again:
  %i = phi i32 [ )" +
         kernel.start.substr(4) + R"(, %entry ], [ %next, %again ]
  %sum = phi float [ 0.0, %entry ], [ %more, %again ]
  %row = mul i32 %i, )" +
         kernel.length + "\n  %place = " + kernel.place + R"(
  %wide = zext i32 %place to i64
  %at = getelementptr float, ptr addrspace(1) %q, i64 %wide
  %v = load float, ptr addrspace(1) %at
  %more = fadd float %sum, %v
)" + kernel.in_turn +
         "\n  %next = " + kernel.next + R"(
  %on = icmp ult i32 %next, %m
  br i1 %on, label %again, label %after
after:
  %all = phi float [ %more, %again ]
)" + kernel.behind +
         R"(
  %tw = zext i32 %column to i64
  %to = getelementptr float, ptr addrspace(1) %out, i64 %tw
  store float %all, ptr addrspace(1) %to
  ret void
}
)";
}

class Read {
 public:
  explicit Read(std::string text) {
    llvm::SMDiagnostic diagnostic;
    module_ = llvm::parseAssemblyString(text, diagnostic, context_);
    EXPECT_TRUE(module_) << diagnostic.getMessage().str() << " in line " << diagnostic.getLineNo();
  }
  llvm::Function& function() { return *module_->getFunction("k"); }
  llvm::Module& module() { return *module_; }

 private:
  llvm::LLVMContext context_;
  std::unique_ptr<llvm::Module> module_;
};

unsigned together(const Kernel& kernel, const Geometry& geometry) {
  Read read(text_of(kernel));
  const unsigned before = read.function().getInstructionCount();
  const Togetherness chosen = choose_threadgroups_together(read.function(), geometry);
  EXPECT_TRUE(std::equal(geometry.size, geometry.size + 3, chosen.size));
  EXPECT_EQ(read.function().getInstructionCount(), before);
  unsigned kernels = 0;
  for (const llvm::Function& function : read.module()) kernels += !function.isDeclaration();
  EXPECT_EQ(kernels, 1U) << "a copy was left";
  return chosen.count;
}

TEST(JoinThreadgroups, AsManyAsReadAPieceOfARow) {
  EXPECT_EQ(together({}, geometry(32)), 8U);
  EXPECT_EQ(together({.width = 64}, geometry(64)), 4U);
  EXPECT_EQ(together({.width = 128}, geometry(128)), 2U);
  EXPECT_EQ(together({.width = 256}, geometry(256)), 1U);
}

TEST(JoinThreadgroups, RowsOfThreadsTakeTurns) {
  const Kernel kernel{.start = "i32 %y", .next = "add i32 %i, 8"};
  EXPECT_EQ(together(kernel, geometry(32, 8)), 8U);
  EXPECT_EQ(together(kernel, geometry(32, 32)), 4U) << "too many threads";
}

TEST(JoinThreadgroups, SimdgroupsMayTakeTheRows) {
  Kernel kernel{.start = "i32 %s", .next = "add i32 %i, 8"};
  kernel.before = "%s = call i32 @am.simdgroup_index_in_threadgroup()";
  std::string text = text_of(kernel);
  const std::string of_threads = "am.thread_position_in_threadgroup.x";
  for (size_t at; (at = text.find(of_threads)) != std::string::npos;)
    text.replace(at, of_threads.size(), "am.thread_index_in_simdgroup");
  const std::string y = "  %y = call i32 @am.thread_position_in_threadgroup.y()\n";
  text.erase(text.find(y), y.size());
  Read read(text);
  const Togetherness chosen = choose_threadgroups_together(read.function(), geometry(256));
  EXPECT_EQ(chosen.count, 8U);
  EXPECT_EQ(chosen.size[0], 32U);
  EXPECT_EQ(chosen.size[1], 8U);
}

TEST(JoinThreadgroups, RowsOfAKnownLength) {
  EXPECT_EQ(together({.length = "4096"}, geometry(32)), 8U);
}

TEST(JoinThreadgroups, NeighboursThatReadTheSame) {
  EXPECT_EQ(together({.group = "udiv i32 %g, 4"}, geometry(32)), 8U);
  EXPECT_EQ(together({.group = "sdiv i32 %g, %pitch"}, geometry(32)), 8U);
  EXPECT_EQ(together({.group = "lshr i32 %g, 1"}, geometry(32)), 8U);
  EXPECT_EQ(together({.group = "urem i32 %g, 4"}, geometry(32)), 1U);
  EXPECT_EQ(together({.group = "udiv i32 %m, 4"}, geometry(32)), 1U) << "all threadgroups do";
  const std::string both = "%d = udiv i32 %g, 4\n  %more_rows = mul i32 %g, %pitch\n";
  EXPECT_EQ(together({.place = "add i32 %row, %far",
                      .before = both + "%far = add i32 %column, %more_rows",
                      .group = "udiv i32 %m, 4"},
                     geometry(32)),
            1U)
      << "and other rows";
}

TEST(JoinThreadgroups, QuotientsThatALoopCarries) {
  Kernel kernel{.place = "add i32 %row, %half", .in_turn = "%less = udiv i32 %half, 2"};
  std::string text = text_of(kernel);
  const std::string sum = "  %sum = phi";
  text.insert(text.find(sum), "  %half = phi i32 [ 8, %entry ], [ %less, %again ]\n");
  Read read(text);
  EXPECT_EQ(choose_threadgroups_together(read.function(), geometry(32)).count, 1U);
}

TEST(JoinThreadgroups, NotWhereTurnsAreNeighbours) {
  EXPECT_EQ(together({.length = "1"}, geometry(32)), 1U);
}

TEST(JoinThreadgroups, NotWhereThreadgroupsReadOtherRows) {
  EXPECT_EQ(together({.group = "mul i32 %g, %pitch"}, geometry(32)), 1U);
  EXPECT_EQ(together({.width = 4096}, geometry(32)), 1U);
}

TEST(JoinThreadgroups, NotWhereSimdgroupsWouldBeOthers) {
  EXPECT_EQ(together({.width = 16}, geometry(16, 16)), 1U);
  EXPECT_EQ(together({.width = 48}, geometry(48)), 1U);
  const Kernel asks{.before = "%s = call i32 @am.simdgroup_index_in_threadgroup()"};
  EXPECT_EQ(together(asks, geometry(32, 8)), 8U);
  Kernel wide = asks;
  wide.width = 64;
  EXPECT_EQ(together(wide, geometry(64, 4)), 1U);
}

TEST(JoinThreadgroups, NotThoseOfTheGridsEnd) {
  Geometry partial = geometry(32);
  partial.is_partial = true;
  EXPECT_EQ(together({}, partial), 1U);
  Geometry cut = geometry(32, 2);
  cut.dispatch_size[1] = 8;
  EXPECT_EQ(together({}, cut), 1U);
}

TEST(JoinThreadgroups, NotWhereThreadgroupsCanTell) {
  EXPECT_EQ(together({.in_turn = "%o = atomicrmw add ptr addrspace(1) %out, i32 1 monotonic"},
                     geometry(32)),
            1U);
  EXPECT_EQ(together({.in_turn = "store volatile i32 1, ptr addrspace(1) %out"}, geometry(32)), 1U);
  EXPECT_EQ(together({.behind = "call void @print(i32 %t)"}, geometry(32)), 1U);
}

TEST(JoinThreadgroups, BarriersWhereAllCome) {
  EXPECT_EQ(together({.behind = "call void @am.threadgroup_barrier(i32 2)"}, geometry(32, 8)), 8U);
  // In the loop itself each turn would wait for the others.
  EXPECT_EQ(together({.in_turn = "call void @am.threadgroup_barrier(i32 2)"}, geometry(32, 8)), 1U);
  const Kernel some{.behind = R"(
  %few = icmp ult i32 %g, %pitch
  br i1 %few, label %meet, label %end
meet:
  call void @am.threadgroup_barrier(i32 2)
  br label %end
end:)"};
  EXPECT_EQ(together(some, geometry(32, 8)), 1U);
}

TEST(JoinThreadgroups, NotWhereTheyTakeOtherTurns) {
  EXPECT_EQ(together({.next = "add i32 %i, %g"}, geometry(32)), 1U);
}

TEST(JoinThreadgroups, EachHasItsOwnMemory) {
  Read read(text_of({.behind = R"(
  %tl = zext i32 %t to i64
  %mine = getelementptr float, ptr addrspace(3) @am.threadgroup.parts, i64 %tl
  store float %all, ptr addrspace(3) %mine)"}));
  join_threadgroups(read.function(), geometry(32).joined(4, 1));
  std::string error;
  llvm::raw_string_ostream stream(error);
  EXPECT_FALSE(llvm::verifyModule(read.module(), &stream)) << error;
  const llvm::GlobalVariable* all = read.module().getNamedGlobal("am.threadgroup.parts");
  ASSERT_TRUE(all);
  EXPECT_EQ(read.module().getDataLayout().getTypeAllocSize(all->getValueType()), 4 * 1024U);
  unsigned asks = 0;
  for (const llvm::Instruction& instruction : llvm::instructions(read.function())) {
    asks += callee_name(&instruction) == kThreadgroupTogether;
    EXPECT_NE(callee_name(&instruction), "am.thread_index_in_threadgroup");
  }
  EXPECT_EQ(asks, 2U) << "for the position and for the variable";
}

}  // namespace
}  // namespace anymetal::simt
