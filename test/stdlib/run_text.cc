#include "run_text.h"

#include "../executor_under_test.h"
#include "ir/thread_ir.h"

namespace anymetal {
namespace {

language::Source source_of(const std::string& text) {
  return {.text = "#include <metal_stdlib>\nusing namespace metal;\n#line 1\n" + text,
          .name = "test.metal",
          .marks = {}};
}

}  // namespace

bool run_text(const std::string& text, std::vector<backend::Argument> arguments, uint32_t threads,
              uint32_t threadgroup, MathMode mode, std::vector<std::string> include_dirs,
              backend::MessageSink* messages, uint64_t message_bytes) {
  language::Options options;
  options.math_mode = mode;
  options.include_dirs = std::move(include_dirs);
  auto library = language::parse(source_of(text), options);
  if (!library) {
    ADD_FAILURE() << library.error().text();
    return false;
  }
  if ((*library)->kernels().size() != 1) {
    ADD_FAILURE() << "expected one kernel, found " << (*library)->kernels().size();
    return false;
  }
  auto ir = (*library)->emit((*library)->kernels()[0].name);
  if (!ir) {
    ADD_FAILURE() << ir.error().text();
    return false;
  }
  auto kernel = executor_under_test().compile(std::move(*ir), options_under_test({threadgroup}));
  if (!kernel) {
    ADD_FAILURE() << kernel.error().text();
    return false;
  }
  backend::Dispatch dispatch{.grid = {threads},
                             .threadgroup = {threadgroup},
                             .arguments = arguments,
                             .messages = messages,
                             .message_bytes = message_bytes};
  auto result = (*kernel)->run(dispatch);
  if (!result) ADD_FAILURE() << result.error().text();
  return result.ok();
}

Error parse_error(const std::string& text) {
  auto library = language::parse(source_of(text), {});
  if (!library) return library.error();
  for (const KernelInterface& kernel : (*library)->kernels()) {
    auto ir = (*library)->emit(kernel.name);
    if (!ir) return ir.error();
  }
  ADD_FAILURE() << "no error in: " << text;
  return {};
}

}  // namespace anymetal
