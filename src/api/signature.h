// The text of a kernel, as MLX writes it: from a body, a header, names and types, byte by byte what
// MLX's own metal_kernel hands to Metal's compiler, its faults included. A test compares it with
// what the installed MLX prints.
//
// Beside the text stand marks that lead from its lines back to those of the user ("softcap.source",
// line 5), so that no error ever shows generated text.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "anymetal/array.hpp"
#include "anymetal/math_mode.hpp"
#include "language/language.h"
#include "support/private_api.h"

namespace anymetal::api {

/// Inputs of fewer elements go to the constant address space.
inline constexpr uint64_t kConstantElements = 8;

/// What metal_kernel is given when it is made.
struct KernelDefinition {
  std::string name;
  std::vector<std::string> input_names;
  std::vector<std::string> output_names;
  std::string source;  ///< the body
  std::string header;
  bool ensure_row_contiguous = true;
  bool atomic_outputs = false;
  MathMode math_mode = MathMode::safe;
};

/// The small arrays that follow an input, because the body names them.
struct ShapeMentions {
  bool shape = false;    ///< NAME_shape: const constant int*
  bool strides = false;  ///< NAME_strides: const constant int64_t*
  bool ndim = false;     ///< NAME_ndim: const constant int&
  bool operator==(const ShapeMentions&) const = default;
};

/// What the text of the body alone decides. MLX looks for the bare words, in comments too.
struct BodyFacts {
  std::vector<ShapeMentions> inputs;  ///< one for each input name
  std::vector<std::string>
      attributes;  ///< the declarations, "  uint3 grid_size [[grid_size]]", in MLX's order
};
[[nodiscard]] ANYMETAL_PRIVATE_API BodyFacts read_body(std::string_view source,
                                                       std::span<const std::string> input_names);

/// What of an input shows in the text.
struct InputType {
  Dtype dtype = Dtype::float32;
  uint64_t ndim = 0;
  uint64_t size = 1;  ///< elements
};

using TemplateValue = std::variant<int, bool, Dtype>;
using TemplateArguments = std::vector<std::pair<std::string, TemplateValue>>;

/// How MLX makes a kernel's name from template arguments; releases differ.
enum class Naming : uint8_t {
  minus_kept,      ///< up to 0.32.3: a negative int gives a name that doesn't compile
  minus_replaced,  ///< from 0.32.4: by an underscore
};
/// "0.32.4" → its naming. What can't be read counts as newest.
[[nodiscard]] ANYMETAL_PRIVATE_API Naming naming_of(std::string_view mlx_version);

struct CallTypes {
  std::span<const InputType> inputs;
  std::span<const Dtype> outputs;
  const TemplateArguments* template_arguments = nullptr;  ///< null: none
  Naming naming = Naming::minus_replaced;
};

struct Signature {
  std::string name;         ///< the user's: "myexp"
  std::string kernel_name;  ///< MLX's: "custom_kernel_myexp_float_float16_t"
  std::string text;
  std::vector<language::LineMark> marks;
  std::vector<ShapeMentions> inputs;
  MathMode math_mode = MathMode::safe;
  /// Why the text can't compile although header and body may be right: a fault of the generator.
  /// Empty: none is known.
  std::string fault;
  /// What may explain an error, should there be one.
  std::string hint;
  /// What the body can name, for errors: "input ('x'), output ('y') or template argument".
  std::string names;
};

/// `types` has one entry for each name of the definition; `facts` is read_body of it.
[[nodiscard]] ANYMETAL_PRIVATE_API Signature write_signature(const KernelDefinition& definition,
                                                             const BodyFacts& facts,
                                                             const CallTypes& types);

/// "float16_t": MLX's name of the type in kernels.
[[nodiscard]] ANYMETAL_PRIVATE_API std::string_view metal_type(Dtype dtype);

}  // namespace anymetal::api
