#include <metal_stdlib>
using namespace metal;

struct Big {
  float4 rows[4];
};
inline float first(constant Big& big) { return big.rows[0].x; }

// refused: 'big' has 64 bytes and is handed to a function that takes it in constant memory
kernel void large(constant Big& big, device float* out, uint i [[thread_position_in_grid]]) { out[i] = first(big); }

struct Bits {
  uint low : 4;
  uint high : 28;
};
// refused: 'bits' is a Bits whose members a host can't set one by one
kernel void fields(constant Bits& bits, device float* out, uint i [[thread_position_in_grid]]) { out[i] = bits.low; }

// refused: function constant 'offsets' is a float2
constant float2 offsets [[function_constant(0)]];
kernel void vector_constant(device float* out, uint i [[thread_position_in_grid]]) { out[i] = offsets.x; }

#define LINE(name) \
  kernel void name(device uint* y, uint i [[thread_position_in_grid]]) { \
    y[i] = __LINE__; \
  }
// refused: kernel 'by_line' is written by a macro, which can't be written out here: written out, the compiler would see '25' in the place of '28'
LINE(by_line)

#define TWICE(i) (2 * x_shape[i])
// refused: 'x_shape' is a name that MLX gives a parameter of its own, and the text outside the kernel has it too
kernel void shapes(device const float* x, constant int* x_shape, device float* out, uint i [[thread_position_in_grid]]) {
  out[i] = x[i] + TWICE(0);
}
