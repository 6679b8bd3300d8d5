// Runs a kernel given as Metal text on the reference executor, for the tests of the standard
// library.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "backend/backend.h"
#include "language/language.h"

namespace anymetal {

template <class T>
backend::Argument argument(std::vector<T>& values) {
  return {values.data(), values.size() * sizeof(T)};
}

/// Parses `text` (the includes are put before it), which must be right, and runs its only kernel on
/// `threads` threads. False, and a test failure, if any step fails.
bool run_text(const std::string& text, std::vector<backend::Argument> arguments, uint32_t threads,
              uint32_t threadgroup = 32, MathMode mode = MathMode::safe,
              std::vector<std::string> include_dirs = {}, backend::MessageSink* messages = nullptr,
              uint64_t message_bytes = 1 << 20);

/// The error of a text that must be wrong.
Error parse_error(const std::string& text);

}  // namespace anymetal
