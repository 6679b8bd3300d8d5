// Metal Shading Language Specification, 1.5: predefined macros
// grid: 1
// out y: int 1 1 1 40
#include <metal_stdlib>
using namespace metal;

#define TWICE(x) ((x) * 2)
#if defined(__METAL__) && __METAL_VERSION__ >= 300
constant int known = 1;
#else
constant int known = 0;
#endif

kernel void macros(device int* y) {
  y[0] = known;
#ifdef __METAL_VERSION__
  y[1] = 1;
#endif
#if defined(__HAVE_BFLOAT__)
  y[2] = 1;
#endif
  y[3] = TWICE(17 + 3);
}
