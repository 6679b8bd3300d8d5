// Vectors and matrices under the names that host code shares with kernels: simd::float4,
// simd_float4, vector_float4.
#pragma once
#include <metal_stdlib>

namespace simd {
using namespace metal;
}

#define __am_shared_vector(type)                                \
  typedef type simd_##type##1;                                  \
  typedef metal::vec<type, 2> simd_##type##2, vector_##type##2; \
  typedef metal::vec<type, 3> simd_##type##3, vector_##type##3; \
  typedef metal::vec<type, 4> simd_##type##4, vector_##type##4; \
  typedef metal::packed_vec<type, 2> simd_packed_##type##2;     \
  typedef metal::packed_vec<type, 4> simd_packed_##type##4;
#define __am_shared_matrix(type, shape) \
  typedef metal::type##shape simd_##type##shape, matrix_##type##shape;
#define __am_shared_matrices(type)                                                              \
  __am_shared_matrix(type, 2x2) __am_shared_matrix(type, 2x3) __am_shared_matrix(type, 2x4)     \
      __am_shared_matrix(type, 3x2) __am_shared_matrix(type, 3x3) __am_shared_matrix(type, 3x4) \
          __am_shared_matrix(type, 4x2) __am_shared_matrix(type, 4x3)                           \
              __am_shared_matrix(type, 4x4)
__am_shared_vector(uchar) __am_shared_vector(ushort) __am_shared_vector(uint)
    __am_shared_vector(ulong) __am_shared_vector(half) __am_shared_vector(char)
        __am_shared_vector(short) __am_shared_vector(int) __am_shared_vector(long)
            __am_shared_vector(float) __am_shared_matrices(half) __am_shared_matrices(float)
#undef __am_shared_vector
#undef __am_shared_matrices
#undef __am_shared_matrix
