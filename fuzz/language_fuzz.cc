// Any bytes as Metal text: the language room returns a library or an error, and the process lives.
// What parses must also emit or refuse. `fuzz/corpus/language/` holds the seeds: one file for each
// kind of rewrite and error, and the texts of real kernels (of the tests, the examples, the
// guides).
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "ir/thread_ir.h"
#include "language/language.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace anymetal;
  language::Source source{.text = std::string(reinterpret_cast<const char*>(data), size),
                          .name = "fuzz.metal",
                          .marks = {}};
  // What stands before every kernel of metal_kernel, as far as it isn't MLX's.
  static const std::string prefix =
      "#include <metal_stdlib>\nusing namespace metal;\n"
      "typedef half float16_t;\ntypedef bfloat bfloat16_t;\n";
  auto parsed = language::parse(source, {.prefix = prefix});
  if (!parsed) {
    // A user's error has a place or says why; an internal error is a finding.
    if (parsed.error().kind == ErrorKind::internal) {
      std::fputs(parsed.error().text().c_str(), stderr);
      std::abort();
    }
    return 0;
  }
  for (const auto& kernel : (*parsed)->kernels()) {
    auto ir = (*parsed)->emit(kernel.name);
    if (ir || ir.error().kind != ErrorKind::internal) continue;
    std::fputs(ir.error().text().c_str(), stderr);
    std::abort();
  }
  return 0;
}
