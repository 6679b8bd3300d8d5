// Comes in: products whose operands are pairs of floats, as each lane holds them. Goes out:
// products of simt.matrix, and phis of that type where a product's result goes round a loop or
// leaves it. So a sum stays in rows until a kernel asks for its own two elements. Before vectors
// are taken apart, since pairs are easy to follow while they are one value.
#include "simt/transform/form_matrices.h"

#include <llvm/ADT/MapVector.h>
#include <llvm/ADT/SmallPtrSet.h>
#include <llvm/IR/IRBuilder.h>
#include <llvm/IR/InstIterator.h>
#include <llvm/IR/Instructions.h>

#include "simt/analysis/control_flow.h"
#include "simt/analysis/matrices.h"

namespace anymetal::simt {
namespace {

constexpr const char* kProduct = "am.simdgroup_multiply_accumulate";

class MatrixFormer {
 public:
  explicit MatrixFormer(llvm::Function& entry) : entry_(entry), builder_(entry.getContext()) {}

  void run() {
    llvm::SmallVector<llvm::CallInst*, 32> calls;
    for (llvm::Instruction& instruction : llvm::instructions(entry_)) {
      if (callee_name(&instruction) == kProduct)
        calls.push_back(llvm::cast<llvm::CallInst>(&instruction));
    }
    if (calls.empty()) return;
    declare();
    for (llvm::CallInst* call : calls) {
      builder_.SetInsertPoint(call);
      llvm::Value* nothing = llvm::PoisonValue::get(type_);
      matrices_[call] = builder_.CreateCall(multiply_, {nothing, nothing, nothing});
    }
    for (llvm::Instruction& instruction : llvm::instructions(entry_)) {
      auto* phi = llvm::dyn_cast<llvm::PHINode>(&instruction);
      if (phi && phi->getType() == calls[0]->getType() && carries_product(*phi)) make_phi(*phi);
    }
    // What comes in may come from further phis, but those are made.
    const auto made = matrices_.takeVector();
    for (const auto& [old, matrix] : made) matrices_[old] = matrix;
    for (const auto& [old, matrix] : made) fill(*old, *matrix);
    replace(made);
  }

 private:
  using Made = llvm::SmallVector<std::pair<llvm::Instruction*, llvm::Instruction*>, 0>;

  void declare() {
    llvm::LLVMContext& context = entry_.getContext();
    llvm::Type* element = builder_.getFloatTy();
    type_ = llvm::StructType::getTypeByName(context, kMatrix);
    if (!type_) type_ = llvm::StructType::create({element, element}, kMatrix);
    llvm::Module& module = *entry_.getParent();
    to_matrix_ = module.getOrInsertFunction(kToMatrix, type_, element, element);
    multiply_ = module.getOrInsertFunction(kMultiplyAccumulate, type_, type_, type_, type_);
    for (llvm::FunctionCallee callee : {to_matrix_, multiply_}) {
      auto* function = llvm::cast<llvm::Function>(callee.getCallee());
      function->setDoesNotAccessMemory();
      function->setDoesNotThrow();
      function->setWillReturn();
      function->setConvergent();
    }
  }

  /// Whether a product's result comes in, perhaps through other phis.
  static bool carries_product(llvm::PHINode& phi) {
    llvm::SmallVector<llvm::PHINode*, 8> work{&phi};
    llvm::SmallPtrSet<llvm::PHINode*, 8> seen{&phi};
    while (!work.empty()) {
      for (llvm::Value* incoming : work.pop_back_val()->incoming_values()) {
        if (callee_name(incoming) == kProduct) return true;
        auto* next = llvm::dyn_cast<llvm::PHINode>(incoming);
        if (next && seen.insert(next).second) work.push_back(next);
      }
    }
    return false;
  }

  void make_phi(llvm::PHINode& phi) {
    builder_.SetInsertPoint(&phi);
    matrices_[&phi] = builder_.CreatePHI(type_, phi.getNumIncomingValues(), phi.getName());
  }

  void fill(llvm::Instruction& old, llvm::Instruction& matrix) {
    if (auto* phi = llvm::dyn_cast<llvm::PHINode>(&old)) {
      for (unsigned i = 0; i < phi->getNumIncomingValues(); ++i) {
        llvm::cast<llvm::PHINode>(matrix).addIncoming(matrix_of(phi->getIncomingValue(i)),
                                                      phi->getIncomingBlock(i));
      }
      return;
    }
    for (unsigned i = 0; i < 3; ++i) matrix.setOperand(i, matrix_of(old.getOperand(i)));
  }

