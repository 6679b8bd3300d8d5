#include <metal_stdlib>
using namespace metal;

float only_a(float x) { return x + 1; }
float only_b(float x) { return x + 2; }
kernel void a(device float* x) { x[0] = only_a(x[0]); }
kernel void b(device float* x) { x[0] = only_b(x[0]); }
