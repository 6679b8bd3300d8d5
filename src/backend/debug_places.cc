#include "backend/debug_places.h"

#include <llvm/IR/DebugInfo.h>
#include <llvm/IR/DebugInfoMetadata.h>
#include <llvm/IR/InstIterator.h>
#include <llvm/IR/Module.h>

#include <algorithm>

namespace anymetal::backend {

Place find_place(const llvm::DebugLoc& location, KernelImage& image) {
  for (const llvm::DILocation* at = location.get(); at; at = at->getInlinedAt()) {
    const std::string file = at->getFilename().str();
    if (at->getLine() == 0 || file.empty() || file.front() == '<') continue;
    const auto found = std::find(image.files.begin(), image.files.end(), file);
    const auto index = uint32_t(found - image.files.begin());
    if (found == image.files.end()) image.files.push_back(file);
    return {index, at->getLine()};
  }
  return {UINT32_MAX, 0};
}

void drop_places(llvm::Function& function) {
  llvm::DISubprogram* program = function.getSubprogram();
  if (!program || !function.getParent()->getNamedMetadata(kKeepPlaces)) {
    llvm::StripDebugInfo(*function.getParent());
    return;
  }
  llvm::LLVMContext& context = function.getContext();
  KernelImage image;
  for (llvm::Instruction& instruction : llvm::instructions(function)) {
    if (!instruction.getDebugLoc()) continue;
    const Place place = find_place(instruction.getDebugLoc(), image);
    llvm::DIScope* scope = program;
    if (place.line != 0) {
      auto* file = llvm::DIFile::get(context, image.files[place.file], "");
      scope = llvm::DILexicalBlockFile::get(context, program, file, 0);
    }
    instruction.setDebugLoc(llvm::DILocation::get(context, place.line, 0, scope));
  }
}

}  // namespace anymetal::backend
