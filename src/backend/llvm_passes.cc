#include "backend/llvm_passes.h"

#include <llvm/IR/Verifier.h>
#include <llvm/Support/raw_ostream.h>
#include <llvm/Target/TargetMachine.h>

#include <cstdlib>
#include <string>

#include "backend/space_alias.h"

namespace anymetal::backend {

LlvmPasses::LlvmPasses(llvm::TargetMachine* machine) {
  llvm::PassBuilder builder(machine);
  if (machine) {
    // Whoever registers first is asked.
    functions_.registerPass([] { return SpaceAliasAnalysis(); });
    functions_.registerPass([&] {
      llvm::AAManager aliases = builder.buildDefaultAAPipeline();
      aliases.registerFunctionAnalysis<SpaceAliasAnalysis>();
      return aliases;
    });
  }
  builder.registerModuleAnalyses(modules_);
  builder.registerCGSCCAnalyses(cgscc_);
  builder.registerFunctionAnalyses(functions_);
  builder.registerLoopAnalyses(loops_);
  builder.crossRegisterProxies(loops_, functions_, cgscc_, modules_);
}

void LlvmPasses::run(llvm::Function& function, llvm::FunctionPassManager manager) {
  clear();
  manager.run(function, functions_);
  clear();
}

Result<void> verify(const llvm::Module& module, std::string_view after) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  if (llvm::verifyModule(module, &stream)) {
    return internal_error("the IR is broken after " + std::string(after) + ": " + stream.str());
  }
  return {};
}

bool verifies_each_pass() {
#ifdef NDEBUG
  static const bool each = [] {
    const char* value = std::getenv("ANYMETAL_VERIFY");
    return value && std::string_view(value) == "each";
  }();
  return each;
#else
  return true;
#endif
}

}  // namespace anymetal::backend
