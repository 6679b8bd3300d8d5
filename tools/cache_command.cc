// `anymetal cache`: what the disk cache holds.
#include <fmt/format.h>

#include <iostream>

#include "runtime/runtime.h"
#include "tools/commands.h"
#include "tools/terminal.h"

namespace anymetal::tools {
namespace {

int list() {
  const auto listing = runtime::list_cache(runtime::Settings::from_environment());
  if (!listing) return report(listing.error());
  uint64_t total = 0;
  std::vector<std::vector<std::string>> rows{{"kind", "name", "size", "last used"}};
  const auto now = std::chrono::system_clock::now();
  for (const runtime::CacheEntry& entry : listing->entries) {
    total += entry.bytes;
    const auto age = std::chrono::duration_cast<std::chrono::seconds>(now - entry.last_used);
    rows.push_back(
        {entry.kind, entry.name, readable_size(entry.bytes), readable_age(age) + " ago"});
  }
  if (listing->directory.empty()) {
    std::cout << "the disk cache is off\n";
    return kWell;
  }
  if (rows.size() > 1) std::cout << table(rows, {2, 3});
  std::cout << fmt::format("{} entries, {} of at most {}, in {}\n", listing->entries.size(),
                           readable_size(total), readable_size(listing->limit_bytes),
                           listing->directory);
  return kWell;
}

int clear() {
  const auto removed = runtime::clear_cache(runtime::Settings::from_environment());
  if (!removed) return report(removed.error());
  std::cout << fmt::format("removed {} entries\n", *removed);
  return kWell;
}

}  // namespace

void add_cache(CLI::App& app, int& status) {
  CLI::App* command = app.add_subcommand("cache", "Lists or clears the disk cache of kernels");
  command->require_subcommand(1);
  command->add_subcommand("list", "What it holds, last used first")->callback([&status] {
    status = list();
  });
  command->add_subcommand("clear", "Removes every entry")->callback([&status] {
    status = clear();
  });
  command->footer(
      "Examples:\n  anymetal cache list\n  ANYMETAL_CACHE_DIR=/tmp/k anymetal cache clear");
}

}  // namespace anymetal::tools
