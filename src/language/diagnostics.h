// Clang's diagnostics, translated: places are the user's files and lines, words are Metal's, and
// nothing points into text that the user never saw (the standard library, generated lines).
#pragma once

#include <clang/Basic/Diagnostic.h>

#include <set>
#include <string>
#include <vector>

#include "support/result.h"

namespace anymetal::language {

/// Names the parts of the text that are ours; a presumed file name that starts so is never shown.
inline constexpr const char* kOwnFile = "/anymetal/";

/// Where the rewrite can mend what Clang refuses (rewrite_conversions.cc).
struct Repairs {
  std::set<std::string> places;  ///< each a place_key
};

/// File and offset in which the token at `location` is spelled.
[[nodiscard]] std::string place_key(const clang::SourceManager& sources,
                                    clang::SourceLocation location);

class DiagnosticCollector : public clang::DiagnosticConsumer {
 public:
  /// The directories are named where a header isn't found.
  explicit DiagnosticCollector(std::vector<std::string> include_dirs)
      : include_dirs_(std::move(include_dirs)) {}

  void HandleDiagnostic(clang::DiagnosticsEngine::Level level,
                        const clang::Diagnostic& info) override;

  /// All that was said, errors and warnings; translated and complete.
  [[nodiscard]] std::vector<Diagnostic> take();
  [[nodiscard]] bool has_errors() const { return errors_ > 0; }
  /// Whether an error names something of Metal that isn't there yet.
  [[nodiscard]] bool has_unsupported() const { return unsupported_ > 0; }
  /// Errors that a second pass with repairs at these places may avoid.
  [[nodiscard]] const Repairs& wanted_repairs() const { return repairs_; }
  /// Adds a diagnostic of our own at a place of the text.
  void add(const clang::SourceManager& sources, clang::SourceLocation place, Severity severity,
           std::string message, bool unsupported = false);

 private:
  struct Entry {
    Diagnostic diagnostic;
    bool own_place = false;  ///< stands in our text: needs a place from its notes
    bool dropped = false;
  };
  void finish_group();
  void refuse_empty_pointer(Diagnostic& note);
  void describe_missing_header(const std::string& name, std::string& message) const;

  std::vector<std::string> include_dirs_;

  std::vector<Entry> group_;  ///< an error or warning and its notes
  std::string hint_;          ///< what to do about it: its last note
  std::vector<Diagnostic> done_;
  Repairs repairs_;
  unsigned errors_ = 0;
  unsigned unsupported_ = 0;
};

/// Clang's words to Metal's: "__global" to "device", "_Float16" to "half".
[[nodiscard]] std::string in_metal_words(std::string message);

/// Metal's names that this library doesn't have yet: "texture2d". Those get "not supported yet"
/// instead of "unknown".
[[nodiscard]] bool is_unsupported_metal_name(std::string_view name);

/// The place in the user's words; file empty if it stands in our text.
[[nodiscard]] Diagnostic place_of(const clang::SourceManager& sources,
                                  clang::SourceLocation location);

}  // namespace anymetal::language
