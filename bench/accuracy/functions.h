// What is measured: each function, how a kernel calls it, what it should give, and what Metal's
// specification promises of it (tables 8.1 to 8.5).
#pragma once

#include <mpfr.h>

#include <limits>
#include <span>
#include <string_view>

#include "format.h"

namespace anymetal::accuracy {

/// How inaccurate a function may be.
struct Bound {
  enum class Kind : uint8_t {
    nearest,  ///< correctly rounded, which here means to nearest even; "0 ulp" is the same
    ulps,     ///< `limit` units of the last place
    input,    ///< by the input: `limit_at`
    unstated  ///< the specification has none: held to `limit` all the same
  };
  Kind kind = Kind::unstated;
  double limit = 0.5;
  std::string_view text;  ///< in the specification's terms, for the table
  /// The limit in ulps, given the operands and what one ulp of the exact result is; infinite where
  /// the specification says nothing.
  double (*limit_at)(double x, double y, double ulp) = nullptr;
};

/// What the second and third operand are taken from.
enum class Operands : uint8_t { any, scale };

struct Function {
  std::string_view name;
  int arity = 1;
  /// Statement that sets T r from T x, y, z; @ stands for the namespace ("precise::"). May use the
  /// variables T other and int whole.
  std::string_view statement;
  Bound precise;      ///< float, table 8.1
  Bound fast;         ///< float in fast math, table 8.2
  Bound half;         ///< table 8.3
  Bound bfloat;       ///< table 8.4
  Bound bfloat_fast;  ///< table 8.5
  /// The exact value; `format` matters to functions that are about the format.
  void (*exact)(const Format& format, mpfr_t out, const mpfr_t x, const mpfr_t y, const mpfr_t z);
  /// The same, to a relative error below 2^-60.
  long double (*approximate)(const Format& format, long double x, long double y, long double z);
  /// Whether fast math defines the result for these finite operands; null: for all.
  bool (*fast_domain)(double x, double y) = nullptr;
  /// Whether any mode does; null: for all.
  bool (*domain)(double x, double y) = nullptr;
  Operands operands = Operands::any;
  /// Whether the sign of a zero result is defined.
  bool signed_zero = true;

  [[nodiscard]] bool has_namespaces() const {
    return statement.find('@') != std::string_view::npos;
  }
};

[[nodiscard]] std::span<const Function> functions();
[[nodiscard]] const Function* find_function(std::string_view name);

/// A function of one operand by glibc's double functions, to a relative error below 2^-49, or null
/// where glibc has none. The reference executor calls the same functions: they judge others.
[[nodiscard]] double (*double_form(std::string_view name))(double);

/// The bound of `function` for a type, with or without fast math.
[[nodiscard]] const Bound& bound_of(const Function& function, const Format& format, bool fast);

}  // namespace anymetal::accuracy
