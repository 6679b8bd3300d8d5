// exp of an array by a Metal kernel, from C++ without MLX. Prints the largest error against
// std::exp.
#include <algorithm>
#include <anymetal/metal_kernel.hpp>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <vector>

int main() try {
  const auto kernel = anymetal::metal_kernel({
      .name = "myexp",
      .input_names = {"inp"},
      .output_names = {"out"},
      .source = "uint i = thread_position_in_grid.x;\n"
                "out[i] = metal::exp(inp[i]);\n",
  });

  std::vector<float> x(4096);
  for (size_t i = 0; i < x.size(); ++i) x[i] = -8.0f + 16.0f * static_cast<float>(i) / x.size();
  const auto start = std::chrono::steady_clock::now();
  const auto outputs = kernel({
      .inputs = {{x.data(), {64, 64}}},
      .output_shapes = {{64, 64}},
      .output_dtypes = {anymetal::Dtype::float32},
      .grid = {4096, 1, 1},
      .threadgroup = {256, 1, 1},
  });
  const std::chrono::duration<double, std::milli> time = std::chrono::steady_clock::now() - start;

  double worst = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    const double exact = std::exp(static_cast<double>(x[i]));
    worst = std::max(worst, std::abs(outputs[0].elements<float>()[i] - exact) / exact);
  }
  std::printf("myexp: 4096 elements, largest relative error %.2g, %.1f ms with compilation\n",
              worst, time.count());
  return worst < 1e-6 ? 0 : 1;
} catch (const std::exception& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 1;
}
