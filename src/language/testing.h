// What this room's tests share.
#pragma once

#include <gtest/gtest.h>
#include <llvm/IR/Module.h>
#include <llvm/Support/raw_ostream.h>

#include <algorithm>
#include <string>

#include "ir/thread_ir.h"
#include "language/language.h"

namespace anymetal::language {

inline Source source_of(std::string text) {
  return {.text = std::move(text), .name = "kernel.metal", .marks = {}};
}

/// The error that `text` must give.
inline Error error_of(const std::string& text, const Options& options = {}) {
  auto parsed = parse(source_of(text), options);
  if (!parsed) return parsed.error();
  for (const auto& kernel : (*parsed)->kernels()) {
    auto ir = (*parsed)->emit(kernel.name);
    if (!ir) return ir.error();
  }
  ADD_FAILURE() << "compiled: " << text.substr(0, 500);
  return {};
}

/// The IR of the only kernel of `text`, which must be right.
inline ThreadIr emit_only(const std::string& text, const Options& options = {},
                          std::span<const ConstantValue> constants = {}) {
  auto parsed = parse(source_of(text), options);
  if (!parsed) {
    ADD_FAILURE() << parsed.error().text();
    return {};
  }
  EXPECT_EQ((*parsed)->kernels().size(), 1u);
  if ((*parsed)->kernels().empty()) return {};
  auto ir = (*parsed)->emit((*parsed)->kernels().front().name, constants);
  if (!ir) {
    ADD_FAILURE() << ir.error().text();
    return {};
  }
  return std::move(*ir);
}

inline std::string ir_text(const ThreadIr& ir) {
  std::string text;
  if (!ir.module) return text;
  llvm::raw_string_ostream stream(text);
  ir.module->print(stream, nullptr);
  return text;
}

/// Whether an error stands at line and column, with these words in its message.
inline testing::AssertionResult says(const Error& error, uint32_t line, uint32_t column,
                                     const std::string& words) {
  for (const auto& d : error.diagnostics) {
    if (d.severity == Severity::error && d.line == line && d.column == column &&
        d.message.find(words) != std::string::npos) {
      return testing::AssertionSuccess();
    }
  }
  return testing::AssertionFailure()
         << "not at " << line << ":" << column << " \"" << words << "\":\n"
         << error.text();
}

}  // namespace anymetal::language
