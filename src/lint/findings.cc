#include "lint/findings.h"

#include <llvm/IR/DebugInfoMetadata.h>

#include <cctype>

namespace anymetal::lint {
namespace {

/// Behind the word that stands at a place, or behind one byte.
uint32_t end_of_word(std::string_view text, uint32_t line, uint32_t column) {
  size_t at = 0;
  for (uint32_t i = 1; i < line && at != std::string_view::npos; ++i) {
    at = text.find('\n', at);
    if (at != std::string_view::npos) ++at;
  }
  if (at == std::string_view::npos || column == 0) return column + 1;
  const size_t begin = at + column - 1;
  size_t end = begin;
  while (end < text.size() &&
         (std::isalnum(static_cast<unsigned char>(text[end])) || text[end] == '_'))
    ++end;
  return column + std::max<uint32_t>(1, static_cast<uint32_t>(end - begin));
}

}  // namespace

Place Findings::place_in(std::string_view file, uint32_t line, uint32_t column) const {
  if (file.empty()) return {};
  if (file == names_.text) return {false, line, std::max(column, 1u)};
  if (file == names_.header) return {true, line, std::max(column, 1u)};
  return {};
}

Place Findings::place_of(const llvm::DebugLoc& location) const {
  for (const llvm::DILocation* at = location.get(); at; at = at->getInlinedAt()) {
    const llvm::StringRef file = at->getFilename();
    const Place place = place_in({file.data(), file.size()}, at->getLine(), at->getColumn());
    if (place.ok()) return place;
  }
  return {};
}

bool Findings::is_own(const llvm::DebugLoc& location) const {
  const llvm::DILocation* at = location.get();
  if (!at) return false;
  const llvm::StringRef file = at->getFilename();
  return place_in({file.data(), file.size()}, at->getLine(), at->getColumn()).ok();
}

bool Findings::has(std::string_view rule, const Place& place) const {
  return findings_.contains({place, std::string(rule)});
}

bool Findings::add(std::string_view rule, const Place& place, std::string message,
                   std::string remedy, std::vector<Fix> fixes) {
  if (!place.ok()) return false;
  Finding finding{.rule = std::string(rule),
                  .range = {place.line, place.column, 0, 0},
                  .in_header = place.in_header,
                  .message = std::move(message),
                  .remedy = std::move(remedy),
                  .fixes = std::move(fixes)};
  return findings_.emplace(std::tuple(place, finding.rule), std::move(finding)).second;
}

void Findings::set_extent(const Place& place, uint32_t end_line, uint32_t end_column) {
  if (!place.ok()) return;
  auto& extent = extents_[place];
  extent = std::max(extent, std::pair(end_line, end_column));
}

std::vector<Finding> Findings::take(const Request& request) {
  std::vector<Finding> out;
  for (auto& [key, finding] : findings_) {
    const Place& place = std::get<0>(key);
    if (const auto found = extents_.find(place); found != extents_.end()) {
      finding.range.end_line = found->second.first;
      finding.range.end_column = found->second.second;
    } else {
      finding.range.end_line = place.line;
      finding.range.end_column =
          end_of_word(place.in_header ? request.header : request.text, place.line, place.column);
    }
    out.push_back(std::move(finding));
  }
  findings_.clear();
  return out;
}

}  // namespace anymetal::lint
