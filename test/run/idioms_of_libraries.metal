// Metal Shading Language Specification, 2.2 and 1.5.3: what published kernels take from the library beyond it: traits by their inner names, and assert, which does nothing
// grid: 2
// in x: float 5 -3
// out y: float 6 3 -8 0 4 1 0
#include <metal_stdlib>
using namespace metal;

struct Best {
  float value;
  uint at;
};
template <>
struct metal::_numeric_limits_impl<Best> {
  static constexpr Best lowest() { return Best{-8, 7}; }
};
struct Pair {
  float a, b;
};
// A function of one's own beside the library's, whose arguments have nothing in common.
Best fma(Pair a, Pair b, Best c) { return Best{a.a * b.a + a.b * b.b + c.value, c.at}; }

kernel void idioms_of_libraries(device const float* x, device float* y, uint i [[thread_position_in_grid]]) {
  assert(x[0] < 0);
  if (i != 0) return;
  y[0] = fma(Pair{1, 2}, Pair{x[0], 2}, Best{-3, 1}).value;
  y[1] = fmax(0, fmin(3, x[0] / 2 + 0.5));
  y[2] = numeric_limits<Best>::lowest().value;
  y[3] = vec_elements<float>::value;
  y[4] = vec_elements<half4>::value;
  y[5] = __is_valid_simdgroup_type<float2>::value;
  y[6] = __is_valid_simdgroup_type<Best>::value;
}
