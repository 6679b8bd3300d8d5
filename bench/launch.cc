// What a launch costs, from the first one ever to the thousandth: the aims are 60 ms for a cold
// compilation of `myexp`, 3 ms from disk, 10 us from memory (call to dispatch).
#include <benchmark/benchmark.h>
#include <unistd.h>

#include <anymetal/metal_kernel.hpp>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "runtime/runtime.h"

namespace {

namespace runtime = anymetal::runtime;

anymetal::MetalKernelOptions myexp(const std::string& comment = "") {
  return {
      .name = "myexp",
      .input_names = {"inp"},
      .output_names = {"out"},
      .source = "uint i = thread_position_in_grid.x;\nout[i] = metal::exp(inp[i]);\n" + comment};
}

void launch(const anymetal::MetalKernel& kernel, std::vector<float>& x, std::vector<float>& y) {
  const int count = static_cast<int>(x.size());
  benchmark::DoNotOptimize(kernel({
      .inputs = {{x.data(), {count}}},
      .outputs = {{y.data(), {count}}},
      .grid = {count, 1, 1},
      .threadgroup = {32, 1, 1},
  }));
}

// Text that no process has seen: parse, code generation, one launch. MLX's helpers are in front, if
// its wheel is found.
void cold_compile(benchmark::State& state) {
  std::vector<float> x(32), y(32);
  launch(anymetal::metal_kernel(myexp("// first")), x,
         y);         // Clang's own start-up is not the kernel's
  static int n = 0;  // this function runs many times: a text must never come again
  for (auto _ : state)
    launch(anymetal::metal_kernel(
               myexp("// " + std::to_string(::getpid()) + "." + std::to_string(n++))),
           x, y);
}
BENCHMARK(cold_compile)->Unit(benchmark::kMillisecond);

// A device that knows nothing, and a folder that has the kernel: as in the second process.
void from_disk(benchmark::State& state) {
  const anymetal::language::Source source{
      .text =
          "#include <metal_stdlib>\nkernel void myexp(device const float* x [[buffer(0)]], "
          "device float* y [[buffer(1)]], uint i [[thread_position_in_grid]]) "
          "{ y[i] = metal::exp(x[i]); }",
      .name = "bench.metal"};
  const runtime::Settings settings = runtime::Settings::from_environment();
  for (auto _ : state) {
    auto device = runtime::Device::create(settings, runtime::Engine::system(settings));
    auto library = device->library(source);
    auto pipeline = device->pipeline((*library)->function("myexp").value());
    if (!pipeline.ok()) state.SkipWithError(pipeline.error().text().c_str());
  }
}
BENCHMARK(from_disk)->Unit(benchmark::kMicrosecond);

// metal_kernel's call to the end of a launch of one simdgroup.
void from_memory(benchmark::State& state) {
  std::vector<float> x(32), y(32);
  const auto kernel = anymetal::metal_kernel(myexp());
  for (auto _ : state) launch(kernel, x, y);
}
BENCHMARK(from_memory)->Unit(benchmark::kMicrosecond);

// The same without metal_kernel: checks, and the back end for one simdgroup.
void pipeline_run(benchmark::State& state) {
  auto& device = runtime::Device::system();
  auto library = device.library({.text = "kernel void f(device float* y [[buffer(0)]], uint i "
                                         "[[thread_position_in_grid]]) { y[i] = 1; }",
                                 .name = "bench.metal"});
  auto pipeline = device.pipeline((*library)->function("f").value()).value();
  std::vector<float> y(32);
  const runtime::Argument buffers[] = {{y.data(), 128}};
  for (auto _ : state) {
    auto result =
        pipeline->run({.grid = {32, 1, 1}, .threadgroup = {32, 1, 1}, .buffers = buffers});
    if (!result.ok()) state.SkipWithError(result.error().message.c_str());
  }
}
BENCHMARK(pipeline_run)->Unit(benchmark::kMicrosecond);

}  // namespace

// In a cache of its own: nothing from before is found, and nothing stays.
int main(int argc, char** argv) {
  std::string folder = std::filesystem::temp_directory_path() / "anymetal-bench-XXXXXX";
  if (::mkdtemp(folder.data()) == nullptr) return 1;
  ::setenv("ANYMETAL_CACHE_DIR", folder.c_str(), 1);
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
  std::filesystem::remove_all(folder);
  return 0;
}
