// Metal Shading Language Specification, 2.2.1: components by letters of places and of colours, written in any order
// grid: 1
// out y: int 4 3 2 1 1 20 3 10 2 1 30 40
#include <metal_stdlib>
using namespace metal;

kernel void vector_components(device int* y) {
  int4 v = int4(1, 2, 3, 4);
  int4 turned = v.wzyx;
  v.ga = int2(20, 0);
  v.wy = v.yw + int2(-10, 20);
  int4 rest = int4(turned.bgra.zy, 0, 0);
  rest.xy = turned.zw;
  rest.zw = int2(30, 40);
  y[0] = turned.x, y[1] = turned.y, y[2] = turned.z, y[3] = turned.w;
  y[4] = v.r, y[5] = v.g, y[6] = v.b, y[7] = v.a;
  y[8] = rest.x, y[9] = rest.y, y[10] = rest.z, y[11] = rest.w;
}
