#define COUNT(name)                                                                               \
  kernel void name(device atomic_uint* n, device uint* out, uint i [[thread_position_in_grid]]) { \
    atomic_fetch_add_explicit(n, 1, memory_order_relaxed);                                        \
    out[i] = i;                                                                                   \
  }
COUNT(in_a_header)
