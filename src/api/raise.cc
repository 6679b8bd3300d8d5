#include "api/raise.h"

#include <stdexcept>

#include "anymetal/metal_kernel.hpp"

namespace anymetal::api {
namespace {

KernelError::Kind kind_of(const Error& error) {
  using Kind = KernelError::Kind;
  switch (error.kind) {
    case ErrorKind::user:
      return Kind::text;
    case ErrorKind::unsupported:
      return Kind::unsupported;
    case ErrorKind::execution:
      return Kind::execution;
    case ErrorKind::stopped:
      return Kind::stopped;
    case ErrorKind::environment:
      return Kind::environment;
    case ErrorKind::internal:
      return Kind::internal;
  }
  return Kind::internal;
}

}  // namespace

void raise(const Error& error) {
  throw KernelError(kind_of(error), error.text());
}

void raise_at_call(const Error& error) {
  if (error.kind == ErrorKind::user) throw std::invalid_argument(error.text());
  raise(error);
}

}  // namespace anymetal::api
