// Metal Shading Language Specification, 5.1 and 2.15: instantiations of a template under names of their own
// kernel: add_int
// grid: 2
// in x: int 1 2
// out y: int 4 5
#include <metal_stdlib>
using namespace metal;

template <typename T, int N>
kernel void add(const device T* x, device T* y, uint i [[thread_position_in_grid]]) {
  y[i] = x[i] + T(N);
}

template [[host_name("add_float")]] kernel void add<float, 1>(const device float*, device float*, uint);
template [[host_name("add_int")]] kernel void add<int, 3>(const device int*, device int*, uint);
