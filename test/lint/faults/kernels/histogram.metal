//! --input x:uint32[10000] --input shape:uint32[1] --output y:uint32[64] --threadgroup 256 --grid 10240
threadgroup atomic_uint counts[64];
uint i = thread_position_in_grid.x, t = thread_position_in_threadgroup.x;
uint n = shape[0];
if (t < 64) atomic_store_explicit(&counts[t], 0u, memory_order_relaxed);
threadgroup_barrier(mem_flags::mem_threadgroup);
if (i < n) {
  uint bin = x[i] & 63;
  atomic_fetch_add_explicit(&counts[bin], 1u, memory_order_relaxed);
}
threadgroup_barrier(mem_flags::mem_threadgroup);
if (t < 64) {
  uint count = atomic_load_explicit(&counts[t], memory_order_relaxed);
  atomic_fetch_add_explicit((device atomic_uint*)y + t, count, memory_order_relaxed);
}
