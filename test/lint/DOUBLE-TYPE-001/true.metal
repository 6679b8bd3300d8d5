// case: a variable
//! --input x:float32[4096] --output y:float32[4096] --threadgroup 256 --grid 4096
uint i = thread_position_in_grid.x;
double v = x[i];  // finds
y[i] = float(v);
// case: a cast
//! --input x:float32[4096] --output y:float32[4096] --threadgroup 256 --grid 4096
uint i = thread_position_in_grid.x;
y[i] = float((double)x[i] / 3);  // finds
// case: a buffer
#include <metal_stdlib>
using namespace metal;
kernel void f(device double* y,  // finds
              uint i [[thread_position_in_grid]]) {
  y[i] = 1;
}
