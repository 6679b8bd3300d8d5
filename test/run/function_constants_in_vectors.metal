// Metal Shading Language Specification, 5.8.1: constants made by constructors out of function constants
// grid: 2
// constants: width=5
// out y: int 5 1 7 16 21
#include <metal_stdlib>
using namespace metal;

struct Doubled {
  int value;
  constexpr Doubled(int v) : value(2 * v) {}
};

constant int width [[function_constant(0)]];
constant int height_given [[function_constant(1)]];
constant int height = is_function_constant_defined(height_given) ? height_given : 7;
constant int3 size [[maybe_unused]] = int3(width, 1, height);
constant Doubled sum = Doubled(width + 3);
constant float4 far = float4(width);

kernel void function_constants_in_vectors(device int* y, uint i [[thread_position_in_grid]]) {
  if (i != 0) return;
  y[0] = size.x;
  y[1] = size.y;
  y[2] = size.z;
  y[3] = sum.value;
  y[4] = int(far.w * 4) + 1;
}
