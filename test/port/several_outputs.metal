#include <metal_stdlib>
using namespace metal;

#define EPSILON 1e-6f

// Sum, quotient, and which is larger.
[[kernel]] void compare(const device float* a, const device half* b, device float* sum, device half* quotient,
                        device uchar* larger, device bool* is_near, constant uint& count,
                        const ushort lane [[thread_index_in_simdgroup]], uint i [[thread_position_in_grid]]) {
  if (i >= count) return;
  sum[i] = a[i] + b[i];
  quotient[i] = half(a[i] / (abs(b[i]) + EPSILON));
  larger[i] = a[i] > float(b[i]) ? 1 : 2;
  is_near[i] = abs(a[i] - b[i]) < 0.5f && lane < 32;
}
