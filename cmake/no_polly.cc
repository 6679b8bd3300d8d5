// Debian builds Clang with Polly linked in, and its static CodeGen library calls this function in
// each run of the optimiser. We use no Polly; a plug-in that registers nothing takes its place
// (static builds only, see llvm.cmake).
#include <llvm/Passes/PassPlugin.h>

llvm::PassPluginLibraryInfo getPollyPluginInfo() {
  return {LLVM_PLUGIN_API_VERSION, "no-polly", "1", [](llvm::PassBuilder&) {}};
}
