// Atomics on every type that atomic<T> takes here, and in threadgroup memory; 64 threads in one threadgroup.
template <typename T>
void add_to(device atomic<T>* o, uint i) {
  atomic_fetch_add_explicit(o, T(1), memory_order_relaxed);
  T seen = atomic_load_explicit(o + 1, memory_order_relaxed);
  while (!atomic_compare_exchange_weak_explicit(o + 1, &seen, T(seen + T(2)), memory_order_relaxed, memory_order_relaxed)) {
  }
  atomic_store_explicit(o + 2, T(5), memory_order_relaxed);
  atomic_exchange_explicit(o + 3, T(i), memory_order_relaxed);
}
kernel void atomic_types(device atomic<half>* h [[buffer(0)]], device atomic<bfloat>* b [[buffer(1)]],
                         device atomic<uint8_t>* c [[buffer(2)]], device atomic<int16_t>* s [[buffer(3)]],
                         device atomic<int64_t>* l [[buffer(4)]], device atomic<float>* f [[buffer(5)]],
                         device float* o [[buffer(6)]], uint i [[thread_position_in_grid]], uint t [[thread_index_in_threadgroup]]) {
  add_to(h, i);
  add_to(b, i);
  add_to(c, i);
  add_to(s, i);
  add_to(l, i);
  add_to(f, i);
  threadgroup atomic_uint count;
  threadgroup atomic<float> sum;
  volatile threadgroup atomic_int down;
  threadgroup atomic_bool flag;
  if (t == 0) {
    atomic_store_explicit(&count, 0u, memory_order_relaxed);
    atomic_store_explicit(&sum, 0, memory_order_relaxed);
    atomic_store_explicit(&down, 3, memory_order_relaxed);
    atomic_store_explicit(&flag, false, memory_order_relaxed);
  }
  threadgroup_barrier(mem_flags::mem_threadgroup);
  atomic_fetch_add_explicit(&count, 1, memory_order_relaxed);
  atomic_fetch_add_explicit(&sum, 0.5, memory_order_relaxed);
  atomic_fetch_sub_explicit(&down, 1, memory_order_seq_cst);
  if (t == 63) atomic_store_explicit(&flag, true, memory_order_release);
  atomic_thread_fence(mem_flags::mem_threadgroup, memory_order_acq_rel);
  threadgroup_barrier(mem_flags::mem_threadgroup);
  if (t == 5) {
    o[0] = atomic_load_explicit(&count, memory_order_relaxed);
    o[1] = atomic_load_explicit(&sum, memory_order_relaxed);
    o[2] = atomic_load_explicit(&down, memory_order_acquire);
    o[3] = atomic_load_explicit(&flag, memory_order_relaxed);
  }
}
