#include "support/diagnostic.h"

#include <fmt/format.h>

#include <algorithm>

namespace anymetal {

namespace {

const char* severity_name(Severity severity) {
  switch (severity) {
    case Severity::note:
      return "note";
    case Severity::warning:
      return "warning";
    case Severity::error:
      return "error";
  }
  return "error";
}

// Spaces up to the column; tabs stay tabs, so that the caret lines up in every editor.
std::string padding(const std::string& text, size_t columns) {
  std::string spaces(std::min(columns, text.size()), ' ');
  for (size_t i = 0; i < spaces.size(); ++i)
    if (text[i] == '\t') spaces[i] = '\t';
  spaces.resize(columns, ' ');
  return spaces;
}

}  // namespace

std::string render(const Diagnostic& d) {
  std::string out;
  if (!d.file.empty()) {
    out += d.file;
    if (d.line) out += fmt::format(":{}", d.line);
    if (d.line && d.column) out += fmt::format(":{}", d.column);
    out += ": ";
  }
  out += fmt::format("{}: {}\n", severity_name(d.severity), d.message);
  if (d.line && !d.text.empty()) {
    out += fmt::format("{:>5} | {}\n", d.line, d.text);
    if (d.column) {
      out += fmt::format("      | {}^{}\n", padding(d.text, d.column - 1),
                         std::string(d.length > 1 ? d.length - 1 : 0, '~'));
    }
    if (d.column && !d.fix.empty())
      out += fmt::format("      | {}{}\n", padding(d.text, d.column - 1), d.fix);
  } else if (!d.fix.empty()) {
    out += fmt::format("      = {}\n", d.fix);
  }
  return out;
}

std::string render(std::span<const Diagnostic> diagnostics) {
  std::string out;
  for (const Diagnostic& d : diagnostics) out += render(d);
  return out;
}

}  // namespace anymetal
