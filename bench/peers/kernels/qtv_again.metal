#include <metal_stdlib>

// The pointer walks down the column; four sums.
kernel void qtv(const device float* matrix [[buffer(0)]], const device float* vector [[buffer(1)]], constant metal::uint2& size [[buffer(2)]],
                device float* dots [[buffer(3)]], uint column [[thread_position_in_grid]]) {
  if (column < size.y) {
    const device float* at = matrix + column;
    metal::float4 sum = 0;
    uint row = 0;
    for (; row + 4 <= size.x; row += 4) {
      sum.x += at[0] * vector[row];
      sum.y += at[size.y] * vector[row + 1];
      sum.z += at[2 * size.y] * vector[row + 2];
      sum.w += at[3 * size.y] * vector[row + 3];
      at += 4 * size.y;
    }
    float total = sum.x + sum.y + sum.z + sum.w;
    for (; row < size.x; row++, at += size.y) total += *at * vector[row];
    dots[column] = total;
  }
}
