#include <metal_stdlib>
using namespace metal;

constant bool negate [[function_constant(0)]];
constant uint every [[function_constant(1)]];
constant float offset [[function_constant(2)]];
constant bool has_limit [[function_constant(3)]];
constant int limit [[function_constant(4)]];
constant int limit_used = is_function_constant_defined(limit) ? limit : 3;

inline float biased(float x) { return x + offset; }

// Constants in the kernel alone: template arguments.
kernel void pick(device const float* x, device float* y, uint i [[thread_position_in_grid]]) {
  const float value = every > 0 && i % every == 0 ? 2 * x[i] : x[i];
  y[i] = negate ? -value : value;
}

// Constants that functions outside use, an optional buffer, and one that needs no value.
kernel void lift(device const float* x [[buffer(0)]], device const int* limits [[buffer(1), function_constant(has_limit)]],
                 device float* y [[buffer(2)]], uint i [[thread_position_in_grid]]) {
  float value = biased(x[i]);
  if (has_limit) value = min(value, float(limits[i]));
  y[i] = max(value, float(-limit_used));
}
