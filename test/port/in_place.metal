#include <metal_stdlib>
using namespace metal;

// y = a x + y, in place.
kernel void axpy(device const float* x, device float* y, constant float& a, constant uint& n,
                 uint i [[thread_position_in_grid]]) {
  if (i >= n) return;
  y[i] = a * x[i] + y[i];
}

// Every second element, in place: what isn't touched must stay.
kernel void negate_even(device int* data, constant uint& n, uint i [[thread_position_in_grid]]) {
  const uint at = 2 * i;
  if (at < n) data[at] = -data[at];
}

// Sums along rows, in place, by one thread each.
kernel void prefix_rows(device float* data [[buffer(0)]], constant uint& rows [[buffer(1)]], constant uint& columns [[buffer(2)]],
                        device float* totals [[buffer(3)]], uint row [[thread_position_in_grid]]) {
  if (row >= rows) return;
  device float* values = data + row * columns;
  for (uint j = 1; j < columns; ++j) values[j] += values[j - 1];
  totals[row] = columns > 0 ? values[columns - 1] : 0.0f;
}

// float4s, in place.
kernel void scale4(device float4* points, constant float4& factors, uint i [[thread_position_in_grid]], uint n [[threads_per_grid]]) {
  points[i] *= factors;
  points[i].w = 1.0f;
}
