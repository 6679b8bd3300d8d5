// case: a name that nobody declared
//! --input x:float32[4096] --output y:float32[4096] --threadgroup 256 --grid 4096
uint i = thread_position_in_grid.x;
y[i] = cap * x[i];  // finds
// case: a type that isn't there
#include <metal_stdlib>
using namespace metal;
kernel void f(device float* y, uint i [[thread_position_in_grid]]) {
  flaot a = 1;  // finds
  y[i] = a;
}
// case: a missing semicolon
//! --input x:float32[4096] --output y:float32[4096] --threadgroup 256 --grid 4096
uint i = thread_position_in_grid.x;
float a = x[i]  // finds
y[i] = a;
