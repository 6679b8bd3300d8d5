// case: without a name
#include <metal_stdlib>
using namespace metal;
float first(float a, float) { return a; }
kernel void f(device const float* x, device float* y, uint i [[thread_position_in_grid]]) { y[i] = first(x[i], 1); }
// case: marked
#include <metal_stdlib>
using namespace metal;
kernel void f(device const float* x, device float* y, [[maybe_unused]] constant int& spare, uint i [[thread_position_in_grid]]) { y[i] = x[i]; }
// case: overloads share a form
#include <metal_stdlib>
using namespace metal;
float part(float a, int) { return a; }
float part(float a, float b) { return a; }
kernel void f(device const float* x, device float* y, uint i [[thread_position_in_grid]]) { y[i] = part(x[i], 1) + part(x[i], 2.0f); }
// case: used in a branch that isn't taken
#include <metal_stdlib>
using namespace metal;
template <bool B> float part(float a, float b) {
  if constexpr (B) return a + b;
  return a;
}
kernel void f(device const float* x, device float* y, uint i [[thread_position_in_grid]]) { y[i] = part<false>(x[i], 1); }
