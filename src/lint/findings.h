// Findings as rules make them: each rule once at a place of the user's text, places in the words of
// the request.
#pragma once

#include <llvm/IR/DebugLoc.h>

#include <map>
#include <set>
#include <string>
#include <tuple>

#include "lint/lint.h"

namespace anymetal::lint {

/// What the texts of a request are called in diagnostics and debug locations.
struct TextNames {
  std::string text;
  std::string header;
};

/// A place in one of the user's texts; line 0: none.
struct Place {
  bool in_header = false;
  uint32_t line = 0;
  uint32_t column = 0;
  [[nodiscard]] bool ok() const { return line != 0; }
  auto operator<=>(const Place&) const = default;
};

class Findings {
 public:
  explicit Findings(TextNames names) : names_(std::move(names)) {}

  /// The innermost place of the user's on the way from an instruction out to the kernel. Code of
  /// the library and of included files has none of its own.
  [[nodiscard]] Place place_of(const llvm::DebugLoc& location) const;
  [[nodiscard]] Place place_in(std::string_view file, uint32_t line, uint32_t column) const;
  /// Whether the instruction itself stands in the user's text, and not in what it calls.
  [[nodiscard]] bool is_own(const llvm::DebugLoc& location) const;

  /// False: there was one already, or there is no place.
  bool add(std::string_view rule, const Place& place, std::string message, std::string remedy,
           std::vector<Fix> fixes = {});
  [[nodiscard]] bool has(std::string_view rule, const Place& place) const;

  /// Where what begins at a place ends, as the syntax tree knows it.
  void set_extent(const Place& place, uint32_t end_line, uint32_t end_column);
  /// Sorted, with ends. `request` gives the lines of what has no known end.
  [[nodiscard]] std::vector<Finding> take(const Request& request);

 private:
  TextNames names_;
  std::map<std::tuple<Place, std::string>, Finding> findings_;
  std::map<Place, std::pair<uint32_t, uint32_t>> extents_;
};

}  // namespace anymetal::lint
