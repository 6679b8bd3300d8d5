#include "backend/debug_places.h"

#include <llvm/IR/DebugInfoMetadata.h>

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

}  // namespace anymetal::backend
