// Which accesses of a thread are taken together, and what they are moved over. That results stay
// what they were is shown where code runs (backend/cpu/cpu_backend_test.cc, test/run).
#include "simt/transform/join_neighbours.h"

#include <gtest/gtest.h>
#include <llvm/AsmParser/Parser.h>
#include <llvm/IR/Module.h>
#include <llvm/IR/Verifier.h>
#include <llvm/Support/SourceMgr.h>
#include <llvm/Support/raw_ostream.h>

#include <algorithm>
#include <string>
#include <vector>

namespace anymetal::simt {
namespace {

const Geometry kGeometry{.size = {64, 1, 1}, .dispatch_size = {64, 1, 1}, .chunk = 16};

/// Of each group: how many, their units from lane to lane, and bytes of a unit, in the order of the
/// block.
std::vector<std::string> groups(const std::string& body) {
  llvm::LLVMContext context;
  llvm::SMDiagnostic diagnostic;
  const auto module = llvm::parseAssemblyString(R"(
declare i32 @am.thread_index_in_threadgroup() memory(none)
declare void @am.threadgroup_barrier(i32) convergent nounwind
declare float @am.simd_sum.f32(float) convergent memory(none)
define void @k(ptr addrspace(1) %x, ptr addrspace(1) %y, ptr addrspace(3) %local, i32 %n) {
entry:
  %t = call i32 @am.thread_index_in_threadgroup()
  %t4 = shl i32 %t, 2
  %i = zext i32 %t4 to i64
  %p = getelementptr float, ptr addrspace(1) %x, i64 %i
  %q = getelementptr float, ptr addrspace(1) %y, i64 %i
)" + body + "\n  ret void\n}\n",
                                                diagnostic, context);
  EXPECT_TRUE(module) << diagnostic.getMessage().str() << " in line " << diagnostic.getLineNo();
  if (!module) return {};
  llvm::Function& function = *module->getFunction("k");
  const ControlFlow flow(function, kGeometry);
  const ShapeAnalysis shapes(function, flow, kGeometry);
  const NeighbourGroups joined = join_neighbours(function, shapes, flow, kGeometry);
  EXPECT_FALSE(llvm::verifyFunction(function, &llvm::errs()));
  std::vector<std::string> text;
  for (const llvm::Instruction& instruction : function.getEntryBlock()) {
    const auto found = joined.find(&instruction);
    if (found == joined.end()) continue;
    const Neighbours& group = found->second;
    for (size_t i = 1; i < group.members.size(); ++i)
      EXPECT_EQ(group.members[i - 1].access->getNextNode(), group.members[i].access);
    text.push_back(std::to_string(group.members.size()) + " of " + std::to_string(group.factor()) +
                   " by " + std::to_string(group.unit));
  }
  return text;
}

/// Element k of a thread's own.
std::string load(int k, const char* base = "p", const char* type = "float", int bytes = 4) {
  const std::string name = base + std::to_string(k);
  return "  %" + name + "a = getelementptr i8, ptr addrspace(1) %" + base + ", i64 " +
         std::to_string(k * bytes) + "\n  %" + name + " = load " + type + ", ptr addrspace(1) %" +
         name + "a\n";
}

std::string store(int k, const char* value) {
  const std::string name = "s" + std::to_string(k);
  return "  %" + name + " = getelementptr float, ptr addrspace(1) %q, i64 " + std::to_string(k) +
         "\n  store float " + value + ", ptr addrspace(1) %" + name + "\n";
}

using Groups = std::vector<std::string>;

TEST(JoinNeighbours, FourOfAThread) {
  EXPECT_EQ(groups(load(0) + load(1) + load(2) + load(3)), Groups{"4 of 4 by 4"});
  EXPECT_EQ(groups(load(2) + load(0) + load(1)), Groups{"3 of 4 by 4"});
  EXPECT_EQ(groups(load(0)), Groups{});
}

TEST(JoinNeighbours, IndicesOfWords) {
  EXPECT_EQ(groups(R"(
  %j = or disjoint i32 %t4, 1
  %jw = zext i32 %j to i64
  %a = load float, ptr addrspace(1) %p
  %r = getelementptr float, ptr addrspace(1) %x, i64 %jw
  %b = load float, ptr addrspace(1) %r)"),
            Groups{"2 of 4 by 4"});
}

TEST(JoinNeighbours, NarrowElementsAsWords) {
  const auto half = [](int k) { return load(k, "p", "half", 2); };
  EXPECT_EQ(groups(half(0) + half(1) + half(2) + half(3)), Groups{"4 of 4 by 4"});
  // The last word isn't whole: what is behind it may be no memory.
  EXPECT_EQ(groups(half(0) + half(1) + half(2)), Groups{});
}

TEST(JoinNeighbours, VectorsOfAThread) {
  const auto half = [](int k) { return load(k, "p", "<2 x float>", 8); };
  EXPECT_EQ(groups(half(0) + half(1)), Groups{"2 of 4 by 4"});
  EXPECT_EQ(groups(load(0, "p", "<4 x float>")), Groups{});
}

TEST(JoinNeighbours, StoresOfWholeWords) {
  EXPECT_EQ(groups(store(0, "1.0") + store(1, "2.0") + store(2, "3.0") + store(3, "4.0")),
            Groups{"4 of 4 by 4"});
  // The padding of a struct, say. Half a word can't be left out.
  EXPECT_EQ(groups(store(0, "1.0") + store(1, "2.0") + store(2, "3.0")), Groups{"3 of 4 by 4"});
  const std::string half =
      "  %h = getelementptr float, ptr addrspace(1) %q, i64 3\n"
      "  store half 1.0, ptr addrspace(1) %h\n";
  EXPECT_EQ(groups(store(0, "1.0") + store(1, "2.0") + store(2, "3.0") + half), Groups{});
}

TEST(JoinNeighbours, MembersOfSeveralTypes) {
  EXPECT_EQ(
      groups(load(0) + load(1, "p", "i32") + load(4, "p", "half", 2) + load(5, "p", "i16", 2) +
             load(12, "p", "i8", 1) + load(13, "p", "i8", 1) + load(7, "p", "half", 2)),
      Groups{"7 of 4 by 4"});
  // Not one of twice a word, and none that begins in the middle of one.
  EXPECT_EQ(groups(load(0) + load(1, "p", "double", 8)), Groups{});
  EXPECT_EQ(groups(load(3, "p", "half", 2) + load(2)), Groups{});
}

TEST(JoinNeighbours, NotOverWhatMayTouchThem) {
  const std::string barrier = "  call void @am.threadgroup_barrier(i32 2)\n";
  const std::string sum = "  %sum = call float @am.simd_sum.f32(float %p0)\n";
  const std::string local = "  store float 1.0, ptr addrspace(3) %local\n";
  EXPECT_EQ(groups(load(0) + barrier + load(1)), Groups{});
  EXPECT_EQ(groups(load(0) + sum + local + load(1)), Groups{"2 of 4 by 4"});
  // Of another buffer, which may be the same one; and of this one, elsewhere or there.
  EXPECT_EQ(groups(load(0) + store(3, "1.0") + load(1)), Groups{});
  const std::string far =
      "  %f = getelementptr float, ptr addrspace(1) %p, i64 4\n"
      "  store float 1.0, ptr addrspace(1) %f\n";
  const std::string near =
      "  %f = getelementptr float, ptr addrspace(1) %p, i64 1\n"
      "  store float 1.0, ptr addrspace(1) %f\n";
  EXPECT_EQ(groups(load(0) + far + load(1)), Groups{"2 of 4 by 4"});
  EXPECT_EQ(groups(load(0) + near + load(1)), Groups{});
}

TEST(JoinNeighbours, OverAVariableOfTheThreads) {
  EXPECT_EQ(groups(R"(
  %own = alloca [4 x float]
  %c = icmp eq i32 %n, 0
  %either = select i1 %c, ptr addrspace(1) %x, ptr addrspace(1) %y
  %e = getelementptr float, ptr addrspace(1) %either, i64 %i
)" + load(0, "e") + "  store float %e0, ptr %own\n" +
                   load(1, "e")),
            Groups{"2 of 4 by 4"});
}

