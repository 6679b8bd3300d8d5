#include "simt/simt.h"

namespace anymetal::simt {

Result<Report> vectorize(llvm::Function& entry, const Options& options) {
  return unsupported_error("vector code is not supported yet");
}

}  // namespace anymetal::simt
