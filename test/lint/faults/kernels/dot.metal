//! --input a:float16[100000] --input b:float16[100000] --output y:float32[1] --threadgroup 256 --grid 8192
threadgroup float part[8];
uint t = thread_position_in_threadgroup.x;
uint n = a_shape[0];
float sum = 0;
for (uint i = thread_position_in_grid.x; i < n; i += threads_per_grid.x) {
  sum = fma(float(a[i]), float(b[i]), sum);
}
sum = simd_sum(sum);
if (thread_index_in_simdgroup == 0) part[simdgroup_index_in_threadgroup] = sum;
threadgroup_barrier(mem_flags::mem_threadgroup);
if (t == 0) {
  float total = 0;
  for (uint k = 0; k < 8; ++k) total += part[k];
  atomic_fetch_add_explicit((device atomic_float*)y, total, memory_order_relaxed);
}
