#include "backend/cpu/math/math_library.h"

#include <llvm/Bitcode/BitcodeReader.h>
#include <llvm/IR/Function.h>
#include <llvm/Linker/Linker.h>
#include <llvm/Support/MemoryBuffer.h>

#include <string>
#include <vector>

namespace anymetal::backend {
namespace {

/// Attributes of the machine that compiled the library say nothing here, and would keep functions
/// from being inlined into kernels.
void set_attributes(llvm::Function& function) {
  function.setAttributes({});
  for (const auto kind :
       {llvm::Attribute::AlwaysInline, llvm::Attribute::NoUnwind, llvm::Attribute::WillReturn,
        llvm::Attribute::NoSync, llvm::Attribute::NoFree, llvm::Attribute::NoRecurse})
    function.addFnAttr(kind);
  function.setMemoryEffects(llvm::MemoryEffects::none());
  function.setLinkage(llvm::GlobalValue::InternalLinkage);
  function.setDSOLocal(true);
}

}  // namespace

Result<void> link_math(llvm::Module& module) {
  const llvm::MemoryBufferRef bytes({math_bitcode().data(), math_bitcode().size()}, "math");
  auto library = llvm::getLazyBitcodeModule(bytes, module.getContext());
  if (!library) return internal_error("the math library: " + llvm::toString(library.takeError()));
  // Both are for the host, whatever they say of it.
  (*library)->setTargetTriple(module.getTargetTriple());
  (*library)->setDataLayout(module.getDataLayout());
  for (const char* name : {"llvm.module.flags", "llvm.ident"}) {
    if (llvm::NamedMDNode* node = (*library)->getNamedMetadata(name))
      (*library)->eraseNamedMetadata(node);
  }
  std::vector<std::string> wanted;
  for (const llvm::Function& function : module) {
    if (!function.isDeclaration() || function.use_empty()) continue;
    const llvm::Function* definition = (*library)->getFunction(function.getName());
    if (definition && !definition->isDeclaration() && !definition->isIntrinsic())
      wanted.push_back(function.getName().str());
  }
  if (wanted.empty()) return {};
  if (llvm::Linker::linkModules(module, std::move(*library), llvm::Linker::LinkOnlyNeeded))
    return internal_error("the math library can't be linked into a kernel's module");
  for (const std::string& name : wanted) set_attributes(*module.getFunction(name));
  return {};
}

}  // namespace anymetal::backend
