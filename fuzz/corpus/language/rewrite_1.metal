#include <metal_stdlib>
using namespace metal;
struct P { static constexpr int constant n = 8; };
constant float table[2] = {1.5, 2.5};
kernel void k(device float* a, uint i [[thread_index_in_threadgroup]]) {
  float threadgroup x[P::n];
  constant float local[2] = {3, 4};
  constexpr constant int m = 2;
  x[i] = 1;
  a[i] = x[m] + table[i & 1] + local[i & 1];
}