// Errors as exceptions, at the edge of the public API.
#pragma once

#include "support/private_api.h"
#include "support/result.h"

namespace anymetal::api {

/// Throws KernelError.
[[noreturn]] ANYMETAL_PRIVATE_API void raise(const Error& error);

/// After the text has been compiled: what is the user's fault now are arguments and sizes, so
/// std::invalid_argument for these and KernelError for the rest.
[[noreturn]] void raise_at_call(const Error& error);

}  // namespace anymetal::api
