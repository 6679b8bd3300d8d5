// `anymetal cache`: what the disk cache holds, with what `anymetal lint` keeps beside it.
#include <fmt/format.h>

#include <filesystem>
#include <iostream>
#include <system_error>
#include <vector>

#include "runtime/runtime.h"
#include "tools/commands.h"
#include "tools/terminal.h"

namespace anymetal::tools {
namespace {

namespace fs = std::filesystem;

/// Results of lint, a file each (python/anymetal/lint/kernel_cache.py).
std::vector<fs::path> results_of_lint(const std::string& cache_folder) {
  std::vector<fs::path> files;
  if (cache_folder.empty()) return files;
  std::error_code error;
  for (fs::recursive_directory_iterator at(fs::path(cache_folder) / "lint", error), end;
       !error && at != end; at.increment(error)) {
    if (at->path().extension() == ".json") files.push_back(at->path());
  }
  return files;
}

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
  uint64_t bytes = 0;
  std::error_code error;
  const auto results = results_of_lint(listing->directory);
  for (const fs::path& path : results) {
    const uintmax_t size = fs::file_size(path, error);
    if (!error) bytes += size;
  }
  if (!results.empty())
    std::cout << fmt::format("results of lint: {} ({})\n", results.size(), readable_size(bytes));
  return kWell;
}

int clear() {
  const auto settings = runtime::Settings::from_environment();
  const auto removed = runtime::clear_cache(settings);
  if (!removed) return report(removed.error());
  size_t results = 0;
  std::error_code error;
  for (const fs::path& path : results_of_lint(settings.cache_directory))
    results += fs::remove(path, error) ? 1 : 0;
  std::cout << fmt::format("removed {} entries", *removed)
            << (results ? fmt::format(", results of lint: {}\n", results) : "\n");
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
