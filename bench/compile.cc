// What a compilation costs, stage by stage, for kernels of different sizes: parse (Clang to its
// tree), emit (tree to IR), passes (over the IR), code generation, linking; and the same kernel
// from the cache on disk. The large ones are MLX's own, out of its wheel's headers
// (ANYMETAL_MLX_INCLUDE), put into one text with its #include lines, as MLX itself does it.
#include <benchmark/benchmark.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "runtime/code_text.h"

namespace {

namespace language = anymetal::language;
namespace runtime = anymetal::runtime;

struct Subject {
  const char* name;
  std::vector<const char*> headers;  ///< of MLX's folder of kernels
  const char* text;
  std::vector<language::ConstantValue> constants;
  runtime::Extent threadgroup = {256};
};

language::ConstantValue constant(uint32_t index, std::string bytes = std::string(1, '\0')) {
  return {.name = "", .index = index, .bytes = std::move(bytes)};
}

const std::vector<Subject>& subjects() {
  static const std::vector<Subject> all = {
      {"myexp",
       {},
       "kernel void k(device const float* inp [[buffer(0)]], device float* out [[buffer(1)]], "
       "uint i [[thread_position_in_grid]]) { out[i] = metal::exp(inp[i]); }\n",
       {},
       {256}},
      {"sdpa_vector",
       {"utils.h", "sdpa_vector.h"},
       "template [[host_name(\"k\")]] [[kernel]] decltype(sdpa_vector<half, 128, 128>) "
       "sdpa_vector<half, 128, 128>;\n",
       {constant(20), constant(21), constant(22), constant(23), constant(24), constant(25),
        constant(26, std::string("\1\0\0\0", 4))},
       {1024}},
      {"affine_qmv",
       {"utils.h", "steel/gemm/gemm.h", "quantized_utils.h", "quantized.h"},
       "template [[host_name(\"k\")]] [[kernel]] decltype(affine_qmv<half, 64, 4, false>) "
       "affine_qmv<half, 64, 4, false>;\n",
       {},
       {32, 2}},
      {"steel_gemm",
       {"utils.h", "steel/gemm/gemm.h", "steel/gemm/kernels/steel_gemm_fused.h"},
       "template [[host_name(\"k\")]] [[kernel]] decltype(gemm<half, 64, 64, 16, 2, 2, false, "
       "false, float>) gemm<half, 64, 64, 16, 2, 2, false, false, float>;\n",
       {constant(10), constant(100), constant(110), constant(200), constant(201), constant(202)},
       {32, 2, 2}},
      {"steel_attention",
       {"utils.h", "steel/attn/kernels/steel_attention.h"},
       "template [[host_name(\"k\")]] [[kernel]] decltype(attention<half, 32, 16, 128, 128, 4, 1, "
       "half, "
       "float>) attention<half, 32, 16, 128, 128, 4, 1, half, float>;\n",
       {constant(200), constant(201), constant(300), constant(301), constant(302), constant(303)},
       {32, 4}},
  };
  return all;
}

/// Puts a header of MLX's into `out`, after all that it includes of MLX's; each once.
bool flatten(const std::filesystem::path& root, const std::string& path,
             std::set<std::string>& seen, std::string& out) {
  if (!seen.insert(path).second) return true;
  std::ifstream file(root / path);
  if (!file) return false;
  static const std::regex include("^ *# *include *\"(mlx/.*)\"");
  for (std::string line; std::getline(file, line);) {
    std::smatch match;
    if (std::regex_search(line, match, include)) {
      if (!flatten(root, match[1], seen, out)) return false;
    } else if (line.find("#pragma once") == std::string::npos) {
      out += line + "\n";
    }
  }
  return true;
}

bool make_source(const Subject& subject, language::Source& source) {
  const char* root = std::getenv("ANYMETAL_MLX_INCLUDE");
  std::set<std::string> seen;
  source.name = std::string(subject.name) + ".metal";
  source.text = "#include <metal_stdlib>\n";
  for (const char* header : subject.headers) {
    if (!root ||
        !flatten(root, std::string("mlx/backend/metal/kernels/") + header, seen, source.text))
      return false;
  }
  source.text += subject.text;
  return true;
}

void cold(benchmark::State& state, const Subject& subject) {
  language::Source source;
  if (!make_source(subject, source)) return state.SkipWithError("MLX's headers aren't there");
  const runtime::Settings settings = runtime::Settings::from_environment();
  runtime::StageTimes sum;
  bool first = true;  // Clang's own start-up is not the kernel's
  for (auto _ : state) {
    if (first) {
      state.PauseTiming();
      const auto warm =
          runtime::time_stages(source, {}, "k", subject.constants, settings, subject.threadgroup);
      if (!warm.ok()) {
        state.SkipWithError(warm.error().text().substr(0, 300).c_str());
        break;
      }
      first = false;
      state.ResumeTiming();
    }
    const auto times =
        runtime::time_stages(source, {}, "k", subject.constants, settings, subject.threadgroup);
    sum.parse += times->parse;
    sum.emit += times->emit;
    sum.passes += times->passes;
    sum.code_generation += times->code_generation;
    sum.linking += times->linking;
  }
  const auto mean = benchmark::Counter::kAvgIterations;
  state.counters["parse"] = {sum.parse, mean};
  state.counters["emit"] = {sum.emit, mean};
  state.counters["passes"] = {sum.passes, mean};
  state.counters["code"] = {sum.code_generation, mean};
  state.counters["link"] = {sum.linking, mean};
}

/// A device that knows nothing, and a folder that has the kernel: as in the second process. Code is
/// made for threadgroups, so it is loaded for a launch: of one, on buffers of zeros, which are
/// sizes of nothing to these kernels.
void from_disk(benchmark::State& state, const Subject& subject) {
  language::Source source;
  if (!make_source(subject, source)) return state.SkipWithError("MLX's headers aren't there");
  const runtime::Settings settings = runtime::Settings::from_environment();
  std::vector<uint8_t> zeros(4096);
  const auto open = [&] {
    auto device = runtime::Device::create(settings, runtime::Engine::system(settings));
    auto library = device->library(source);
    if (!library.ok()) return state.SkipWithError("no library");
    auto function = (*library)->function("k", subject.constants);
    if (!function.ok()) return state.SkipWithError("no function");
    auto pipeline = device->pipeline(*function);
    if (!pipeline.ok()) return state.SkipWithError("no pipeline");
    std::vector<runtime::Argument> buffers;
    for (const anymetal::Parameter& p : (*pipeline)->interface().parameters) {
      if (p.kind != anymetal::ParameterKind::buffer) continue;
      if (buffers.size() <= p.index) buffers.resize(p.index + 1);
      buffers[p.index] = {zeros.data(), zeros.size()};
    }
    const auto done = (*pipeline)->run({.grid = subject.threadgroup,
                                        .threadgroup = subject.threadgroup,
                                        .buffers = buffers,
                                        .threadgroup_lengths = {}});
    if (!done.ok()) state.SkipWithError(done.error().text().substr(0, 300).c_str());
  };
  open();
  for (auto _ : state) open();
}

}  // namespace

// In a cache of its own: nothing from before is found, and nothing stays.
int main(int argc, char** argv) {
  std::string folder = std::filesystem::temp_directory_path() / "anymetal-bench-XXXXXX";
  if (::mkdtemp(folder.data()) == nullptr) return 1;
  ::setenv("ANYMETAL_CACHE_DIR", folder.c_str(), 1);
  for (const Subject& subject : subjects()) {
    const std::string name = subject.name;
    benchmark::RegisterBenchmark((name + "/cold").c_str(), cold, subject)
        ->Unit(benchmark::kMillisecond);
    benchmark::RegisterBenchmark((name + "/disk").c_str(), from_disk, subject)
        ->Unit(benchmark::kMillisecond);
  }
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
  std::filesystem::remove_all(folder);
  return 0;
}
