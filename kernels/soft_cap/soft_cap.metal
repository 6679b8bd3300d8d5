// soft_cap: y[i] = cap tanh(x[i] / cap), one thread an element. `cap` holds the cap and its reciprocal: a division a thread would
// cost as much as all the rest.
//
// inputs: x, cap, shape
// outputs: y
// types: cap=float32
// instances: T=float32,LARGE=0 | T=float16,LARGE=0 | T=bfloat16,LARGE=0 | T=float32,LARGE=1
#include <metal_stdlib>
using namespace metal;
//// body
if (LARGE) {
  ulong i = ulong(thread_position_in_grid.y) << 20 | thread_position_in_grid.x;
  ulong n = ulong(shape[1]) << 32 | shape[0];
  if (i < n) y[i] = T(cap[0] * tanh(float(x[i]) * cap[1]));
} else {
  uint i = thread_position_in_grid.x;
  if (i < shape[0]) y[i] = T(cap[0] * tanh(float(x[i]) * cap[1]));
}
