//! --input x:float32[4096] --output y:float32[4096] --threadgroup 256 --grid 4096
threadgroup float sums[2][256];
uint t = thread_position_in_threadgroup.x, i = thread_position_in_grid.x;
uint from = 0;
sums[0][t] = x[i];
threadgroup_barrier(mem_flags::mem_threadgroup);
for (uint s = 1; s < 256; s *= 2) {
  float sum = sums[from][t];
  if (t >= s) sum += sums[from][t - s];
  from = 1 - from;
  sums[from][t] = sum;
  threadgroup_barrier(mem_flags::mem_threadgroup);
}
y[i] = sums[from][t];
