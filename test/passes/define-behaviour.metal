// PASS: define-behaviour
// A division by zero gives what a division by one gives; a shift goes by the amount modulo the width.
kernel void k(device int* y [[buffer(0)]], constant int& a [[buffer(1)]]) { y[0] = (y[1] / a) << y[2]; }
// CHECK-LABEL: define {{.*}}void @am.kernel.0
// CHECK: %[[SAFE:.*]] = select i1 {{.*}}, i32 1, i32
// CHECK: sdiv i32 {{.*}}, %[[SAFE]]
// CHECK: and i32 {{.*}}, 31
// CHECK: shl i32
