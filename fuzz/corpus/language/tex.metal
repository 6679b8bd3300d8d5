#include <metal_stdlib>
using namespace metal;
kernel void k(texture2d<float> t [[texture(0)]], device float* a) { a[0] = t.read(uint2(0)).x; }
