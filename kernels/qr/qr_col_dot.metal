// qr_col_dot: c = Q^T v, a thread a column, as the guides have it.
//
// inputs: Q, v, shape
// outputs: c
// instances: T=float32 | T=float16 | T=bfloat16
#include <metal_stdlib>
using namespace metal;
//// body
const uint m = shape[0], k = shape[1], column = thread_position_in_grid.x;
if (column >= k) return;
float sum = 0.0f;
for (uint i = 0; i < m; ++i) sum = fma(float(Q[i * k + column]), float(v[i]), sum);
c[column] = T(sum);
