// Metal Shading Language Specification, 1.4: Clang's loop pragmas: unrolling keeps the meaning
// grid: 1
// value n: 5
// out y: int 10 6 15
#include <metal_stdlib>
using namespace metal;

kernel void loops_unrolled(constant int& n, device int* y) {
  int a = 0, b = 0, c = 0;
#pragma unroll
  for (int i = 0; i < 5; ++i) a += i;
#pragma clang loop unroll(full)
  for (int i = 0; i < 4; ++i) b += i;
#pragma unroll(4)
  for (int i = 0; i < n; ++i) c += i + 1;
  y[0] = a, y[1] = b, y[2] = c;
}
