#include "simt/analysis/uniformity.h"

#include <llvm/Analysis/CycleAnalysis.h>
#include <llvm/Analysis/TargetTransformInfo.h>
#include <llvm/Analysis/TargetTransformInfoImpl.h>
#include <llvm/IR/Dominators.h>
#include <llvm/IR/Instructions.h>
#include <llvm/IR/PassInstrumentation.h>

namespace anymetal::simt {

namespace {

class LaneInfo : public llvm::TargetTransformInfoImplCRTPBase<LaneInfo> {
 public:
  LaneInfo(const llvm::DataLayout& layout, const Uniformity::Test& is_source,
           const Uniformity::Test& is_same)
      : TargetTransformInfoImplCRTPBase(layout), is_source_(is_source), is_same_(is_same) {}

  // NOLINTBEGIN(readability-identifier-naming): LLVM's interface
  bool hasBranchDivergence(const llvm::Function* = nullptr) const { return true; }
  bool isSourceOfDivergence(const llvm::Value* value) const { return is_source_(value); }
  bool isAlwaysUniform(const llvm::Value* value) const { return is_same_(value); }
  // NOLINTEND(readability-identifier-naming)

 private:
  const Uniformity::Test& is_source_;
  const Uniformity::Test& is_same_;
};

}  // namespace

// The analysis can't be computed out of LLVM's tree; so it runs as a pass under a manager of its
// own, whose idea of the target is ours.
Uniformity::Uniformity(llvm::Function& function, Test is_source, Test is_same)
    : is_source_(std::move(is_source)), is_same_(std::move(is_same)) {
  manager_.registerPass([this] {
    return llvm::TargetIRAnalysis([this](const llvm::Function& f) {
      return llvm::TargetTransformInfo(LaneInfo(f.getDataLayout(), is_source_, is_same_));
    });
  });
  manager_.registerPass([] { return llvm::DominatorTreeAnalysis(); });
  manager_.registerPass([] { return llvm::CycleAnalysis(); });
  manager_.registerPass([] { return llvm::UniformityInfoAnalysis(); });
  manager_.registerPass([] { return llvm::PassInstrumentationAnalysis(); });
  info_ = &manager_.getResult<llvm::UniformityInfoAnalysis>(function);
}

Uniformity::Uniformity(llvm::Function& step_function, Test differs)
    : Uniformity(
          step_function,
          [step = step_function.getArg(1), differs = std::move(differs)](const llvm::Value* value) {
            return value == step || (differs && differs(value)) ||
                   llvm::isa<llvm::AllocaInst, llvm::AtomicRMWInst, llvm::AtomicCmpXchgInst>(value);
          },
          [](const llvm::Value*) { return false; }) {}

bool Uniformity::is_uniform(const llvm::Value* value) const {
  const auto* instruction = llvm::dyn_cast<llvm::Instruction>(value);
  return instruction ? info_->isUniform(instruction) : info_->isUniform(value);
}

}  // namespace anymetal::simt
