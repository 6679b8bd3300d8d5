#include <metal_stdlib>

// The grid has one axis: row and column by division.
kernel void rank1(const device float* from, const device float* column, const device float* row, constant metal::uint2& size,
                  device float* to, uint index [[thread_position_in_grid]]) {
  const uint i = index / size.y, j = index % size.y;
  to[index] = metal::fma(-column[i], row[j], from[index]);
}
