// compensated_parts: a simdgroup for each piece of each row: limbs of the sum of x, or (DOT) of x y. Rows of y may serve several rows
// of x. `size` is {columns, rows of x, pieces, columns of a piece, rows of x for each row of y}. The grid is (32 pieces, rows).
//
// inputs: x, y, size
// outputs: high, low
// types: size=uint32, high=float32, low=float32
// instances: T=float32,DOT=1,METHOD=0 | T=float32,DOT=0,METHOD=1 | T=float32,DOT=1,METHOD=2 | T=float16,DOT=0,METHOD=1 | T=bfloat16,DOT=1,METHOD=1
#include <metal_stdlib>
using namespace metal;
//// use compensated_limbs
//// body
const uint columns = size[0];
const uint row = thread_position_in_grid.y;
const uint piece = threadgroup_position_in_grid.x;
const uint first = piece * size[3];
const uint last = min(columns, first + size[3]);
if (row < size[1]) {
  const auto left = x + ulong(row) * columns;
  const auto right = y + ulong(row / size[4]) * columns;
  Limbs sum = {0.0f, 0.0f};
  float plain = 0.0f;
  for (uint i = first + thread_position_in_threadgroup.x; i < last; i += 32) {
    if (DOT) {
      const Limbs term = two_product(static_cast<float>(left[i]), static_cast<float>(right[i]));
      if (METHOD != 1) plain += term.high;
      // Kahan's sum has one limb for what is still to be added: errors of products are terms of their own.
      sum = add<METHOD>(sum, term.high, METHOD == 0 ? 0.0f : term.low);
      if (METHOD == 0) sum = add<METHOD>(sum, term.low, 0.0f);
    } else {
      if (METHOD != 1) plain += static_cast<float>(left[i]);
      sum = add<METHOD>(sum, static_cast<float>(left[i]), 0.0f);
    }
  }
  // Neumaier's high limb is the plain sum: infinities and NaN come through it. The others' isn't.
  plain = simd_sum(METHOD == 1 ? sum.high : plain);
  sum = sum_over_simdgroup(sum);
  if (!isfinite(plain)) sum = {plain, 0.0f};
  if (thread_position_in_threadgroup.x == 0) {
    const ulong place = ulong(row) * size[2] + piece;
    high[place] = sum.high;
    low[place] = sum.low;
  }
}
