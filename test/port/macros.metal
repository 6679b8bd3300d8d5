#include <metal_stdlib>
using namespace metal;

#define LIMIT 3.5f
#define NAME_OF(op, suffix) op##_##suffix

/// A kernel with its braces in two macros.
#define BEGIN(name, type)                                                   \
  kernel void name(device const type* x [[buffer(0)]], device type* y [[buffer(1)]], \
                   constant uint& n [[buffer(2)]], uint i [[thread_position_in_grid]]) { \
    if (i >= n) return;
#define END }

// Kernels that a macro of a macro writes, with pasted and quoted names, and operators at the ends of arguments.
#define PLAIN(op, type, suffix, ...)                        \
  BEGIN(NAME_OF(op, suffix), type)                          \
    constexpr uint letters = sizeof(#op);                   \
    /* the longer the name, the more */                     \
    y[i] = type(letters)-__VA_ARGS__;                       \
  END

#define STRIDED(op, T, F)                                                                       \
  kernel void op##_strided(device const T* in, device T* out, constant uint& stride, uint id [[thread_position_in_grid]]) { \
    out[id] = min(F(in[id * stride]), T(LIMIT));                                                \
  }

#define UNARY(op, F)                    \
  PLAIN(op, float, f32, -F(x[i]))       \
  PLAIN(op, half, f16, min(F(x[i]), half(LIMIT))) \
  STRIDED(op##_f32, float, F)

#define SHARED(size)                                                                     \
  kernel void sums_of_##size(device const float* x, device float* sums, threadgroup float* shared, uint i [[thread_position_in_grid]], \
                             uint l [[thread_position_in_threadgroup]], uint g [[threadgroup_position_in_grid]]) { \
    shared[l] = x[i];                                                                    \
    threadgroup_barrier(mem_flags::mem_threadgroup);                                     \
    if (l > 0) return;                                                                   \
    float sum = 0;                                                                       \
    for (uint k = 0; k < size; ++k) sum += shared[k];                                    \
    sums[g] = sum;                                                                       \
  }

// One line makes three.
UNARY(exp, exp) UNARY(root, sqrt)
UNARY(
  twice,
  2 *
);

BEGIN(by_halves, float)
  y[i] = x[i] / 2;  // written in the file
END

SHARED(32)
#ifdef MORE
SHARED(64)
#endif
