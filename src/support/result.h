// A value or an error. Rooms below the public API return these; nothing in the house throws, prints
// or aborts over what a user can get wrong. Exceptions start at the edges (metal_kernel, the MLX
// adapter, Python).
#pragma once

#include <cassert>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "support/diagnostic.h"

namespace anymetal {

enum class ErrorKind : uint8_t {
  user,         ///< the input is wrong: text, arguments, sizes
  unsupported,  ///< the input is legal Metal, but we can't do it yet; the message says "not
                ///< supported yet"
  execution,    ///< the kernel did something wrong while it ran (an access outside a buffer)
  stopped,      ///< the run or the compilation was stopped: Ctrl-C, a time limit
  environment,  ///< the machine lacks something: memory, a file, MLX
  internal,     ///< our bug; the message asks for a report
};

struct Error {
  ErrorKind kind = ErrorKind::internal;
  std::string message;                  ///< one line: what happened, where, what to do
  std::vector<Diagnostic> diagnostics;  ///< the places, if the text is to blame

  /// The message, and below it each diagnostic with its source line.
  [[nodiscard]] std::string text() const {
    std::string out = message;
    if (!diagnostics.empty()) out += "\n" + render(diagnostics);
    return out;
  }
};

[[nodiscard]] inline Error user_error(std::string message) {
  return {ErrorKind::user, std::move(message), {}};
}
[[nodiscard]] inline Error unsupported_error(std::string message) {
  return {ErrorKind::unsupported, std::move(message), {}};
}
[[nodiscard]] inline Error internal_error(std::string message) {
  return {ErrorKind::internal,
          "internal error of anymetal (please report it): " + std::move(message),
          {}};
}

template <class T>
class [[nodiscard]] Result {
 public:
  using value_type = T;

  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}

  [[nodiscard]] bool ok() const { return state_.index() == 0; }
  explicit operator bool() const { return ok(); }

  T& value() & {
    assert(ok());
    return std::get<0>(state_);
  }
  const T& value() const& {
    assert(ok());
    return std::get<0>(state_);
  }
  T&& value() && {
    assert(ok());
    return std::get<0>(std::move(state_));
  }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

  const Error& error() const& {
    assert(!ok());
    return std::get<1>(state_);
  }
  Error&& error() && {
    assert(!ok());
    return std::get<1>(std::move(state_));
  }

 private:
  std::variant<T, Error> state_;
};

/// Success, or an error.
template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  Result(Error error) : error_(std::move(error)), ok_(false) {}
  [[nodiscard]] bool ok() const { return ok_; }
  explicit operator bool() const { return ok_; }
  const Error& error() const& {
    assert(!ok_);
    return error_;
  }
  Error&& error() && {
    assert(!ok_);
    return std::move(error_);
  }

 private:
  Error error_;
  bool ok_ = true;
};

}  // namespace anymetal

#define ANYMETAL_CONCATENATE_(a, b) a##b
#define ANYMETAL_CONCATENATE(a, b) ANYMETAL_CONCATENATE_(a, b)

/// Returns the error of EXPRESSION (a Result) from the enclosing function, if it has one.
#define ANYMETAL_RETURN_IF_ERROR(expression)                                           \
  do {                                                                                 \
    if (auto result_ = (expression); !result_.ok()) return std::move(result_).error(); \
  } while (false)

/// `ANYMETAL_ASSIGN_OR_RETURN(auto x, f());`: x gets the value, or the enclosing function returns
/// the error.
#define ANYMETAL_ASSIGN_OR_RETURN(declaration, expression) \
  ANYMETAL_ASSIGN_OR_RETURN_(ANYMETAL_CONCATENATE(result_, __LINE__), declaration, expression)
#define ANYMETAL_ASSIGN_OR_RETURN_(result, declaration, expression) \
  auto result = (expression);                                       \
  if (!result.ok()) return std::move(result).error();               \
  declaration = std::move(result).value()