/// Sixteen words a lane fill a register each, wherever lanes' are; fewer are better gathered.
TEST(JoinNeighbours, RegistersOfLanesAnywhere) {
  const std::string somewhere = R"(
  %k = load i32, ptr addrspace(1) %q
  %kw = sext i32 %k to i64
  %a = getelementptr float, ptr addrspace(1) %x, i64 %kw
)";
  std::string all = somewhere;
  for (int k = 0; k < 16; ++k) all += load((k + 3) % 16, "a");
  EXPECT_EQ(groups(all), Groups{"16 of 16 by 4"});
  std::string some = somewhere;
  for (int k = 0; k < 15; ++k) some += load(k, "a");
  EXPECT_EQ(groups(some), Groups{});
  std::string bytes = somewhere;
  for (int k = 0; k < 16; ++k) bytes += load(k, "a", "i8", 1);
  EXPECT_EQ(groups(bytes), Groups{"16 of 4 by 4"});
}

TEST(JoinNeighbours, NotWhereAnAddressDependsOnMemory) {
  EXPECT_EQ(groups(load(0) + R"(
  %k = load i32, ptr addrspace(1) %y
  %z = and i32 %k, 0
  %m = add i32 %t4, %z
  %mw = zext i32 %m to i64
  %r = getelementptr float, ptr addrspace(1) %x, i64 %mw
  %b = load float, ptr addrspace(1) %r)"),
            Groups{});
}

}  // namespace
}  // namespace anymetal::simt
