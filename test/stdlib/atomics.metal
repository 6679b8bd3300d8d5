// 1,024 threads; what comes out is in library_test.cc.
kernel void atomics(device atomic_uint* o [[buffer(0)]], device float* sums [[buffer(1)]], device atomic_ulong* wide [[buffer(2)]],
                    uint i [[thread_position_in_grid]]) {
  atomic_fetch_add_explicit(&o[0], i, memory_order_relaxed);
  atomic_fetch_sub_explicit((device atomic_int*)&o[1], 2, memory_order_relaxed);
  atomic_fetch_and_explicit(o + 2, ~1024u, memory_order_relaxed);
  atomic_fetch_or_explicit(o + 3, i, memory_order_relaxed);
  atomic_fetch_xor_explicit(o + 4, i, memory_order_relaxed);
  atomic_fetch_max_explicit(&o[5], i, memory_order_relaxed);
  atomic_fetch_min_explicit((device atomic_int*)o + 6, -int(i), memory_order_relaxed);
  uint old = atomic_load_explicit(&o[7], memory_order_relaxed);
  while (!atomic_compare_exchange_weak_explicit(&o[7], &old, old + 1, memory_order_relaxed, memory_order_relaxed)) {
  }
  atomic_fetch_add_explicit((device atomic<float>*)sums, 0.5f, memory_order_relaxed);
  device atomic_float* f = (device atomic_float*)(sums + 1);
  float seen = atomic_load_explicit(f, memory_order_relaxed);
  while (!atomic_compare_exchange_weak_explicit(f, &seen, seen + i, memory_order_relaxed, memory_order_relaxed)) {
  }
  atomic_max_explicit(wide, (ulong(i) << 32) + 1, memory_order_relaxed);
}
