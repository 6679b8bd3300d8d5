#include <metal_stdlib>
using namespace metal;

kernel void a(device float* x [[buffer(3)]], device float* y, constant int& n, threadgroup float* t [[threadgroup(1)]]) { x[n] = y[0] + t[0]; }
[[kernel, max_total_threads_per_threadgroup(64)]] void b(device float* x) { x[0] = 1; }
namespace n { [[kernel]] void c(device float* x) { x[0] = 1; } }
template <typename T, int N> kernel void d(device T* x) { x[0] = N; }
template [[host_name("d_half_3")]] kernel void d<half, 3>(device half*);
template [[host_name("d_float_4")]] [[kernel]] decltype(d<float, 4>) d<float, 4>;
