// case: a sum of halves
//! --input x:float16[4096] --output y:float16[4096] --threadgroup 256
uint i = thread_position_in_grid.x;
half sum = 0;
for (uint k = 0; k < 1000; ++k) sum += x[i + k];  // finds
y[i] = sum;
// case: products in bfloat
#include <metal_stdlib>
using namespace metal;
kernel void f(device const bfloat* a, device const bfloat* b, constant uint& n, device bfloat* y, uint i [[thread_position_in_grid]]) {
  bfloat sum = 0;
  for (uint k = 0; k < n; ++k) sum = sum + a[i * n + k] * b[k];  // finds
  y[i] = sum;
}
// case: a template with half
#include <metal_stdlib>
using namespace metal;
template <typename T>
kernel void total(device const T* x, constant uint& n, device T* y, uint i [[thread_position_in_grid]]) {
  T sum = T(0);
  for (uint k = 0; k < n; ++k) sum += x[k * 32 + i];  // finds
  y[i] = sum;
}
template [[host_name("total_half")]] kernel void total<half>(device const half*, constant uint&, device half*, uint);
template [[host_name("total_float")]] kernel void total<float>(device const float*, constant uint&, device float*, uint);
