#include <metal_stdlib>
using namespace metal;

inline void scale_row(device float* row, uint n) {
  for (uint k = 0; k < n; ++k) row[k] *= 2;
}

kernel void handed_on(device float* data, constant uint& n, uint row [[thread_position_in_grid]]) {
  // refused: 'data' is read and written, and metal_kernel's outputs are new memory; here it is handed to a function
  scale_row(data + row * n, n);
}

kernel void by_member(device float4* data, uint i [[thread_position_in_grid]]) {
  // refused: 'data' is read and written, and metal_kernel's outputs are new memory; here a member of an element
  data[2 * i].x += 1;
}

// refused: 'total' is read and written through a reference
kernel void by_reference(device float& total, uint i [[thread_position_in_grid]]) {
  if (i == 0) total += 1;
}

// refused: 'counts' is read or written both by atomic operations and without
kernel void mixed(device uint* counts, uint i [[thread_position_in_grid]]) {
  atomic_fetch_add_explicit((device atomic_uint*)counts, 1u, memory_order_relaxed);
  counts[1 + i] = counts[0];
}

kernel void by_auto(device float* data, constant uint& n, uint i [[thread_position_in_grid]]) {
  // refused: 'before' takes an element of 'data', which is read and written: declare it with its type instead of auto
  auto before = data[n - i];
  data[n - i] = 0;
  data[2 * n - i] = before + data[2 * n - i];
}
