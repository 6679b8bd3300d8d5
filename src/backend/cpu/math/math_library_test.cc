// That the library has every math builtin, under the name and with the type that the table says, as
// code that the vectoriser can take. What the functions give is measured in bench/accuracy.
#include "backend/cpu/math/math_library.h"

#include <gtest/gtest.h>
#include <llvm/IR/IRBuilder.h>
#include <llvm/IR/InstIterator.h>
#include <llvm/IR/LLVMContext.h>
#include <llvm/IR/Verifier.h>
#include <llvm/Support/raw_ostream.h>

#include <set>
#include <string>
#include <vector>

#include "builtins/builtins.h"

namespace anymetal::backend {
namespace {

llvm::Type* type_of(std::string_view word, std::string_view element, llvm::LLVMContext& context) {
  if (word == "T") word = element;
  if (word == "f32") return llvm::Type::getFloatTy(context);
  if (word == "f16") return llvm::Type::getHalfTy(context);
  if (word == "bf16") return llvm::Type::getBFloatTy(context);
  if (word == "i32") return llvm::Type::getInt32Ty(context);
  if (word == "i64" || word == "u64") return llvm::Type::getInt64Ty(context);
  return nullptr;
}

/// The type of "T(T, i32)" for an element.
llvm::FunctionType* signature_of(const builtins::Builtin& row, std::string_view element,
                                 llvm::LLVMContext& context) {
  const std::string text(row.signature);
  const size_t open = text.find('(');
  std::vector<llvm::Type*> operands;
  for (size_t at = open + 1; at < text.size();) {
    const size_t end = text.find_first_of(",)", at);
    operands.push_back(type_of(text.substr(at, end - at), element, context));
    at = end + 2;
  }
  return llvm::FunctionType::get(type_of(text.substr(0, open), element, context), operands, false);
}

std::vector<std::pair<std::string, const builtins::Builtin*>> math_builtins() {
  std::vector<std::pair<std::string, const builtins::Builtin*>> out;
  for (const builtins::Builtin& row : builtins::table()) {
    if (row.group != builtins::Group::math && row.group != builtins::Group::integer) continue;
    for (const std::string& name : builtins::ir_names(row)) out.emplace_back(name, &row);
  }
  return out;
}

/// A module whose function @k calls a builtin.
struct Caller {
  llvm::LLVMContext context;
  llvm::Module module{"kernel", context};

