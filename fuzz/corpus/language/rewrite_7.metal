#include <metal_stdlib>
using namespace metal;

constant int n [[function_constant(0)]];
constant bool wide [[function_constant(1)]];
constant int twice = n * 2;
constant int other = is_function_constant_defined(wide) ? 7 : 9;
kernel void k(device int* a) { a[0] = twice; a[1] = other; a[2] = n; }
