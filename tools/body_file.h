// A body as people keep it in a file: what mx.fast.metal_kernel is given besides the body stands in
// options, on the command line or in lines that start with //! at the top of the file:
//
//   //! --input x:float32[16] --output y:float32[16]
//   //! --template T=float32
//   uint i = thread_position_in_grid.x;
//   y[i] = T(metal::exp(x[i]));
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "anymetal/array.hpp"
#include "anymetal/library.hpp"
#include "api/signature.h"
#include "support/result.h"

namespace anymetal::tools {

/// The words of the //! lines at the top. The lines stay in the body, where they are comments, so
/// that line numbers hold.
[[nodiscard]] std::vector<std::string> leading_options(std::string_view text);

/// "x:float32[2, 3]": a name, a type and a shape; "x:float32" is a scalar (0-d).
struct NamedArray {
  std::string name;
  Dtype dtype = Dtype::float32;
  std::vector<uint64_t> shape;

  [[nodiscard]] api::InputType type() const;
};
/// Errors: user, with what is wrong and an example.
[[nodiscard]] Result<NamedArray> parse_array(std::string_view text);

/// "T=float32", "N=4", "FLAG=true".
[[nodiscard]] Result<std::pair<std::string, api::TemplateValue>> parse_template(
    std::string_view text);

/// "causal=true", "4=0.5": a function constant by its name or its index, and a number.
[[nodiscard]] Result<std::pair<ConstantKey, KernelArgument>> parse_constant(std::string_view text);

}  // namespace anymetal::tools
