#include "runtime/tuned.h"

#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>

#include "backend/fork_guard.h"
#include "runtime/content_key.h"
#include "runtime/disk_cache.h"

namespace anymetal::runtime {
namespace {

constexpr std::string_view kKind = "tuned";

/// All that tells one launch of a kernel from another.
std::vector<uint64_t> sizes_of(const Launch& launch) {
  std::vector<uint64_t> sizes = {launch.grid.x,        launch.grid.y,        launch.grid.z,
                                 launch.threadgroup.x, launch.threadgroup.y, launch.threadgroup.z};
  for (const Argument& argument : launch.buffers) sizes.push_back(argument.size);
  sizes.push_back(launch.buffers.size());
  for (const uint32_t length : launch.threadgroup_lengths) sizes.push_back(length);
  return sizes;
}

}  // namespace

std::string tuning_key(const Device& device, const Function& function, const Launch& launch) {
  const Library& library = *function.library();
  const language::Options& options = library.options();
  ContentKey key;
  key.add("tuned threadgroup").add(device.name()).add(function.name());
  key.add(static_cast<uint64_t>(device.settings().bounds));
  key.add(library.source().text).add(options.prefix).add(static_cast<uint64_t>(options.math_mode));
  for (const auto& [name, value] : options.macros) key.add(name).add(value);
  key.add(uint64_t{options.macros.size()});
  for (const language::ConstantValue& constant : function.constants())
    key.add(constant.name).add(uint64_t{constant.index}).add(constant.bytes);
  for (const uint64_t size : sizes_of(launch)) key.add(size);
  return key.hex();
}

void remember_tuning(const Settings& settings, const std::string& key, const std::string& name,
                     const std::string& text) {
  DiskCache(settings.cache_directory, settings.cache_limit_bytes).store(kKind, key, name, text);
}

std::optional<std::string> remembered_tuning(const Settings& settings, const std::string& key) {
  return DiskCache(settings.cache_directory, settings.cache_limit_bytes).load(kKind, key);
}

std::string tuned_text(Extent threadgroup) {
  return fmt::format("{} {} {}", threadgroup.x, threadgroup.y, threadgroup.z);
}

std::optional<Extent> parse_tuned(const std::string& text) {
  Extent size;
  if (std::sscanf(text.c_str(), "%u %u %u", &size.x, &size.y, &size.z) != 3) return std::nullopt;
  if (size.x == 0 || size.y == 0 || size.z == 0) return std::nullopt;
  return size;
}

bool TunedSizes::are_wanted() {
  static const bool wanted = [] {
    const char* value = std::getenv("ANYMETAL_TUNED");
    return value && std::string_view(value) == "1";
  }();
  return wanted;
}

Extent TunedSizes::size_for(const Device& device, const Function& function, const Launch& launch) {
  const backend::ForkGuard guard;
  const std::lock_guard lock(mutex_);
  const auto [entry, is_new] = known_.try_emplace(sizes_of(launch), launch.threadgroup);
  if (!is_new) return entry->second;
  const auto text = remembered_tuning(device.settings(), tuning_key(device, function, launch));
  if (const auto size = text ? parse_tuned(*text) : std::nullopt) entry->second = *size;
  return entry->second;
}

}  // namespace anymetal::runtime
