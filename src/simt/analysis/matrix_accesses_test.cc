// What becomes a matrix, where matrices lie in memory, and which products go together. That results
// are right is shown where code runs (test/stdlib/simdgroup_matrix_test.cc, test/coverage).
#include "simt/analysis/matrix_accesses.h"

#include <gtest/gtest.h>
#include <llvm/AsmParser/Parser.h>
#include <llvm/IR/InstIterator.h>
#include <llvm/IR/Module.h>
#include <llvm/IR/Verifier.h>
#include <llvm/Support/SourceMgr.h>
#include <llvm/Transforms/Utils/Local.h>

#include "simt/analysis/matrices.h"
#include "simt/transform/form_matrices.h"

namespace anymetal::simt {
namespace {

const Geometry kGeometry{.size = {32, 1, 1}, .dispatch_size = {32, 1, 1}, .chunk = 16};

constexpr const char* kStart = R"(
declare i32 @am.thread_index_in_threadgroup() memory(none)
declare <2 x float> @am.simdgroup_multiply_accumulate(<2 x float>, <2 x float>, <2 x float>) convergent memory(none)
define void @k(ptr addrspace(1) %x, ptr addrspace(1) %y, i32 %n) {
entry:
  %lane = call i32 @am.thread_index_in_threadgroup()
  %half = lshr i32 %lane, 1
  %quarter = lshr i32 %lane, 2
  %c2 = and i32 %half, 4
  %c1 = shl i32 %lane, 1
  %c0 = and i32 %c1, 2
  %column = or disjoint i32 %c2, %c0
  %r2 = and i32 %quarter, 4
  %r0 = and i32 %half, 3
  %row = or disjoint i32 %r2, %r0
)";

class Kernel {
 public:
  explicit Kernel(const std::string& body) {
    llvm::SMDiagnostic problem;
    module_ = llvm::parseAssemblyString(kStart + body + "}\n", problem, context_);
    if (!module_) ADD_FAILURE() << problem.getMessage().str() << " in line " << problem.getLineNo();
    form_matrices(function());
    // What the pipeline does next: pairs that nobody asks for disappear.
    for (llvm::BasicBlock& block : function()) {
      for (llvm::Instruction& instruction : llvm::make_early_inc_range(llvm::reverse(block))) {
        if (llvm::isInstructionTriviallyDead(&instruction)) instruction.eraseFromParent();
      }
    }
    EXPECT_FALSE(llvm::verifyModule(*module_, &llvm::errs()));
  }

  llvm::Function& function() { return *module_->getFunction("k"); }

  std::vector<llvm::CallInst*> calls(llvm::StringRef name) {
    std::vector<llvm::CallInst*> found;
    for (llvm::Instruction& instruction : llvm::instructions(function())) {
      if (callee_name(&instruction) == name)
        found.push_back(llvm::cast<llvm::CallInst>(&instruction));
    }
    return found;
  }

