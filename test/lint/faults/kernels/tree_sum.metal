//! --input x:float32[10000] --input shape:uint32[1] --output y:float32[40] --threadgroup 256 --grid 10240
threadgroup float part[256];
uint i = thread_position_in_grid.x, t = thread_position_in_threadgroup.x;
uint n = shape[0];
part[t] = i < n ? x[i] : 0.0f;
threadgroup_barrier(mem_flags::mem_threadgroup);
for (uint s = 128; s > 0; s /= 2) {
  if (t < s) part[t] += part[t + s];
  threadgroup_barrier(mem_flags::mem_threadgroup);
}
if (t == 0) y[threadgroup_position_in_grid.x] = part[0];
