#include <metal_stdlib>
using namespace metal;

kernel void mandelbrot(device int* out, device const int* size, uint2 at [[thread_position_in_grid]]) {
  float cr = -2.0f + 2.5f * float(at.x) / float(size[0]);
  float ci = -1.25f + 2.5f * float(at.y) / float(size[1]);
  float zr = 0, zi = 0;
  int n = 0;
  while (n < size[2] && zr * zr + zi * zi <= 4.0f) {
    float t = zr * zr - zi * zi + cr;
    zi = 2.0f * zr * zi + ci;
    zr = t;
    n++;
  }
  out[at.y * uint(size[0]) + at.x] = n;
}
