#include <metal_stdlib>
using namespace metal;

constant float table[4] = {1, 2, 3, 4};
float f(constant float t[4], threadgroup float m[2][3], device const int s[]) { return t[1] + m[1][2] + s[0]; }
kernel void k(device float* a, device const int* s) {
  threadgroup float m[2][3];
  m[1][2] = 1;
  a[0] = f(table, m, s);
}