// Metal Shading Language Specification, 2.15 and 5.1: functions as template arguments, and kernels instantiated by the name of their type
// kernel: rows_first
// grid: 4
// in x: int 1 2 3 4
// out y: float 10.5 20.5 30.5 40.5
#include <metal_stdlib>
using namespace metal;

template <typename T>
void tenfold(device const int* from, short half_of, thread T& to) {
  to = T(from[0]) * 10 + T(half_of) / 2;
}
static float next(float v) { return v + 1; }

template <short half_of, void (*unpack)(device const int*, short, thread float&), float (*then)(float) = next>
kernel void rows(device const int* x, device float* y, uint i [[thread_position_in_grid]]) {
  float v;
  unpack(x + i, half_of, v);
  y[i] = then(v) - 1;
}

typedef decltype(rows<1, tenfold<float>>) rows_t;
template [[host_name("rows_first")]] kernel rows_t rows<1, tenfold<float>>;
