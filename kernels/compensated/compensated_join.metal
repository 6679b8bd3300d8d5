// compensated_join: a simdgroup for each row: its pieces' limbs become one pair. `size` is {pieces, rows}. The grid is (32, rows).
//
// inputs: high_of, low_of, size
// outputs: high, low
// types: size=uint32
#include <metal_stdlib>
using namespace metal;
//// use compensated_limbs
//// body
const uint pieces = size[0];
const uint row = thread_position_in_grid.y;
if (row < size[1]) {
  Limbs sum = {0.0f, 0.0f};
  float plain = 0.0f;
  for (uint i = thread_position_in_threadgroup.x; i < pieces; i += 32) {
    plain += high_of[ulong(row) * pieces + i];
    sum = add<2>(sum, high_of[ulong(row) * pieces + i], low_of[ulong(row) * pieces + i]);
  }
  sum = sum_over_simdgroup(sum);
  plain = simd_sum(plain);
  if (!isfinite(plain)) sum = {plain, 0.0f};
  if (thread_position_in_threadgroup.x == 0) {
    high[row] = sum.high;
    low[row] = sum.low;
  }
}
