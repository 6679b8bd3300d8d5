#include <metal_stdlib>
using namespace metal;

float f(device float* p) { return p[0] + 100; }
float f(threadgroup float* p) { return p[0] + 200; }
float f(constant float* p) { return p[0] + 300; }
float f(thread float* p) { return p[0] + 400; }
template <typename T> T g(const device T* p) { return *p; }
kernel void k(device float* a, constant float* b) {
  threadgroup float t[1]; float l[1] = {1};
  t[0] = 0;
  a[0] = f(a) + f(b) + f(t) + f(l) + g(a);
}