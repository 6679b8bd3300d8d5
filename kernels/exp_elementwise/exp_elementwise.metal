// exp_elementwise: out[i] = exp(a[i]), one thread an element. Half and bfloat are widened and rounded once. Arrays of more than 2^31 elements
// (LARGE) are counted in 64 bits, in rows of 2^20 threads; a product in 64 bits costs others nothing then.
//
// inputs: a, shape
// outputs: out
// instances: T=float32,LARGE=0 | T=float16,LARGE=0 | T=bfloat16,LARGE=0 | T=float32,LARGE=1
#include <metal_stdlib>
using namespace metal;
//// body
if (LARGE) {
  ulong i = ulong(thread_position_in_grid.y) << 20 | thread_position_in_grid.x;
  ulong n = ulong(shape[1]) << 32 | shape[0];
  if (i < n) out[i] = T(exp(float(a[i])));
} else {
  uint i = thread_position_in_grid.x;
  if (i < shape[0]) out[i] = T(exp(float(a[i])));
}
