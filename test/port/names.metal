#include <metal_stdlib>
#include "shapes.h"
#include "lengths.h"
using namespace metal;

namespace {
constant float kTable[3] = {0.5f, 1.5f, 2.5f};
}

// Names that MLX's generator or Python would take for their own.
kernel void strided(device const float* x, constant const int* x_shape, constant const long* x_strides, constant int& ndim,
                    device float* grid, constant float& lambda, uint thread_position_in_grid [[thread_position_in_grid]],
                    uint grid_size [[threads_per_grid]]) {
  const uint in = thread_position_in_grid;
  if (in >= grid_size) return;
  float stream = x[locate<long>(in, x_shape, x_strides, ndim)];
  grid[in] = lambda * stream + kTable[in % 3] + float(one_more(in)) + float(rows_of(x_shape) & 1);
}