  explicit Caller(const std::string& name, const builtins::Builtin& row) {
    llvm::FunctionType* type = signature_of(row, name.substr(name.rfind('.') + 1), context);
    auto* caller = llvm::Function::Create(type, llvm::Function::ExternalLinkage, "k", &module);
    auto* callee = llvm::Function::Create(type, llvm::Function::ExternalLinkage, name, &module);
    llvm::IRBuilder<> builder(llvm::BasicBlock::Create(context, "", caller));
    std::vector<llvm::Value*> operands;
    for (llvm::Argument& argument : caller->args()) operands.push_back(&argument);
    builder.CreateRet(builder.CreateCall(callee, operands));
  }
};

TEST(MathLibrary, DefinesEveryRowOfTheTable) {
  ASSERT_GT(math_builtins().size(), 100u);
  for (const auto& [name, row] : math_builtins()) {
    Caller caller(name, *row);
    auto linked = link_math(caller.module);
    ASSERT_TRUE(linked) << linked.error().text();
    std::string text;
    llvm::raw_string_ostream stream(text);
    ASSERT_FALSE(llvm::verifyModule(caller.module, &stream)) << name << ": " << stream.str();
    const llvm::Function* function = caller.module.getFunction(name);
    ASSERT_TRUE(function && !function->isDeclaration()) << name;
    EXPECT_EQ(function->getFunctionType(),
              signature_of(*row, name.substr(name.rfind('.') + 1), caller.context))
        << name;
    EXPECT_TRUE(function->hasInternalLinkage()) << name;
    EXPECT_TRUE(function->doesNotAccessMemory()) << name;
    EXPECT_TRUE(function->hasFnAttribute(llvm::Attribute::AlwaysInline)) << name;
    EXPECT_FALSE(function->hasFnAttribute("target-cpu")) << name;
    // Nothing else came along.
    for (const llvm::Function& other : caller.module)
      EXPECT_TRUE(other.isIntrinsic() || other.getName() == "k" || &other == function)
          << name << " brings " << other.getName().str();
    EXPECT_TRUE(caller.module.global_empty()) << name;
  }
}

// Intrinsics that every back end has in vector form.
bool is_lane_by_lane(llvm::Intrinsic::ID id) {
  switch (id) {
    case llvm::Intrinsic::fma:
    case llvm::Intrinsic::fabs:
    case llvm::Intrinsic::copysign:
    case llvm::Intrinsic::sqrt:
    case llvm::Intrinsic::rint:
    case llvm::Intrinsic::trunc:
    case llvm::Intrinsic::smin:
    case llvm::Intrinsic::smax:
    case llvm::Intrinsic::umin:
    case llvm::Intrinsic::umax:
    case llvm::Intrinsic::abs:
    case llvm::Intrinsic::fshl:
    case llvm::Intrinsic::ldexp:  // lower_powers.cc
      return true;
    default:
      return false;
  }
}

TEST(MathLibrary, IsScalarCodeWithoutCallsLoopsOrMemory) {
  const std::set<std::string> have_a_rare_path = {"sin",      "cos",      "tan",     "fmod",
                                                  "fast_sin", "fast_cos", "fast_tan"};
  for (const auto& [name, row] : math_builtins()) {
    Caller caller(name, *row);
    ASSERT_TRUE(link_math(caller.module));
    const llvm::Function& function = *caller.module.getFunction(name);
    // A rare path has one block, beside the one before and the one after it.
    EXPECT_LE(function.size(), have_a_rare_path.contains(std::string(row->name)) ? 3u : 1u) << name;
    for (const llvm::Instruction& instruction : llvm::instructions(function)) {
      EXPECT_FALSE(instruction.getType()->isVectorTy()) << name;
      EXPECT_FALSE(instruction.mayReadOrWriteMemory()) << name;
      const auto* call = llvm::dyn_cast<llvm::CallInst>(&instruction);
      if (call) EXPECT_TRUE(is_lane_by_lane(call->getIntrinsicID())) << name;
      // Of halves and bfloats most machines have no vector form.
      const bool computes = llvm::isa<llvm::FCmpInst>(instruction) || instruction.isBinaryOp();
      const llvm::Type* operand = computes ? instruction.getOperand(0)->getType() : nullptr;
      EXPECT_FALSE(operand && (operand->isHalfTy() || operand->isBFloatTy())) << name;
      if (const auto* number = llvm::dyn_cast<llvm::FPMathOperator>(&instruction))
        EXPECT_FALSE(number->getFastMathFlags().any()) << name;
      if (const auto* branch = llvm::dyn_cast<llvm::BranchInst>(&instruction))
        EXPECT_TRUE(branch->isUnconditional() || branch->hasMetadata(llvm::LLVMContext::MD_prof))
            << name << " doesn't say which path is rare";
    }
  }
}

TEST(MathLibrary, LeavesOtherModulesAlone) {
  llvm::LLVMContext context;
  llvm::Module module("kernel", context);
  auto* type = llvm::FunctionType::get(llvm::Type::getFloatTy(context), false);
  llvm::Function::Create(type, llvm::Function::ExternalLinkage, "am.simd_sum.f32", &module);
  llvm::Function::Create(type, llvm::Function::ExternalLinkage, "unused", &module);
  ASSERT_TRUE(link_math(module));
  EXPECT_EQ(module.size(), 2u);
}

}  // namespace
}  // namespace anymetal::backend
