// case: compiles
//! --input x:float32[4096] --output y:float32[4096] --threadgroup 256 --grid 4096
uint i = thread_position_in_grid.x;
y[i] = x[i];
// case: helpers of the standard library
#include <metal_stdlib>
using namespace metal;
template <typename T> T twice(T a) { return a + a; }
kernel void f(device half* y, uint i [[thread_position_in_grid]]) { y[i] = twice(half(2)); }
// case: several threadgroup arrays in one declaration
//! --input x:float32[4096] --output y:float32[4096] --threadgroup 256 --grid 4096
uint i = thread_position_in_threadgroup.x;
threadgroup float a[256], b[256];
a[i] = x[i];
b[i] = a[i];
y[i] = b[i];
