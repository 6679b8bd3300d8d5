// Metal text in, the interface of each kernel and the IR of one thread out. Clang 19 runs in
// process; nothing is written to disk. Thread-safe: different libraries may be parsed at once, and
// one ParsedLibrary emits one kernel at a time (it locks itself).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ir/kernel_interface.h"
#include "support/private_api.h"
#include "support/result.h"

namespace anymetal {
struct ThreadIr;  // ir/thread_ir.h, for those who call emit: it brings LLVM's headers
}

namespace anymetal::language {

struct SyntaxTree;  // language/syntax_tree.h, for those who look at it: it brings Clang's headers

/// From `offset` on, the text is line `line` of `file` ("softcap.source"), until the next mark. A
/// mark stands at the start of a line, so columns need no map. Text before the first mark, or after
/// a mark with an empty file, is ours: diagnostics there are reported at the nearest place of the
/// user.
struct LineMark {
  size_t offset = 0;
  std::string file;
  uint32_t line = 1;
};

struct Source {
  std::string text;
  std::string name = "kernel.metal";  ///< names the text where no mark applies
  std::vector<LineMark> marks;
};

struct Options {
  MathMode math_mode = MathMode::safe;
  std::vector<std::pair<std::string, std::string>> macros;
  std::vector<std::string> include_dirs;
  /// Headers that stand before the text, as `#include` would put them (MLX's helpers); compiled
  /// once and remembered by content. Same rewrite as the text's own.
  std::string prefix;
};

/// What a function constant is set to.
struct ConstantValue {
  std::string name;  ///< or empty: by index
  uint32_t index = 0;
  std::string bytes;  ///< in the constant's own type
};

/// A parsed text: all kernels known, none compiled.
class ParsedLibrary {
 public:
  virtual ~ParsedLibrary() = default;
  [[nodiscard]] virtual std::span<const KernelInterface> kernels() const = 0;
  [[nodiscard]] virtual std::span<const Diagnostic> warnings() const = 0;
  /// Of the whole text, used or not, in the order of their indices.
  [[nodiscard]] virtual std::span<const FunctionConstant> constants() const { return {}; }
  /// The IR of one thread of one kernel, and nothing that this kernel doesn't reach. Not optimised.
  [[nodiscard]] virtual Result<ThreadIr> emit(std::string_view kernel,
                                              std::span<const ConstantValue> constants = {}) = 0;
  /// Lends Clang's tree of the whole text (language/syntax_tree.h) for the time of the call.
  /// Nothing of it may be kept or changed.
  [[nodiscard]] virtual Result<void> look_at_tree(
      const std::function<void(const SyntaxTree&)>& look) {
    static_cast<void>(look);
    return internal_error("this library has no tree");
  }
  /// The text after the token rewrite, for `anymetal compile --emit=tokens`.
  [[nodiscard]] virtual std::string rewritten_text() const = 0;
};

/// Errors: ErrorKind::user with a diagnostic for each place; ErrorKind::unsupported for Metal that
/// isn't there yet; ErrorKind::stopped if this thread was asked to end (support/stop_flag.h), which
/// `emit` may give too.
[[nodiscard]] ANYMETAL_PRIVATE_API Result<std::shared_ptr<ParsedLibrary>> parse(
    const Source& source, const Options& options);

/// Changes whenever the same text could give other IR: version of this room, of Clang, of the
/// embedded standard library. Part of every cache key.
[[nodiscard]] ANYMETAL_PRIVATE_API std::string_view language_version();

}  // namespace anymetal::language
