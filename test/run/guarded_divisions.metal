// Metal Shading Language Specification, 4.1: what integer division leaves undefined is guarded by kernels; so it must not run
// grid: 4
// in x: long 7 -9223372036854775808 -9223372036854775808 9
// in d: long 0 -1 0 2
// out y: long 7 -9223372036854775808 -9223372036854775808 1
#include <metal_stdlib>
using namespace metal;

template <typename T>
T modulo(T x, T d) {
  return d == 0 || d == -1 ? x : x % d;
}

kernel void guarded_divisions(device const long* x, device const long* d, device long* y, uint i [[thread_position_in_grid]]) {
  long a = modulo(x[i], d[i]);
  y[i] = d[i] == 0 ? a : modulo(a, a == 0 ? 0l : d[i]);
}
