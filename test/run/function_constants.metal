// Metal Shading Language Specification, 5.8: function constants, those worked out from them, and whether one is defined
// constants: wide=1 2=5
// grid: 1
// out y: int 8 5 1 0 15
#include <metal_stdlib>
using namespace metal;

constant bool wide [[function_constant(0)]];
constant int depth [[function_constant(2)]];
constant int absent [[function_constant(9)]];
constant int lanes = wide ? 8 : 4;
constant bool has_depth = is_function_constant_defined(depth);
constant bool has_absent = is_function_constant_defined(absent);
constant int chosen = has_absent ? absent : depth * 3;

kernel void function_constants(device int* y) {
  y[0] = lanes;
  y[1] = depth;
  y[2] = has_depth;
  y[3] = has_absent;
  y[4] = chosen;
}
