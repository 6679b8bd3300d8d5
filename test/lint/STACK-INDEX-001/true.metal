// case: by data
//! --input x:float32[4096] --output y:float32[4096] --threadgroup 256 --grid 4096
uint i = thread_position_in_grid.x;
float best[4] = {0, 0, 0, 0};
best[uint(x[i]) & 3] = x[i];  // finds
y[i] = best[0] + best[1];
// case: by a loop of unknown length
//! --input x:float32[4096] --output y:float32[4096] --threadgroup 256 --grid 4096
uint i = thread_position_in_grid.x;
float last[8];
for (int k = 0; k < 8; ++k) last[k] = 0;
int n = x_shape[0];
for (int k = 0; k < n; ++k) last[k & 7] = x[k];  // finds
y[i] = last[0] + last[7];
// case: a stack with a pointer
#include <metal_stdlib>
using namespace metal;
kernel void f(device const int* tree, device int* y, uint i [[thread_position_in_grid]]) {
  int stack[16];
  int top = 0;
  stack[top++] = tree[i];
  while (top > 0) {
    int node = stack[--top];  // finds
    y[i] += node;
    if (node > 8) stack[top++] = node / 2;
  }
}
