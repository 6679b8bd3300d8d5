// qr_update_vec: out = v - Q c, a thread a row.
//
// inputs: Q, v, c, shape
// outputs: out
// instances: T=float32 | T=float16 | T=bfloat16
#include <metal_stdlib>
using namespace metal;
//// body
const uint m = shape[0], k = shape[1], row = thread_position_in_grid.x;
if (row >= m) return;
float sum = float(v[row]);
for (uint j = 0; j < k; ++j) sum = fma(-float(Q[row * k + j]), float(c[j]), sum);
out[row] = T(sum);
