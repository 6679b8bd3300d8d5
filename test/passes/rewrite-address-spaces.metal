// PASS: rewrite-address-spaces
// No word of Metal's is left for Clang.
kernel void k(device const float* x [[buffer(0)]], device float* y [[buffer(1)]]) { y[0] = x[0]; }
// CHECK-NOT: {{(^| )}}device{{ }}
// CHECK: void k(
// CHECK-SAME: x