  llvm::Value* matrix_of(llvm::Value* pair) {
    if (auto* constant = llvm::dyn_cast<llvm::Constant>(pair)) {
      llvm::Constant* x = constant->getAggregateElement(0u);
      llvm::Constant* y = constant->getAggregateElement(1u);
      if (x == y) return llvm::ConstantStruct::get(type_, {x, y});
      builder_.SetInsertPoint(&*entry_.getEntryBlock().getFirstNonPHIOrDbgOrAlloca());
      return builder_.CreateCall(to_matrix_, {x, y});
    }
    auto* made = llvm::dyn_cast<llvm::Instruction>(pair);
    if (!made) {
      builder_.SetInsertPoint(&*entry_.getEntryBlock().getFirstNonPHIOrDbgOrAlloca());
      return builder_.CreateCall(to_matrix_, {element(pair, 0), element(pair, 1)});
    }
    if (llvm::Instruction* known = matrices_.lookup(made)) return known;
    builder_.SetInsertPoint(&*made->getInsertionPointAfterDef().value());
    builder_.SetCurrentDebugLocation(made->getDebugLoc());
    llvm::Value *x = element(pair, 0), *y = element(pair, 1);
    if (llvm::Instruction* place = behind_loads(x, y)) builder_.SetInsertPoint(place);
    auto* matrix = builder_.CreateCall(to_matrix_, {x, y});
    return matrices_[made] = matrix;
  }

  /// Right behind the loads that elements are, perhaps widened: LLVM widens them and makes the pair
  /// where the first product asks for it, so that loads would stand between products, and what was
  /// put on the stack for one group of them would have to go there again for the next.
  static llvm::Instruction* behind_loads(llvm::Value* x, llvm::Value* y) {
    llvm::Instruction* last = nullptr;
    for (llvm::Value* element : {x, y}) {
      auto* widened = llvm::dyn_cast<llvm::FPExtInst>(element);
      auto* load = llvm::dyn_cast<llvm::LoadInst>(widened ? widened->getOperand(0) : element);
      if (!load || (last && load->getParent() != last->getParent())) return nullptr;
      if (!last || last->comesBefore(load)) last = load;
    }
    llvm::Instruction* place = last->getNextNode();
    while (place == x || place == y) place = place->getNextNode();
    for (llvm::Value* element : {x, y}) {
      // Never down: somebody else may ask for it before that.
      auto* widened = llvm::dyn_cast<llvm::FPExtInst>(element);
      if (!widened) continue;
      if (widened->getParent() != place->getParent() || place->comesBefore(widened))
        widened->moveBefore(place);
    }
    return place;
  }

  /// Of a pair, if possible what was put into it.
  llvm::Value* element(llvm::Value* pair, uint64_t index) {
    llvm::Value* at = pair;
    while (auto* insert = llvm::dyn_cast<llvm::InsertElementInst>(at)) {
      auto* place = llvm::dyn_cast<llvm::ConstantInt>(insert->getOperand(2));
      if (!place) break;
      if (place->getZExtValue() == index) return insert->getOperand(1);
      at = insert->getOperand(0);
    }
    return builder_.CreateExtractElement(pair, index);
  }

  /// Who asks for a lane's elements gets them from the matrix.
  void replace(llvm::ArrayRef<std::pair<llvm::Instruction*, llvm::Instruction*>> made) {
    for (const auto& [old, matrix] : made) {
      for (llvm::Use& operand : old->operands()) {
        if (operand->getType() == old->getType())
          operand.set(llvm::PoisonValue::get(operand->getType()));
      }
    }
    for (const auto& [old, matrix] : made) {
      if (!old->use_empty()) {
        builder_.SetInsertPoint(&*matrix->getInsertionPointAfterDef().value());
        builder_.SetCurrentDebugLocation(old->getDebugLoc());
        llvm::Value* pair = llvm::PoisonValue::get(old->getType());
        for (unsigned i = 0; i < 2; ++i) {
          pair = builder_.CreateInsertElement(pair, builder_.CreateExtractValue(matrix, i),
                                              uint64_t{i});
        }
        old->replaceAllUsesWith(pair);
      }
      old->eraseFromParent();
    }
  }

  llvm::Function& entry_;
  llvm::IRBuilder<> builder_;
  llvm::StructType* type_ = nullptr;
  llvm::FunctionCallee to_matrix_, multiply_;
  llvm::MapVector<llvm::Instruction*, llvm::Instruction*> matrices_;
};

}  // namespace

void form_matrices(llvm::Function& entry) {
  MatrixFormer(entry).run();
}

}  // namespace anymetal::simt
