#include "kernel/kernel.h"

#include <map>
#include <mutex>
#include <sstream>
#include <stdexcept>

#include "anymetal_kernels/api.h"
#include "kernel/kernel_text.h"

namespace anymetal::kernels {
namespace {

constexpr std::string_view kBody = "//// body";
constexpr std::string_view kUse = "//// use ";

const KernelFile& find_file(std::string_view name) {
  for (const auto& file : kernel_files()) {
    if (file.name == name) return file;
  }
  throw std::logic_error("anymetal_kernels: there is no kernel text " + std::string(name));
}

std::string trimmed(std::string_view text) {
  const auto begin = text.find_first_not_of(' ');
  if (begin == std::string_view::npos) return {};
  return std::string(text.substr(begin, text.find_last_not_of(' ') - begin + 1));
}

std::vector<std::string> split(std::string_view text, char at) {
  std::vector<std::string> parts;
  std::istringstream stream{std::string(text)};
  for (std::string part; std::getline(stream, part, at);) {
    if (auto word = trimmed(part); !word.empty()) parts.push_back(std::move(word));
  }
  return parts;
}

/// A line of the leading comment: `// key: value`.
void read_key(std::string_view line, KernelText& text) {
  const auto colon = line.find(": ");
  if (colon == std::string_view::npos || colon < 3) return;
  const auto key = line.substr(3, colon - 3), value = line.substr(colon + 2);
  if (key == "inputs") text.inputs = split(value, ',');
  if (key == "outputs") text.outputs = split(value, ',');
  if (key == "types") text.types = split(value, ',');
  if (key == "views") text.takes_views = value == "yes";
  if (key == "atomic") text.has_atomic_outputs = value == "yes";
  if (key == "instances") {
    for (auto& instance : split(value, '|')) text.instances.push_back(std::move(instance));
  }
}

mx::fast::CustomKernelFunction make_kernel(std::string_view name) {
  const auto text = read_kernel_text(name);
  return mx::fast::metal_kernel(text.name, text.inputs, text.outputs, text.body, text.header,
                                !text.takes_views, text.has_atomic_outputs);
}

/// Made once each, and never destroyed: at the process's end what they hold may be gone already.
const mx::fast::CustomKernelFunction& find_kernel(std::string_view name) {
  static std::mutex mutex;
  static auto& kernels = *new std::map<std::string, mx::fast::CustomKernelFunction, std::less<>>;
  std::lock_guard lock(mutex);
  auto found = kernels.find(name);
  if (found == kernels.end()) found = kernels.emplace(name, make_kernel(name)).first;
  return found->second;
}

constexpr const char* kNoBackEnd =
    "anymetal_kernels: MLX has no Metal back end in this process, and anymetal isn't active. In "
    "Python, `import anymetal` supplies one; a C++ program is linked to libanymetal_mlx.so before "
    "libmlx.so, or runs with LD_PRELOAD=libanymetal_mlx.so; on a Mac, MLX's own wheel has it.";

}  // namespace

std::vector<std::string> kernel_names() {
  std::vector<std::string> names;
  for (const auto& file : kernel_files()) names.emplace_back(file.name);
  return names;
}

KernelText read_kernel_text(std::string_view name) {
  KernelText result;
  result.name = name;
  std::istringstream lines{std::string(find_file(name).text)};
  bool is_leading = true, is_body = false;
  for (std::string line; std::getline(lines, line);) {
    if (!is_body && line == kBody) {
      is_body = true;
    } else if (is_body) {
      result.body += line + "\n";
    } else if (line.starts_with(kUse)) {
      is_leading = false;
      result.header += read_kernel_text(line.substr(kUse.size())).header;
    } else if (is_leading && line.starts_with("//")) {
      read_key(line, result);
    } else {
      is_leading = false;
      result.header += line + "\n";
    }
  }
  return result;
}

std::vector<mx::array> call_kernel(std::string_view name, const Launch& launch,
                                   const mx::StreamOrDevice& stream) {
  try {
    return find_kernel(name)(launch.inputs, launch.shapes, launch.dtypes,
                             {launch.grid[0], launch.grid[1], launch.grid[2]},
                             {launch.threadgroup[0], launch.threadgroup[1], launch.threadgroup[2]},
                             launch.arguments, launch.init_value, false, stream);
  } catch (const std::runtime_error& error) {
    // MLX's whole text, where it was built without Metal.
    if (std::string_view(error.what()).find("No Metal back-end") == std::string_view::npos) throw;
    throw NoBackEnd(kNoBackEnd);
  }
}

mx::array numbers(std::initializer_list<uint32_t> values) {
  return mx::array(values, mx::uint32);
}

}  // namespace anymetal::kernels
