// PASS: instrument-loops
// Each time round, a thread looks whether the run is to end.
kernel void k(device float* y [[buffer(0)]], constant uint& n [[buffer(1)]]) {
  for (uint i = 0; i < n; ++i) y[i] = i;
}
// CHECK: define void @am_thread(ptr %state)
// CHECK: load atomic i32, ptr %stop monotonic
// CHECK: call void @am_stopped(ptr %state)
// CHECK-NOT: load atomic
