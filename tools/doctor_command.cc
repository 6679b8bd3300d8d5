// `anymetal doctor`: what was found on this machine, and whether a kernel runs on it.
#include <fmt/format.h>

#include <array>
#include <chrono>
#include <fstream>
#include <iostream>
#include <regex>

#include "api/mlx_prefix.h"
#include "runtime/runtime.h"
#include "tools/commands.h"
#include "tools/terminal.h"

namespace anymetal::tools {
namespace {

using Rows = std::vector<std::vector<std::string>>;

constexpr std::string_view kSelfTest = R"(
#include <metal_stdlib>
using namespace metal;
kernel void self_test(device const float* x [[buffer(0)]], device float* y [[buffer(1)]],
                      uint i [[thread_position_in_grid]]) {
  threadgroup float shared[64];
  shared[i] = x[i];
  threadgroup_barrier(mem_flags::mem_threadgroup);
  y[i] = shared[63 - i] + simd_sum(1.0f);
}
)";

/// Compiles and runs a kernel with a barrier and a simdgroup function, and looks at its numbers.
Result<void> self_test() {
  runtime::Device& device = runtime::Device::system();
  const language::Source source{.text = std::string(kSelfTest), .name = "self_test.metal"};
  ANYMETAL_ASSIGN_OR_RETURN(const auto library, device.library(source));
  ANYMETAL_ASSIGN_OR_RETURN(const auto function, library->function("self_test"));
  ANYMETAL_ASSIGN_OR_RETURN(const auto pipeline, device.pipeline(function));
  std::array<float, 64> x{};
  std::array<float, 64> y{};
  for (size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(i);
  const runtime::Argument buffers[] = {{x.data(), sizeof x}, {y.data(), sizeof y}};
  ANYMETAL_RETURN_IF_ERROR(
      pipeline->run({.grid = {64, 1, 1}, .threadgroup = {64, 1, 1}, .buffers = buffers}));
  for (size_t i = 0; i < y.size(); ++i) {
    if (y[i] != x[63 - i] + 32) {
      return internal_error(
          fmt::format("the self-test gave {} for thread {}, not {}", y[i], i, x[63 - i] + 32));
    }
  }
  return {};
}

std::string mlx_version(const std::string& include_dir) {
  std::ifstream stream(include_dir + "/mlx/version.h");
  const std::string text((std::istreambuf_iterator<char>(stream)), {});
  std::string version;
  for (const char* part : {"MAJOR", "MINOR", "PATCH"}) {
    std::smatch match;
    const std::regex line(fmt::format("MLX_VERSION_{}\\s+(\\d+)", part));
    if (!std::regex_search(text, match, line)) return "unknown version";
    version += (version.empty() ? "" : ".") + match[1].str();
  }
  return version;
}

void add_mlx(Rows& rows) {
  const std::string include_dir = api::mlx_include_dir();
  if (include_dir.empty()) {
    rows.push_back({"MLX", "not found; Python scripts need it: pip install \"mlx[cpu]\""});
  } else {
    rows.push_back({"MLX", fmt::format("{}, {}", mlx_version(include_dir), include_dir)});
  }
}

void add_cache_row(Rows& rows, const runtime::Settings& settings) {
  const auto listing = runtime::list_cache(settings);
  if (!listing) {
    rows.push_back({"disk cache", listing.error().message});
  } else if (listing->directory.empty()) {
    rows.push_back({"disk cache", "off"});
  } else {
    uint64_t bytes = 0;
    for (const auto& entry : listing->entries) bytes += entry.bytes;
    rows.push_back(
        {"disk cache", fmt::format("{}: {} entries, {} of at most {}", listing->directory,
                                   listing->entries.size(), readable_size(bytes),
                                   readable_size(listing->limit_bytes))});
  }
}

int doctor() {
  runtime::Device& device = runtime::Device::system();
  const runtime::Settings& settings = device.settings();
  const char* bounds[] = {"error", "robust", "off"};
  Rows rows{
      {"anymetal", ANYMETAL_VERSION},
      {"device", device.name()},
      {"architecture", device.architecture()},
      {"executor", settings.executor},
      {"back end", runtime::Engine::system(settings).backend->version()},
      {"bounds", bounds[static_cast<int>(settings.bounds)]},
  };
  add_mlx(rows);
  add_cache_row(rows, settings);
  std::cout << table(rows) << std::flush;
  if (settings.invalid) return report(*settings.invalid);

  const auto start = std::chrono::steady_clock::now();
  const auto tested = self_test();
  const std::chrono::duration<double, std::milli> time = std::chrono::steady_clock::now() - start;
  if (!tested) {
    std::cout << "self-test     " << coloured(Colour::red, "failed", 1) << std::endl;
    return report(tested.error());
  }
  std::cout << fmt::format("self-test     {}: a kernel with a barrier and simd_sum, {:.1f} ms\n",
                           coloured(Colour::green, "well", 1), time.count());
  return kWell;
}

}  // namespace

void add_doctor(CLI::App& app, int& status) {
  CLI::App* command = app.add_subcommand(
      "doctor", "Says what was found on this machine, and runs a kernel as a test");
  command->callback([&status] { status = doctor(); });
}

}  // namespace anymetal::tools
