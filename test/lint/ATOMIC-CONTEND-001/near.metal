// case: one lane of each simdgroup
//! --input x:float32[4096] --output y:float32[1] --threadgroup 256 --grid 4096
float sum = simd_sum(x[thread_position_in_grid.x]);
if (thread_index_in_simdgroup == 0) atomic_fetch_add_explicit((device atomic_float*)y, sum, memory_order_relaxed);
// case: a histogram
//! --input x:uint32[4096] --output y:uint32[256] --threadgroup 256 --grid 4096
uint i = thread_position_in_grid.x;
atomic_fetch_add_explicit((device atomic_uint*)y + (x[i] & 255), 1u, memory_order_relaxed);
// case: a place in a list
//! --input x:uint32[4096] --output y:uint32[4096] --threadgroup 256 --grid 4096
uint i = thread_position_in_grid.x;
uint at = atomic_fetch_add_explicit((device atomic_uint*)y, 1u, memory_order_relaxed);
y[1 + at] = x[i];
// case: seldom
//! --input x:float32[4096] --output y:uint32[1] --threadgroup 256 --grid 4096
uint i = thread_position_in_grid.x;
if (isnan(x[i])) atomic_fetch_add_explicit((device atomic_uint*)y, 1u, memory_order_relaxed);