 private:
  llvm::LLVMContext context_;
  std::unique_ptr<llvm::Module> module_;
};

/// A pair from where %at and %next point, multiplied by itself.
std::string load_pair(const std::string& addresses) {
  return addresses + R"(
  %v = load float, ptr addrspace(1) %at, align 4
  %w = load float, ptr addrspace(1) %next, align 4
  %p = insertelement <2 x float> poison, float %v, i64 0
  %q = insertelement <2 x float> %p, float %w, i64 1
  %d = call <2 x float> @am.simdgroup_multiply_accumulate(<2 x float> %q, <2 x float> %q, <2 x float> zeroinitializer)
  %e = extractelement <2 x float> %d, i64 0
  store float %e, ptr addrspace(1) %y, align 4
  ret void
)";
}

/// {length, how many}, or {0, 0}.
std::pair<unsigned, size_t> pieces(const std::string& addresses) {
  Kernel kernel(load_pair(addresses));
  const ControlFlow flow(kernel.function(), kGeometry);
  const ShapeAnalysis shapes(kernel.function(), flow, kGeometry);
  const MatrixAccesses accesses(kernel.function(), shapes, flow, kGeometry);
  const auto calls = kernel.calls(kToMatrix);
  if (calls.size() != 1) return {0, calls.size()};
  const MatrixPlace* place = accesses.loaded(calls[0]);
  if (!place) return {0, 0};
  for (llvm::Instruction& instruction : llvm::instructions(kernel.function())) {
    if (const auto* load = llvm::dyn_cast<llvm::LoadInst>(&instruction))
      EXPECT_TRUE(accesses.is_absorbed(load));
  }
  return {place->length, place->pieces.size()};
}

// LLVM widens what is loaded where the first product asks for it.
TEST(FormMatrices, OperandsStandBehindTheirLoads) {
  Kernel kernel(R"(
  %v = load half, ptr addrspace(1) %x, align 2
  %at = getelementptr half, ptr addrspace(1) %x, i32 %n
  %w = load half, ptr addrspace(1) %at, align 2
  %a = insertelement <2 x float> poison, float 1.0, i64 0
  %b = insertelement <2 x float> %a, float 2.0, i64 1
  %d = call <2 x float> @am.simdgroup_multiply_accumulate(<2 x float> %b, <2 x float> %b, <2 x float> zeroinitializer)
  %wide = fpext half %v to float
  %other = fpext half %w to float
  %p = insertelement <2 x float> poison, float %wide, i64 0
  %q = insertelement <2 x float> %p, float %other, i64 1
  %f = call <2 x float> @am.simdgroup_multiply_accumulate(<2 x float> %q, <2 x float> %q, <2 x float> %d)
  %e = extractelement <2 x float> %f, i64 0
  store float %e, ptr addrspace(1) %y, align 4
  ret void
)");
  const auto products = kernel.calls(kMultiplyAccumulate);
  ASSERT_EQ(products.size(), 2U);
  const auto* operand = llvm::cast<llvm::Instruction>(products[1]->getArgOperand(0));
  EXPECT_EQ(callee_name(operand), kToMatrix);
  EXPECT_TRUE(operand->comesBefore(products[0]));
}

TEST(MatrixAccesses, RowsOfKnownLength) {
  EXPECT_EQ(pieces(R"(
  %start = mul i32 %row, 20
  %index = add i32 %start, %column
  %wide = sext i32 %index to i64
  %at = getelementptr float, ptr addrspace(1) %x, i64 %wide
  %next = getelementptr i8, ptr addrspace(1) %at, i64 4)"),
            (std::pair<unsigned, size_t>(8, 8)));
}

TEST(MatrixAccesses, RowsOfALengthThatComesFromABuffer) {
  EXPECT_EQ(pieces(R"(
  %start = mul i32 %row, %n
  %index = add i32 %start, %column
  %wide = sext i32 %index to i64
  %more = add i64 %wide, 1
  %at = getelementptr float, ptr addrspace(1) %x, i64 %wide
  %next = getelementptr float, ptr addrspace(1) %x, i64 %more)"),
            (std::pair<unsigned, size_t>(8, 8)));
}

TEST(MatrixAccesses, RowsOfEight) {
  // What simdgroup_load(m, x, 8) is: an `or` of 64 bits keeps the index from being a sum.
  const std::string addresses = R"(
  %start = shl nuw nsw i32 %row, 3
  %index = or disjoint i32 %start, %column
  %wide = zext nneg i32 %index to i64
  %more = or disjoint i64 %wide, 1
  %at = getelementptr float, ptr addrspace(1) %x, i64 %wide
  %next = getelementptr float, ptr addrspace(1) %x, i64 %more)";
  EXPECT_EQ(pieces(addresses).second, 4u);
  // Of a number that may be 2^31 or more nothing is known.
  std::string unknown = addresses;
  unknown.replace(unknown.find("zext nneg"), 9, "zext");
  unknown.replace(unknown.find("disjoint i32 %start"), 8, "");
  EXPECT_EQ(pieces(unknown), (std::pair<unsigned, size_t>(0, 0)));
}

TEST(MatrixAccesses, ColumnsLieSideBySideByFours) {
  EXPECT_EQ(pieces(R"(
  %start = mul i32 %column, 20
  %index = add i32 %start, %row
  %wide = sext i32 %index to i64
  %at = getelementptr float, ptr addrspace(1) %x, i64 %wide
  %next = getelementptr i8, ptr addrspace(1) %at, i64 80)"),
            (std::pair<unsigned, size_t>(4, 16)));
}

TEST(MatrixAccesses, ElementsApartAreLoadedByLanes) {
  EXPECT_EQ(pieces(R"(
  %start = mul i32 %row, 40
  %twice = shl i32 %column, 1
  %index = add i32 %start, %twice
  %wide = sext i32 %index to i64
  %at = getelementptr float, ptr addrspace(1) %x, i64 %wide
  %next = getelementptr i8, ptr addrspace(1) %at, i64 8)"),
            (std::pair<unsigned, size_t>(0, 0)));
}

