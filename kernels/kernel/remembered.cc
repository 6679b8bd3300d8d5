#include "kernel/remembered.h"

#include <unistd.h>

#include <cctype>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <thread>

#include "mlx/mlx.h"
#include "support/cache_folder.h"

namespace anymetal::kernels {
namespace {

namespace fs = std::filesystem;
namespace mx = ::mlx::core;

/// What compiled for the device when the rest was found.
constexpr const char* kCompiler = "compiler";

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

fs::path folder() {
  const std::string all = cache_folder(variable);
  return all.empty() ? fs::path() : fs::path(all) / "kernels";
}

std::string text_of(const char* name) {
  const auto& info = mx::device_info(mx::Device::gpu);
  const auto found = info.find(name);
  const auto* text = found == info.end() ? nullptr : std::get_if<std::string>(&found->second);
  return text ? *text : "";
}

/// All that decides about speed: the device, its threads, and the settings that change its code.
std::string device_key() {
  std::string key;
  for (const char* name : {"device_name", "architecture"}) key += text_of(name) + "-";
  key += std::to_string(std::thread::hardware_concurrency());
  for (const char* name :
       {"ANYMETAL_EXECUTOR", "ANYMETAL_BOUNDS", "ANYMETAL_CPU", "ANYMETAL_THREADS"})
    key += "-" + variable(name);
  for (char& letter : key) {
    if (!std::isalnum(static_cast<unsigned char>(letter))) letter = '_';
  }
  return key;
}

std::map<std::string, std::string> read(const fs::path& path) {
  std::map<std::string, std::string> found;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    const auto colon = line.find(": ");
    if (colon != std::string::npos) found[line.substr(0, colon)] = line.substr(colon + 2);
  }
  // What was fastest with other code needn't be now.
  if (found[kCompiler] != text_of("compiler")) found.clear();
  found[kCompiler] = text_of("compiler");
  return found;
}

}  // namespace

std::optional<std::string> recall(std::string_view key) {
  const auto place = folder();
  if (place.empty()) return std::nullopt;
  const auto known = read(place / (device_key() + ".txt"));
  const auto found = known.find(std::string(key));
  return found == known.end() ? std::nullopt : std::optional(found->second);
}

void remember(std::string_view key, std::string_view value) {
  const auto place = folder();
  if (place.empty()) return;
  std::error_code ignored;
  fs::create_directories(place, ignored);
  const auto path = place / (device_key() + ".txt");
  auto known = read(path);
  known[std::string(key)] = value;
  // Beside it first, then in its place: other processes see the old file or the new one.
  const auto made = path.string() + "." + std::to_string(getpid());
  {
    std::ofstream file(made);
    for (const auto& [name, what] : known) file << name << ": " << what << "\n";
    if (!file) return;
  }
  fs::rename(made, path, ignored);
}

}  // namespace anymetal::kernels
