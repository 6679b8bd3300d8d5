// What our C++ API takes for a launch, and for the first run of a small kernel: answers each line
// of stdin (launch, cold, disk) with the seconds of one. bench/peers/peer_anymetal.py asks.
#include <unistd.h>

#include <anymetal/library.hpp>
#include <chrono>
#include <cstdio>
#include <iostream>
#include <string>
#include <vector>

#include "runtime/runtime.h"

namespace {

namespace runtime = anymetal::runtime;

double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

const std::string head = "#include <metal_stdlib>\nusing namespace metal;\n";

// One threadgroup of 32, launched and waited for.
double launch() {
  static const auto library =
      anymetal::Library::from_text(head + "kernel void nothing(device float* x) {}");
  static const auto kernel = library.kernel("nothing");
  static std::vector<float> x(32);
  const anymetal::MutableArrayView view(x.data(), {32});
  constexpr int times = 2000;
  const double start = now();
  for (int i = 0; i < times; ++i)
    kernel({.arguments = {view}, .threadgroups = {{1, 1, 1}}, .threadgroup = {{32, 1, 1}}});
  return (now() - start) / times;
}

constexpr const char* body =
    "kernel void small(device const float* x, device float* y, uint i "
    "[[thread_position_in_grid]]) { y[i] = exp(x[i]) * 2; }";

void run(const anymetal::Library& library) {
  static std::vector<float> x(1024), y(1024);
  library.kernel("small")({.arguments = {anymetal::ArrayView(x.data(), {1024}),
                                         anymetal::MutableArrayView(y.data(), {1024})},
                           .grid = {{1024, 1, 1}},
                           .threadgroup = {{256, 1, 1}}});
}

// A text that no process has seen.
double cold() {
  static int count = 0;
  const std::string text =
      head + "// " + std::to_string(::getpid()) + "." + std::to_string(++count) + "\n" + body;
  const double start = now();
  run(anymetal::Library::from_text(text));
  return now() - start;
}

// A device that has nothing in memory, as in a new process, and a text whose kernel is on disk.
double disk() {
  static std::vector<float> x(1024), y(1024);
  const anymetal::language::Source source{.text = head + body, .name = "small.metal"};
  const auto settings = runtime::Settings::from_environment();
  const double start = now();
  auto device = runtime::Device::create(settings, runtime::Engine::system(settings));
  auto library = device->library(source);
  auto pipeline = device->pipeline((*library)->function("small").value()).value();
  const runtime::Argument buffers[] = {{x.data(), 4096}, {y.data(), 4096}};
  auto done = pipeline->run({.grid = {1024, 1, 1}, .threadgroup = {256, 1, 1}, .buffers = buffers});
  if (!done.ok()) throw std::runtime_error(done.error().message);
  return now() - start;
}

}  // namespace

int main() {
  std::string line;
  while (std::getline(std::cin, line)) {
    try {
      const double seconds = line == "launch" ? launch() : line == "cold" ? cold() : disk();
      std::printf("%.9f\n", seconds);
    } catch (const std::exception& error) {
      std::printf("fails: %s\n", error.what());
    }
    std::fflush(stdout);
  }
  return 0;
}