TEST(MatrixAccesses, NotIfMemoryIsWrittenInBetween) {
  std::string body = load_pair(R"(
  %start = mul i32 %row, 20
  %index = add i32 %start, %column
  %wide = sext i32 %index to i64
  %at = getelementptr float, ptr addrspace(1) %x, i64 %wide
  %next = getelementptr i8, ptr addrspace(1) %at, i64 4)");
  body.insert(body.find("  %w = load"), "  store float 1.0, ptr addrspace(1) %y, align 4\n");
  Kernel kernel(body);
  const ControlFlow flow(kernel.function(), kGeometry);
  const ShapeAnalysis shapes(kernel.function(), flow, kGeometry);
  const MatrixAccesses accesses(kernel.function(), shapes, flow, kGeometry);
  EXPECT_EQ(accesses.loaded(kernel.calls(kToMatrix).at(0)), nullptr);
}

TEST(FormMatrices, SumsStayMatricesRoundALoop) {
  Kernel kernel(R"(
  br label %again
again:
  %sum = phi <2 x float> [ zeroinitializer, %entry ], [ %more, %again ]
  %i = phi i32 [ 0, %entry ], [ %next, %again ]
  %f = sitofp i32 %i to float
  %a0 = insertelement <2 x float> poison, float %f, i64 0
  %a = insertelement <2 x float> %a0, float 1.0, i64 1
  %more = call <2 x float> @am.simdgroup_multiply_accumulate(<2 x float> %a, <2 x float> %a, <2 x float> %sum)
  %next = add i32 %i, 1
  %on = icmp slt i32 %next, %n
  br i1 %on, label %again, label %after
after:
  %all = phi <2 x float> [ %more, %again ]
  %e = extractelement <2 x float> %all, i64 1
  store float %e, ptr addrspace(1) %y, align 4
  ret void
)");
  unsigned matrices = 0;
  for (llvm::Instruction& instruction : llvm::instructions(kernel.function())) {
    if (!llvm::isa<llvm::PHINode>(instruction)) continue;
    EXPECT_FALSE(instruction.getType()->isVectorTy());
    matrices += is_matrix(instruction.getType()) ? 1 : 0;
    // Nobody asks for lanes' elements in the loop.
    for (const llvm::User* user : instruction.users()) {
      if (llvm::isa<llvm::ExtractValueInst>(user))
        EXPECT_EQ(llvm::cast<llvm::Instruction>(user)->getParent()->getName(), "after");
    }
  }
  EXPECT_EQ(matrices, 2u);
  EXPECT_EQ(kernel.calls(kMultiplyAccumulate).size(), 1u);
  EXPECT_EQ(kernel.calls(kToMatrix).size(), 1u);
}

TEST(ProductGroups, SharedOperandsAndNoNeedOfEachOther) {
  const auto product = [](const std::string& name, const std::string& operands) {
    return "  %" + name + " = call <2 x float> @am.simdgroup_multiply_accumulate(" + operands +
           ")\n";
  };
  const auto three = [](const char* a, const char* b, const char* c) {
    return std::string("<2 x float> ") + a + ", <2 x float> " + b + ", <2 x float> " + c;
  };
  Kernel kernel(R"(
  %f = uitofp i32 %lane to float
  %g = fadd float %f, 1.0
  %a0 = insertelement <2 x float> poison, float %f, i64 0
  %a = insertelement <2 x float> %a0, float %g, i64 1
  %b0 = insertelement <2 x float> poison, float %g, i64 0
  %b = insertelement <2 x float> %b0, float %f, i64 1
)" + product("p", three("%a", "%b", "zeroinitializer")) +
                product("q", three("%a", "%a", "zeroinitializer")) +
                product("r", three("%a", "%b", "%p")) +
                product("s", three("%b", "%q", "zeroinitializer")) +
                product("t", three("%b", "%s", "%r")) + R"(
  %e = extractelement <2 x float> %t, i64 0
  store float %e, ptr addrspace(1) %y, align 4
  ret void
)");
  const auto groups = find_product_groups(kernel.function(), 4);
  const auto calls = kernel.calls(kMultiplyAccumulate);
  ASSERT_EQ(calls.size(), 5u);
  ASSERT_EQ(groups.size(), 4u);
  EXPECT_EQ(groups.lookup(calls[1]).size(), 2u);  // q, and p with it
  for (const size_t alone : {2, 3, 4}) EXPECT_EQ(groups.lookup(calls[alone]).size(), 1u);
}

}  // namespace
}  // namespace anymetal::simt
