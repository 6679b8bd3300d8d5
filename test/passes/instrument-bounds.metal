// PASS: instrument-bounds
// One check for each access that may be outside; none for a variable at a constant place.
kernel void k(device const float* x [[buffer(0)]], device float* y [[buffer(1)]],
              uint i [[thread_position_in_grid]]) {
  float v[4] = {1, 2, 3, 4};
  y[i] = x[i] * v[2];
}
// CHECK: define void @am_thread(ptr %state)
// CHECK: %[[LIMIT:.*]] = call i64 @llvm.usub.sat.i64
// CHECK: %[[INSIDE:.*]] = icmp ult i64 {{.*}}, %[[LIMIT]]
// CHECK: call void @am_bounds_failed
// CHECK: load float, ptr addrspace(1)
// CHECK: call void @am_bounds_failed
// CHECK: store float {{.*}}, ptr addrspace(1)
// CHECK-NOT: call void @am_bounds_failed
// CHECK: {{^}}}
