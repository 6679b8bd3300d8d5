// case: a histogram without zeros
//! --input x:uint32[4096] --output y:uint32[256] --threadgroup 256 --grid 4096
uint i = thread_position_in_grid.x;
threadgroup atomic_uint counts[256];
atomic_fetch_add_explicit(&counts[x[i] & 255], 1u, memory_order_relaxed);  // finds
threadgroup_barrier(mem_flags::mem_threadgroup);
y[i & 255] = atomic_load_explicit(&counts[i & 255], memory_order_relaxed);
// case: a sum that begins nowhere
//! --input x:float32[4096] --output y:float32[4096] --threadgroup 256 --grid 4096
uint i = thread_position_in_threadgroup.x;
threadgroup float sums[256];
sums[i] += x[i];  // finds
threadgroup_barrier(mem_flags::mem_threadgroup);
y[i] = sums[255 - i];
// case: a table that nobody fills
//! --input x:float32[4096] --output y:float32[4096] --threadgroup 256 --grid 4096
uint i = thread_position_in_threadgroup.x;
threadgroup float table[64];
threadgroup_barrier(mem_flags::mem_threadgroup);
y[i] = x[i] * table[i % 64];  // finds
