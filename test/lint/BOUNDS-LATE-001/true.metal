// case: read, then asked
//! --input x:float32[1000] --input shape:uint32[2] --output y:float32[1000] --threadgroup 256
uint i = thread_position_in_grid.x;
float v = x[i];  // finds
if (i >= shape[0]) return;
y[i] = v * 2;
// case: read, then asked for the store
#include <metal_stdlib>
using namespace metal;
kernel void f(device const float* x, constant uint& n, device float* y, uint i [[thread_position_in_grid]]) {
  float v = x[i];  // finds
  if (i < n) {
    y[i] = v;
  }
}
// case: in two dimensions
//! --input a:float32[64,64] --input shape:uint32[2] --output c:float32[64,64] --threadgroup 16,16
uint row = thread_position_in_grid.y, column = thread_position_in_grid.x;
uint m = shape[0], n = shape[1];
float v = a[row * n + column];  // finds
if (row >= m || column >= n) return;
c[row * n + column] = v;
